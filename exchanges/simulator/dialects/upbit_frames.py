"""Upbit's WebSocket frames: books, own orders, own balances (upbit.md §3.4, §3.7, §3.8)."""

from collections.abc import Iterable
from hashlib import sha256
from uuid import UUID

from exchanges.simulator.account import Account
from exchanges.simulator.announcements import Announcement
from exchanges.simulator.dialect import BookView, Format, StreamType
from exchanges.simulator.dialects.book_rows import Rows
from exchanges.simulator.dialects.shared import paired
from exchanges.simulator.dialects.upbit_orders import shown_smp
from exchanges.simulator.dialects.upbit_quirks import AbsentAmount, Padding, UpbitQuirks
from exchanges.simulator.kst import SECOND, kst_text
from exchanges.simulator.ladder import Ladder
from exchanges.simulator.money import double_text, fine_text, plain_text
from exchanges.simulator.steps import OrderStep, Step
from exchanges.simulator.texts import Level
from exchanges.simulator.wire import json_bytes

UNIT = '{"ask_price":%s,"bid_price":%s,"ask_size":%s,"bid_size":%s}'
_SIMPLE_UNIT = '{"ap":%s,"bp":%s,"as":%s,"bs":%s}'
_BOOK = (
    '{"type":"orderbook","code":"%s","timestamp":%d,"total_ask_size":%s,"total_bid_size":%s,'
    '"orderbook_units":[%s],"stream_type":"%s","level":%s}'
)
_SIMPLE_BOOK = '{"ty":"orderbook","cd":"%s","tms":%d,"tas":%s,"tbs":%s,"obu":[%s],"st":"%s","lv":%s}'
_ASSETS = (
    '{"type":"myAsset","asset_uuid":"%s","assets":[%s],"asset_timestamp":%d,"timestamp":%d,"stream_type":"REALTIME"}'
)
_SIMPLE_ASSETS = '{"ty":"myAsset","astuid":"%s","ast":[%s],"asttms":%d,"tms":%d,"st":"REALTIME"}'
_ORDER_KEYS = (
    ("type", "ty"),
    ("code", "cd"),
    ("uuid", "uid"),
    ("ask_bid", "ab"),
    ("order_type", "ot"),
    ("state", "s"),
    ("trade_uuid", "tuid"),
    ("price", "p"),
    ("avg_price", "ap"),
    ("volume", "v"),
    ("remaining_volume", "rv"),
    ("executed_volume", "ev"),
    ("trades_count", "tc"),
    ("reserved_fee", "rsf"),
    ("remaining_fee", "rmf"),
    ("paid_fee", "pf"),
    ("locked", "l"),
    ("executed_funds", "ef"),
    ("time_in_force", "tif"),
    ("trade_fee", "tf"),
    ("is_maker", "im"),
    ("identifier", "id"),
    ("smp_type", "smpt"),
    ("prevented_volume", "pv"),
    ("prevented_locked", "pl"),
    ("trade_timestamp", "ttms"),
    ("order_timestamp", "otms"),
    ("timestamp", "tms"),
    ("stream_type", "st"),
)
"""Long and short keys of myOrder, in the order of the frame (upbit.md §3.7)."""
_NOTICE_KEYS = (
    ("type", "ty"),
    ("event_type", "et"),
    ("uuid", "uid"),
    ("category", "cat"),
    ("title", "tt"),
    ("url", "url"),
    ("first_listed_at", "flat"),
    ("listed_at", "lat"),
    ("timestamp", "tms"),
    ("stream_type", "st"),
)
"""Short keys as the official SDK types them; no document shows them."""


_ROWS, _SIMPLE_ROWS = Rows(UNIT, double_text, double_text), Rows(_SIMPLE_UNIT, plain_text, double_text)


def ranked(bids: Ladder, asks: Ladder, padding: Padding) -> Iterable[tuple[Level, Level]]:
    """Return (ask, bid) by rank; a shorter side ends in zeros, or both end where it does (upbit.md §3.4)."""
    if padding is Padding.CUT:
        return zip(asks, bids, strict=False)
    return paired(bids, asks)


