"""What the operator does: the kill switch, at any moment and at any door."""

from random import Random

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.params import SECOND
from workers.virtual.deeds.deed import Act, span
from workers.virtual.world import World


def draw(rng: Random) -> tuple[str, Act]:
    """Return one such deed: its words and what it does."""
    level = rng.choice([TradingLevel.REDUCING, TradingLevel.HALTED])
    lasts = span(rng, 50, 8_000) / SECOND
    doors = rng.randint(1, 14)

    def press(world: World) -> None:
        world.set_level(level)
        world.loop.call_later(lasts, world.resume)

    def press_between(world: World) -> None:
        if world.life is not None and world.life.is_running:
            world.life.at_door(doors, lambda door: press(world))

    if rng.random() < 0.5:
        return f"{level.name} for {lasts:.1f} s", press
    return f"{level.name} for {lasts:.1f} s, pressed at door {doors}", press_between
