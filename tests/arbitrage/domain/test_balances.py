"""Wallets: reservations on both sides or none, and figures that never err in our favour."""

from decimal import Decimal

import msgspec
import pytest
from desk_builders import e8, fill, heard, opened

from arbitrage.domain.balances import Shortage, Wallets, runway_ns
from arbitrage.domain.errors import InvariantError
from arbitrage.domain.events import Holding
from arbitrage.domain.order import Order, OrderOn, OrderReport, advance
from arbitrage.domain.signal import Caps
from arbitrage.domain.units import Exchange, Ns

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
FEES = {UPBIT: 500, BITHUMB: 400}
BUY, SELL = opened().orders
KRW_LOCKED = e8(2_001_000)


def holding(asset: str, free: str, locked: str = "0") -> Holding:
    return Holding(asset, Decimal(free), Decimal(locked))


def wallets(*, krw: str = "3000000", eth: str = "1") -> Wallets:
    made = Wallets()
    made.replace_all(UPBIT, [holding("KRW", krw), holding("ETH", "0")], Ns(100))
    made.replace_all(BITHUMB, [holding("KRW", "0"), holding("ETH", eth)], Ns(100))
    return made


def ended(order: Order, report: OrderReport) -> Order:
    return advance(advance(order, OrderReport(OrderOn.SENT), Ns(0)), report, Ns(0))


def test_both_sides_are_reserved_fee_on_top_of_the_purchase():
    purse = wallets()
    assert purse.reserve([BUY, SELL], FEES, 50_000) is None
    assert (purse.reserved(UPBIT, "KRW"), purse.reserved(BITHUMB, "ETH")) == (KRW_LOCKED, e8("0.5"))
    assert (purse.spendable(UPBIT, "KRW", 50_000), purse.spendable(BITHUMB, "ETH", 50_000)) == (e8(849_000), e8("0.45"))
    assert purse.caps(UPBIT, BITHUMB, "ETH", 0) == Caps(e8(999_000), e8("0.5"))


@pytest.mark.parametrize(
    ("given", "short"),
    [
        ({"krw": "2001000"}, None),
        ({"krw": "2000999.99999999"}, Shortage(UPBIT, "KRW", KRW_LOCKED, KRW_LOCKED - 1)),
        ({"krw": "2000999.999999999999"}, Shortage(UPBIT, "KRW", KRW_LOCKED, KRW_LOCKED - 1)),
        ({"eth": "0.5"}, None),
        ({"eth": "0.49999999999"}, Shortage(BITHUMB, "ETH", e8("0.5"), e8("0.5") - 1)),
    ],
)
def test_one_side_short_by_the_last_unit_reserves_nothing_at_all(given, short):
    purse = wallets(**given)
    assert purse.reserve([BUY, SELL], FEES, 0) == short
    if short:
        assert purse.reservations() == ()
        assert purse.reserved(UPBIT, "KRW") == purse.reserved(BITHUMB, "ETH") == 0


def test_reserve_is_kept_back_of_free_and_locked_rounded_up():
    purse = Wallets()
    purse.update(UPBIT, [holding("KRW", "60.00000001", "40")], Ns(1))
    assert purse.total(UPBIT, "KRW") == e8(100) + 1
    assert purse.spendable(UPBIT, "KRW", 50_000) == e8(60) + 1 - (e8(5) + 1)


def test_an_asset_never_heard_of_is_nothing():
    assert Wallets().caps(UPBIT, BITHUMB, "ETH", 50_000) == Caps(0, 0)
    assert Wallets().reserve([BUY, SELL], FEES, 0) == Shortage(UPBIT, "KRW", KRW_LOCKED, 0)


def test_an_ended_order_gives_back_what_it_did_not_take_until_the_exchange_says_so():
    purse = wallets()
    purse.reserve([BUY, SELL], FEES, 0)
    report = heard(OrderOn.CANCELED, fill("a", 3_999_000, "0.2"), fee="399.900000001")
    purse.settle(ended(BUY, report), Ns(200))
    assert purse.reserved(UPBIT, "KRW") == 0
    spent = e8(799_800) + e8("399.90000001")
    assert purse.spendable(UPBIT, "KRW", 0) == e8(3_000_000) - spent
    assert purse.spendable(UPBIT, "ETH", 0) == 0, "what was bought counts once the exchange shows it"
    assert purse.reserved(BITHUMB, "ETH") == e8("0.5")

    purse.update(UPBIT, [holding("KRW", "3000000")], Ns(200))
    assert purse.spendable(UPBIT, "KRW", 0) == e8(3_000_000) - spent, "asked before the end: cannot know of it"
    purse.update(UPBIT, [holding("KRW", "2199800.0999")], Ns(201))
    assert purse.spendable(UPBIT, "KRW", 0) == e8("2199800.0999")


