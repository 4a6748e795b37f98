"""Our side of a reconciliation: what the tables say of one exchange, in the domain's words. Nothing here writes."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from arbitrage.domain.arb import ArbState
from arbitrage.domain.explaining import LeftOver
from arbitrage.domain.history import Trade
from arbitrage.domain.order import OrderState
from arbitrage.domain.reconciliation import FillFigure, OrderFigure
from arbitrage.domain.units import QUOTE, Exchange, Ns, Qty, Side, base_of, units_exact
from arbitrage.models_ledger import Account, LedgerEntry, TraderRun
from arbitrage.models_reconciliation import Adjustment, Break, ReconciliationPlace
from arbitrage.models_trading import Arb, Fill, Order

ENDED = (OrderState.FILLED.value, OrderState.CANCELED.value)
ASKED_AGAIN_FOR = timedelta(days=1)
"""Our rows may still catch up with an entry for so long; then it is taken back."""
AT_ONCE = 500
"""How many ids one question names: SQLite takes 999."""


def opened_ns(exchange: Exchange) -> Ns | None:
    """Return when the exchange's books were opened: older history is in the opening balance. None before."""
    first = LedgerEntry.objects.filter(account__exchange=exchange.value, kind="opening").order_by("at_ns").first()
    return None if first is None else Ns(first.at_ns)


def place(exchange: Exchange) -> tuple[Ns, Ns]:
    """Return up to when history was compared, and when balances last agreed; 0 for never."""
    row = ReconciliationPlace.objects.filter(pk=exchange.value).first()
    return (Ns(row.history_ns), Ns(row.agreed_ns)) if row else (Ns(0), Ns(0))


def traded_assets(exchange: Exchange) -> frozenset[str]:
    """Return the assets the ledger has ever had on an exchange, KRW included."""
    return frozenset(Account.objects.filter(exchange=exchange.value).values_list("asset", flat=True)) | {QUOTE}


def known_orders(
    exchange: Exchange, client_ids: Iterable[str], exchange_ids: Iterable[str]
) -> tuple[set[str], set[str]]:
    """Return which of these ids belong to orders of ours."""
    clients, others = set(client_ids), set(exchange_ids)
    found_clients, found_others = set(), set()
    for part in _parts(clients):
        found_clients |= set(Order.objects.filter(pk__in=part).values_list("pk", flat=True))
    for part in _parts(others):
        rows = Order.objects.filter(exchange=exchange.value, exchange_order_id__in=part)
        found_others |= set(rows.values_list("exchange_order_id", flat=True))
    return found_clients, found_others


def run_ids() -> frozenset[str]:
    """Return the ids of all traders of ours: every order of theirs is named after one."""
    return frozenset(TraderRun.objects.values_list("run_id", flat=True))


def ended_orders(exchange: Exchange, since_ns: int, also: Iterable[str] = ()) -> list[Order]:
    """Return our ended orders planned since then, and those named, newest first."""
    rows = Order.objects.filter(exchange=exchange.value, state__in=ENDED)
    return list(rows.filter(Q(planned_ns__gte=since_ns) | Q(pk__in=list(also))).order_by("-planned_ns"))


def order_figure(row: Order, fills: Iterable[Fill] = ()) -> OrderFigure:
    """Return an order as our rows know it."""
    return OrderFigure(
        exchange=Exchange(row.exchange),
        market=row.market,
        client_order_id=row.client_order_id,
        exchange_order_id=row.exchange_order_id or None,
        is_open=False,
        executed_qty=Qty(units_exact(row.executed_qty)),
        executed_funds=row.executed_funds,
        paid_fee=row.paid_fee,
        fills=tuple(_fill_figure(fill) for fill in fills),
        made_wall_ns=Ns(row.planned_ns),
    )


def fills_of(order_ids: Iterable[str]) -> dict[str, list[Fill]]:
    """Return the fills of each order, oldest first."""
    found: dict[str, list[Fill]] = {}
    for part in _parts(set(order_ids)):
        for fill in Fill.objects.filter(order_id__in=part).order_by("at_ns", "pk"):
            found.setdefault(fill.order_id, []).append(fill)
    return found


def trades(exchange: Exchange, since_ns: int) -> list[Trade]:
    """Return our executed orders planned since then, oldest first."""
    rows = [row for row in ended_orders(exchange, since_ns) if row.executed_qty]
    fills = fills_of(row.pk for row in rows)
    return [_trade(row, fills.get(row.pk, [])) for row in reversed(rows)]


def last_trade_before(exchange: Exchange, wall_ns: int) -> Trade | None:
    """Return our newest executed order planned before then, for the fee rate it was charged."""
    rows = Order.objects.filter(exchange=exchange.value, state__in=ENDED, planned_ns__lt=wall_ns)
    corrected = {ref.removeprefix("order:") for ref in booked_refs(exchange, "order:")}
    newest = rows.order_by("-planned_ns")[:50]
    row = next((row for row in newest if row.executed_qty and row.pk not in corrected), None)
    return None if row is None else _trade(row, [])


def left_overs(since_ns: int) -> list[LeftOver]:
    """Return what arbs closed since then left uneven."""
    rows = Arb.objects.filter(state=ArbState.CLOSED.value, closed_ns__gte=since_ns)
    return [
        LeftOver(row.arb_id, base_of(row.market), units_exact(row.imbalance), Ns(row.closed_ns or 0))
        for row in rows
        if row.imbalance
    ]


def booked_refs(exchange: Exchange, *heads: str) -> frozenset[str]:
    """Return the rows of history that are booked, of these kinds (`reversal:`)."""
    wanted = Q()
    for head in heads:
        wanted |= Q(ref__startswith=head)
    rows = Adjustment.objects.filter(wanted, exchange=exchange.value, state=Adjustment.State.BOOKED)
    return frozenset(rows.values_list("ref", flat=True))


def orders_to_ask_again(exchange: Exchange) -> set[str]:
    """Return the orders of ours that an open break names, or that an entry of the last day corrects."""
    breaks = Break.objects.filter(exchange=exchange.value, resolved_at=None).values_list("subject", flat=True)
    since = timezone.now() - ASKED_AGAIN_FOR
    recent = Adjustment.objects.filter(exchange=exchange.value, ref__startswith="order:", noted_at__gte=since)
    refs = recent.values_list("ref", flat=True)
    named = {*breaks[:AT_ONCE], *(ref.removeprefix("order:") for ref in refs.order_by("-pk")[:AT_ONCE])}
    return set(Order.objects.filter(pk__in=list(named)[:AT_ONCE]).values_list("pk", flat=True))


def _trade(row: Order, fills: Iterable[Fill]) -> Trade:
    return Trade(
        order_id=row.client_order_id,
        market=row.market,
        side=Side(row.side),
        executed_funds=row.executed_funds,
        paid_fee=row.paid_fee,
        fills=tuple(_fill_figure(fill) for fill in fills),
        at_wall_ns=Ns(row.planned_ns),
    )


def _fill_figure(fill: Fill) -> FillFigure:
    return FillFigure(fill.trade_id, Qty(units_exact(fill.qty)), fill.funds)


def _parts(ids: set[str]) -> Iterable[list[str]]:
    rows = sorted(ids)
    return (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))
