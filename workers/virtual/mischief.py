"""What goes wrong in one run: a list of deeds with their times, drawn from the run's seed.

Deeds of a family can be left out by name. Each deed ends by itself; after the last one there is time to
come to rest.
"""

from collections.abc import Callable
from random import Random

from arbitrage.domain.params import SECOND
from workers.virtual.deeds import account, books, crash, exchange, host, network, operator, orders, transport
from workers.virtual.deeds.deed import Act, Deed, Family


def deeds(seed: int, families: frozenset[Family], *, until_ns: int, about: int) -> list[Deed]:
    """Return about `about` deeds between 2 s and `until_ns`, in order of time."""
    rng = Random(f"{seed}/mischief")  # noqa: S311  # nosec B311: a story, not a secret
    found = []
    for _ in range(rng.randint(max(1, about // 2), about + about // 2)):
        family = rng.choice(sorted(families))
        word, act = _DRAW[family](rng)
        found.append(Deed(rng.randint(2 * SECOND, until_ns), family, word, act))
    return sorted(found, key=lambda deed: deed.at_ns)


_DRAW: dict[Family, Callable[[Random], tuple[str, Act]]] = {
    Family.TRANSPORT: transport.draw,
    Family.ORDERS: orders.draw,
    Family.BOOKS: books.draw,
    Family.NETWORK: network.draw,
    Family.CRASH: crash.draw,
    Family.HOST: host.draw,
    Family.OPERATOR: operator.draw,
    Family.ACCOUNT: account.draw,
    Family.EXCHANGE: exchange.draw,
}
