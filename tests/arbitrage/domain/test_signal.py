"""Finding a signal: what is taken, what stops it, what it says it will earn."""

from decimal import Decimal

import msgspec
import pytest
from desk_builders import book, e8, instrument

from arbitrage.domain.params import Params
from arbitrage.domain.signal import Caps, NoSignal, NoSignalReason, Signal, find_signal, has_gap
from arbitrage.domain.units import SCALE, Exchange, Krw, Ns, Price, Qty

UPBIT = instrument(Exchange.UPBIT, fee_ppm=500)
BITHUMB = instrument(Exchange.BITHUMB, fee_ppm=400)
RICH = Caps(Krw(e8(10**9)), Qty(e8(10**4)))
OPEN = Params(
    min_edge_ppm=300, book_share_ppm=1_000_000, max_slippage_ppm=50_000, max_qty={}, max_notional_krw=e8(10**9)
)
ASKS = [(4_000_000, "1"), (4_001_000, "2"), (4_030_000, "3")]
BIDS = [(4_020_000, "1.5"), (4_010_000, "1"), (3_990_000, "5")]


def find(asks=ASKS, bids=BIDS, *, params=OPEN, caps=RICH, buy=UPBIT, sell=BITHUMB) -> Signal | NoSignal:
    ask_book = book(Exchange.UPBIT, [(3_900_000, "1")], asks)
    bid_book = book(Exchange.BITHUMB, bids, [(4_200_000, "1")])
    return find_signal(bid_book, ask_book, buy, sell, params, caps, Ns(77))


def with_params(**changes) -> Params:
    return msgspec.structs.replace(OPEN, **changes)


def reason(found: Signal | NoSignal) -> NoSignalReason:
    assert isinstance(found, NoSignal)
    return found.reason


def test_walk_takes_every_level_pair_worth_the_edge_and_no_other():
    found = find()
    assert isinstance(found, Signal)
    cost = 4_000_000 * 1 + 4_001_000 * Decimal("1.5")
    proceeds = 4_020_000 * Decimal("1.5") + 4_010_000 * 1
    fees = cost * 500 / 10**6 + proceeds * 400 / 10**6
    assert (found.qty, found.buy_limit, found.sell_limit) == (e8("2.5"), e8(4_001_000), e8(4_010_000))
    assert (found.buy_cost, found.sell_proceeds, found.fees) == (e8(cost), e8(proceeds), e8(fees))
    assert found.expected_krw == e8(proceeds - cost - fees) == e8("29483.25")
    assert found.net_edge_ppm == int((proceeds - cost - fees) * 10**6 / cost) == 2947
    assert (found.market, found.buy_exchange, found.sell_exchange) == ("KRW-ETH", Exchange.UPBIT, Exchange.BITHUMB)
    assert (found.buy_book_mono_ns, found.sell_book_mono_ns, found.found_mono_ns) == (1, 1, 77)


def test_quantity_of_ten_to_the_minus_eight_is_rounded_against_us():
    found = find([(4_000_000, "0.01000001")], [(4_020_000, "0.01000001")])
    assert isinstance(found, Signal)
    assert (found.buy_cost, found.sell_proceeds) == (4_000_000 * 1_000_001, 4_020_000 * 1_000_001)
    assert found.fees == 4_000_000 * 1_000_001 * 500 // 10**6 + -(-4_020_000 * 1_000_001 * 400 // 10**6)


@pytest.mark.parametrize(("bid", "expected"), [(4_004_800, False), (4_004_801, False), (4_004_802, True)])
def test_touch_has_a_gap_from_exactly_the_least_edge(bid, expected):
    # 4,000,000 x 1.0008 / 0.9996 = 4,004,801.92...: the first whole won above it is a gap.
    assert has_gap(e8(bid), e8(4_000_000), 500, 400, 300) is expected
    assert isinstance(find([(4_000_000, "1")], [(bid, "1")]), Signal) is expected


def test_no_gap_is_no_denial_and_all_else_is():
    assert [r for r in NoSignalReason if not NoSignal(r).is_denial] == [NoSignalReason.NO_GAP]


def test_an_empty_side_is_no_signal():
    assert reason(find(asks=[])) is reason(find(bids=[])) is NoSignalReason.SIDE_EMPTY


