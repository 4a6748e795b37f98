"""Hedges that meet nothing: the first is followed at once, the next wait longer and longer, a fill ends the waiting."""

from collections.abc import Callable

import msgspec
import pytest
from desk_builders import book, fill, heard, moment, opened, quotes

from arbitrage.domain.arb import Action, Arb, ArbState, Halt, OrderHeard, Place, Tick
from arbitrage.domain.arb_step import advance
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.order import Order, OrderOn, OrderReport, RefusalReason
from arbitrage.domain.params import DEFAULT_PARAMS, MS, Params
from arbitrage.domain.units import Exchange

UPBIT = book(Exchange.UPBIT, [(3_998_000, "2")], [(4_000_000, "2")])
BITHUMB = book(Exchange.BITHUMB, [(4_010_000, "2")], [(4_014_000, "2")])
STEP_MS = 10
ANSWER_MS = 2
Answers = Callable[[Order, int], OrderReport]


def legged(params: Params = DEFAULT_PARAMS) -> Arb:
    """Return an arb whose purchase of 0.5 filled at 10 ms and whose sale missed."""
    arb = opened(params)
    for order, report in zip(
        arb.orders,
        (heard(OrderOn.FULL_FILL, fill("b", 4_000_000, "0.5"), fee="1000"), heard(OrderOn.CANCELED, executed="0")),
        strict=True,
    ):
        arb, _ = advance(arb, OrderHeard(order.client_order_id, report), moment(10))
    return arb


def ticked(arb: Arb, at: int, *, upbit: bool) -> tuple[Arb, tuple[Action, ...]]:
    """Let time pass with books received right now; Upbit has none where it is away."""
    fresh = {one.exchange: msgspec.structs.replace(one, recv_mono_ns=moment(at).mono_ns) for one in (UPBIT, BITHUMB)}
    found = quotes(fresh[Exchange.UPBIT] if upbit else None, fresh[Exchange.BITHUMB])
    return advance(arb, Tick(found, TradingLevel.ACTIVE), moment(at))


def lived(
    answers: Answers, *, params: Params = DEFAULT_PARAMS, upbit: bool = True, until_ms: int = 12_000
) -> tuple[Arb, list[tuple[int, Exchange]], list[int]]:
    """Tick with fresh books each 10 ms, answer each hedge 2 ms after it left; return it, its hedges, and its halts."""
    arb, went, halts = legged(params), list[tuple[int, Exchange]](), list[int]()
    for at in range(20, until_ms, STEP_MS):
        fresh = {
            one.exchange: msgspec.structs.replace(one, recv_mono_ns=moment(at).mono_ns) for one in (UPBIT, BITHUMB)
        }
        found = quotes(fresh[Exchange.UPBIT] if upbit else None, fresh[Exchange.BITHUMB])
        arb, actions = advance(arb, Tick(found, TradingLevel.ACTIVE), moment(at))
        for action in actions:
            if isinstance(action, Place):
                order = action.order
                went.append((at, order.exchange))
                report = answers(order, at + ANSWER_MS)
                arb, more = advance(arb, OrderHeard(order.client_order_id, report), moment(at + ANSWER_MS))
                actions += more
        halts += [at for action in actions if isinstance(action, Halt)]
        if arb.state in (ArbState.CLOSED, ArbState.STUCK):
            break
    return arb, went, halts


def nothing(order: Order, at: int) -> OrderReport:
    """Let the hedge miss: its book was swept before it came."""
    return heard(OrderOn.CANCELED, executed="0")


def no(reason: RefusalReason) -> Answers:
    """Refuse every hedge."""
    return lambda order, at: OrderReport(OrderOn.REFUSED, refusal=reason)


