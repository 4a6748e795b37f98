"""Orders begin to go through Bithumb's legacy generation while the trader runs: it rests, reads the rules, goes on."""

from story_exchange import Story
from story_life import until

from arbitrage.domain.units import EXCHANGES, Exchange
from arbitrage.domain.wire import Duty, ExchangeWire, Generation, Wire, wire_to_bytes

LEGACY = Wire({Exchange.BITHUMB: ExchangeWire({Duty.ORDERS: Generation.LEGACY})})


async def test_nothing_is_opened_until_the_rules_of_the_other_generation_were_read(story: Story) -> None:
    life = await story.live()
    life.context.beat()
    control, markets = life.context.control, life.context.env.markets
    assert all(control.paused_until_mono_ns(market) == 0 for market in markets)
    taken: list[Exchange] = []
    take = life.trader._errands._take_rules  # type: ignore[union-attr]

    def taking(exchange: Exchange, rules: object) -> None:
        taken.append(exchange)
        take(exchange, rules)  # type: ignore[arg-type]

    life.trader._errands._take_rules = taking  # type: ignore[union-attr]
    control.write_wire(2, wire_to_bytes(LEGACY))
    await until(lambda: control.heartbeats()["trader"].wire_epoch == 2)
    assert all(control.paused_until_mono_ns(market) > life.context.clock.mono_ns() for market in markets)
    await until(lambda: set(taken) == set(EXCHANGES))
    assert not life.run.done()
