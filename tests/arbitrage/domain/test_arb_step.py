"""Stories of one arb: both fill, one fills, an answer is lost, a fill comes late, nobody answers."""

from decimal import Decimal

import msgspec
import pytest
from desk_builders import book, e8, fill, heard, moment, opened, quotes, signal

from arbitrage.domain.arb import TABLE, Arb, ArbState, Cancel, Halt, OperatorResolved, OrderHeard, Place, Query, Tick
from arbitrage.domain.arb_step import advance, open_arb, recovered
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.errors import IllegalTransition, InvariantError
from arbitrage.domain.order import OrderOn, OrderReport, OrderRole, OrderState, RefusalReason
from arbitrage.domain.params import DEFAULT_PARAMS
from arbitrage.domain.units import Exchange, Side

UPBIT = book(Exchange.UPBIT, [(3_998_000, "2")], [(4_000_000, "2")])
BITHUMB = book(Exchange.BITHUMB, [(4_010_000, "2")], [(4_014_000, "2")])
BUY, SELL = "t1-1-b", "t1-1-s"


def say(arb: Arb, client_order_id: str, report: OrderReport, *, at: int = 10):
    return advance(arb, OrderHeard(client_order_id, report), moment(at))


def tick(arb: Arb, *, at: int, upbit=UPBIT, bithumb=BITHUMB, level=TradingLevel.ACTIVE, **kwargs):
    """Let time pass with books received right now, or at the moment they carry."""
    upbit, bithumb = (
        one and (one if one.recv_mono_ns > 1 else msgspec.structs.replace(one, recv_mono_ns=moment(at).mono_ns))
        for one in (upbit, bithumb)
    )
    return advance(arb, Tick(quotes(upbit, bithumb, **kwargs), level), moment(at))


def sent() -> Arb:
    arb = opened()
    for leg in (BUY, SELL):
        arb, actions = say(arb, leg, OrderReport(OrderOn.SENT), at=0)
        assert actions == ()
    return arb


def bought(qty: str = "0.5", *, on: OrderOn = OrderOn.FULL_FILL) -> OrderReport:
    return heard(on, fill(f"b{qty}", 4_000_000, qty), fee="1000")


def sold(qty: str = "0.5", *, on: OrderOn = OrderOn.FULL_FILL) -> OrderReport:
    return heard(on, fill(f"s{qty}", 4_020_000, qty), fee="804")


def legged() -> Arb:
    arb, _ = say(sent(), BUY, bought())
    arb, _ = say(arb, SELL, heard(OrderOn.CANCELED, executed="0"))
    assert arb.state is ArbState.LEGGED
    return arb


def test_every_state_is_reachable_and_leads_to_closed():
    assert {state for row in TABLE.values() for state in row.values()} | {ArbState.OPENING} == set(ArbState)
    for start in ArbState:
        seen, todo = {start}, [start]
        while todo:
            for state in TABLE[todo.pop()].values():
                if state not in seen:
                    seen.add(state)
                    todo.append(state)
        assert ArbState.CLOSED in seen, start


def test_opening_places_both_legs_with_the_signals_limits():
    arb, actions = open_arb(signal(), arb_id="t1-1", params=DEFAULT_PARAMS, params_epoch=3, now=moment(0))
    assert [action.order.client_order_id for action in actions if isinstance(action, Place)] == [BUY, SELL]
    assert [(o.exchange, o.side, o.price, o.qty) for o in arb.orders] == [
        (Exchange.UPBIT, Side.BID, e8(4_000_000), e8("0.5")),
        (Exchange.BITHUMB, Side.ASK, e8(4_020_000), e8("0.5")),
    ]
    assert (arb.state, arb.params_epoch) == (ArbState.OPENING, 3)


def test_both_filled_closes_with_profit_net_of_fees():
    arb, _ = say(sent(), BUY, bought())
    assert arb.state is ArbState.OPENING
    arb, actions = say(arb, SELL, sold())
    assert (arb.state, arb.why, actions) == (ArbState.CLOSED, "balanced", ())
    assert arb.pnl_krw == 10_000 - 1_804
    assert arb.closed_wall_ns == moment(10).wall_ns


def test_nothing_filled_closes_flat():
    arb, _ = say(sent(), BUY, heard(OrderOn.CANCELED, executed="0"))
    arb, _ = say(arb, SELL, OrderReport(OrderOn.REFUSED))
    assert (arb.state, arb.why, arb.pnl_krw) == (ArbState.CLOSED, "nothing_filled", 0)


