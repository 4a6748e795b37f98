"""Deaths of the trader: killed at a door, or by a power cut."""

from random import Random

from workers.virtual.deeds.deed import Act
from workers.virtual.world import World


def draw(rng: Random) -> tuple[str, Act]:
    """Return one such deed: its words and what it does."""
    doors = rng.randint(1, 14)
    loses_tail = rng.random() < 0.4
    share = rng.random()

    def act(world: World) -> None:
        life = world.life
        if life is None or not life.is_running:
            return
        if loses_tail:
            world.note("world", "power cut")
            life.cut_power(lambda synced, size: synced + int((size - synced) * share))
        else:
            life.die_at_door(doors)

    return "power cut" if loses_tail else f"kill -9 at door {doors}", act
