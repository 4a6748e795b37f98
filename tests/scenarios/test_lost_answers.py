"""Orders whose answer never came: asked for by our id, believed when proven, never sent again (R3.1)."""

import msgspec
import pytest
from story_exchange import Story, states
from story_life import FAST, until

from arbitrage.domain.arb import ArbState
from arbitrage.domain.order import OrderRole, OrderState
from arbitrage.domain.params import MS
from arbitrage.domain.units import EXCHANGES, Exchange

FILLED, REFUSED, UNKNOWN = OrderState.FILLED, OrderState.REFUSED, OrderState.UNKNOWN


@pytest.mark.parametrize("cut", [*((exchange,) for exchange in EXCHANGES), EXCHANGES])
async def test_answer_cut_after_the_order_was_taken(story: Story, cut: tuple[Exchange, ...]) -> None:
    life = await story.live()
    for exchange in cut:
        story.faults(exchange).drop_reply_after_accept()
    arb = await life.closed(life.open(story.signal()).arb_id)
    assert (states(arb), arb.imbalance) == ([FILLED, FILLED], 0)
    assert life.count("orders_unknown") == len(cut)
    assert life.count("hedges") == 0
    await story.end(life)
    assert len(story.reached) == 2


@pytest.mark.parametrize("exchange", EXCHANGES)
async def test_answer_and_private_stream_cut_together(story: Story, exchange: Exchange) -> None:
    story.stream_back_ms = 60_000
    life = await story.live()
    story.faults(exchange).drop_reply_after_accept()
    for each in EXCHANGES:
        story.simulator.cut(each)
    await until(lambda: not life.trader.desk.streams_up)
    arb = await life.closed(life.open(story.signal()).arb_id)
    assert (states(arb), arb.imbalance) == ([FILLED, FILLED], 0)
    assert life.count("queries_sent") > 0
    await story.end(life)


@pytest.mark.parametrize("exchange", EXCHANGES)
async def test_request_cut_before_the_order_was_taken_is_believed_only_after_the_grace_time(
    story: Story, exchange: Exchange
) -> None:
    life = await story.live()
    story.faults(exchange).drop_before_accept()
    arb = life.open(story.signal())
    await until(lambda: UNKNOWN in states(life.arb(arb.arb_id)) and life.count("queries_sent") >= 2)
    assert life.arb(arb.arb_id).state is ArbState.UNRESOLVED
    closed = await life.closed(arb.arb_id)
    assert sorted(states(closed)[:2]) == [FILLED, REFUSED]
    assert (states(closed)[2:], closed.imbalance) == ([FILLED], 0)
    hedged_ns = closed.orders[2].planned_mono_ns - arb.opened_mono_ns
    assert FAST.not_found_grace_ns <= hedged_ns < FAST.not_found_grace_ns + 500 * MS
    await story.end(life)
    assert len(story.reached) == 3


async def test_both_requests_cut_before_they_were_taken_closes_flat(story: Story) -> None:
    life = await story.live()
    for exchange in EXCHANGES:
        story.faults(exchange).drop_before_accept()
    arb = await life.closed(life.open(story.signal()).arb_id)
    assert (states(arb), arb.why) == ([REFUSED, REFUSED], "nothing_filled")
    await story.end(life)


@pytest.mark.parametrize("taken", [True, False])
async def test_answer_to_a_hedge_is_cut(story: Story, taken: bool) -> None:
    life = await story.live()

    def cut(exchange: Exchange) -> None:
        faults = story.faults(exchange)
        (faults.drop_reply_after_accept if taken else faults.drop_before_accept)()

    life.at_send(OrderRole.HEDGE, cut)
    story.faults(Exchange.BITHUMB).refuse_next(400, "market_offline")
    arb = await life.closed(life.open(story.signal()).arb_id)
    assert states(arb)[2:] == ([FILLED] if taken else [REFUSED, FILLED])
    assert arb.imbalance == 0
    await story.end(life)


async def test_private_streams_cut_while_fills_come_are_made_up_for_by_questions(story: Story) -> None:
    story.stream_back_ms = 60_000
    life = await story.live()
    for exchange in EXCHANGES:
        story.faults(exchange).delay_fills(200 * MS)
    arb_id = life.open(story.signal()).arb_id
    await until(lambda: states(life.arb(arb_id)) == [OrderState.WORKING, OrderState.WORKING])
    for exchange in EXCHANGES:
        story.simulator.cut(exchange)
    arb = await life.closed(arb_id)
    assert (states(arb), arb.imbalance) == ([FILLED, FILLED], 0)
    assert life.trader.desk.streams_up == set()
    await story.end(life)


async def test_private_stream_that_comes_back_has_its_gap_asked_for(story: Story) -> None:
    # Long enough that the fill is seen before the stream is back, on a busy machine too.
    story.stream_back_ms = 1_000
    life = await story.live()
    story.faults(Exchange.BITHUMB).delay_fills(80 * MS)
    # Nobody asks by the clock: only the stream's return can make the desk ask.
    slow = dict.fromkeys(("query_after_ns", "cancel_after_ns"), 60_000 * MS)
    arb_id = life.open(story.signal(), msgspec.structs.replace(FAST, **slow)).arb_id
    await until(lambda: states(life.arb(arb_id)) == [FILLED, OrderState.WORKING])
    story.simulator.cut(Exchange.BITHUMB)
    await until(lambda: not story.orders(Exchange.BITHUMB)[f"{arb_id}-s"].is_open)
    assert Exchange.BITHUMB not in life.trader.desk.streams_up
    arb = await life.closed(arb_id)
    assert life.count("queries_sent") == 1
    assert states(arb) == [FILLED, FILLED]
    await story.end(life)


async def test_outcome_that_stays_unknown_is_stuck_and_never_hedged(story: Story) -> None:
    life = await story.live()
    story.stream_back_ms = 60_000
    story.mute.add(Exchange.BITHUMB)
    story.faults(Exchange.BITHUMB).drop_before_accept()
    arb_id = life.open(story.signal()).arb_id
    await until(lambda: life.arb(arb_id).state is ArbState.STUCK)
    assert (states(life.arb(arb_id)), life.count("hedges")) == ([FILLED, UNKNOWN], 0)
    assert life.context.control.level().name == "REDUCING"
    assert len(life.trader.wallets.reservations()) == 1
    await life.die()
    story.check_truth()