def test_one_leg_filled_is_hedged_once_for_exactly_the_rest():
    arb, actions = tick(legged(), at=12)
    assert arb.state is ArbState.HEDGING
    (place,) = actions
    assert isinstance(place, Place)
    assert (place.order.role, place.order.side, place.order.qty) == (OrderRole.HEDGE, Side.ASK, e8("0.5"))
    assert place.order.client_order_id == "t1-1-h0"
    again, none = tick(arb, at=13)
    assert none == ()
    done, _ = say(again, "t1-1-h0", heard(OrderOn.FULL_FILL, fill("h", 4_010_000, "0.5"), fee="802"), at=20)
    assert (done.state, done.imbalance) == (ArbState.CLOSED, 0)
    assert done.pnl_krw == 5_000 - 1_802


def test_partly_filled_hedge_is_followed_by_one_for_the_remainder():
    arb, _ = tick(legged(), at=12)
    arb, _ = say(arb, "t1-1-h0", heard(OrderOn.CANCELED, fill("h", 4_010_000, "0.2")), at=20)
    assert (arb.state, arb.imbalance) == (ArbState.LEGGED, e8("0.3"))
    arb, actions = tick(arb, at=30)
    assert [action.order.qty for action in actions if isinstance(action, Place)] == [e8("0.3")]


def test_book_older_than_the_miss_is_waited_for_then_the_other_exchange_is_used():
    old = msgspec.structs.replace(BITHUMB, recv_mono_ns=moment(9).mono_ns)
    arb, actions = tick(legged(), at=12, bithumb=old)
    assert (arb.state, actions) == (ArbState.LEGGED, ()), "the sell leg missed on that book at 10 ms"
    _, actions = tick(arb, at=60, bithumb=msgspec.structs.replace(BITHUMB, recv_mono_ns=moment(50).mono_ns))
    assert [a.order.exchange for a in actions if isinstance(a, Place)] == [Exchange.BITHUMB]
    _, actions = tick(arb, at=211, bithumb=old)
    assert [a.order.exchange for a in actions if isinstance(a, Place)] == [Exchange.UPBIT], "patience is over"


def test_missed_hedge_is_not_repeated_on_the_book_it_missed_on():
    arb, _ = tick(legged(), at=12, upbit=None)
    arb, _ = say(arb, "t1-1-h0", heard(OrderOn.CANCELED, executed="0"), at=20)
    same = msgspec.structs.replace(BITHUMB, recv_mono_ns=moment(15).mono_ns)
    for at in (25, 100, 400):
        arb, actions = tick(arb, at=at, upbit=None, bithumb=same)
        assert actions == ()
    _, actions = tick(arb, at=401, upbit=None)
    assert [a.order.client_order_id for a in actions if isinstance(a, Place)] == ["t1-1-h1"]


def test_remainder_too_small_to_order_closes_as_dust():
    arb, _ = tick(legged(), at=12)
    arb, _ = say(arb, "t1-1-h0", heard(OrderOn.CANCELED, fill("h", 4_010_000, "0.499")), at=20)
    arb, actions = tick(arb, at=30)
    assert (arb.state, arb.why, arb.dust_qty, actions) == (ArbState.CLOSED, "dust", e8("0.001"), ())


def test_lost_answer_is_unresolved_asked_for_and_never_sent_again():
    arb, _ = say(sent(), BUY, bought())
    arb, actions = say(arb, SELL, OrderReport(OrderOn.OUTCOME_LOST))
    assert (arb.state, actions) == (ArbState.UNRESOLVED, ())
    for at in range(600, 4_900, 550):
        arb, actions = tick(arb, at=at)
        assert [type(action) for action in actions] == [Query]
        arb, actions = say(arb, SELL, OrderReport(OrderOn.NOT_FOUND), at=at + 20)
        assert (arb.state, actions) == (ArbState.UNRESOLVED, ()), "not found is no proof inside the grace time"
    arb, _ = say(arb, SELL, OrderReport(OrderOn.NOT_FOUND), at=5_001)
    assert arb.orders[1].state is OrderState.REFUSED
    assert arb.state is ArbState.LEGGED


