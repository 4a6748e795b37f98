"""Our rows beside the exchange's own word: the one comparison that the job, the command and the supervisor share.

Balances are compared while nothing of ours moves: no arb open, the journal all booked, before and after the
exchange was asked. A break counts once two looks have found the same one.
"""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

import msgspec

from arbitrage import selectors
from arbitrage.domain.arb import ArbState
from arbitrage.domain.events import Holding
from arbitrage.domain.order import OrderOn, OrderReport, OrderState
from arbitrage.domain.ports import Found, Lookup, NotFound, OpenOrder
from arbitrage.domain.reconciliation import BalanceFigure, Break, OrderFigure, compare_balances, compare_orders
from arbitrage.domain.units import Exchange, Qty, exact_sum, units_exact
from arbitrage.models_trading import Arb, Order
from fast_path.counters import read_counters
from karb_project.env import Env
from workers.sight import bytes_not_booked

SETTLE_S = 6.0
LOOK_EVERY_S = 0.2
SECOND_LOOK_AFTER_S = 1.5
ORDERS_AT_MOST = 20
ORDER_PAUSE_S = 0.05
"""Between two questions for orders: the trader's own questions must find room in the exchange's limit."""
_OPEN_WORDS = frozenset({OrderOn.ACKED, OrderOn.PART_FILL})
_PROVEN_STATES = (OrderState.FILLED.value, OrderState.CANCELED.value)


class Reader(Protocol):
    """The part of `exchanges.reader.SyncReader` that is used here: reads, no orders."""

    exchange: Exchange

    def balances(self) -> tuple[Holding, ...]:
        """Return every holding."""

    def order(self, client_order_id: str, exchange_order_id: str | None = None) -> Lookup:
        """Return what the exchange says of one order, by either id."""

    def open_orders(self) -> tuple[OpenOrder, ...]:
        """Return all resting orders."""


class Look(msgspec.Struct, frozen=True):
    """One comparison. `is_settled` says whether balances could be compared at all."""

    breaks: tuple[Break, ...]
    orders_compared: int
    balances_compared: int
    is_settled: bool


def compare_exchange(
    reader: Reader,
    env: Env,
    since_ns: int,
    *,
    orders_at_most: int = ORDERS_AT_MOST,
    sleep: Callable[[float], None] = time.sleep,
) -> Look:
    """Return the breaks that two looks agree on. Raises what the reader raises when the exchange cannot be asked."""
    first = _look(reader, env, since_ns, orders_at_most, sleep)
    if not first.breaks:
        return first
    sleep(SECOND_LOOK_AFTER_S)
    second = _look(reader, env, since_ns, orders_at_most, sleep)
    seen = {(each.kind, each.subject, each.difference) for each in first.breaks}
    lasting = tuple(each for each in second.breaks if (each.kind, each.subject, each.difference) in seen)
    return msgspec.structs.replace(second, breaks=lasting)


def _look(reader: Reader, env: Env, since_ns: int, orders_at_most: int, sleep: Callable[[float], None]) -> Look:
    exchange = reader.exchange
    balances = _settled_balances(reader, env, sleep)
    breaks = [] if balances is None else compare_balances(*balances)
    ours, theirs = _orders(reader, since_ns, orders_at_most, sleep)
    strange = [_open_figure(each) for each in reader.open_orders() if not _is_known(each)]
    breaks += compare_orders(ours, theirs + strange)
    count = 0 if balances is None else len({figure.asset for side in balances for figure in side})
    found = tuple(each for each in breaks if each.exchange is exchange)
    return Look(found, len(ours), count, balances is not None)


def is_quiet(env: Env) -> bool:
    """Return whether no arb can still move a balance and every journal record is booked."""
    return not read_counters(env.shm_dir).get("trader", {}).get("moving_arbs", 0) and not bytes_not_booked(env)


