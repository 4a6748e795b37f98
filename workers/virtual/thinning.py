"""In some runs the books thin out wherever a leg is lone, as in a panic: it is evened out against little."""

from contextvars import Context

import msgspec

from arbitrage.domain.arb import ArbState
from arbitrage.domain.events import ArbStepped, Event
from arbitrage.domain.units import PPM
from exchanges.simulator.regimes import USUAL, Behaviour
from workers.virtual.world import World

THIN = msgspec.structs.replace(USUAL, depth_ppm=PPM // 60)
"""A level is a fraction of what is uneven, so that taking from both exchanges costs less."""
LASTS_S = 2.0


def thin_out_at_lone_legs(world: World, usual: Behaviour) -> None:
    """Let the books of a market be thin for a while once an arb of it is LEGGED, until all is well."""
    heard, thin = world.on_event, set[str]()

    def back(market: str) -> None:
        thin.discard(market)
        if not world.is_well:
            world.simulator.simulator.market.set_behaviour(usual, world.true_clock.wall_ns(), market)

    def thin_out(market: str) -> None:
        thin.add(market)
        world.note("world", "books thin out", market)
        world.simulator.simulator.market.set_behaviour(THIN, world.true_clock.wall_ns(), market)
        world.loop.call_later(LASTS_S, back, market)

    def hear(event: Event) -> None:
        heard(event)
        if world.is_well or not isinstance(event, ArbStepped) or event.arb.state is not ArbState.LEGGED:
            return
        if event.arb.market not in thin:
            # No doing of the trader's: it goes on though the trader stands still.
            Context().run(thin_out, event.arb.market)

    world.on_event = hear