def test_lost_answer_found_filled_closes_without_a_hedge():
    arb, _ = say(sent(), BUY, bought())
    arb, _ = say(arb, SELL, OrderReport(OrderOn.OUTCOME_LOST))
    arb, actions = say(arb, SELL, sold(), at=700)
    assert (arb.state, actions) == (ArbState.CLOSED, ())


def test_unresolved_past_its_deadline_is_stuck_and_lowers_trading():
    arb, _ = say(sent(), SELL, OrderReport(OrderOn.OUTCOME_LOST))
    arb, actions = tick(arb, at=60_100)
    assert arb.state is ArbState.STUCK
    (halt,) = [action for action in actions if isinstance(action, Halt)]
    assert halt.level is TradingLevel.REDUCING
    arb, _ = say(arb, SELL, sold(), at=60_200)
    assert arb.state is ArbState.STUCK, "a person settles it"
    arb, _ = advance(arb, OperatorResolved("sold by hand"), moment(60_300))
    assert (arb.state, arb.why) == (ArbState.CLOSED, "operator_resolved sold by hand")


def test_order_still_open_after_ten_seconds_is_cancelled():
    arb, _ = say(sent(), BUY, OrderReport(OrderOn.ACKED), at=0)
    arb, actions = tick(arb, at=9_900)
    assert not any(isinstance(action, Cancel) for action in actions)
    arb, actions = tick(arb, at=10_450)
    assert [a.order.client_order_id for a in actions if isinstance(a, Cancel)] == [BUY]
    assert arb.orders[0].state is OrderState.CANCELING


def test_halted_cancels_what_works_and_sends_no_hedge():
    arb, _ = say(sent(), BUY, OrderReport(OrderOn.ACKED), at=0)
    arb, actions = tick(arb, at=600, level=TradingLevel.HALTED)
    assert [a.order.client_order_id for a in actions if isinstance(a, Cancel)] == [BUY]
    lone, actions = tick(legged(), at=12, level=TradingLevel.HALTED)
    assert (lone.state, actions) == (ArbState.LEGGED, ())
    lone, _ = tick(lone, at=499_970, level=TradingLevel.HALTED)
    _, actions = tick(lone, at=500_000)
    assert [type(action) for action in actions] == [Place], "after a long halt it is hedged, not given up"


def test_reducing_still_hedges():
    _, actions = tick(legged(), at=12, level=TradingLevel.REDUCING)
    assert [type(action) for action in actions] == [Place]


def test_no_way_to_hedge_for_the_whole_time_limit_is_stuck():
    arb, actions = tick(legged(), at=5_000, upbit=None, bithumb=None)
    assert (arb.state, actions) == (ArbState.LEGGED, ())
    arb, actions = tick(arb, at=10_011, upbit=None, bithumb=None)
    assert (arb.state, arb.why) == (ArbState.STUCK, "no_hedge upbit:no_book bithumb:no_book")


def test_attempts_are_counted_and_spent():
    arb, went = refused(legged(), reason=RefusalReason.MARKET_OFFLINE, times=DEFAULT_PARAMS.hedge_max_attempts)
    assert len(went) == DEFAULT_PARAMS.hedge_max_attempts
    assert (arb.state, arb.why) == (ArbState.STUCK, "attempts_spent")
    last = OrderHeard(f"t1-1-h{DEFAULT_PARAMS.hedge_max_attempts - 1}", OrderReport(OrderOn.REFUSED))
    before, _ = refused(legged(), reason=RefusalReason.MARKET_OFFLINE, times=DEFAULT_PARAMS.hedge_max_attempts - 1)
    before, _ = tick(before, at=9_000)
    stuck, actions = advance(before, last, moment(9_005))
    assert stuck.state is ArbState.STUCK
    assert [action.level for action in actions if isinstance(action, Halt)] == [TradingLevel.REDUCING]


def refused(arb: Arb, *, reason: RefusalReason, times: int) -> tuple[Arb, list[Exchange]]:
    """Refuse every hedge 5 ms after it left, and return where each went."""
    went: list[Exchange] = []
    for at in range(100, 10_000, 50):
        arb, actions = tick(arb, at=at)
        for order in (action.order for action in actions if isinstance(action, Place)):
            went.append(order.exchange)
            arb, _ = say(arb, order.client_order_id, OrderReport(OrderOn.REFUSED, refusal=reason), at=at + 5)
        if len(went) == times:
            break
    return arb, went


