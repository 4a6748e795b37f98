"""Small builders that many tests share: instruments, frames, books, signals, arbs."""

from decimal import Decimal

from arbitrage.domain.arb import Arb, Moment
from arbitrage.domain.arb_step import open_arb
from arbitrage.domain.book import Book, Level
from arbitrage.domain.frame_spec import FrameSpec, TimeUnit
from arbitrage.domain.hedge import Quote
from arbitrage.domain.instrument import Instrument, TickBand, TickTable
from arbitrage.domain.order import Fill, OrderOn, OrderReport
from arbitrage.domain.params import DEFAULT_PARAMS, MS, SECOND, Params
from arbitrage.domain.signal import Signal
from arbitrage.domain.units import SCALE, Exchange, Krw, Ns, Ppm, Price, Qty, exact_product

LONG_SPEC = FrameSpec(
    name="long",
    version=1,
    type_key="type",
    type_value="orderbook",
    market_key="code",
    time_key="timestamp",
    time_unit=TimeUnit.MILLISECONDS,
    units_key="orderbook_units",
    ask_price_key="ask_price",
    bid_price_key="bid_price",
    ask_qty_key="ask_size",
    bid_qty_key="bid_size",
)
"""The long names both exchanges know (upbit.md §3.4, bithumb.md §6.1)."""


def e8(number: str | int) -> int:
    """Return a plain number in 10^-8."""
    return int(Decimal(number) * SCALE)


def instrument(exchange: Exchange, *, market: str = "KRW-ETH", tick: int = 1000, fee_ppm: int = 500) -> Instrument:
    """Return an instrument with one tick for all prices and the usual bounds."""
    return Instrument(
        exchange=exchange,
        market=market,
        ticks=TickTable("2025-07-31", (TickBand(Price(0), Price(tick * SCALE)),)),
        lot_step=Qty(1),
        min_notional=Krw(5_000 * SCALE),
        max_notional=Krw(1_000_000_000 * SCALE),
        fee_ppm=Ppm(fee_ppm),
    )


def book(
    exchange: Exchange, bids: list[tuple[int, str]], asks: list[tuple[int, str]], *, market: str = "KRW-ETH"
) -> Book:
    """Return a book from (price in KRW, quantity as text) rows, best first."""
    return Book(
        exchange=exchange,
        market=market,
        bids=tuple(Level(Price(price * SCALE), Qty(e8(qty))) for price, qty in bids),
        asks=tuple(Level(Price(price * SCALE), Qty(e8(qty))) for price, qty in asks),
        exchange_ns=Ns(1),
        recv_wall_ns=Ns(1),
        recv_mono_ns=Ns(1),
    )


def quotes(
    upbit: Book | None, bithumb: Book | None, *, base: str = "100", krw: str = "1000000000"
) -> dict[Exchange, Quote]:
    """Return both exchanges' quotes with the same free balances on each."""
    return {
        exchange: Quote(instrument(exchange), one, Qty(e8(base)), Krw(e8(krw)))
        for exchange, one in ((Exchange.UPBIT, upbit), (Exchange.BITHUMB, bithumb))
    }


def signal(*, qty: str = "0.5", buy: int = 4_000_000, sell: int = 4_020_000) -> Signal:
    """Return a signal that buys on Upbit and sells on Bithumb."""
    units = e8(qty)
    return Signal(
        market="KRW-ETH",
        buy_exchange=Exchange.UPBIT,
        sell_exchange=Exchange.BITHUMB,
        qty=Qty(units),
        buy_limit=Price(buy * SCALE),
        sell_limit=Price(sell * SCALE),
        buy_cost=Krw(buy * units),
        sell_proceeds=Krw(sell * units),
        fees=Krw(0),
        net_edge_ppm=4000,
        buy_book_mono_ns=Ns(1),
        sell_book_mono_ns=Ns(1),
    )


def moment(ms: int) -> Moment:
    """Return both clocks `ms` milliseconds after the story began."""
    return Moment(Ns(1_000 * SECOND + ms * MS), Ns(1_800_000_000 * SECOND + ms * MS))


def opened(params: Params = DEFAULT_PARAMS, **kwargs: object) -> Arb:
    """Return a new arb, opened at moment(0)."""
    arb, _ = open_arb(signal(**kwargs), arb_id="t1-1", params=params, params_epoch=1, now=moment(0))  # type: ignore[arg-type]
    return arb


def fill(trade_id: str, price: int, qty: str) -> Fill:
    """Return a fill at a KRW price."""
    return Fill(trade_id, Price(price * SCALE), Qty(e8(qty)), exact_product(Price(price * SCALE), Qty(e8(qty))), Ns(1))


def heard(on: OrderOn, *fills: Fill, executed: str | None = None, fee: str | None = None) -> OrderReport:
    """Return a report that names `fills`."""
    return OrderReport(
        on,
        exchange_order_id="X1",
        executed_qty=Qty(e8(executed)) if executed is not None else None,
        paid_fee=Decimal(fee) if fee is not None else None,
        fills=fills,
    )