CAPPED = [
    ({"params": with_params(max_qty={"ETH": e8("1.25")})}, "1.25", 4_001_000, 4_020_000),
    ({"params": with_params(max_qty={"ETH": e8("2.5") - 1})}, "2.49999999", 4_001_000, 4_010_000),
    ({"params": with_params(max_qty={"BTC": 1})}, "2.5", 4_001_000, 4_010_000),
    ({"params": with_params(book_share_ppm=100_000)}, "0.6", 4_000_000, 4_020_000),
    ({"params": with_params(max_slippage_ppm=200)}, "1", 4_000_000, 4_020_000),
    ({"params": with_params(max_slippage_ppm=250)}, "1.5", 4_001_000, 4_020_000),
    ({"params": with_params(max_notional_krw=e8(8_040_000))}, "2", 4_001_000, 4_010_000),
    ({"params": with_params(max_notional_krw=e8(2_010_000))}, "0.5", 4_000_000, 4_020_000),
    ({"caps": Caps(RICH.krw_to_spend, Qty(e8("0.3")))}, "0.3", 4_000_000, 4_020_000),
    ({"buy": msgspec.structs.replace(UPBIT, max_notional=e8(8_002_000))}, "2", 4_001_000, 4_010_000),
    ({"sell": msgspec.structs.replace(BITHUMB, max_notional=e8(4_020_000))}, "1", 4_000_000, 4_020_000),
    ({"buy": msgspec.structs.replace(UPBIT, lot_step=e8("0.4"))}, "2.4", 4_001_000, 4_010_000),
    (
        {
            "buy": msgspec.structs.replace(UPBIT, lot_step=e8("0.4")),
            "sell": msgspec.structs.replace(BITHUMB, lot_step=e8("0.6")),
        },
        "2.4",
        4_001_000,
        4_010_000,
    ),
    ({"buy": msgspec.structs.replace(UPBIT, lot_step=e8(1))}, "2", 4_001_000, 4_010_000),
    ({"sell": msgspec.structs.replace(BITHUMB, lot_step=e8("1.5"))}, "1.5", 4_001_000, 4_020_000),
]


@pytest.mark.parametrize(("given", "qty", "buy_limit", "sell_limit"), CAPPED)
def test_each_cap_binds_and_the_limits_are_the_last_levels_taken(given, qty, buy_limit, sell_limit):
    found = find(**given)
    assert isinstance(found, Signal)
    assert (found.qty, found.buy_limit, found.sell_limit) == (e8(qty), e8(buy_limit), e8(sell_limit))


@pytest.mark.parametrize(("slippage_ppm", "qty"), [(1_000, 3), (999, 1)])
def test_a_level_exactly_at_the_slippage_bound_is_taken_on_either_side(slippage_ppm, qty):
    params = with_params(max_slippage_ppm=slippage_ppm)
    sold = find([(3_900_000, "3")], [(4_000_000, "1"), (3_996_000, "2")], params=params)
    bought = find([(4_000_000, "1"), (4_004_000, "2")], [(4_100_000, "3")], params=params)
    assert isinstance(sold, Signal)
    assert isinstance(bought, Signal)
    assert (sold.qty, bought.qty) == (e8(qty), e8(qty))


def test_share_counts_the_best_ten_levels_only():
    asks = [(4_000_000 + 1000 * i, "0.1") for i in range(10)] + [(4_010_000, "1000")]
    found = find(asks, [(4_100_000, "1000")], params=with_params(book_share_ppm=500_000))
    assert isinstance(found, Signal)
    assert found.qty == e8("0.5")


def test_cash_covers_the_limit_price_and_the_fee_on_top_to_the_last_unit():
    for krw in (e8(6_005_500), e8(6_005_500) - 1, e8(6_005_500) + 4_002_999):
        found = find(caps=Caps(Krw(krw), RICH.base_to_sell))
        assert isinstance(found, Signal)
        assert found.krw_needed(500) <= krw
        more = msgspec.structs.replace(found, qty=Qty(found.qty + 1))
        assert more.krw_needed(500) > krw


