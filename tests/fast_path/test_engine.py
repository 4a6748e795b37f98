"""One step over real shared memory: books and params in, one decision out, nothing asked in vain."""

import msgspec
import pytest
from desk_builders import MS, SECOND, e8, instrument
from engine_room import BITHUMB, CHEAP, DEAR, ETH, NOW, PARAMS, UPBIT, Room

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.params import DEFAULT_PARAMS, GateMode, params_to_bytes
from arbitrage.domain.risk import Approved, Denied, DenyReason
from arbitrage.domain.signal import NoSignalReason
from arbitrage.domain.units import Ns, Qty


@pytest.fixture
def room(tmp_path):
    made = Room(tmp_path)
    made.control.write_params(4, params_to_bytes(PARAMS))
    made.control.beat("bridge", Ns(NOW - 100 * MS), Ns(1))
    return made


@pytest.mark.parametrize(("cheap", "dear"), [(UPBIT, BITHUMB), (BITHUMB, UPBIT)])
def test_a_gap_in_either_direction_is_approved_with_the_right_legs(room, cheap, dear):
    room.publish(cheap, CHEAP)
    room.publish(dear, DEAR, age_ns=20 * MS)
    decision = room.step()
    assert decision.approved == Approved(Qty(e8("0.5")))
    assert (decision.denied, decision.no_signal, decision.denial) == (None, None, None)
    signal = decision.signal
    assert (signal.buy_exchange, signal.sell_exchange, signal.market) == (cheap, dear, "KRW-ETH")
    assert (signal.qty, signal.buy_limit, signal.sell_limit) == (e8("0.5"), e8(4_000_000), e8(4_010_000))
    assert (signal.buy_book_mono_ns, signal.sell_book_mono_ns) == (NOW - 10 * MS, NOW - 20 * MS)
    assert signal.found_mono_ns == NOW
    assert (decision.market_index, decision.market, decision.params_epoch) == (ETH, "KRW-ETH", 4)
    assert decision.published_mono_ns == 77
    assert room.asked == [signal]


def test_no_gap_asks_nothing_and_counts_nothing(room):
    room.publish(UPBIT, CHEAP)
    room.publish(BITHUMB, CHEAP)
    decision = room.step()
    assert decision.no_signal.reason is NoSignalReason.NO_GAP
    assert (decision.signal, decision.denial, room.asked) == (None, None, [])


def test_a_gap_that_cannot_be_used_is_counted_by_its_reason(room):
    room.wallets.replace_all(UPBIT, [], Ns(2))
    room.publish(UPBIT, CHEAP)
    room.publish(BITHUMB, DEAR)
    assert (room.step().denial, room.asked) == ("no_balance", [])


def test_each_market_has_its_own_books(room):
    room.publish(UPBIT, CHEAP)
    room.publish(BITHUMB, DEAR)
    assert room.step(0).denial == "book_missing"
    room.publish(UPBIT, DEAR, market="KRW-BTC")
    room.publish(BITHUMB, CHEAP, market="KRW-BTC")
    assert room.step(0).signal.market == "KRW-BTC"
    assert room.step(ETH).signal.market == "KRW-ETH"


@pytest.mark.parametrize("dead", [UPBIT, BITHUMB])
def test_a_dead_slot_is_no_book(room, dead):
    room.publish(UPBIT, CHEAP)
    room.publish(BITHUMB, DEAR)
    room.writers[dead].mark_dead("KRW-ETH")
    decision = room.step()
    assert (decision.denial, decision.published_mono_ns, decision.signal) == ("book_missing", 0, None)


def test_a_stale_book_is_denied_by_the_gate(room):
    room.publish(UPBIT, CHEAP, age_ns=701 * MS)
    room.publish(BITHUMB, DEAR)
    decision = room.step()
    assert decision.denied == Denied(DenyReason.BOOK_STALE)
    assert (decision.denial, decision.approved) == ("book_stale", None)
    assert decision.signal is not None


def test_controls_reach_the_gate(room):
    room.publish(UPBIT, CHEAP)
    room.publish(BITHUMB, DEAR)
    room.control.set_exchange_level(BITHUMB, TradingLevel.HALTED)
    assert (room.step().denial, room.asked) == ("trading_state", [])
    room.control.set_exchange_level(BITHUMB, TradingLevel.ACTIVE)
    assert room.step().approved is not None
    room.control.beat("bridge", Ns(NOW - 4 * SECOND), Ns(1))
    assert room.step().denial == "control_stale"