def well_from(well_ms: int, before: Answers) -> Answers:
    """Answer as `before` until all is well again, then fill."""

    def answer(order: Order, at: int) -> OrderReport:
        if at < well_ms:
            return before(order, at)
        full = fill(order.client_order_id, order.price // 10**8, "0.5")
        return heard(OrderOn.FULL_FILL, full, fee="1")

    return answer


@pytest.mark.parametrize(
    "answers", [nothing, no(RefusalReason.RATE_LIMITED), no(RefusalReason.NOT_SENT), no(RefusalReason.STOPPED)]
)
def test_attempts_that_meet_nothing_take_half_of_the_time_limit_where_there_is_no_other_exchange(answers):
    arb, went, halts = lived(answers, upbit=False)
    # The second goes with the next tick; 5 s / 2^6 after it the third, and so on: 78.125, 156.25 ... 2,500 ms.
    assert [at for at, _ in went] == [20, 30, 110, 270, 590, 1_220, 2_470, 4_970]
    assert {exchange for _, exchange in went} == {Exchange.BITHUMB}
    assert (arb.state, arb.why, halts) == (ArbState.STUCK, "attempts_spent", [4_970])


@pytest.mark.parametrize("answers", [nothing, no(RefusalReason.RATE_LIMITED), no(RefusalReason.STOPPED)])
@pytest.mark.parametrize("well_ms", [500, 1_500, 3_000, 4_000])
def test_trouble_of_a_few_seconds_on_both_exchanges_ends_evened_out(answers, well_ms):
    arb, went, halts = lived(well_from(well_ms, answers))
    assert (arb.state, arb.imbalance, halts) == (ArbState.CLOSED, 0, [])
    assert went[-1][0] < 2 * well_ms + 2_500


def test_exchange_that_refuses_at_once_is_left_for_the_other_without_a_pause():
    def one_refuses(order: Order, at: int) -> OrderReport:
        if order.exchange is Exchange.BITHUMB:
            return OrderReport(OrderOn.REFUSED, refusal=RefusalReason.RATE_LIMITED)
        return heard(OrderOn.FULL_FILL, fill("u", 3_998_000, "0.5"), fee="1")

    arb, went, _ = lived(one_refuses)
    assert went == [(20, Exchange.BITHUMB), (30, Exchange.BITHUMB), (40, Exchange.UPBIT)]
    assert (arb.state, arb.imbalance) == (ArbState.CLOSED, 0)


def test_what_our_own_last_check_keeps_back_does_not_chase_to_the_dearer_exchange():
    _, went, _ = lived(no(RefusalReason.STOPPED))
    assert [at for at, _ in went] == [20, 30, 110, 270, 590, 1_220, 2_470, 4_970]
    assert {exchange for _, exchange in went} == {Exchange.BITHUMB}


def test_hedge_after_one_that_filled_a_little_goes_at_once_and_counts_nothing():
    def crumbs(order: Order, at: int) -> OrderReport:
        return heard(OrderOn.CANCELED, fill(order.client_order_id, 4_010_000, "0.025"), fee="1")

    arb, went, halts = lived(crumbs, upbit=False)
    assert [at for at, _ in went] == [20 + STEP_MS * attempt for attempt in range(20)]
    assert (arb.state, arb.imbalance, halts) == (ArbState.CLOSED, 0, [])


def test_fill_ends_the_waiting_of_those_before_it():
    turns = iter(range(100))

    def every_fourth_fills(order: Order, at: int) -> OrderReport:
        if next(turns) % 4 < 3:
            return nothing(order, at)
        return heard(OrderOn.CANCELED, fill(order.client_order_id, 4_010_000, "0.1"), fee="1")

    _, went, _ = lived(every_fourth_fills, upbit=False)
    assert [at for at, _ in went[:6]] == [20, 30, 110, 270, 280, 290], "the fourth filled"


def test_every_other_hedge_that_fills_a_little_is_a_way_out():
    turns = iter(range(100))

    def every_other_fills(order: Order, at: int) -> OrderReport:
        if next(turns) % 2 == 0:
            return nothing(order, at)
        return heard(OrderOn.CANCELED, fill(order.client_order_id, 4_010_000, "0.025"), fee="1")

    arb, went, halts = lived(every_other_fills, upbit=False)
    assert (arb.state, arb.imbalance, len(went), halts) == (ArbState.CLOSED, 0, 40, [])


def test_past_the_time_limit_crumbs_count_and_nothing_waits():
    short = msgspec.structs.replace(DEFAULT_PARAMS, hedge_limit_ns=500 * MS, hedge_hold_ns=0)

    def crumbs(order: Order, at: int) -> OrderReport:
        return heard(OrderOn.CANCELED, fill(order.client_order_id, 4_010_000, "0.002"), fee="1")

    arb, went, halts = lived(crumbs, params=short, upbit=False)
    # Seen uneven at 10 ms: the hedge of 510 ms is late, and its answer finds 50 hedges, more than 8.
    assert (arb.state, arb.why, went[-1][0], halts) == (ArbState.STUCK, "attempts_spent", 510, [510, 510])
    assert len(went) == 50


def test_hedges_whose_answers_are_lost_and_that_never_arrived_are_spent_too():
    arb = legged()
    at = 20
    for attempt in range(DEFAULT_PARAMS.hedge_max_attempts):
        now = moment(at)
        fresh = msgspec.structs.replace(BITHUMB, recv_mono_ns=now.mono_ns)
        arb, actions = advance(arb, Tick(quotes(None, fresh), TradingLevel.ACTIVE), now)
        assert [a.order.client_order_id for a in actions if isinstance(a, Place)] == [f"t1-1-h{attempt}"]
        arb, _ = advance(arb, OrderHeard(f"t1-1-h{attempt}", OrderReport(OrderOn.OUTCOME_LOST)), now)
        assert arb.state is ArbState.UNRESOLVED
        at += DEFAULT_PARAMS.not_found_grace_ns // MS
        gone = OrderHeard(f"t1-1-h{attempt}", OrderReport(OrderOn.NOT_FOUND), moment(at).mono_ns)
        arb, actions = advance(arb, gone, moment(at))
        at += 10
    assert (arb.state, arb.why) == (ArbState.STUCK, "attempts_spent")
    assert [action.level for action in actions if isinstance(action, Halt)] == [TradingLevel.REDUCING]


def test_late_fill_on_a_closed_arb_has_all_its_attempts_again():
    arb, went, _ = lived(well_from(2_000, no(RefusalReason.RATE_LIMITED)), upbit=False)
    assert (arb.state, len(went)) == (ArbState.CLOSED, 7), "six were refused"
    sale = OrderHeard("t1-1-s", heard(OrderOn.PART_FILL, fill("late", 4_010_000, "0.1"), executed="0.1"))
    arb, _ = advance(arb, sale, moment(20_000))
    assert arb.state is ArbState.LEGGED
    times, at = list[int](), 20_010
    while arb.state is not ArbState.STUCK and at < 32_000:
        arb, actions = ticked(arb, at, upbit=True)
        for order in (action.order for action in actions if isinstance(action, Place)):
            times.append(at - 20_010)
            arb, _ = advance(arb, OrderHeard(order.client_order_id, nothing(order, at)), moment(at + ANSWER_MS))
        at += STEP_MS
    assert (len(times), arb.why) == (DEFAULT_PARAMS.hedge_max_attempts, "attempts_spent")
