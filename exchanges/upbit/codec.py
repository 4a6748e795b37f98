"""Upbit's words: our order -> request body, private-stream frames -> news. Pure."""

from decimal import Decimal

import msgspec

from arbitrage.domain.errors import FrameInvalid
from arbitrage.domain.order import Fill, Order, OrderReport, TimeInForce
from arbitrage.domain.ports import BalanceNews, OrderNews
from arbitrage.domain.units import Ns, Price, Qty, exact_product, units_text
from exchanges.reads import Id, WireAsset, event_of, holdings, id_text, maybe_plain, units
from exchanges.upbit.profile import SMP_TYPE

_MS_NS = 1_000_000


def order_body(order: Order) -> tuple[bytes, str]:
    """Return the JSON body of a limit order and its members as `k=v&…`, in body order (upbit.md §1.4, §2).

    Prices and volumes are text made from ints. All values are free of quotes and `&`: the gateway
    checks ids and markets before.
    """
    price = units_text(order.price)
    volume = units_text(order.qty)
    body = (
        f'{{"market":"{order.market}","side":"{order.side.value}","ord_type":"limit","price":"{price}",'
        f'"volume":"{volume}","identifier":"{order.client_order_id}"'
    )
    query = (
        f"market={order.market}&side={order.side.value}&ord_type=limit&price={price}"
        f"&volume={volume}&identifier={order.client_order_id}"
    )
    if order.tif is TimeInForce.IOC:
        body += ',"time_in_force":"ioc"'
        query += "&time_in_force=ioc"
    if SMP_TYPE is not None:
        body += f',"smp_type":"{SMP_TYPE}"'
        query += f"&smp_type={SMP_TYPE}"
    return (body + "}").encode("ascii"), query


def book_subscription(ticket: str, markets: tuple[str, ...]) -> str:
    """Return the whole subscription: it replaces what was there before (upbit.md §3.2). 30 levels are the default."""
    parts = [{"ticket": ticket}, {"type": "orderbook", "codes": markets}, {"format": "SIMPLE"}]
    return msgspec.json.encode(parts).decode()


class _News(msgspec.Struct):
    """myOrder and myAsset, DEFAULT names (upbit.md §3.7, §3.8); null and absent mean the same."""

    type: str
    uuid: Id = None
    identifier: Id = None
    state: str | None = None
    trade_uuid: Id = None
    price: Decimal | None = None
    volume: Decimal | None = None
    remaining_volume: Decimal | None = None
    executed_volume: Decimal | None = None
    executed_funds: Decimal | None = None
    paid_fee: Decimal | None = None
    prevented_volume: Decimal | None = None
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
        raise FrameInvalid(f"upbit private: {error}") from None
    return None


def _order_news(news: _News) -> OrderNews:
    exchange_order_id = id_text(news.uuid)
    if exchange_order_id is None:
        raise ValueError("myOrder without uuid")
    executed = None if news.executed_volume is None else units(news.executed_volume, "executed_volume")
    report = OrderReport(
        on=event_of(news.state, executed, _ordered(news, executed)),
        exchange_order_id=exchange_order_id,
        executed_qty=None if executed is None else Qty(executed),
        executed_funds=maybe_plain(news.executed_funds, "executed_funds"),
        paid_fee=maybe_plain(news.paid_fee, "paid_fee"),
        fills=_fills(news),
        detail=news.state or "",
    )
    return OrderNews(id_text(news.identifier), exchange_order_id, report)


def _ordered(news: _News, executed: int | None) -> int | None:
    # On `trade` the volume is the fill's (upbit.md §3.7), so the order's own is executed + remaining;
    # with a prevented part that sum may fall short, and nothing is claimed.
    if news.state != "trade":
        return None if news.volume is None else units(news.volume, "volume")
    if executed is None or news.remaining_volume is None or news.prevented_volume:
        return None
    return executed + units(news.remaining_volume, "remaining_volume")


def _fills(news: _News) -> tuple[Fill, ...]:
    trade_id = id_text(news.trade_uuid)
    if news.state != "trade" or trade_id is None:
        return ()
    if news.price is None or news.volume is None or news.trade_timestamp is None:
        raise ValueError("a trade lacks price, volume or trade_timestamp")
    price = Price(units(news.price, "price"))
    qty = Qty(units(news.volume, "volume"))
    # The stream names no funds per fill: price x volume, exactly (upbit.md §3.7).
    funds = exact_product(price, qty)
    return (Fill(trade_id, price, qty, funds, Ns(news.trade_timestamp * _MS_NS)),)
