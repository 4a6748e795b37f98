"""The engine and lopsided stock: dearer one way, cheaper the other, within what a day may cost."""

import msgspec
import pytest
from desk_builders import e8
from engine_room import BITHUMB, CHEAP, ETH, NOW, PARAMS, UPBIT, Room

from arbitrage.domain.events import Holding
from arbitrage.domain.params import params_to_bytes
from arbitrage.domain.risk import Approved
from arbitrage.domain.signal import NoSignalReason
from arbitrage.domain.units import Krw, Ns, Qty, to_decimal

BANDS = msgspec.structs.replace(
    PARAMS, min_edge_ppm=300, soft_band_ppm=200_000, hard_band_ppm=600_000, surcharge_ppm=2_000, max_discount_ppm=500
)
# Both fees are 500 ppm: buying at 4,000,000 and selling here is worth 999 ppm, and half of one less than nothing.
GOOD, POOR = 4_008_000, 4_004_000


@pytest.fixture
def room(tmp_path):
    made = Room(tmp_path)
    made.control.write_params(4, params_to_bytes(BANDS))
    made.control.beat("bridge", NOW, Ns(1))
    lie(made, upbit=50, bithumb=50)
    return made


def lie(room: Room, *, upbit: int, bithumb: int, as_of: int = 2) -> None:
    """Put this much ETH on each exchange, and KRW of the same worth on the other."""
    for exchange, eth, krw in ((UPBIT, upbit, bithumb), (BITHUMB, bithumb, upbit)):
        held = [("ETH", e8(eth)), ("KRW", e8(krw * 4_000_000))]
        holdings = [Holding(asset, to_decimal(amount), to_decimal(0)) for asset, amount in held]
        room.wallets.replace_all(exchange, holdings, Ns(as_of))


def offer(room: Room, bid: int, *, buy=UPBIT, sell=BITHUMB, qty: str = "2") -> None:
    room.publish(buy, CHEAP)
    room.publish(sell, ([(bid, qty)], [(bid + 6_000, "2")]))


def test_even_stock_wants_the_least_edge_both_ways(room):
    for buy, sell in ((UPBIT, BITHUMB), (BITHUMB, UPBIT)):
        offer(room, GOOD, buy=buy, sell=sell)
        signal = room.step().signal
        assert (signal.buy_exchange, signal.shadow_ppm, signal.discount) == (buy, 0, 0)
        offer(room, POOR, buy=buy, sell=sell)
        assert room.step().no_signal.reason is NoSignalReason.NO_GAP


def test_the_way_that_empties_a_side_wants_more(room):
    lie(room, upbit=70, bithumb=30)
    offer(room, GOOD)
    assert room.step().no_signal.reason is NoSignalReason.NO_GAP
    offer(room, GOOD + 3_000)
    signal = room.step().signal
    assert (signal.shadow_ppm, signal.net_edge_ppm, signal.discount) == (1_000, 1_748, 0)


def test_the_way_that_repairs_may_cost_something(room):
    lie(room, upbit=75, bithumb=25)
    offer(room, POOR, buy=BITHUMB, sell=UPBIT, qty="0.5")
    decision = room.step()
    signal = decision.signal
    # Three quarters of the way between the bands, of 500, is 375, of which 300 are the least edge itself.
    assert (signal.shadow_ppm, signal.net_edge_ppm, signal.expected_krw) == (-375, -1, -e8(1))
    assert signal.discount == e8(601)
    assert decision.approved == Approved(Qty(e8("0.5")))
    assert room.asked == [signal]


def test_of_the_same_books_the_other_way_is_no_gap(room):
    lie(room, upbit=75, bithumb=25)
    offer(room, POOR)
    assert room.step().no_signal.reason is NoSignalReason.NO_GAP


def test_a_discount_beyond_what_is_left_today_is_kept_back_and_a_plain_arb_goes_instead(room):
    lie(room, upbit=75, bithumb=25)
    room.discount_left = Krw(e8(600))
    offer(room, POOR, buy=BITHUMB, sell=UPBIT, qty="0.5")
    assert room.step().denial == "discount_spent"
    two_levels = ([(GOOD, "0.4"), (POOR, "0.2")], [(GOOD + 6_000, "2")])
    room.publish(UPBIT, two_levels)
    room.discount_left = Krw(e8(1))
    signal = room.step().signal
    assert (signal.qty, signal.shadow_ppm, signal.discount) == (e8("0.4"), 0, 0)
    room.discount_left = Krw(e8(10_000))
    # 0.4 go by themselves; the 0.2 more at 0.5 ppm below nothing instead of 300 above cost 240.4.
    signal = room.step().signal
    assert (signal.qty, signal.shadow_ppm, signal.discount) == (e8("0.6"), -375, e8("240.4"))


def test_with_nothing_left_today_both_ways_want_the_least_edge(room):
    room.discount_left = Krw(0)
    lie(room, upbit=75, bithumb=25)
    offer(room, POOR, buy=BITHUMB, sell=UPBIT, qty="0.5")
    assert room.step().no_signal.reason is NoSignalReason.NO_GAP


def test_what_was_worked_out_is_kept_until_balances_fees_or_params_change(room):
    offer(room, GOOD)
    room.step()
    kept = room.engine._ways[ETH]
    room.step()
    assert room.engine._ways[ETH] is kept
    lie(room, upbit=75, bithumb=25, as_of=3)
    room.step()
    assert room.engine._ways[ETH].buying_one.shadow_ppm == 1_500
    room.control.write_params(5, params_to_bytes(msgspec.structs.replace(BANDS, surcharge_ppm=4_000)))
    room.step()
    assert room.engine._ways[ETH].buying_one.shadow_ppm == 3_000


def test_the_gate_is_told_how_the_stock_lies_at_its_own_step(room):
    offer(room, GOOD + 3_000)
    assert room.step().approved is not None
    lie(room, upbit=70, bithumb=30, as_of=3)
    assert room.step().approved is not None
    assert [strain.coins_ppm for strain in room.strains] == [0, 400_000]


def test_in_the_hard_band_only_the_way_back_is_open(room):
    lie(room, upbit=80, bithumb=20)
    offer(room, 4_020_000)
    assert room.step().denial == "stock_lopsided"
    offer(room, 4_020_000, buy=BITHUMB, sell=UPBIT)
    assert room.step().approved is not None


def test_short_balances_make_the_arb_smaller_to_what_is_there(room):
    wide = msgspec.structs.replace(BANDS, soft_band_ppm=900_000, hard_band_ppm=1_000_000)
    room.control.write_params(5, params_to_bytes(wide))
    # 400,000 KRW to buy with less 5 %: 0.0949 coins with the fee; 19 coins to sell are ample.
    room.wallets.replace_all(UPBIT, [Holding("KRW", to_decimal(e8(400_000)), to_decimal(0))], Ns(3))
    room.wallets.replace_all(BITHUMB, [Holding("ETH", to_decimal(e8(20)), to_decimal(0))], Ns(3))
    offer(room, GOOD)
    signal = room.step().signal
    assert signal.qty == e8("0.09495252")
    assert signal.krw_needed(500) <= e8(380_000) < signal.krw_needed(500) + e8("0.1")
    room.wallets.replace_all(BITHUMB, [Holding("ETH", to_decimal(e8("0.04")), to_decimal(0))], Ns(4))
    assert room.step().signal.qty == e8("0.038")
    room.wallets.replace_all(BITHUMB, [Holding("ETH", to_decimal(e8("0.001")), to_decimal(0))], Ns(5))
    assert room.step().denial == "no_balance"
