"""What networks do to all of one exchange's connections."""

from random import Random

from arbitrage.domain.params import SECOND
from arbitrage.domain.units import EXCHANGES
from workers.virtual.deeds.deed import Act, span
from workers.virtual.world import World


def draw(rng: Random) -> tuple[str, Act]:
    """Return one such deed: its words and what it does."""
    exchange = rng.choice(EXCHANGES)
    lasts = span(rng, 200, 9_000) / SECOND
    match rng.randrange(4):
        case 0:
            return f"{exchange} all connections cut", lambda world: world.link(exchange).cut()
        case 1:

            def swallow(world: World) -> None:
                link = world.link(exchange)
                link.swallows = True

                def heal() -> None:
                    # Bytes were lost: what is left of those connections is of no use to anybody.
                    link.swallows = False
                    link.cut()

                world.loop.call_later(lasts, heal)

            return f"{exchange} cable out for {lasts:.1f} s", swallow
        case 2:

            def refuse(world: World) -> None:
                link = world.link(exchange)
                link.refuses = True
                link.cut()
                world.loop.call_later(lasts, setattr, link, "refuses", False)

            return f"{exchange} unreachable for {lasts:.1f} s", refuse
        case _:
            delay = rng.uniform(0.002, 0.4)

            def slow(world: World) -> None:
                link = world.link(exchange)
                usual, link.delay_s = link.delay_s, lambda: delay
                world.loop.call_later(lasts, setattr, link, "delay_s", usual)

            return f"{exchange} {delay * 1000:.0f} ms away for {lasts:.1f} s", slow
