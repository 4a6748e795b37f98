"""Every kind of fault and act by its name, and how one is read from JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import EXCHANGES, Exchange
from exchanges.simulator.trouble.account_acts import ACCOUNT_ACTS
from exchanges.simulator.trouble.act import Act
from exchanges.simulator.trouble.fault import Fault, Scope
from exchanges.simulator.trouble.frames import FRAMES
from exchanges.simulator.trouble.keys import KEYS
from exchanges.simulator.trouble.market_acts import MARKET_ACTS
from exchanges.simulator.trouble.orders import ORDERS
from exchanges.simulator.trouble.reading import described, member_names, read_struct, shown, strangers
from exchanges.simulator.trouble.shapes import SHAPES
from exchanges.simulator.trouble.transport import TRANSPORT

if TYPE_CHECKING:
    from exchanges.simulator.simulator import Simulator

CATALOGUE: dict[str, type[Fault]] = {kind.fault_name(): kind for kind in (*TRANSPORT, *ORDERS, *KEYS, *FRAMES, *SHAPES)}
ACTS: dict[str, type[Act]] = {kind.act_name(): kind for kind in (*ACCOUNT_ACTS, *MARKET_ACTS)}


class ArmOrder(msgspec.Struct, frozen=True):
    """A fault to arm, on one exchange or on both."""

    exchange: Exchange | None
    """None = both."""
    fault: Fault
    scope: Scope


def read_arm_order(row: Any, where: str, problems: list[str]) -> ArmOrder | None:
    """Return what `{"fault": NAME, "exchange": ..., members of the fault and its scope}` asks for, or add problems."""
    if not isinstance(row, dict):
        problems.append(f"{where} must be an object")
        return None
    name = row.get("fault")
    kind = CATALOGUE.get(name) if isinstance(name, str) else None
    if kind is None:
        problems.append(f"{where}.fault was {shown(name)}, must be one of {', '.join(sorted(CATALOGUE))}")
        return None
    before = len(problems)
    problems += strangers(row, {"fault", "exchange"} | member_names(kind) | member_names(Scope), where)
    exchange = read_exchange(row, where, problems)
    fault = read_struct(kind, row, where, problems)
    scope = read_struct(Scope, row, where, problems)
    if fault is None or scope is None or len(problems) > before:
        return None
    return ArmOrder(exchange, fault, scope)


class ActOrder(msgspec.Struct, frozen=True):
    """An act to do, on one exchange or on both."""

    exchange: Exchange | None
    """None = both."""
    act: Act

    def problems(self, simulator: Simulator, now: int) -> list[str]:
        """Do it; return why it could not be done."""
        found: list[str] = []
        both = EXCHANGES[:1] if self.act.is_shared else EXCHANGES
        for exchange in both if self.exchange is None else (self.exchange,):
            try:
                self.act.do(simulator, simulator.exchange(exchange), now)
            except ConfigError as error:
                found += [f"{exchange}: {problem}" for problem in error.problems]
        return found


def read_act_order(row: Any, where: str, problems: list[str], family: str | None = None) -> ActOrder | None:
    """Return what `{"act": NAME, "exchange": ..., members of the act}` asks for, or add problems."""
    if not isinstance(row, dict):
        problems.append(f"{where} must be an object")
        return None
    names = sorted(name for name, kind in ACTS.items() if family in (None, kind.family))
    name = row.get("act")
    if name not in names:
        problems.append(f"{where}.act was {shown(name)}, must be one of {', '.join(names)}")
        return None
    kind = ACTS[name]
    before = len(problems)
    problems += strangers(row, {"act", "exchange"} | member_names(kind), where)
    exchange = read_exchange(row, where, problems)
    act = read_struct(kind, row, where, problems)
    return None if act is None or len(problems) > before else ActOrder(exchange, act)


def read_exchange(row: dict[str, Any], where: str, problems: list[str]) -> Exchange | None:
    """Return the exchange a row names; None when it names none, which means both."""
    word = row.get("exchange")
    if word is not None and word not in tuple(Exchange):
        problems.append(f"{where}.exchange was {shown(word)}, must be one of {', '.join(Exchange)}")
        return None
    return None if word is None else Exchange(word)


def act_words() -> dict[str, Any]:
    """Return the acts as data."""
    return {
        name: {"about": (kind.__doc__ or "").strip(), "path": f"/{kind.family}", "members": described(kind)}
        for name, kind in ACTS.items()
    }


def catalogue_words() -> dict[str, Any]:
    """Return the catalogue as data: what each fault does, where, and with which members."""
    return {
        name: {
            "about": (kind.__doc__ or "").strip(),
            "place": kind.place.value,
            "usual_count": kind.usual_count,
            "members": described(kind),
        }
        for name, kind in CATALOGUE.items()
    }
