"""Every kind of fault by its name, and how one is read from JSON."""

from typing import Any

import msgspec

from arbitrage.domain.units import Exchange
from exchanges.simulator.trouble.fault import Fault, Scope
from exchanges.simulator.trouble.frames import FRAMES
from exchanges.simulator.trouble.orders import ORDERS
from exchanges.simulator.trouble.reading import described, member_names, read_struct, shown, strangers
from exchanges.simulator.trouble.shapes import SHAPES
from exchanges.simulator.trouble.transport import TRANSPORT

CATALOGUE: dict[str, type[Fault]] = {kind.fault_name(): kind for kind in (*TRANSPORT, *ORDERS, *FRAMES, *SHAPES)}


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


def read_exchange(row: dict[str, Any], where: str, problems: list[str]) -> Exchange | None:
    """Return the exchange a row names; None when it names none, which means both."""
    word = row.get("exchange")
    if word is not None and word not in tuple(Exchange):
        problems.append(f"{where}.exchange was {shown(word)}, must be one of {', '.join(Exchange)}")
        return None
    return None if word is None else Exchange(word)


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
