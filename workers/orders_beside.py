"""Our ended orders beside the exchange's: first its lists, and order by order where a list is not enough.

A difference names the matches that make it, and the entry that the ledger lacks. Fee rates and days are looked at too.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from arbitrage import books
from arbitrage.domain.adjustment import AdjustmentKind, Target, missing_moves
from arbitrage.domain.history import Trade, order_target
from arbitrage.domain.order import OrderOn, OrderReport
from arbitrage.domain.order_checks import fee_changes, in_order, timing_breaks
from arbitrage.domain.ports import Found, NotFound
from arbitrage.domain.reconciliation import Break, BreakKind, FillFigure, OrderFigure, compare_orders
from arbitrage.domain.units import Ns, Side, exact_sum
from arbitrage.models_trading import Order
from arbitrage.services import adjustments
from exchanges.records import OrderRecord
from workers.history import Reader

ORDER_PAUSE_S = 0.05
"""Between two questions for orders: the trader's own questions must find room in the exchange's limit."""
MOST_ASKED = 100
_OPEN_WORDS = frozenset({OrderOn.ACKED, OrderOn.PART_FILL})
_KINDS = {
    BreakKind.MISSING_FILL: AdjustmentKind.MISSED_FILL,
    BreakKind.DOUBLED_FILL: AdjustmentKind.DOUBLED_FILL,
    BreakKind.EXTRA_FILL: AdjustmentKind.EXTRA_FILL,
}


class OrdersBeside(msgspec.Struct, frozen=True):
    """What came of it. `corrections` are absolute: one without moves takes back what was booked before."""

    breaks: tuple[Break, ...]
    corrections: tuple[Target, ...]
    compared: int


def compare_our_orders(
    reader: Reader, listed: Sequence[OrderRecord], since_ns: int, at_most: int, sleep: Callable[[float], None]
) -> OrdersBeside:
    """Return the differences of our orders planned since then, and of those an open break or an entry names."""
    exchange = reader.exchange
    again = books.orders_to_ask_again(exchange)
    rows = books.ended_orders(exchange, since_ns, again)
    fills = books.fills_of(row.pk for row in rows)
    ours = {row.pk: books.order_figure(row, fills.get(row.pk, ())) for row in rows}
    theirs = _by_list(listed, ours)
    wanted = [row for row in rows if row.pk in again or _is_doubtful(ours[row.pk], theirs.get(row.pk))]
    asked = {row.pk: row for row in (*rows[:at_most], *wanted[:MOST_ASKED])}
    for row in asked.values():
        _ask(reader, row, ours, theirs)
        sleep(ORDER_PAUSE_S)
    both = {order_id: (ours[order_id], their) for order_id, their in theirs.items() if their is not None}
    missing = [ours[order_id] for order_id in asked if order_id in theirs and theirs[order_id] is None]
    breaks, corrections = _differences({row.pk: row for row in rows}, both, missing)
    trades = [_trade(row, theirs.get(row.pk) or ours[row.pk]) for row in rows if row.planned_ns >= since_ns]
    before = books.last_trade_before(exchange, since_ns)
    breaks += fee_changes(exchange, ([before] if before else []) + in_order(trades), None)[0]
    breaks += timing_breaks(list(both.values()))
    return OrdersBeside(tuple(breaks), tuple(corrections), len(both) + len(missing))


def _by_list(listed: Iterable[OrderRecord], ours: dict[str, OrderFigure]) -> dict[str, OrderFigure | None]:
    # The legacy generation carries no id of ours: theirs serves.
    named = {our.exchange_order_id: order_id for order_id, our in ours.items() if our.exchange_order_id}
    found: dict[str, OrderFigure | None] = {}
    for record in listed:
        order_id = record.client_order_id if record.client_order_id in ours else named.get(record.exchange_order_id)
        if order_id is not None:
            found[order_id] = _listed_figure(ours[order_id], record)
    return found


def _listed_figure(our: OrderFigure, record: OrderRecord) -> OrderFigure:
    # What a list leaves unsaid counts as agreed.
    return msgspec.structs.replace(
        our,
        executed_qty=record.executed_qty,
        executed_funds=our.executed_funds if record.executed_funds is None else record.executed_funds,
        paid_fee=our.paid_fee if record.paid_fee is None else record.paid_fee,
        fills=(),
        made_wall_ns=record.created_wall_ns,
    )


def _is_doubtful(our: OrderFigure, their: OrderFigure | None) -> bool:
    if their is None:
        return our.exchange_order_id is not None
    return bool(compare_orders([our], [their]))


def _ask(reader: Reader, row: Order, ours: dict[str, OrderFigure], theirs: dict[str, OrderFigure | None]) -> None:
    our = ours[row.pk]
    answer = reader.order(row.client_order_id, row.exchange_order_id or None)
    match answer:
        case Found(report=report):
            made = theirs.get(row.pk)
            theirs[row.pk] = _looked_up(our, report, made.made_wall_ns if made else None)
        case NotFound() if row.exchange_order_id and row.pk not in theirs:
            # Without any id the exchange knows it proves nothing: the legacy generation carries none of ours.
            theirs[row.pk] = None


def _looked_up(our: OrderFigure, report: OrderReport, made_ns: Ns | None) -> OrderFigure:
    # What the answer leaves unsaid counts as agreed.
    funds = report.executed_funds
    fills = tuple(FillFigure(fill.trade_id, fill.qty, fill.funds) for fill in report.fills)
    is_whole = bool(fills) and sum(fill.qty for fill in fills) == report.executed_qty
    if is_whole:
        funds = exact_sum(fill.funds for fill in fills)
    return msgspec.structs.replace(
        our,
        is_open=report.on in _OPEN_WORDS,
        executed_qty=our.executed_qty if report.executed_qty is None else report.executed_qty,
        executed_funds=our.executed_funds if funds is None else funds,
        paid_fee=our.paid_fee if report.paid_fee is None else report.paid_fee,
        fills=fills if is_whole else (),
        made_wall_ns=made_ns,
    )


def _differences(
    rows: dict[str, Order], both: dict[str, tuple[OrderFigure, OrderFigure]], missing: Sequence[OrderFigure]
) -> tuple[list[Break], list[Target]]:
    breaks = compare_orders(missing, [])
    corrections: list[Target] = []
    exchanges = {our.exchange for our, _ in both.values()}
    booked = {
        ref: found
        for exchange in exchanges
        for ref, found in adjustments.booked(exchange, (f"order:{order_id}" for order_id in both)).items()
    }
    for order_id, (our, their) in both.items():
        side, found = Side(rows[order_id].side), compare_orders([our], [their])
        before = booked.get(f"order:{order_id}", {})
        if not found and not any(before.values()):
            continue
        kind = _KINDS.get(found[0].kind, AdjustmentKind.ORDER_CHANGED) if found else AdjustmentKind.ORDER_CHANGED
        target = order_target(our, their, side, kind)
        if missing_moves(target, before):
            corrections.append(target)
            breaks += found
    return breaks, corrections


def _trade(row: Order, known: OrderFigure) -> Trade:
    return Trade(
        order_id=row.client_order_id,
        market=row.market,
        side=Side(row.side),
        executed_funds=known.executed_funds,
        paid_fee=known.paid_fee,
        fills=known.fills,
        at_wall_ns=Ns(row.planned_ns),
    )
