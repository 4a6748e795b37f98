"""Runway, supply and advice: figures of both exchanges in, words for a person out."""

import msgspec
import pytest
from desk_builders import SECOND, e8

from arbitrage.domain.params import Params
from arbitrage.domain.runway import Held, Supply, advice, hours_text, largest_order, stock_lines
from arbitrage.domain.units import Exchange

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
HOUR = 3600 * SECOND
PARAMS = Params(max_notional_krw=e8(3_000_000), max_qty={"BTC": e8("0.1")}, reserve_ppm=50_000)
PRICES = {"ETH": e8(4_000_000)}


def held(exchange: Exchange, asset: str, free: str, *, locked: str = "0", came: str = "0") -> Held:
    return Held(exchange=exchange, asset=asset, free=e8(free), locked=e8(locked), came=e8(came))


def lines(*rows: Held, params: Params = PARAMS, wallets=None):
    made = stock_lines(rows, params, PRICES, 2 * HOUR, wallets or {})
    return {(line.exchange, line.asset): line for line in made}


def test_what_lies_where_is_split_into_tradable_and_movable():
    found = lines(held(UPBIT, "ETH", "8", locked="2", came="1"), held(BITHUMB, "ETH", "2", came="-1"))
    here, there = found[UPBIT, "ETH"], found[BITHUMB, "ETH"]
    assert (here.held, here.tradable, here.movable) == (e8(10), e8("7.5"), e8(4))
    assert (there.held, there.tradable, there.movable) == (e8(2), e8("1.9"), 0)
    assert (here.lean_ppm, there.lean_ppm) == (666_666, -666_666)
    assert (here.wanted, there.wanted) == (e8("0.75"), e8("0.75"))
    # 1.9 at one in two hours.
    assert (here.runway_ns, there.runway_ns) == (None, int(3.8 * HOUR))


def test_krw_comes_first_and_an_exchange_that_has_none_has_a_line():
    made = stock_lines([held(UPBIT, "ETH", "1"), held(BITHUMB, "KRW", "5")], PARAMS, PRICES, HOUR, {})
    assert [(line.asset, line.exchange) for line in made] == [
        ("KRW", UPBIT),
        ("KRW", BITHUMB),
        ("ETH", UPBIT),
        ("ETH", BITHUMB),
    ]
    assert [line.supply for line in made] == [Supply.EMPTY, Supply.EMPTY, Supply.ENOUGH, Supply.EMPTY]


@pytest.mark.parametrize(
    ("free", "supply"),
    [
        ("0.0013", Supply.EMPTY),
        ("0.00131579", Supply.SMALL),
        ("0.789", Supply.SMALL),
        ("0.79", Supply.ENOUGH),
        ("1.184", Supply.ENOUGH),
        ("1.185", Supply.AMPLE),
    ],
)
def test_supply_is_measured_against_the_smallest_and_the_largest_order(free, supply):
    assert lines(held(UPBIT, "ETH", free), held(BITHUMB, "ETH", free))[UPBIT, "ETH"].supply is supply


def test_the_largest_order_is_bound_by_notional_and_by_the_coins_own_limit():
    assert largest_order("KRW", PARAMS, None) == e8(3_000_000)
    assert largest_order("ETH", PARAMS, e8(4_000_000)) == e8("0.75")
    assert largest_order("BTC", PARAMS, e8(10_000_000)) == e8("0.1")
    assert largest_order("BTC", PARAMS, e8(100_000_000)) == e8("0.03")
    assert largest_order("BTC", PARAMS, None) == e8("0.1")
    assert largest_order("ETH", PARAMS, None) is None


def test_a_lopsided_asset_says_what_to_move_and_that_its_wallets_are_not_known():
    found = lines(held(UPBIT, "ETH", "19.5"), held(BITHUMB, "ETH", "0.5", came="-0.5"))
    assert advice(found[UPBIT, "ETH"], found[BITHUMB, "ETH"], PARAMS) == ""
    assert advice(found[BITHUMB, "ETH"], found[UPBIT, "ETH"], PARAMS) == (
        "bithumb has 0.475 ETH to trade; one largest order takes 0.75; empty in 1.9 h at the present drift;"
        " trades bring it back as gaps allow, moving 9.5 ETH from upbit evens it out"
        " (its wallets: upbit unknown, bithumb unknown)"
    )


def test_what_is_locked_in_cannot_be_moved_and_that_is_said():
    rows = held(UPBIT, "ETH", "19"), held(BITHUMB, "ETH", "1")
    found = lines(*rows, wallets={(UPBIT, "ETH"): "suspended", (BITHUMB, "ETH"): "open"})
    assert (found[UPBIT, "ETH"].movable, found[UPBIT, "ETH"].tradable) == (0, e8("18.05"))
    text = advice(found[BITHUMB, "ETH"], found[UPBIT, "ETH"], PARAMS)
    assert text == (
        "bithumb has 0.95 ETH to trade; trades bring it back as gaps allow,"
        " it cannot be moved now (its wallets: upbit suspended, bithumb open)"
    )
    both_open = lines(*rows, wallets={(UPBIT, "ETH"): "open", (BITHUMB, "ETH"): "open"})
    assert both_open[UPBIT, "ETH"].movable == e8(9)


def test_too_little_on_both_exchanges_is_topped_up_by_what_lacks_and_its_reserve():
    found = lines(held(UPBIT, "KRW", "1000000"), held(BITHUMB, "KRW", "1000000"))
    assert advice(found[UPBIT, "KRW"], found[BITHUMB, "KRW"], PARAMS) == (
        "upbit has 950,000 KRW to trade; one largest order takes 3,000,000; top up"
        " 2,157,894.73684211 KRW there, at least"
    )


def test_an_even_and_ample_asset_needs_nothing():
    found = lines(held(UPBIT, "KRW", "90000000"), held(BITHUMB, "KRW", "110000000", came="-5"))
    for one, other in ((UPBIT, BITHUMB), (BITHUMB, UPBIT)):
        assert advice(found[one, "KRW"], found[other, "KRW"], PARAMS) == ""
    mostly_upbit = msgspec.structs.replace(PARAMS, upbit_share_ppm=900_000)
    found = lines(held(UPBIT, "KRW", "90000000"), held(BITHUMB, "KRW", "110000000"), params=mostly_upbit)
    assert advice(found[UPBIT, "KRW"], found[BITHUMB, "KRW"], mostly_upbit).startswith(
        "upbit has 85,500,000 KRW to trade"
    )


def test_hours_are_cut_to_tenths():
    assert (hours_text(0), hours_text(HOUR - 1), hours_text(25 * HOUR)) == ("0.0 h", "0.9 h", "25.0 h")
