"""Journal records of a desk that trades, for tests of what lies behind the journal.

Prices, quantities and fees are picked so that sums can be checked by hand: a quantity of `n`
thousandths of a coin, bought at `buy` and sold at `sell` KRW, fees 0.05 % (Upbit) and 0.04 % (Bithumb).
"""

from decimal import Decimal

from arbitrage.domain.arb import Arb, ArbLimits, ArbOn, ArbState
from arbitrage.domain.events import TRADER_STREAM, ArbStepped, BalancesRead, Event, Holding, Record, TraderStarted
from arbitrage.domain.order import Fill, Order, OrderRole, OrderState, TimeInForce
from arbitrage.domain.params import DEFAULT_PARAMS
from arbitrage.domain.signal import Signal
from arbitrage.domain.units import Exchange, Krw, Ns, Price, Qty, Side, exact_product, to_decimal

START_NS = 1_795_400_000 * 10**9
LIMITS = ArbLimits(**{name: getattr(DEFAULT_PARAMS, name) for name in ArbLimits.__struct_fields__})
FEE = {Exchange.UPBIT: Decimal("0.0005"), Exchange.BITHUMB: Decimal("0.0004")}
E8 = 10**8


def order(
    arb_id: str,
    position: int,
    *,
    exchange: Exchange,
    side: Side,
    price: int,
    qty: int,
    fills: tuple[tuple[str, int], ...] = (),
    state: OrderState | None = None,
    market: str = "KRW-BTC",
    at_ns: int = START_NS,
) -> Order:
    """An order of `qty` (10^-8) at `price` (whole KRW) with fills of (trade id, qty) at that price."""
    made = tuple(
        Fill(trade_id, Price(price * E8), Qty(part), exact_product(Price(price * E8), Qty(part)), Ns(at_ns + n))
        for n, (trade_id, part) in enumerate(fills)
    )
    executed = sum(fill.qty for fill in made)
    funds = sum((fill.funds for fill in made), Decimal(0))
    role = (OrderRole.BUY_LEG, OrderRole.SELL_LEG)[position] if position < 2 else OrderRole.HEDGE
    return Order(
        client_order_id=f"{arb_id}-{position}",
        arb_id=arb_id,
        role=role,
        exchange=exchange,
        market=market,
        side=side,
        price=Price(price * E8),
        qty=Qty(qty),
        tif=TimeInForce.IOC,
        state=state or (OrderState.FILLED if executed == qty else OrderState.SENT),
        planned_wall_ns=Ns(at_ns),
        planned_mono_ns=Ns(1),
        heard_mono_ns=Ns(1),
        exchange_order_id=f"ex-{arb_id}-{position}",
        executed_qty=Qty(executed),
        executed_funds=funds,
        paid_fee=funds * FEE[exchange],
        fills=made,
    )


def arb(
    arb_id: str,
    orders: tuple[Order, ...],
    *,
    state: ArbState = ArbState.CLOSED,
    at_ns: int = START_NS,
    why: str = "",
) -> Arb:
    """An arb over `orders`; its signal promises the spread of the first two."""
    buy, sell = orders[0], orders[1]
    cost = to_decimal(buy.price) * to_decimal(buy.qty)
    proceeds = to_decimal(sell.price) * to_decimal(sell.qty)
    signal = Signal(
        market=buy.market,
        buy_exchange=buy.exchange,
        sell_exchange=sell.exchange,
        qty=buy.qty,
        buy_limit=buy.price,
        sell_limit=sell.price,
        buy_cost=Krw(int(cost * E8)),
        sell_proceeds=Krw(int(proceeds * E8)),
        fees=Krw(int((cost * FEE[buy.exchange] + proceeds * FEE[sell.exchange]) * E8)),
        net_edge_ppm=1_100,
        buy_book_mono_ns=Ns(0),
        sell_book_mono_ns=Ns(0),
    )
    return Arb(
        arb_id=arb_id,
        params_epoch=1,
        market=buy.market,
        state=state,
        signal=signal,
        limits=LIMITS,
        orders=orders,
        opened_wall_ns=Ns(at_ns),
        opened_mono_ns=Ns(1),
        changed_mono_ns=Ns(2),
        closed_wall_ns=Ns(at_ns + 10**9) if state is ArbState.CLOSED else None,
        why=why,
    )


def legs(
    arb_id: str,
    *,
    buy: int,
    sell: int,
    qty: int,
    bought: int,
    sold: int,
    at_ns: int = START_NS,
    market: str = "KRW-BTC",
) -> tuple[Order, Order]:
    """Both legs: bought on Upbit, sold on Bithumb, each executed as far as said in one fill."""
    return (
        order(
            arb_id,
            0,
            exchange=Exchange.UPBIT,
            side=Side.BID,
            price=buy,
            qty=qty,
            fills=((f"t-{arb_id}-0", bought),) if bought else (),
            market=market,
            at_ns=at_ns,
        ),
        order(
            arb_id,
            1,
            exchange=Exchange.BITHUMB,
            side=Side.ASK,
            price=sell,
            qty=qty,
            fills=((f"t-{arb_id}-1", sold),) if sold else (),
            market=market,
            at_ns=at_ns,
        ),
    )


def trip(
    arb_id: str, *, buy: int, sell: int, qty: int, at_ns: int = START_NS, market: str = "KRW-BTC"
) -> list[ArbStepped]:
    """An arb in three images: both sent, one leg filled, both filled and closed."""
    steps = (
        (0, 0, ArbState.OPENING, ArbOn.OPENED),
        (qty, 0, ArbState.OPENING, None),
        (qty, qty, ArbState.CLOSED, ArbOn.BALANCED),
    )
    made = []
    for bought, sold, state, on in steps:
        both = legs(arb_id, buy=buy, sell=sell, qty=qty, bought=bought, sold=sold, at_ns=at_ns, market=market)
        made.append(ArbStepped(arb(arb_id, both, state=state, at_ns=at_ns), on, Ns(at_ns)))
    return made


def opening(exchange: Exchange, krw: str, btc: str, at_ns: int = START_NS) -> BalancesRead:
    """The first reading of an exchange."""
    holdings = (Holding("KRW", Decimal(krw), Decimal(0)), Holding("BTC", Decimal(btc), Decimal(0)))
    return BalancesRead(exchange, holdings, True, Ns(at_ns))


def started(run_id: str = "run1") -> TraderStarted:
    """A trader's first word."""
    return TraderStarted(run_id, 1, "simulated", ("KRW-BTC",), Ns(START_NS))


def records(events: list[Event], *, first_seq: int = 1, stream: str = TRADER_STREAM) -> list[tuple[Record, int]]:
    """The events as journal records, 100 bytes each."""
    return [(Record(1, stream, seq, event), seq * 100) for seq, event in enumerate(events, first_seq)]


def opened_desk() -> list[Event]:
    """A trader that started and read both exchanges."""
    return [
        started(),
        opening(Exchange.UPBIT, "100000000.00000000000000000001", "1"),
        opening(Exchange.BITHUMB, "100000000", "1.5"),
    ]
