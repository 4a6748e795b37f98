"""Bithumb's myOrder frames: v2, and v1 which is being retired and says some things otherwise (bithumb.md §6.3)."""

from collections.abc import Mapping

from arbitrage.domain.units import Side
from exchanges.simulator.dialect import Format
from exchanges.simulator.dialects.bithumb_order_words import cancel_type
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks
from exchanges.simulator.money import fine_of_units, fine_text, funds_of, plain_text
from exchanges.simulator.orders import OrdType, SimOrder
from exchanges.simulator.steps import OrderStep, Step

Fields = dict[str, str | None]
_MS = 1_000_000


def v2_frame(step: OrderStep, fmt: Format, quirks: BithumbQuirks) -> bytes:
    """Return a v2 frame: numbers, absent values left out."""
    order, trade = step.order, step.trade
    draft = order.draft
    fields: Fields = {
        "type": '"myOrder"',
        "stream_type": '"REALTIME"',
        "code": f'"{draft.market}"',
        "order_id": f'"{order.order_id}"',
        "client_order_id": _quoted(draft.client_order_id),
        "side": '"buy"' if draft.side is Side.BID else '"sell"',
        "order_type": f'"{draft.ord_type.value}"',
        "state": f'"{step.step.value}"',
        "time_in_force": _quoted(draft.tif),
        "order_price": _price(order),
        "order_quantity": plain_text(draft.volume or 0),
        "order_amount": _amount(order),
    }
    if trade is not None:
        fields |= {
            "trade_id": f'"{trade.trade_id}"',
            "trade_price": plain_text(trade.price),
            "trade_quantity": plain_text(trade.qty),
            "trade_amount": fine_text(trade.funds),
        }
    fields |= {
        "remaining_quantity": plain_text(order.remaining_qty),
        "executed_quantity": plain_text(order.executed_qty),
        "executed_amount": fine_text(order.executed_funds),
        **_fees(order),
        "cancel_type": _why(step, quirks),
        "canceling_order_id": _in_the_way(step),
        **_times(step),
    }
    return _frame(fields, _V2_SHORT if fmt.is_simple else {})


def v1_frame(step: OrderStep, fmt: Format, quirks: BithumbQuirks) -> bytes:
    """Return a v1 frame: ASK and BID, `price` and `volume` are the fill's when the state is `trade`."""
    order, trade = step.order, step.trade
    draft = order.draft
    fields: Fields = {
        "type": '"myOrder"',
        "code": f'"{draft.market}"',
        "uuid": f'"{order.order_id}"',
        "client_order_id": _quoted(draft.client_order_id),
        "ask_bid": f'"{draft.side.value.upper()}"',
        "order_type": f'"{draft.ord_type.value}"',
        "state": f'"{step.step.value}"',
        "trade_uuid": None if trade is None else f'"{trade.trade_id}"',
        "price": _price(order) if trade is None else plain_text(trade.price),
        "volume": plain_text(draft.volume or 0) if trade is None else plain_text(trade.qty),
        "remaining_volume": plain_text(order.remaining_qty),
        "executed_volume": plain_text(order.executed_qty),
        "trades_count": str(len(order.trades)),
        **_fees(order),
        "executed_funds": fine_text(order.executed_funds),
        "cancel_type": _why(step, quirks),
        "canceling_uuid": _in_the_way(step),
        **_times(step),
        "stream_type": '"REALTIME"',
    }
    return _frame(fields, _V1_SHORT if fmt.is_simple else {})


def _price(order: SimOrder) -> str:
    draft = order.draft
    return plain_text(draft.limit) if draft.ord_type is OrdType.LIMIT else "0"


# KRW in all: what was given, or price x volume of a limit order.
def _amount(order: SimOrder) -> str:
    draft = order.draft
    if draft.by_funds:
        return fine_text(fine_of_units(draft.price or 0))
    return fine_text(funds_of(draft.limit, draft.volume or 0)) if draft.ord_type is OrdType.LIMIT else "0"


def _fees(order: SimOrder) -> Fields:
    return {
        "reserved_fee": fine_text(order.reserved_fee),
        "remaining_fee": fine_text(order.remaining_fee),
        "paid_fee": fine_text(order.paid_fee),
    }


def _times(step: OrderStep) -> Fields:
    return {
        "trade_timestamp": None if step.trade is None else str(step.trade.at_ns // _MS),
        "order_timestamp": str(step.order.created_ns // _MS),
        "timestamp": str(step.at_ns // _MS),
    }


def _why(step: OrderStep, quirks: BithumbQuirks) -> str | None:
    return _quoted(cancel_type(step.order, quirks)) if step.step is Step.CANCEL else None


def _in_the_way(step: OrderStep) -> str | None:
    return _quoted(step.order.canceling_order_id) if step.step is Step.CANCEL else None


def _quoted(text: str | None) -> str | None:
    return f'"{text}"' if text else None


def _frame(fields: Fields, names: Mapping[str, str]) -> bytes:
    rows = (f'"{names.get(key, key)}":{value}' for key, value in fields.items() if value is not None)
    return ("{" + ",".join(rows) + "}").encode()


_SHARED_SHORT = {
    "type": "ty",
    "stream_type": "st",
    "code": "cd",
    "client_order_id": "coid",
    "order_type": "ot",
    "state": "s",
    "reserved_fee": "rsf",
    "remaining_fee": "rmf",
    "paid_fee": "pf",
    "cancel_type": "ct",
    "trade_timestamp": "ttms",
    "order_timestamp": "otms",
    "timestamp": "tms",
}
_V2_SHORT = _SHARED_SHORT | {
    "order_id": "oid",
    "side": "sd",
    "time_in_force": "tif",
    "order_price": "op",
    "order_quantity": "oq",
    "order_amount": "oa",
    "trade_id": "tid",
    "trade_price": "tp",
    "trade_quantity": "tq",
    "trade_amount": "ta",
    "remaining_quantity": "rq",
    "executed_quantity": "eq",
    "executed_amount": "ea",
    "canceling_order_id": "cnoid",
}
_V1_SHORT = _SHARED_SHORT | {
    "uuid": "uid",
    "ask_bid": "ab",
    "trade_uuid": "tuid",
    "price": "p",
    "volume": "v",
    "remaining_volume": "rv",
    "executed_volume": "ev",
    "trades_count": "tc",
    "executed_funds": "ef",
    "canceling_uuid": "cuid",
}
"""Only `cuid` is documented; the others are as Upbit shortens the same names: a guess (bithumb.md §6.3)."""
