"""What a deed is: one thing that goes wrong at its time; and the words most deeds are made with."""

from collections.abc import Callable
from enum import StrEnum
from random import Random

import msgspec

from arbitrage.domain.params import MS
from arbitrage.domain.units import EXCHANGES
from exchanges.simulator.trouble.fault import Fault, Scope
from workers.virtual.world import World

Act = Callable[[World], None]


class Family(StrEnum):
    """Kinds of deeds that can be asked for by name."""

    TRANSPORT = "transport"
    ORDERS = "orders"
    BOOKS = "books"
    NETWORK = "network"
    CRASH = "crash"
    HOST = "host"
    OPERATOR = "operator"
    ACCOUNT = "account"
    EXCHANGE = "exchange"


class Deed(msgspec.Struct, frozen=True):
    """One thing that goes wrong. `act` is told the world."""

    at_ns: int
    family: Family
    word: str
    act: Act


def armed(rng: Random, fault: Fault, scope: Scope) -> tuple[str, Act]:
    """Return the deed of arming `fault` on one of the exchanges."""
    exchange = rng.choice(EXCHANGES)
    words = " ".join(
        f"{name}={value}" for name, value in msgspec.structs.asdict(scope).items() if value != getattr(Scope(), name)
    )

    def act(world: World) -> None:
        world.faults(exchange).arm(fault, scope)

    return f"{exchange} {fault!r} {words}", act


def span(rng: Random, least_ms: int, most_ms: int) -> int:
    """Return a drawn time in ns."""
    return rng.randint(least_ms, most_ms) * MS