def test_a_deeper_level_is_left_when_its_limit_would_not_be_affordable():
    # One coin at 4,000,000 fits exactly; the next level would make the whole order lock 4,001,000 each.
    found = find(caps=Caps(Krw(e8(4_002_000)), RICH.base_to_sell))
    assert isinstance(found, Signal)
    assert (found.qty, found.buy_limit) == (e8(1), e8(4_000_000))


def test_limits_off_the_tick_are_rounded_outward():
    # After a change of the tick table, books hold prices between ticks (upbit.md §5.1).
    found = find([(4_000_300, "1")], [(4_020_700, "1")])
    assert isinstance(found, Signal)
    assert (found.buy_limit, found.sell_limit) == (e8(4_001_000), e8(4_020_000))
    assert (found.buy_cost, found.sell_proceeds) == (e8(4_000_300), e8(4_020_700))


def test_rounding_outward_must_not_let_a_fill_at_the_limits_lose():
    coarse = instrument(Exchange.UPBIT, tick=100_000)
    assert reason(find([(4_000_300, "1")], [(4_020_700, "1")], buy=coarse)) is NoSignalReason.EDGE_LOST


def test_edge_that_only_rounding_takes_away_is_counted_as_lost():
    buy = msgspec.structs.replace(UPBIT, fee_ppm=0, min_notional=0, ticks=fine())
    sell = msgspec.structs.replace(BITHUMB, fee_ppm=1, min_notional=0, ticks=fine())
    ask_book = book(Exchange.UPBIT, [(1, "1")], [(1, "0.00000005")])
    bid_book = book(Exchange.BITHUMB, [(2, "0.00000005")], [(3, "1")])
    found = find_signal(bid_book, ask_book, buy, sell, with_params(min_edge_ppm=999_998), RICH, Ns(1))
    assert reason(found) is NoSignalReason.EDGE_LOST


def test_an_arb_that_would_earn_nothing_is_none():
    free = {"buy": msgspec.structs.replace(UPBIT, fee_ppm=0), "sell": msgspec.structs.replace(BITHUMB, fee_ppm=0)}
    even = find([(4_000_000, "1")], [(4_000_000, "1")], params=with_params(min_edge_ppm=0), **free)
    assert reason(even) is NoSignalReason.EDGE_LOST


def fine():
    return msgspec.structs.replace(UPBIT.ticks, bands=(msgspec.structs.replace(UPBIT.ticks.bands[0], tick=Price(1)),))


def test_either_leg_under_its_minimum_is_no_signal():
    small = {"asks": [(4_000_000, "0.001")], "bids": [(4_020_000, "0.001")]}
    assert reason(find(**small)) is NoSignalReason.UNDER_MINIMUM
    fits = {"asks": [(4_000_000, "0.00125")], "bids": [(4_020_000, "0.00125")]}
    assert isinstance(find(**fits), Signal)
    dear = msgspec.structs.replace(BITHUMB, min_notional=e8("5025.00000001"))
    assert reason(find(**fits, sell=dear)) is NoSignalReason.UNDER_MINIMUM
    assert isinstance(find(**fits, sell=msgspec.structs.replace(BITHUMB, min_notional=e8(5025))), Signal)


@pytest.mark.parametrize(
    "caps",
    [
        Caps(Krw(0), RICH.base_to_sell),
        Caps(RICH.krw_to_spend, Qty(0)),
        Caps(Krw(-5), Qty(-5)),
        Caps(Krw(e8(5_000)), RICH.base_to_sell),
        Caps(RICH.krw_to_spend, Qty(e8("0.001"))),
    ],
)
def test_an_empty_wallet_is_told_apart_from_a_thin_book(caps):
    assert reason(find(caps=caps)) is NoSignalReason.NO_BALANCE


def test_a_price_no_tick_band_covers_is_not_traded():
    from_far = msgspec.structs.replace(
        UPBIT.ticks, bands=(msgspec.structs.replace(UPBIT.ticks.bands[0], from_price=Price(5_000_000 * SCALE)),)
    )
    assert reason(find(buy=msgspec.structs.replace(UPBIT, ticks=from_far))) is NoSignalReason.NO_TICK
    assert reason(find(sell=msgspec.structs.replace(BITHUMB, ticks=from_far))) is NoSignalReason.NO_TICK
