"""One arb under each kind of trouble the simulator knows: it closes flat, nothing is sent twice, the books add up."""

import pytest
from story_exchange import Story

from arbitrage.domain.params import MS
from arbitrage.domain.units import EXCHANGES, Exchange
from exchanges.simulator.trouble import frames, orders, shapes, transport
from exchanges.simulator.trouble.fault import Effect, Fault, Lane, Scope
from exchanges.simulator.trouble.keys import TokenVoid
from exchanges.simulator.trouble.transport import Text

ORDER, LOOKUP, EVENTS = Scope(lane=Lane.ORDER), Scope(lane=Lane.LOOKUP), Scope(lane=Lane.EVENTS)
SOON = Scope(lasts_ns=3_000 * MS)
TAKEN = Effect.TAKEN

TROUBLE: list[tuple[Fault, Scope]] = [
    (transport.ResetMidAnswer(part=9), ORDER),
    (transport.AnswerTruncated(part=9), ORDER),
    (transport.AnswerDripped(part=60, pace_ns=2 * MS), ORDER),
    (transport.AnswerDelayed(least_ns=200 * MS, typical_ns=250 * MS, most_ns=300 * MS), ORDER),
    (transport.RequestDelayed(least_ns=200 * MS, typical_ns=250 * MS, most_ns=300 * MS), ORDER),
    (transport.AnswerDoubled(), ORDER),
    (transport.BodyReplaced(body=Text.EMPTY), ORDER),
    (transport.BodyReplaced(body=Text.HTML), ORDER),
    (transport.StatusAnswered(status=502, body=Text.HTML, effect=TAKEN), ORDER),
    (transport.StatusAnswered(status=504, body=Text.EMPTY, effect=TAKEN), ORDER),
    (transport.StatusAnswered(status=500), LOOKUP),
    (transport.CutBefore(), LOOKUP),
    (TokenVoid(), LOOKUP),
    (orders.LookupLags(lag_ns=150 * MS), LOOKUP),
    (orders.LookupLags(lag_ns=150 * MS, status=422), LOOKUP),
    (orders.FillsDelayed(delay_ns=120 * MS), Scope()),
    (frames.FramesLost(), EVENTS),
    (frames.FramesDoubled(copies=3), EVENTS),
    (frames.FramesReordered(), EVENTS),
    (frames.SlowDrain(delay_ns=150 * MS), EVENTS),
    (frames.StreamFrozen(), EVENTS),
    (shapes.ExtraField(), SOON),
    (shapes.NumberRespelled(spelling=shapes.Spelling.LONG), SOON),
    (shapes.TimesRespelled(spelling=shapes.TimeSpelling.MICROSECONDS), SOON),
    (shapes.RemainingReqOdd(text="group=Crix_trades.v2; sec=9"), SOON),
]
IDS = [f"{fault.fault_name()}-{index}" for index, (fault, _) in enumerate(TROUBLE)]


@pytest.mark.parametrize(("index", "trouble"), list(enumerate(TROUBLE)), ids=IDS)
async def test_arb_under_trouble_closes_flat_and_the_books_add_up(
    story: Story, index: int, trouble: tuple[Fault, Scope]
) -> None:
    exchange: Exchange = EXCHANGES[index % 2]
    life = await story.live()
    if trouble[1] is LOOKUP:
        # Only who hears nothing has to ask.
        story.faults(exchange).arm(frames.StreamFrozen(), EVENTS)
    armed = story.faults(exchange).arm(*trouble)
    arb = await life.closed(life.open(story.signal()).arb_id)
    assert arb.imbalance == 0
    story.faults(exchange).clear()
    again = await life.closed(life.open(story.signal("0.3")).arb_id)
    assert (again.imbalance, len(again.orders)) == (0, 2), "the next one goes as ever"
    assert armed.hits > 0
    await story.end(life)


async def test_leg_over_the_limit_was_never_taken_and_the_other_is_hedged(story: Story) -> None:
    life = await story.live()
    story.faults(Exchange.BITHUMB).arm(transport.StatusAnswered(status=429, name="too_many_requests"), ORDER)
    arb = await life.closed(life.open(story.signal()).arb_id)
    assert (arb.imbalance, len(story.orders(Exchange.BITHUMB)) + len(story.orders(Exchange.UPBIT))) == (0, 2)
    await story.end(life)