def _settled_balances(
    reader: Reader, env: Env, sleep: Callable[[float], None]
) -> tuple[list[BalanceFigure], list[BalanceFigure]] | None:
    # Ours and theirs, taken while nothing moved; None when the desk never came to rest.
    exchange = reader.exchange
    for _ in range(int(SETTLE_S / LOOK_EVERY_S)):
        if is_quiet(env):
            ours = selectors.balance_figures(exchange)
            if not ours:
                # The trader has not opened its books here yet.
                return None
            theirs = [BalanceFigure(exchange, each.asset, each.total) for each in reader.balances()]
            if is_quiet(env) and selectors.balance_figures(exchange) == ours:
                return ours, theirs
        sleep(LOOK_EVERY_S)
    return None


def _orders(
    reader: Reader, since_ns: int, at_most: int, sleep: Callable[[float], None]
) -> tuple[list[OrderFigure], list[OrderFigure]]:
    # The newest ended orders of ours, and what the exchange says of each.
    rows = Order.objects.filter(
        exchange=reader.exchange.value, state__in=_PROVEN_STATES, planned_ns__gte=since_ns
    ).order_by("-planned_ns")[:at_most]
    ours, theirs = [], []
    for row in rows:
        answer = reader.order(row.client_order_id, row.exchange_order_id or None)
        our = _our_figure(reader.exchange, row)
        match answer:
            case Found(report=report):
                ours.append(our)
                theirs.append(_their_figure(our, report))
            case NotFound() if row.exchange_order_id:
                # Without any id the exchange knows it proves nothing: the legacy generation carries none of ours.
                ours.append(our)
        sleep(ORDER_PAUSE_S)
    return ours, theirs


def _our_figure(exchange: Exchange, row: Order) -> OrderFigure:
    return OrderFigure(
        exchange=exchange,
        market=row.market,
        client_order_id=row.client_order_id,
        exchange_order_id=row.exchange_order_id or None,
        is_open=False,
        executed_qty=Qty(units_exact(row.executed_qty)),
        executed_funds=row.executed_funds,
        paid_fee=row.paid_fee,
    )


def _their_figure(our: OrderFigure, report: OrderReport) -> OrderFigure:
    # What the answer leaves unsaid counts as agreed.
    funds = report.executed_funds
    if report.fills and sum(fill.qty for fill in report.fills) == report.executed_qty:
        funds = exact_sum(fill.funds for fill in report.fills)
    return msgspec.structs.replace(
        our,
        is_open=report.on in _OPEN_WORDS,
        executed_qty=our.executed_qty if report.executed_qty is None else report.executed_qty,
        executed_funds=our.executed_funds if funds is None else funds,
        paid_fee=our.paid_fee if report.paid_fee is None else report.paid_fee,
    )


def _open_figure(order: OpenOrder) -> OrderFigure:
    return OrderFigure(
        exchange=order.exchange,
        market=order.market,
        client_order_id=order.client_order_id,
        exchange_order_id=order.exchange_order_id,
        is_open=True,
        executed_qty=Qty(0),
        executed_funds=Decimal(0),
        paid_fee=Decimal(0),
    )


def _is_known(order: OpenOrder) -> bool:
    if order.client_order_id and Order.objects.filter(pk=order.client_order_id).exists():
        return True
    return Order.objects.filter(exchange=order.exchange.value, exchange_order_id=order.exchange_order_id).exists()


def break_text(found: Break) -> str:
    """Return one line for people: where, what, both figures, the difference to the last digit."""
    return (
        f"{found.exchange} {found.subject}: {found.kind}, ours {found.ours:f},"
        f" theirs {found.theirs:f}, difference {found.difference:f}"
    )


def sums_since(since_ns: int) -> tuple[Decimal, Decimal]:
    """Return (fees, profit) in KRW of the arbs opened since then, exactly; profit of closed arbs only."""
    rows = list(Arb.objects.filter(opened_ns__gte=since_ns).values_list("fees_krw", "pnl_krw", "state"))
    return exact_sum(row[0] for row in rows), exact_sum(row[1] for row in rows if row[2] == ArbState.CLOSED)
