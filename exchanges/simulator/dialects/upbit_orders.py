"""Upbit's order object in REST answers, and the names of its faults (upbit.md §1.5, §4.1)."""

from datetime import UTC, datetime

from arbitrage.domain.units import Side
from exchanges.simulator.dialects.shared import Extra, wire_state
from exchanges.simulator.dialects.upbit_quirks import Stamp, UpbitQuirks
from exchanges.simulator.kst import SECOND, kst_text
from exchanges.simulator.money import fine_text, plain_text
from exchanges.simulator.orders import OrdType, SimOrder, Tif
from exchanges.simulator.steps import Fault

_MICROSECOND = 1_000


def fault_names(quirks: UpbitQuirks) -> dict[Fault, str]:
    """Return the name of each reason not to take an order; `{side}` is to be filled in (upbit.md §4.1)."""
    return {
        Fault.MARKET_UNKNOWN: "notfoundmarket",
        Fault.PRICE_OFF_TICK: "invalid_price_{side}",
        Fault.CLIENT_ID_INVALID: "validation_error",
        Fault.CLIENT_ID_BURNED: "duplicated_identifier",
        Fault.UNDER_MINIMUM: "under_min_total_{side}",
        Fault.OVER_MAXIMUM: "over_krw_funds_{side}",
        Fault.FUNDS_SHORT: "insufficient_funds_{side}",
        Fault.BEYOND_DEPTH: quirks.beyond_depth_name,
        Fault.MARKET_OFFLINE: "market_offline",
        Fault.MARKET_BUSY: quirks.market_busy_name,
        Fault.PRICE_UNDER_LIMIT: "invalid_price_{side}",
        Fault.POST_ONLY_TAKES: quirks.post_only_taking_name,
        Fault.FOK_SHORT: quirks.fok_short_name,
        Fault.SELF_TRADE: "create_{side}_error",
        Fault.NOT_CANCELABLE: quirks.closed_cancel_name,
    }


def stamp_text(at_ns: int, stamp: Stamp) -> str:
    """Return a moment as `created_at` has it (upbit.md §1.5, §6 drift 10)."""
    if stamp is Stamp.ZULU:
        return datetime.fromtimestamp(at_ns // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = kst_text(at_ns)
    if stamp is Stamp.SECONDS:
        return text
    return f"{text[:19]}.{at_ns % SECOND // _MICROSECOND:06d}{text[19:]}"


def order_words(order: SimOrder, quirks: UpbitQuirks, *extras: Extra) -> dict[str, object]:
    """Return the order object; absent members are left out (upbit.md §1.5)."""
    draft = order.draft
    words: dict[str, object] = {"uuid": order.order_id, "side": draft.side.value, "ord_type": draft.ord_type.value}
    if draft.price is not None:
        words["price"] = plain_text(draft.price)
    words["state"] = wire_state(order).value
    words["market"] = draft.market
    words["created_at"] = stamp_text(order.created_ns, quirks.created_at)
    if draft.volume is not None:
        words["volume"] = plain_text(draft.volume)
        words["remaining_volume"] = plain_text(order.remaining_qty)
        words["prevented_volume"] = plain_text(order.prevented_qty)
    words["reserved_fee"] = fine_text(order.reserved_fee)
    words["remaining_fee"] = fine_text(order.remaining_fee)
    words["paid_fee"] = fine_text(order.paid_fee)
    words["locked"] = fine_text(order.locked)
    words["prevented_locked"] = fine_text(order.prevented_locked)
    words["executed_volume"] = plain_text(order.executed_qty)
    if Extra.EXECUTED_FUNDS in extras:
        words["executed_funds"] = fine_text(order.executed_funds)
    words["trades_count"] = len(order.trades)
    if draft.tif is not None:
        words["time_in_force"] = draft.tif.value
    if draft.client_order_id is not None:
        words["identifier"] = draft.client_order_id
    if shown_smp(order, quirks) is not None:
        words["smp_type"] = shown_smp(order, quirks)
    if Extra.TRADES in extras:
        words["trades"] = [_trade_words(order, index, quirks) for index in range(len(order.trades))]
    return words


def shown_smp(order: SimOrder, quirks: UpbitQuirks) -> str | None:
    """Return the `smp_type` told: what was asked for, and from a day on what holds (upbit.md §1.5, §6, §6.1)."""
    told = order.smp if order.created_ns >= quirks.smp_always_from_ns else order.draft.smp
    return None if told is None else told.value


def _trade_words(order: SimOrder, index: int, quirks: UpbitQuirks) -> dict[str, object]:
    trade = order.trades[index]
    bought_as_taker = (order.draft.side is Side.BID) is not trade.is_maker
    return {
        "market": order.draft.market,
        "uuid": trade.trade_id,
        "price": plain_text(trade.price),
        "volume": plain_text(trade.qty),
        "funds": fine_text(trade.funds),
        "trend": "up" if bought_as_taker else "down",
        "created_at": stamp_text(trade.at_ns, quirks.trade_created_at),
        "side": order.draft.side.value,
    }


def brief_words(order: SimOrder) -> dict[str, object]:
    """Return how a batch cancel names an order: `identifier` only if set (upbit.md §1.7)."""
    words: dict[str, object] = {"uuid": order.order_id, "market": order.draft.market}
    if order.draft.client_order_id is not None:
        words["identifier"] = order.draft.client_order_id
    return words


def order_types(side: Side) -> list[str]:
    """Return the types `orders/chance` lists; post_only is accepted but not shown (upbit.md §1.3)."""
    market_word = OrdType.PRICE if side is Side.BID else OrdType.MARKET
    return ["best_fok", "best_ioc", "limit", f"limit_{Tif.FOK}", f"limit_{Tif.IOC}", market_word.value]
