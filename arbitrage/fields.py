"""A column that keeps a Decimal to its last digit on every database.

SQLite has no decimal type: Django's own field goes through a float there and keeps 15 digits.
Here SQLite stores canonical text. So the database must never sum or order such a column; totals
are kept as rows (`Account.balance`) or added up in Python.
"""

from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models

PRECISION = 48
DECIMALS = 24
"""Balances with 20 decimals were seen on the wire (upbit.md §5.5): nothing the exchanges write may be refused."""


def canonical(value: Decimal) -> Decimal:
    """Return `value` without trailing zeros or exponent; ValueError when it does not fit the column."""
    if not value.is_finite():
        raise ValueError(f"{value} is not a number the ledger can keep")
    with localcontext(prec=200):
        value = value.normalize()
        exponent = value.as_tuple().exponent
        assert isinstance(exponent, int)  # a finite value has one
        if exponent < -DECIMALS:
            raise ValueError(f"{value} has {-exponent} decimals, must have at most {DECIMALS}")
        if value.adjusted() >= PRECISION - DECIMALS:
            raise ValueError(f"{value} has {value.adjusted() + 1} digits, must have at most {PRECISION - DECIMALS}")
        if exponent > 0:
            value = value.quantize(Decimal(1))
        return value if value else Decimal(0)


def decimal_text(value: Decimal) -> str:
    """Return plain text without exponent or trailing zeros."""
    return format(canonical(value), "f")


class ExactDecimalField(models.Field):
    """A Decimal, kept exactly: NUMERIC on PostgreSQL, text on SQLite. Floats are refused."""

    description = "Exact decimal"
    empty_strings_allowed = False

    def db_type(self, connection: Any) -> str:
        """Return the column type."""
        return f"numeric({PRECISION}, {DECIMALS})" if connection.vendor == "postgresql" else "text"

    def to_python(self, value: Any) -> Decimal | None:
        """Return a canonical Decimal of a Decimal, int or text; TypeError for a float."""
        if value is None:
            return None
        if isinstance(value, float):
            raise TypeError("a float cannot be kept exactly")
        try:
            return canonical(Decimal(value))
        except InvalidOperation as error:
            raise ValidationError(f"{value!r} is not a decimal number") from error

    def get_prep_value(self, value: Any) -> Decimal | None:
        """Return what is stored; ValueError when it would have to be rounded."""
        value = super().get_prep_value(value)
        return self.to_python(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Decimal | str | None:
        """Return the parameter: a Decimal for PostgreSQL, text for SQLite."""
        if not prepared:
            value = self.get_prep_value(value)
        if value is None or connection.vendor == "postgresql":
            return value
        return format(value, "f")

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Decimal | None:
        """Return the Decimal of a stored value."""
        return None if value is None else canonical(Decimal(value))

    def value_to_string(self, obj: models.Model) -> str:
        """Return the text used by fixtures."""
        value: Any = self.value_from_object(obj)
        return "" if value is None else decimal_text(value)

    def formfield(self, **kwargs: Any) -> forms.Field | None:
        """Return a form field that never sees a float."""
        return super().formfield(**{"form_class": forms.DecimalField, **kwargs})
