"""What both exchanges read from a request in the same way; the error names differ and are handed in."""

from enum import StrEnum

from arbitrage.domain.units import Side
from exchanges.simulator.dialect import Call
from exchanges.simulator.dialects.shared import wire_state
from exchanges.simulator.money import units_of_text
from exchanges.simulator.orders import Draft, OrdType, SimOrder, Tif, combination_fault
from exchanges.simulator.rules import State
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Params, WireRefusal


class Wrong(StrEnum):
    """Which member of an order request is wrong."""

    MEMBER = "member"
    PRICE = "price"
    VOLUME = "volume"
    TIF = "tif"


def read_draft(params: Params, type_word: str, id_word: str, names: dict[Wrong, str]) -> Draft:
    """Return what a placement asks for (upbit.md §1.4, bithumb.md §3.6).

    WireRefusal 400 with the name in `names` for the first wrong member; `{side}` in it is filled in.
    """
    side_text, market = params.one("side"), params.one("market")
    if side_text not in ("bid", "ask") or not market:
        raise WireRefusal(400, names[Wrong.MEMBER], "market and side are needed")
    side = Side(side_text)

    def wrong(what: Wrong, message: str) -> WireRefusal:
        return WireRefusal(400, names[what].format(side=side.value), message)

    try:
        ord_type = OrdType(params.one(type_word) or "")
    except ValueError:
        raise wrong(Wrong.MEMBER, f"{type_word} is unknown") from None
    tif_text = params.one("time_in_force")
    if tif_text is not None and tif_text not in tuple(Tif):
        raise wrong(Wrong.TIF, "time_in_force is unknown")
    amounts: dict[Wrong, int | None] = {}
    for what in (Wrong.PRICE, Wrong.VOLUME):
        text = params.one(what.value)
        try:
            amounts[what] = None if text is None else units_of_text(text)
        except ValueError as error:
            raise wrong(what, str(error)) from None
        if amounts[what] == 0:
            raise wrong(what, f"{what.value} must be above 0")
    tif = None if tif_text is None else Tif(tif_text)
    draft = Draft(market, side, ord_type, amounts[Wrong.PRICE], amounts[Wrong.VOLUME], tif, params.one(id_word))
    unfit = combination_fault(draft)
    if unfit is not None:
        raise wrong(Wrong.TIF if unfit == "tif" else Wrong.MEMBER, f"{unfit} does not fit {ord_type.value}")
    return draft


def read_count(text: str | None, default: int, most: int, name: str) -> int:
    """Return a whole number from 1 to `most`; WireRefusal 400 `name` otherwise."""
    if text is None:
        return default
    # A text of thousands of digits is none that int() reads.
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= most:
        raise WireRefusal(400, name, f"must be 1 to {most}")
    return int(text)


def read_states(call: Call, allowed: tuple[str, ...], default: tuple[str, ...], name: str) -> tuple[State, ...]:
    """Return the states asked for by `state` or `states[]`, which exclude each other."""
    one, many = call.params.one("state"), call.params.many("states")
    if one is not None and many:
        raise WireRefusal(400, name, "state and states[] exclude each other")
    words = tuple(many) or ((one,) if one is not None else default)
    if any(word not in allowed for word in words):
        raise WireRefusal(400, name, f"state must be one of {', '.join(allowed)}")
    return tuple(map(State, words))


def own_orders(sim: SimExchange, call: Call, states: tuple[State, ...]) -> list[SimOrder]:
    """Return the caller's orders in these states, of `market` if asked, in the order of `order_by` (newest first)."""
    market = call.params.one("market")
    matching = sim.matching
    looked_at = matching.open_orders if set(states) <= {State.WAIT, State.WATCH} else matching.orders
    mine = [
        order
        for order in looked_at.values()
        if order.access_key == call.owner.access_key
        and wire_state(order) in states
        and market in (None, order.draft.market)
    ]
    return sorted(mine, key=lambda order: order.created_ns, reverse=call.params.one("order_by") != "asc")
