"""Bithumb's words (JWT generation): our order -> request body, private-stream v2 frames -> news. Pure."""

from decimal import Decimal

import msgspec

from arbitrage.domain.errors import FrameInvalid
from arbitrage.domain.order import Fill, Order, OrderReport, TimeInForce
from arbitrage.domain.ports import BalanceNews, OrderNews
from arbitrage.domain.units import Ns, Price, Qty, exact_product, units_text
from exchanges.reads import Id, WireAsset, event_of, holdings, id_text, maybe_plain, units

_MS_NS = 1_000_000


def order_body(order: Order) -> tuple[bytes, str]:
    """Return the JSON body of a limit order and its members as `k=v&…`, in body order (bithumb.md §3.2, §3.6).

    Prices and volumes are text made from ints. All values are free of quotes and `&`: the gateway
    checks ids and markets before.
    """
    price = units_text(order.price)
    volume = units_text(order.qty)
    body = (
        f'{{"market":"{order.market}","side":"{order.side.value}","order_type":"limit","price":"{price}",'
        f'"volume":"{volume}","client_order_id":"{order.client_order_id}"'
    )
    query = (
        f"market={order.market}&side={order.side.value}&order_type=limit&price={price}"
        f"&volume={volume}&client_order_id={order.client_order_id}"
    )
    if order.tif is TimeInForce.IOC:
        return f'{body},"time_in_force":"ioc"}}'.encode("ascii"), query + "&time_in_force=ioc"
    return (body + "}").encode("ascii"), query


def book_subscription(ticket: str, markets: tuple[str, ...]) -> str:
    """Return the whole subscription: it replaces what was there before (bithumb.md §6.1)."""
    parts = [{"ticket": ticket}, {"type": "orderbook", "codes": markets}, {"format": "DEFAULT"}]
    return msgspec.json.encode(parts).decode()


class _News(msgspec.Struct):
    """myOrder v2 and myAsset, DEFAULT names (bithumb.md §6.3); absent values are omitted."""

    type: str
    order_id: Id = None
    client_order_id: Id = None
    state: str | None = None
    order_quantity: Decimal | None = None
    trade_id: Id = None
    trade_price: Decimal | None = None
    trade_quantity: Decimal | None = None
    executed_quantity: Decimal | None = None
    executed_amount: Decimal | None = None
    paid_fee: Decimal | None = None
    trade_timestamp: int | None = None
    assets: list[WireAsset] | None = None


_NEWS = msgspec.json.Decoder(_News)


def read_news(data: bytes) -> OrderNews | BalanceNews | None:
    """Return what a private frame says, None for a type we did not ask for. FrameInvalid when unreadable."""
    try:
        news = _NEWS.decode(data)
        if news.type == "myOrder":
            return _order_news(news)
        if news.type == "myAsset":
            return BalanceNews(holdings(news.assets or []))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise FrameInvalid(f"bithumb private: {error}") from None
    return None


def _order_news(news: _News) -> OrderNews:
    exchange_order_id = id_text(news.order_id)
    if exchange_order_id is None:
        raise ValueError("myOrder without order_id")
    executed = None if news.executed_quantity is None else units(news.executed_quantity, "executed_quantity")
    ordered = None if news.order_quantity is None else units(news.order_quantity, "order_quantity")
    report = OrderReport(
        # A part-filled IOC ends `done` (bithumb.md §3.9): `event_of` looks at volumes first.
        on=event_of(news.state, executed, ordered),
        exchange_order_id=exchange_order_id,
        executed_qty=None if executed is None else Qty(executed),
        executed_funds=maybe_plain(news.executed_amount, "executed_amount"),
        paid_fee=maybe_plain(news.paid_fee, "paid_fee"),
        fills=_fills(news),
        detail=news.state or "",
    )
    return OrderNews(id_text(news.client_order_id), exchange_order_id, report)


def _fills(news: _News) -> tuple[Fill, ...]:
    trade_id = id_text(news.trade_id)
    if news.state != "trade" or trade_id is None:
        return ()
    if news.trade_price is None or news.trade_quantity is None or news.trade_timestamp is None:
        raise ValueError("a trade lacks trade_price, trade_quantity or trade_timestamp")
    price = Price(units(news.trade_price, "trade_price"))
    qty = Qty(units(news.trade_quantity, "trade_quantity"))
    # `trade_amount` is a double on the wire; price x quantity equals the REST funds exactly (bithumb.md §3.9).
    funds = exact_product(price, qty)
    return (Fill(trade_id, price, qty, funds, Ns(news.trade_timestamp * _MS_NS)),)
