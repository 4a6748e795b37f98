"""Bithumb's words (JWT generation): our order -> request body, private-stream v2 frames -> news. Pure."""

from collections.abc import Callable
from decimal import Decimal
from typing import ClassVar

import msgspec

from arbitrage.domain.errors import FrameInvalid
from arbitrage.domain.order import Fill, Order, OrderReport
from arbitrage.domain.ports import BalanceNews, OrderNews
from arbitrage.domain.units import Price, Qty, exact_product
from exchanges.fields import Fields, Shape
from exchanges.reads import STATE_WORDS, event_of, holding, maybe_plain, ms_ns, some_id, units
from exchanges.shapes import Id, id_text
from exchanges.words import order_words


def order_body(order: Order) -> tuple[bytes, str]:
    """Return the JSON body of an order and its members as `k=v&…`, in body order (bithumb.md §3.2, §3.6)."""
    return order_words(order, "order_type", "client_order_id", [])


def book_subscription(ticket: str, markets: tuple[str, ...]) -> str:
    """Return the whole subscription: it replaces what was there before (bithumb.md §6.1)."""
    parts = [{"ticket": ticket}, {"type": "orderbook", "codes": markets}, {"format": "DEFAULT"}]
    return msgspec.json.encode(parts).decode()


class _Head(Shape, kw_only=True):
    """What kind of frame this is: DEFAULT frames say `type`, SIMPLE ones `ty` (bithumb.md §6.1)."""

    object_name: ClassVar[str] = "news"
    type: str | None = None
    type_simple: str | None = None


class _OrderNews(Shape, kw_only=True):
    """myOrder v2, DEFAULT names (bithumb.md §6.3); absent values are omitted."""

    object_name: ClassVar[str] = "order_news"
    exchange_order_id: str | int
    client_order_id: Id = None
    state: str | None = None
    kind: str | None = None
    qty: Decimal | None = None
    """Zero for orders given by funds."""
    trade_id: Id = None
    trade_price: Decimal | None = None
    trade_qty: Decimal | None = None
    executed_qty: Decimal | None = None
    executed_funds: Decimal | None = None
    paid_fee: Decimal | None = None
    cancel_type: str | None = None
    traded_ms: Decimal | None = None

    def gaps(self) -> tuple[str, ...]:
        """Return what should be there: an absent zero is normal, but a trade has figures of its own."""
        names = ("trade_id", "executed_qty", "paid_fee") if self.state == "trade" else ()
        return tuple(name for name in ("state", *names) if getattr(self, name) is None)


class _OrderNewsSimple(_OrderNews, kw_only=True):
    """The same, SIMPLE names."""

    object_name: ClassVar[str] = "order_news_simple"


class _AssetRow(Shape, kw_only=True):
    """One changed balance of myAsset; its amounts are text (bithumb.md §6.3)."""

    object_name: ClassVar[str] = "asset_news_row"
    asset: str
    free: Decimal
    locked: Decimal


class _AssetNews(Shape, kw_only=True):
    """myAsset, DEFAULT names; its SIMPLE names are not documented (bithumb.md §6.3)."""

    object_name: ClassVar[str] = "asset_news"
    assets: list[_AssetRow]


class NewsReader:
    """Reads private-stream v2 frames; `note` hears of what looks changed."""

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
                rows = self._fields.one(_AssetNews, data).assets
                return BalanceNews(tuple(holding(row.asset, row.free, row.locked) for row in rows))
        except ValueError as error:
            raise FrameInvalid(f"bithumb private: {error}") from None
        return None

    def _look(self, news: _OrderNews, data: bytes) -> None:
        for name in news.gaps():
            self._note(f"{news.object_name}.{name} was absent", data)
        if news.state is not None and news.state not in STATE_WORDS:
            self._note(f"{news.object_name}.state was {news.state[:40]!r}, a word never seen", data)


def _order_news(news: _OrderNews) -> OrderNews:
    exchange_order_id = some_id(news.exchange_order_id)
    executed = None if news.executed_qty is None else units(news.executed_qty, "executed_qty")
    ordered = None if news.qty is None else units(news.qty, "qty")
    report = OrderReport(
        # A part-filled IOC ends `done` (bithumb.md §3.9): `event_of` looks at volumes first.
        on=event_of(news.state, executed, ordered),
        exchange_order_id=exchange_order_id,
        executed_qty=None if executed is None else Qty(executed),
        executed_funds=maybe_plain(news.executed_funds, "executed_funds"),
        paid_fee=maybe_plain(news.paid_fee, "paid_fee"),
        fills=_fills(news),
        detail=" ".join(word for word in (news.state, news.cancel_type) if word),
    )
    return OrderNews(id_text(news.client_order_id), exchange_order_id, report)


def _fills(news: _OrderNews) -> tuple[Fill, ...]:
    trade_id = id_text(news.trade_id)
    if news.state != "trade" or trade_id is None:
        return ()
    if news.trade_price is None or news.trade_qty is None or news.traded_ms is None:
        raise ValueError("a trade lacks trade_price, trade_qty or traded_ms")
    price = Price(units(news.trade_price, "trade_price"))
    qty = Qty(units(news.trade_qty, "trade_qty"))
    # `trade_amount` is a double on the wire; price x quantity equals the REST funds exactly (bithumb.md §3.9).
    funds = exact_product(price, qty)
    return (Fill(trade_id, price, qty, funds, ms_ns(news.traded_ms)),)
