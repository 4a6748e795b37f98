"""Deaths: of the trader at any door or by a power cut, of a feed, of the recorder."""

from random import Random

from arbitrage.domain.units import EXCHANGES
from workers.virtual.deeds.deed import Act
from workers.virtual.world import World


def draw(rng: Random) -> tuple[str, Act]:
    """Return one such deed: its words and what it does."""
    doors, share, kind = rng.randint(1, 20), rng.random(), rng.random()
    if kind < 0.2:
        exchange = rng.choice(EXCHANGES)
        return f"feed of {exchange} killed", lambda world: world.feeds[exchange].die()
    if kind < 0.4:
        return "power cut", lambda world: _power_cut(world, share)
    if kind < 0.5:
        return "recorder killed", lambda world: world.bookkeeper.die(from_start=share < 0.5)
    if kind < 0.62:
        return f"kill -9 in journal record {doors}, after {share * 100:.0f} % of it", lambda world: _torn(
            world, doors, share
        )

    def kill(world: World) -> None:
        if world.life is not None and world.life.is_running:
            world.life.die_at_door(doors)

    return f"kill -9 at door {doors}", kill


def _torn(world: World, doors: int, share: float) -> None:
    if world.life is not None and world.life.is_running:
        world.life.torn_at(doors, share)


def _power_cut(world: World, share: float) -> None:
    life = world.life
    if life is None or not life.is_running:
        return
    world.note("world", "power cut")
    life.cut_power(lambda synced, size: synced + int((size - synced) * share))