def book_frame(view: BookView, stream_type: StreamType, fmt: Format, depth: int, padding: Padding) -> bytes:
    """Return a whole book of at most `depth` levels a side (upbit.md §3.4)."""
    bids, asks = view.cut(depth)
    frame, rows = (_SIMPLE_BOOK, _SIMPLE_ROWS) if fmt.is_simple else (_BOOK, _ROWS)
    text = frame % (
        view.market,
        view.at_ns // 1_000_000,
        double_text(sum([qty for _, qty in asks])),
        double_text(sum([qty for _, qty in bids])),
        rows.text(ranked(bids, asks, padding)),
        stream_type,
        plain_text(view.level) if view.level else "0",
    )
    return text.encode()


def order_frame(step: OrderStep, fmt: Format, quirks: UpbitQuirks) -> bytes:
    """Return a myOrder frame: numbers, nulls kept; on a fill price and volume are the fill's (upbit.md §3.7)."""
    order, draft = step.order, step.order.draft
    trade = step.trade if step.step is Step.TRADE else None
    nothing = "null" if quirks.absent_amount is AbsentAmount.NULL else "0"
    price = draft.price if trade is None else trade.price
    volume = draft.volume if trade is None else trade.qty
    average = plain_text(order.executed_funds // (order.executed_qty * 10**6)) if order.executed_qty else "0"
    stamp = str(step.at_ns // 1_000_000)
    values = (
        '"myOrder"',
        f'"{draft.market}"',
        f'"{order.order_id}"',
        f'"{draft.side.value.upper()}"',
        f'"{draft.ord_type.value}"',
        f'"{step.step.value}"',
        f'"{trade.trade_id}"' if trade else "null",
        nothing if price is None else plain_text(price),
        average,
        nothing if volume is None else plain_text(volume),
        plain_text(order.remaining_qty),
        plain_text(order.executed_qty),
        str(len(order.trades)),
        fine_text(order.reserved_fee),
        fine_text(order.remaining_fee),
        fine_text(order.paid_fee),
        fine_text(order.locked),
        fine_text(order.executed_funds),
        f'"{draft.tif.value}"' if draft.tif else "null",
        fine_text(trade.fee) if trade else "null",
        ("true" if trade.is_maker else "false") if trade else "null",
        json_bytes(draft.client_order_id).decode(),
        json_bytes(shown_smp(order, quirks)).decode(),
        plain_text(order.prevented_qty),
        fine_text(order.prevented_locked),
        stamp if trade else "null",
        str(order.created_ns // SECOND * 1_000),
        stamp,
        '"REALTIME"',
    )
    which = 1 if fmt.is_simple else 0
    rows = (f'"{names[which]}":{value}' for names, value in zip(_ORDER_KEYS, values, strict=True))
    return ("{" + ",".join(rows) + "}").encode()


def asset_frame(account: Account, assets: tuple[str, ...], at_ns: int, fmt: Format) -> bytes:
    """Return a myAsset frame with the changed assets, balances as numbers (upbit.md §3.8)."""
    short = fmt.is_simple
    row = '{"cu":"%s","b":%s,"l":%s}' if short else '{"currency":"%s","balance":%s,"locked":%s}'
    rows = ",".join(
        row % (asset, fine_text(account.free.get(asset, 0)), fine_text(account.locked.get(asset, 0)))
        for asset in assets
    )
    stamp = at_ns // 1_000_000
    mark = UUID(bytes=sha256(f"{account.access_key}".encode()).digest()[:16], version=4)
    frame = _SIMPLE_ASSETS if short else _ASSETS
    return (frame % (mark, rows, stamp, stamp)).encode()


def notice_frame(notice: Announcement, fmt: Format, body: str | None) -> bytes:
    """Return an announcement frame; `body` only where it was asked for (upbit.md §3.8)."""
    stamp = notice.listed_ns // 1_000_000
    values: tuple[object, ...] = (
        "announcement",
        notice.event.value,
        notice.announcement_id,
        notice.category,
        notice.title,
        f"https://upbit.com/service_center/notice?id={notice.number}",
        kst_text(notice.first_listed_ns),
        kst_text(notice.listed_ns),
        stamp,
        "REALTIME",
    )
    which = 1 if fmt.is_simple else 0
    words = {names[which]: value for names, value in zip(_NOTICE_KEYS, values, strict=True)}
    if body is not None:
        words["bd" if fmt.is_simple else "body"] = body
    return json_bytes(words)
