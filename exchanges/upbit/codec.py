"""Upbit's words: our order -> request body, private-stream frames -> news. Pure."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import ClassVar

import msgspec

from arbitrage.domain.errors import FrameInvalid
from arbitrage.domain.order import Fill, Order, OrderReport, TimeInForce
from arbitrage.domain.ports import AnnouncementNews, BalanceNews, OrderNews
from arbitrage.domain.units import Price, Qty, exact_product
from exchanges.fields import Fields, Shape
from exchanges.list_shapes import WireAnnouncement
from exchanges.reads import STATE_WORDS, event_of, holding, maybe_plain, ms_ns, some_id, units
from exchanges.shapes import Id, id_text
from exchanges.upbit.profile import DEFAULT_SMP, MOST_UNITS, SIMPLE_STREAM, BookStream, Smp
from exchanges.words import Members, order_words

_ACCOUNT, _POST_ONLY = Smp.ACCOUNT, TimeInForce.POST_ONLY


def order_body(order: Order, smp: Smp = DEFAULT_SMP) -> tuple[bytes, str]:
    """Return the JSON body of an order and its members as `k=v&…`, in body order (upbit.md §1.4, §2).

    `smp_type` is named on every order but a post-only one, which takes no other than none and means
    that when it is left out (upbit.md §1.4, §6.1).
    """
    return order_words(order, "ord_type", "identifier", smp_members(order, smp, "smp_type"))


def smp_members(order: Order, smp: Smp, name: str) -> Members:
    """Return the self-trade member of an order, none where there is none to name."""
    return [] if smp is _ACCOUNT or order.tif is _POST_ONLY else [(name, smp)]


def book_subscription(
    ticket: str, markets: tuple[str, ...], stream: BookStream = SIMPLE_STREAM, depth: int = MOST_UNITS
) -> str:
    """Return the whole subscription: it replaces what was there before (upbit.md §3.2).

    The format is the one of `stream.spec`; a suffix asks for fewer units than 30, which are the default.
    """
    suffix = "" if depth == MOST_UNITS else f".{depth}"
    codes = [f"{market}{suffix}" for market in markets]
    parts = [{"ticket": ticket}, {"type": "orderbook", "codes": codes}, {"format": stream.format}]
    return msgspec.json.encode(parts).decode()


def announcement_subscription(ticket: str) -> str:
    """Return the subscription to announcements, on the private stream's address (upbit.md §3.8)."""
    return msgspec.json.encode([{"ticket": ticket}, {"type": "announcement"}, {"format": "DEFAULT"}]).decode()


class _Head(Shape, kw_only=True):
    """What kind of frame this is: DEFAULT frames say `type`, SIMPLE ones `ty` (upbit.md §3.2)."""

    object_name: ClassVar[str] = "news"
    type: str | None = None
    type_simple: str | None = None


class _OrderNews(Shape, kw_only=True):
    """myOrder, DEFAULT names (upbit.md §3.7); null and absent mean the same."""

    object_name: ClassVar[str] = "order_news"
    usual: ClassVar[tuple[str, ...]] = ("state", "executed_qty", "paid_fee")
    exchange_order_id: str | int
    client_order_id: Id = None
    state: str | None = None
    side: str | None = None
    kind: str | None = None
    trade_id: Id = None
    price: Decimal | None = None
    qty: Decimal | None = None
    remaining_qty: Decimal | None = None
    executed_qty: Decimal | None = None
    executed_funds: Decimal | None = None
    paid_fee: Decimal | None = None
    prevented_qty: Decimal | None = None
    is_maker: bool | None = None
    traded_ms: Decimal | None = None


class _OrderNewsSimple(_OrderNews, kw_only=True):
    """The same, SIMPLE names."""

    object_name: ClassVar[str] = "order_news_simple"


class _AssetRow(Shape, kw_only=True):
    """One changed balance of myAsset (upbit.md §3.8)."""

    object_name: ClassVar[str] = "asset_news_row"
    asset: str
    free: Decimal
    locked: Decimal


class _AssetNews(Shape, kw_only=True):
    """myAsset, DEFAULT names."""

    object_name: ClassVar[str] = "asset_news"
    assets: list[_AssetRow]


class _AssetRowSimple(_AssetRow, kw_only=True):
    """The same, SIMPLE names."""

    object_name: ClassVar[str] = "asset_news_row_simple"


class _AssetNewsSimple(Shape, kw_only=True):
    """The same, SIMPLE names."""

    object_name: ClassVar[str] = "asset_news_simple"
    assets: list[_AssetRowSimple]