def test_exchange_that_keeps_refusing_is_left_for_the_other_one_however_dear():
    _, went = refused(legged(), reason=RefusalReason.MARKET_OFFLINE, times=5)
    assert went[:3] == [Exchange.BITHUMB, Exchange.BITHUMB, Exchange.UPBIT]
    assert went[3:] == [Exchange.UPBIT, Exchange.BITHUMB], "both refuse: again where it costs least"


def test_what_our_own_last_check_kept_back_says_nothing_of_the_exchange():
    _, went = refused(legged(), reason=RefusalReason.STOPPED, times=4)
    assert went == [Exchange.BITHUMB] * 4


def test_exchange_that_keeps_refusing_is_used_when_there_is_no_other():
    arb, _ = refused(legged(), reason=RefusalReason.MARKET_OFFLINE, times=2)
    _, actions = tick(arb, at=1_000, upbit=None)
    assert [a.order.exchange for a in actions if isinstance(a, Place)] == [Exchange.BITHUMB]


def test_fill_after_the_arb_closed_opens_it_again_and_is_hedged():
    arb, _ = say(sent(), BUY, heard(OrderOn.CANCELED, executed="0"))
    arb, _ = say(arb, SELL, OrderReport(OrderOn.REFUSED))
    arb, _ = say(arb, BUY, heard(OrderOn.PART_FILL, fill("late", 4_000_000, "0.1")), at=30_000)
    assert (arb.state, arb.why) == (ArbState.LEGGED, "imbalanced late_fill")
    _, actions = tick(arb, at=30_001)
    assert [a.order.qty for a in actions if isinstance(a, Place)] == [e8("0.1")]


def test_late_fill_long_after_an_earlier_unevenness_has_its_whole_time_limit():
    arb, _ = tick(legged(), at=12)
    arb, _ = say(arb, "t1-1-h0", heard(OrderOn.FULL_FILL, fill("h", 4_010_000, "0.5"), fee="1"), at=20)
    assert arb.state is ArbState.CLOSED
    arb, _ = say(arb, SELL, heard(OrderOn.PART_FILL, fill("late", 4_020_000, "0.1")), at=30_000)
    arb, actions = tick(arb, at=30_050, upbit=None, bithumb=None)
    assert (arb.state, actions) == (ArbState.LEGGED, ())
    arb, _ = tick(arb, at=40_001, upbit=None, bithumb=None)
    assert arb.state is ArbState.STUCK


def stuck_with_a_lone_purchase() -> Arb:
    arb, _ = say(sent(), BUY, bought())
    arb, _ = say(arb, SELL, OrderReport(OrderOn.OUTCOME_LOST))
    arb, _ = tick(arb, at=60_100)
    assert (arb.state, arb.imbalance) == (ArbState.STUCK, e8("0.5"))
    return arb


def test_late_fill_on_what_a_person_settled_is_theirs_to_look_at_again():
    arb, _ = advance(stuck_with_a_lone_purchase(), OperatorResolved("sold 0.5 by hand"), moment(61_000))
    # Did the person see this sale when selling 0.5? The desk cannot know, and must not trade on a guess.
    arb, actions = say(arb, SELL, sold("0.5"), at=62_000)
    assert (arb.state, arb.imbalance) == (ArbState.STUCK, 0)
    assert [action.level for action in actions if isinstance(action, Halt)] == [TradingLevel.REDUCING]
    arb, actions = tick(arb, at=62_001)
    assert not any(isinstance(action, Place) for action in actions)
    arb, _ = advance(arb, OperatorResolved("had seen it"), moment(63_000))
    assert (arb.state, arb.dust_qty) == (ArbState.CLOSED, 0)


def test_order_left_alive_by_a_person_is_still_asked_for():
    arb, _ = advance(stuck_with_a_lone_purchase(), OperatorResolved("kept it"), moment(61_000))
    arb, actions = tick(arb, at=61_600)
    assert [a.order.client_order_id for a in actions if isinstance(a, Query)] == [SELL]


def test_order_that_neither_ends_nor_cancels_makes_the_arb_stuck():
    arb, _ = say(sent(), BUY, bought())
    arb, _ = say(arb, SELL, OrderReport(OrderOn.ACKED))
    arb, _ = tick(arb, at=69_999)
    assert arb.state is ArbState.OPENING
    arb, actions = tick(arb, at=70_600)
    assert (arb.state, arb.why) == (ArbState.STUCK, "deadline")
    assert [action.level for action in actions if isinstance(action, Halt)] == [TradingLevel.REDUCING]


