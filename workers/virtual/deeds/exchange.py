"""What a whole exchange or the whole market does."""

from random import Random

from arbitrage.domain.params import SECOND
from arbitrage.domain.units import EXCHANGES, Exchange
from exchanges.simulator.regimes import Regime
from workers.virtual.deeds.deed import Act, span
from workers.virtual.world import World


def draw(rng: Random) -> tuple[str, Act]:
    """Return one such deed: its words and what it does."""
    exchange: Exchange = rng.choice(EXCHANGES)
    if rng.random() < 0.5:
        regime = rng.choice(list(Regime))
        return f"market turns {regime.value}", lambda world: world.simulator.simulator.market.set_regime(
            regime, world.true_clock.wall_ns()
        )
    lasts = span(rng, 2_000, 20_000) / SECOND

    def close(world: World) -> None:
        closing = world.exchange(exchange).closing
        if not closing.is_whole:
            closing.begin(world.true_clock.wall_ns())
            world.loop.call_later(lasts, lambda: closing.end(world.true_clock.wall_ns()))

    return f"{exchange} in maintenance for {lasts:.1f} s", close
