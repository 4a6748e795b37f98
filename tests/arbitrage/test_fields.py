"""ExactDecimalField keeps every digit or refuses."""

from decimal import Decimal

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from arbitrage.fields import ExactDecimalField, canonical, decimal_text
from arbitrage.models import Account

LONG = Decimal("1386929.37231066771348207123")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "amount",
    [LONG, -LONG, Decimal("0.000000000000000000000001"), Decimal("123456789012345678.12345678"), Decimal("1E+6")],
)
def test_every_digit_comes_back_from_the_database(amount):
    pk = Account.objects.create(kind="wallet", exchange="upbit", asset="KRW", balance=amount).pk
    read = Account.objects.get(pk=pk).balance
    assert read == amount
    assert Account.objects.filter(balance=amount).count() == 1


@pytest.mark.django_db
def test_the_column_type_keeps_digits():
    kind = {"sqlite": "text", "postgresql": "numeric(48, 24)"}[connection.vendor]
    assert ExactDecimalField().db_type(connection) == kind


@pytest.mark.parametrize("amount", ["0.0000000000000000000000001", "1E24", "NaN", "Infinity", "-1E30"])
def test_what_does_not_fit_is_refused_not_rounded(amount):
    with pytest.raises(ValueError):
        canonical(Decimal(amount))


@pytest.mark.django_db
def test_a_value_that_does_not_fit_never_reaches_a_row():
    with pytest.raises(ValueError, match="25 decimals, must have at most 24"), transaction.atomic():
        Account.objects.create(kind="wallet", exchange="upbit", asset="KRW", balance=Decimal("1E-25"))
    assert not Account.objects.exists()


def test_a_float_is_refused():
    with pytest.raises(TypeError, match="float"):
        ExactDecimalField().to_python(0.1)


@pytest.mark.parametrize(
    ("given_text", "told"), [("1.500", "1.5"), ("1E+2", "100"), ("-0", "0"), ("0.00", "0"), ("100", "100")]
)
def test_text_is_plain(given_text, told):
    assert decimal_text(Decimal(given_text)) == told


@given(st.decimals(min_value=-(10**17), max_value=10**17, places=24, allow_nan=False))
def test_canonical_changes_no_value(amount):
    assert canonical(amount) == amount
    assert Decimal(decimal_text(amount)) == amount