def test_a_sale_gives_back_the_unsold_rest():
    purse = wallets()
    purse.reserve([BUY, SELL], FEES, 0)
    purse.settle(ended(SELL, heard(OrderOn.CANCELED, executed="0.3")), Ns(200))
    assert purse.spendable(BITHUMB, "ETH", 0) == e8("0.7")


def test_settling_twice_counts_once_and_an_open_order_cannot_be_settled():
    purse = wallets()
    purse.reserve([BUY, SELL], FEES, 0)
    with pytest.raises(InvariantError, match="settled in state planned"):
        purse.settle(BUY, Ns(1))
    assert purse.reserved(UPBIT, "KRW") == KRW_LOCKED
    done = ended(SELL, heard(OrderOn.FULL_FILL, executed="0.5"))
    purse.settle(done, Ns(200))
    purse.settle(done, Ns(300))
    assert purse.spendable(BITHUMB, "ETH", 0) == e8("0.5")


def test_an_order_cannot_be_reserved_for_twice():
    purse = wallets(krw="9000000", eth="9")
    purse.reserve([BUY, SELL], FEES, 0)
    for again in ([BUY], [msgspec.structs.replace(BUY, client_order_id="n"), SELL]):
        with pytest.raises(InvariantError, match="reserved twice"):
            purse.reserve(again, FEES, 0)
    with pytest.raises(InvariantError, match="reserved twice"):
        wallets(krw="9000000").reserve([BUY, BUY], FEES, 0)
    assert len(purse.reservations()) == 2
    assert purse.reserved(UPBIT, "KRW") == KRW_LOCKED


def test_a_hedge_is_held_for_even_where_nothing_is_left():
    purse = wallets(krw="100")
    purse.hold(BUY, FEES)
    assert purse.spendable(UPBIT, "KRW", 0) == 0
    purse.settle(ended(BUY, heard(OrderOn.CANCELED, executed="0")), Ns(200))
    assert purse.spendable(UPBIT, "KRW", 0) == e8(100)


def test_a_closed_arb_leaves_no_reservation():
    purse = wallets()
    purse.reserve([BUY, SELL], FEES, 0)
    purse.release_arb("another")
    assert len(purse.reservations()) == 2
    purse.release_arb("t1-1")
    assert purse.reservations() == ()
    assert purse.caps(UPBIT, BITHUMB, "ETH", 0) == Caps(e8(3_000_000), e8(1))


def test_a_whole_reading_clears_what_it_does_not_name_and_an_older_one_changes_nothing():
    purse = wallets()
    purse.replace_all(BITHUMB, [holding("KRW", "7")], Ns(150))
    assert (purse.free(BITHUMB, "ETH"), purse.free(BITHUMB, "KRW")) == (0, e8(7))
    purse.replace_all(BITHUMB, [holding("ETH", "5"), holding("KRW", "1")], Ns(149))
    assert (purse.free(BITHUMB, "ETH"), purse.free(BITHUMB, "KRW")) == (0, e8(7))
    assert purse.free(UPBIT, "KRW") == e8(3_000_000)


@pytest.mark.parametrize(("upbit", "bithumb", "skew"), [("3", "1", 500_000), ("0", "2", -1_000_000), ("0", "0", 0)])
def test_skew_says_where_the_coins_lie(upbit, bithumb, skew):
    purse = Wallets()
    purse.update(UPBIT, [holding("ETH", upbit)], Ns(1))
    purse.update(BITHUMB, [holding("ETH", "0", bithumb)], Ns(1))
    assert purse.skew_ppm("ETH", UPBIT, BITHUMB) == skew


def test_runway_is_what_is_left_at_the_present_drift():
    assert runway_ns(e8(10), e8(4), 3_600) == 9_000
    assert runway_ns(-1, 5, 3_600) == 0
    assert runway_ns(e8(10), 0, 3_600) is runway_ns(e8(10), -5, 3_600) is None
