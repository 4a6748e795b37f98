"""Bithumb's order objects: /v1 says uuid and ord_type, /v2 order_id and order_type (bithumb.md §3.1, §3.5, §3.6)."""

from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks
from exchanges.simulator.dialects.shared import Extra, wire_state
from exchanges.simulator.kst import kst_text
from exchanges.simulator.money import fine_text, plain_text
from exchanges.simulator.orders import OrdType, SimOrder

USER_CANCEL = "user_cancel"
_V2_NAMES = {"uuid": "order_id", "ord_type": "order_type", "canceling_uuid": "canceling_order_id"}


def cancel_type(order: SimOrder, quirks: BithumbQuirks) -> str | None:
    """Return why an order was cancelled; a user's wish has two spellings (bithumb.md §3.9)."""
    return quirks.user_cancel if order.cancel_type == USER_CANCEL else order.cancel_type


def stp_words(order: SimOrder) -> dict[str, str]:
    """Return `stp_type`: it cannot be chosen, and orders made before 2026-05-07 12:00 KST have none (§1.4, §3.6)."""
    return {} if order.smp is None else {"stp_type": order.smp.value}


def order_words(order: SimOrder, quirks: BithumbQuirks, *extras: Extra) -> dict[str, object]:
    """Return the /v1 order object, absent members left out (bithumb.md §3.5)."""
    draft = order.draft
    words: dict[str, object] = {"uuid": order.order_id}
    if draft.client_order_id is not None:
        words["client_order_id"] = draft.client_order_id
    words |= {"side": draft.side.value, "ord_type": draft.ord_type.value}
    if draft.price is not None and draft.ord_type is not OrdType.MARKET:
        words["price"] = plain_text(draft.price)
    words |= {"state": wire_state(order).value, "market": draft.market, "created_at": kst_text(order.created_ns)}
    if draft.volume is not None:
        words |= {"volume": plain_text(draft.volume), "remaining_volume": plain_text(order.remaining_qty)}
    words |= {
        "reserved_fee": fine_text(order.reserved_fee),
        "remaining_fee": fine_text(order.remaining_fee),
        "paid_fee": fine_text(order.paid_fee),
        "locked": fine_text(order.locked),
        "executed_volume": plain_text(order.executed_qty),
        "executed_funds": fine_text(order.executed_funds),
        "trades_count": len(order.trades),
    }
    if draft.tif is not None:
        words["time_in_force"] = draft.tif.value
    words |= stp_words(order)
    why = cancel_type(order, quirks)
    if why is not None:
        words["cancel_type"] = why
    if order.canceling_order_id is not None:
        words["canceling_uuid"] = order.canceling_order_id
    if Extra.TRADES in extras:
        words["trades"] = _trade_rows(order)
    return words


def v2_order_words(order: SimOrder, quirks: BithumbQuirks) -> dict[str, object]:
    """Return a row of the /v2 lists: the same values under the newer names (bithumb.md §3.1)."""
    return {_V2_NAMES.get(name, name): value for name, value in order_words(order, quirks).items()}


def _trade_rows(order: SimOrder) -> list[dict[str, str]]:
    draft = order.draft
    return [
        {
            "market": draft.market,
            "uuid": trade.trade_id,
            "price": plain_text(trade.price),
            "volume": plain_text(trade.qty),
            "funds": fine_text(trade.funds),
            "side": draft.side.value,
            "created_at": kst_text(trade.at_ns),
        }
        for trade in order.trades
    ]


def acceptance_words(order: SimOrder) -> dict[str, object]:
    """Return the answer to POST /v2/orders: an acceptance without price, volume or state (bithumb.md §3.6)."""
    draft = order.draft
    words: dict[str, object] = {
        "order_id": order.order_id,
        "market": draft.market,
        "side": draft.side.value,
        "order_type": draft.ord_type.value,
        "created_at": kst_text(order.created_ns),
        **stp_words(order),
    }
    if draft.client_order_id is not None:
        words["client_order_id"] = draft.client_order_id
    if draft.tif is not None:
        words["time_in_force"] = draft.tif.value
    return words


def cancel_words(order: SimOrder, now: int) -> dict[str, str]:
    """Return the answer to a cancel: an acceptance too (bithumb.md §3.7)."""
    words = {"order_id": order.order_id, "created_at": kst_text(now)}
    if order.draft.client_order_id is not None:
        words["client_order_id"] = order.draft.client_order_id
    return words