def test_not_found_counts_from_when_it_was_asked_not_from_when_it_was_answered():
    arb, _ = say(sent(), BUY, bought())
    arb, _ = say(arb, SELL, OrderReport(OrderOn.OUTCOME_LOST))
    asked_early = OrderHeard(SELL, OrderReport(OrderOn.NOT_FOUND), moment(4_999).mono_ns)
    arb, _ = advance(arb, asked_early, moment(7_900))
    assert arb.orders[1].state is OrderState.UNKNOWN
    asked_late = OrderHeard(SELL, OrderReport(OrderOn.NOT_FOUND), moment(5_001).mono_ns)
    arb, _ = advance(arb, asked_late, moment(7_950))
    assert arb.orders[1].state is OrderState.REFUSED


def test_what_is_left_uneven_counts_as_neither_profit_nor_loss():
    arb, _ = advance(stuck_with_a_lone_purchase(), OperatorResolved("sold by hand"), moment(61_000))
    assert (arb.pnl_krw, arb.even_pnl_krw) == (-2_001_000, -1_000)


def test_late_fee_on_a_closed_arb_is_taken_and_stays_closed():
    arb, _ = say(sent(), BUY, bought())
    arb, _ = say(arb, SELL, sold())
    arb, actions = say(arb, SELL, heard(OrderOn.FULL_FILL, fee="805"), at=40)
    assert (arb.state, actions, arb.pnl_krw) == (ArbState.CLOSED, (), 10_000 - 1_805)


def test_end_without_its_fills_named_is_asked_for_before_closing():
    arb, _ = say(sent(), BUY, bought())
    arb, _ = say(arb, SELL, heard(OrderOn.FULL_FILL, executed="0.5"))
    assert arb.state is ArbState.OPENING
    arb, actions = tick(arb, at=600)
    assert [a.order.client_order_id for a in actions if isinstance(a, Query)] == [SELL]
    arb, _ = say(arb, SELL, sold(), at=620)
    assert arb.state is ArbState.CLOSED


@pytest.mark.parametrize("events", [(), (OrderOn.SENT,), (OrderOn.SENT, OrderOn.OUTCOME_LOST)])
def test_restart_asks_for_what_was_planned_or_sent(events):
    crashed = opened()
    for event in events:
        crashed, _ = say(crashed, SELL, OrderReport(event), at=0)
    back, actions = recovered(crashed, moment(90_000))
    assert back.state is ArbState.UNRESOLVED
    assert [type(action) for action in actions] == [Query, Query]
    assert all(order.state is OrderState.UNKNOWN for order in back.orders)


def test_restart_with_a_lone_leg_goes_straight_to_hedging():
    back, actions = recovered(legged(), moment(90_000))
    assert (back.state, actions) == (ArbState.LEGGED, ())
    _, actions = tick(back, at=90_001)
    assert [type(action) for action in actions] == [Place]


def test_restart_with_a_stuck_arb_lowers_trading_again():
    arb, _ = say(sent(), SELL, OrderReport(OrderOn.OUTCOME_LOST))
    stuck, _ = tick(arb, at=60_100)
    back, actions = recovered(stuck, moment(90_000))
    assert back.state is ArbState.STUCK
    assert [action.level for action in actions if isinstance(action, Halt)] == [TradingLevel.REDUCING]
    settled, _ = advance(back, OperatorResolved("sold by hand"), moment(90_100))
    _, actions = recovered(settled, moment(95_000))
    assert not [action for action in actions if isinstance(action, Halt)]


def test_foreign_order_is_an_invariant_error():
    with pytest.raises(InvariantError, match="not an order of this arb"):
        say(sent(), "other-b", OrderReport(OrderOn.ACKED))


def test_operator_cannot_resolve_what_is_not_stuck():
    with pytest.raises(IllegalTransition):
        advance(sent(), OperatorResolved("?"), moment(1))


def test_profit_keeps_every_digit_of_long_fees():
    arb, _ = say(sent(), BUY, heard(OrderOn.FULL_FILL, fill("b", 4_000_000, "0.5"), fee="1000.00000000000000000001"))
    arb, _ = say(arb, SELL, heard(OrderOn.FULL_FILL, fill("s", 4_020_000, "0.5"), fee="804"))
    assert arb.pnl_krw == Decimal("8195.99999999999999999999")
