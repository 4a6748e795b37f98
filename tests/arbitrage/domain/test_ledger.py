"""Postings: exact amounts, both sides of each, and no set that does not balance."""

from decimal import Decimal

import pytest
from desk_builders import opened

from arbitrage.domain.errors import UnbalancedPostings
from arbitrage.domain.events import Holding
from arbitrage.domain.ledger import (
    Account,
    AccountKind,
    Posting,
    balances,
    check_balanced,
    postings_for_adjustment,
    postings_for_fee,
    postings_for_fill,
    postings_for_opening,
    sums,
)
from arbitrage.domain.order import Fill
from arbitrage.domain.units import Exchange, Ns, Price, Qty

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
BUY, SELL = opened().orders
# upbit.md §1.6: 0.00009713 at 102,945,000.
FILL = Fill("a", Price(102_945_000 * 10**8), Qty(9_713), Decimal("9999.04785"), Ns(1))


def rows(postings):
    return [(p.account.kind.value, p.account.exchange.value, p.account.asset, str(p.amount)) for p in postings]


def test_a_purchase_brings_coins_and_takes_the_funds_as_written():
    assert rows(postings_for_fill(BUY, FILL)) == [
        ("wallet", "upbit", "ETH", "0.00009713"),
        ("trading", "upbit", "ETH", "-0.00009713"),
        ("wallet", "upbit", "KRW", "-9999.04785"),
        ("trading", "upbit", "KRW", "9999.04785"),
    ]


def test_a_sale_is_the_purchase_turned_round():
    assert rows(postings_for_fill(SELL, FILL)) == [
        ("wallet", "bithumb", "ETH", "-0.00009713"),
        ("trading", "bithumb", "ETH", "0.00009713"),
        ("wallet", "bithumb", "KRW", "9999.04785"),
        ("trading", "bithumb", "KRW", "-9999.04785"),
    ]


def test_a_fee_leaves_the_wallet_with_all_its_decimals():
    assert rows(postings_for_fee(BUY, Decimal("4.999523925"))) == [
        ("wallet", "upbit", "KRW", "-4.999523925"),
        ("fees", "upbit", "KRW", "4.999523925"),
    ]
    assert rows(postings_for_fee(SELL, Decimal("-0.01")))[0] == ("wallet", "bithumb", "KRW", "0.01")


def test_an_opening_counts_free_and_locked_beyond_28_digits():
    free, locked = Decimal("98765432109.87654321098765432109"), Decimal("0.00000000000000000001")
    opening = postings_for_opening(BITHUMB, Holding("KRW", free, locked))
    assert rows(opening) == [
        ("wallet", "bithumb", "KRW", "98765432109.87654321098765432110"),
        ("equity", "bithumb", "KRW", "-98765432109.87654321098765432110"),
    ]


def test_an_adjustment_moves_one_asset_either_way():
    assert rows(postings_for_adjustment(UPBIT, "BTC", Decimal("-0.5"))) == [
        ("wallet", "upbit", "BTC", "-0.5"),
        ("adjustment", "upbit", "BTC", "0.5"),
    ]


def test_nothing_moved_makes_no_posting():
    assert postings_for_fee(BUY, Decimal("0.00")) == ()
    assert postings_for_adjustment(UPBIT, "BTC", Decimal(0)) == ()
    assert postings_for_opening(UPBIT, Holding("BTC", Decimal(0), Decimal(0))) == ()


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity"])
def test_an_amount_that_is_no_number_is_refused(amount):
    with pytest.raises(UnbalancedPostings, match="must be finite"):
        postings_for_fee(BUY, Decimal(amount))


def test_a_set_that_does_not_sum_to_zero_in_each_asset_is_refused():
    krw, eth = (Account(AccountKind.WALLET, UPBIT, asset) for asset in ("KRW", "ETH"))
    check_balanced([])
    for wrong in (
        [Posting(krw, Decimal(1)), Posting(eth, Decimal(-1))],
        [Posting(krw, Decimal("1E+20")), Posting(krw, Decimal("-100000000000000000000.00000000000000000001"))],
    ):
        with pytest.raises(UnbalancedPostings, match="must be 0 in each asset"):
            check_balanced(wrong)


def test_balances_add_up_by_account_and_sums_by_asset():
    postings = (*postings_for_fill(BUY, FILL), *postings_for_fill(BUY, FILL), *postings_for_fee(BUY, Decimal(5)))
    assert sums(postings) == {"ETH": 0, "KRW": 0}
    assert balances(postings) == {
        Account(AccountKind.WALLET, UPBIT, "ETH"): Decimal("0.00019426"),
        Account(AccountKind.TRADING, UPBIT, "ETH"): Decimal("-0.00019426"),
        Account(AccountKind.WALLET, UPBIT, "KRW"): Decimal("-20003.09570"),
        Account(AccountKind.TRADING, UPBIT, "KRW"): Decimal("19998.09570"),
        Account(AccountKind.FEES, UPBIT, "KRW"): Decimal(5),
    }