class AnnouncementReader:
    """Reads announcements, DEFAULT names; `note` hears of what looks changed (upbit.md §3.8)."""

    def __init__(self, fields: Fields, note: Callable[[str, bytes], None] = lambda _finding, _data: None) -> None:
        self._fields = fields
        self._note = note

    def read(self, data: bytes) -> AnnouncementNews | None:
        """Return what a frame announces, None for another type. FrameInvalid when unreadable."""
        try:
            head = self._fields.one(_Head, data)
            if head.type != "announcement":
                return None
            row = self._fields.one(WireAnnouncement, data)
        except ValueError as error:
            raise FrameInvalid(f"upbit announcement: {error}") from None
        for name in row.gaps():
            self._note(f"announcement.{name} was absent", data)
        return AnnouncementNews(
            announcement_id=id_text(row.announcement_id) or "",
            event=row.event or "",
            category=row.category or "",
            title=row.title,
            url=row.url or "",
            listed_at=row.listed_at or "",
            body=row.body or "",
        )


class NewsReader:
    """Reads private-stream frames, DEFAULT and SIMPLE alike; `note` hears of what looks changed."""

    def __init__(self, fields: Fields, note: Callable[[str, bytes], None] = lambda _finding, _data: None) -> None:
        self._fields = fields
        self._note = note

    def read(self, data: bytes) -> OrderNews | BalanceNews | None:
        """Return what a frame says, None for a type we did not ask for. FrameInvalid when unreadable."""
        try:
            head = self._fields.one(_Head, data)
            kind = head.type or head.type_simple
            if kind is None:
                raise ValueError("a frame without a type")
            if kind == "myOrder":
                news = self._fields.one(_OrderNewsSimple if head.type is None else _OrderNews, data)
                self._look(news, data)
                return _order_news(news)
            if kind == "myAsset":
                rows: Sequence[_AssetRow]
                if head.type is None:
                    rows = self._fields.one(_AssetNewsSimple, data).assets
                else:
                    rows = self._fields.one(_AssetNews, data).assets
                return BalanceNews(tuple(holding(row.asset, row.free, row.locked) for row in rows))
        except ValueError as error:
            raise FrameInvalid(f"upbit private: {error}") from None
        return None

    def _look(self, news: _OrderNews, data: bytes) -> None:
        for name in news.gaps():
            self._note(f"{news.object_name}.{name} was absent", data)
        if news.state is not None and news.state not in STATE_WORDS:
            self._note(f"{news.object_name}.state was {news.state[:40]!r}, a word never seen", data)


def _order_news(news: _OrderNews) -> OrderNews:
    exchange_order_id = some_id(news.exchange_order_id)
    executed = None if news.executed_qty is None else units(news.executed_qty, "executed_qty")
    report = OrderReport(
        on=event_of(news.state, executed, _ordered(news, executed)),
        exchange_order_id=exchange_order_id,
        executed_qty=None if executed is None else Qty(executed),
        executed_funds=maybe_plain(news.executed_funds, "executed_funds"),
        paid_fee=maybe_plain(news.paid_fee, "paid_fee"),
        fills=_fills(news),
        detail=news.state or "",
    )
    return OrderNews(id_text(news.client_order_id), exchange_order_id, report)


def _ordered(news: _OrderNews, executed: int | None) -> int | None:
    # On `trade` the volume is the fill's (upbit.md §3.7), so the order's own is executed + remaining;
    # with a prevented part that sum may fall short, and nothing is claimed. Orders given by funds have
    # no volume of their own to be filled.
    if news.kind == "price" or (news.kind == "best" and news.side == "BID"):
        return None
    if news.state != "trade":
        return None if news.qty is None else units(news.qty, "qty")
    if executed is None or news.remaining_qty is None or news.prevented_qty:
        return None
    return executed + units(news.remaining_qty, "remaining_qty")


def _fills(news: _OrderNews) -> tuple[Fill, ...]:
    trade_id = id_text(news.trade_id)
    if news.state != "trade" or trade_id is None:
        return ()
    if news.price is None or news.qty is None or news.traded_ms is None:
        raise ValueError("a trade lacks price, qty or traded_ms")
    price = Price(units(news.price, "price"))
    qty = Qty(units(news.qty, "qty"))
    # The stream names no funds per fill: price x volume, exactly (upbit.md §3.7).
    funds = exact_product(price, qty)
    return (Fill(trade_id, price, qty, funds, ms_ns(news.traded_ms), is_maker=news.is_maker),)
