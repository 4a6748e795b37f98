"""What happens to the desk's own machine: its disk, its clock, its other processes."""

from random import Random

from arbitrage.domain.params import SECOND
from workers.virtual.deeds.deed import Act, span
from workers.virtual.world import World

RESUMED_AFTER_S = 5.0


def draw(rng: Random) -> tuple[str, Act]:
    """Return one such deed: its words and what it does."""
    lasts = span(rng, 200, 6_000) / SECOND
    match rng.randrange(5):
        case 0:

            def fill(world: World) -> None:
                world.fill_disk(is_full=True)
                world.loop.call_later(lasts, lambda: world.fill_disk(is_full=False))

            return f"disk full for {lasts:.1f} s", fill
        case 1:
            step = rng.choice([-1, 1]) * span(rng, 100, 90_000)

            def wrong(world: World) -> None:
                world.step_clock(step)
                world.loop.call_later(lasts, world.set_clock_right)

            return f"wall clock wrong by {step / SECOND:.1f} s for {lasts:.1f} s", wrong
        case 2:

            def silence(world: World) -> None:
                world.bridge_beats = False
                world.loop.call_later(2 * lasts, setattr, world, "bridge_beats", True)

            return f"bridge silent for {2 * lasts:.1f} s", silence
        case 3:

            def still(world: World) -> None:
                if world.life is not None:
                    world.life.stand_still(lasts)
                    # Long enough for the dead man's switch: a person looks at it and lets the desk trade again.
                    world.loop.call_later(lasts + RESUMED_AFTER_S, world.resume)

            return f"the trader stands still for {lasts:.1f} s", still
        case _:
            return "a second trader is started", lambda world: world.start_rival()