def test_nothing_is_decided_before_the_first_params(tmp_path):
    room = Room(tmp_path)
    room.publish(UPBIT, CHEAP)
    room.publish(BITHUMB, DEAR)
    decision = room.step()
    assert (decision.denial, decision.params_epoch, room.asked) == ("no_params", 0, [])
    assert room.engine.params == DEFAULT_PARAMS
    assert room.control.applied_epoch() == 0


def test_new_params_work_from_the_next_step_and_are_said_to(room):
    room.publish(UPBIT, CHEAP)
    room.publish(BITHUMB, DEAR)
    assert room.step().approved is not None
    assert room.control.applied_epoch() == 4
    room.control.write_params(5, params_to_bytes(msgspec.structs.replace(PARAMS, gate_mode=GateMode.OBSERVE_ONLY)))
    decision = room.step()
    assert (decision.denial, decision.params_epoch) == ("observe_only", 5)
    assert room.control.applied_epoch() == 5


@pytest.mark.parametrize(
    "data", [b"{", b'{"min_edge_ppm": -1}', b'{"unknown": 1}', params_to_bytes(PARAMS)[:-1], b'{"min_edge_ppm": 1.5}']
)
def test_a_bad_set_is_counted_once_and_the_old_one_stays(room, data):
    room.publish(UPBIT, CHEAP)
    room.publish(BITHUMB, DEAR)
    room.step()
    room.control.write_params(5, data)
    for _ in range(3):
        room.engine.refresh_params()
        decision = room.step()
        assert decision.approved is not None
        assert decision.params_epoch == 4
    assert (room.engine.params_refused, len(room.engine.params_findings)) == (1, 1)
    assert (room.engine.params, room.control.applied_epoch()) == (PARAMS, 4)
    room.control.write_params(6, params_to_bytes(PARAMS))
    assert room.step().params_epoch == 6
    assert (room.engine.params_findings, room.control.applied_epoch()) == ((), 6)


def test_a_changed_fee_counts_from_the_next_step(room):
    room.publish(UPBIT, CHEAP)
    room.publish(BITHUMB, DEAR)
    assert room.step().approved is not None
    # The coupon lapsed: 0.04 % became 0.25 % (bithumb.md §5.4).
    room.engine.set_instrument(instrument(BITHUMB, fee_ppm=2_500))
    assert room.step().no_signal.reason is NoSignalReason.NO_GAP


@pytest.mark.parametrize(("dear", "sell_limit"), [(BITHUMB, 4_010_500), (UPBIT, 4_010_000)])
def test_each_leg_is_priced_by_its_own_exchanges_ticks(room, dear, sell_limit):
    room.engine.set_instrument(instrument(BITHUMB, tick=500))
    room.publish(UPBIT if dear is BITHUMB else BITHUMB, CHEAP)
    room.publish(dear, ([(4_010_500, "0.5")], [(4_014_000, "2")]))
    assert room.step().signal.sell_limit == e8(sell_limit)


def test_each_leg_pays_its_own_exchanges_fee(room):
    # At ten per cent on the purchase 4,422,000 is enough; the same taken off the sale would not be.
    room.engine.set_instrument(instrument(UPBIT, fee_ppm=100_000))
    room.engine.set_instrument(instrument(BITHUMB, fee_ppm=0))
    room.publish(UPBIT, CHEAP)
    room.publish(BITHUMB, ([(4_422_000, "0.5")], [(4_430_000, "2")]))
    assert room.step().signal.fees == e8(200_000)
    room.publish(UPBIT, ([(4_422_000, "0.5")], [(4_430_000, "2")]))
    room.publish(BITHUMB, CHEAP)
    assert room.step().no_signal.reason is NoSignalReason.NO_GAP


@pytest.mark.parametrize(("cheap", "dear"), [(UPBIT, BITHUMB), (BITHUMB, UPBIT)])
def test_part_of_the_size_is_sized_and_priced_anew(room, cheap, dear):
    room.publish(cheap, ([(3_998_000, "2")], [(4_000_000, "0.2"), (4_002_000, "0.2"), (4_003_000, "2")]))
    room.publish(dear, DEAR)
    whole = room.step().signal
    room.part_ppm = 400_000
    part = room.step().signal
    assert (whole.qty, whole.buy_limit) == (e8("0.5"), e8(4_003_000))
    assert (part.qty, part.buy_limit, part.buy_exchange) == (e8("0.2"), e8(4_000_000), cheap)
    assert part.net_edge_ppm > whole.net_edge_ppm
    assert room.asked == [whole, part]


def test_part_too_small_to_order_is_sent_whole(room):
    room.publish(UPBIT, ([(3_998_000, "2")], [(4_000_000, "0.002")]))
    room.publish(BITHUMB, DEAR)
    room.part_ppm = 300_000
    assert room.step().signal.qty == e8("0.002")
