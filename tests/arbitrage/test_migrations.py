"""The migrations make exactly the tables the models describe."""

import pytest
from django.core.management import call_command

from arbitrage.domain.adjustment import AdjustmentKind
from arbitrage.domain.arb import ArbState
from arbitrage.domain.ledger import AccountKind
from arbitrage.domain.order import OrderRole, OrderState, TimeInForce
from arbitrage.domain.reconciliation import BreakKind
from arbitrage.models import Account, Arb, Break, LedgerEntry, Order


@pytest.mark.django_db
def test_no_change_of_a_model_lacks_its_migration():
    call_command("makemigrations", "--check", "--dry-run", "--verbosity", "0")


def width(model, field):
    """Return how many characters a column takes."""
    return model._meta.get_field(field).max_length


def test_every_word_of_the_domain_fits_its_column():
    # SQLite takes what is too long, PostgreSQL refuses it.
    longest = {
        (LedgerEntry, "kind"): [*AdjustmentKind, *(f"{kind}_fee" for kind in AdjustmentKind)],
        (Order, "tif"): TimeInForce,
        (Order, "state"): OrderState,
        (Order, "role"): OrderRole,
        (Arb, "state"): ArbState,
        (Break, "kind"): BreakKind,
        (Account, "kind"): AccountKind,
    }
    too_long = {
        (model.__name__, field, word)
        for (model, field), words in longest.items()
        for word in words
        if len(word) > width(model, field)
    }
    assert too_long == set()
