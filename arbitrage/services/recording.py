"""Journal records into rows and double-entry postings, once each (design.md §6).

One batch is one transaction together with the recorder's place, so a batch that is given twice,
or that overlaps one already kept, changes nothing the second time.

An arb travels as its whole after-image: of several images in one batch only the newest is written,
and what it adds to the ledger is what the tables do not have yet.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Model

from arbitrage.domain.arb import Arb as ArbImage
from arbitrage.domain.arb import ArbOn, ArbState
from arbitrage.domain.errors import InvariantError
from arbitrage.domain.events import (
    ArbStepped,
    BalancesRead,
    MarketPaused,
    PaceChanged,
    Record,
    StrangeOrderSeen,
    TraderStarted,
    TradingStateChanged,
)
from arbitrage.domain.ledger import postings_for_fee, postings_for_fill, postings_for_opening
from arbitrage.domain.order import Order as OrderImage
from arbitrage.domain.pnl import parts_of
from arbitrage.domain.units import EXACT, Side, exact_sum, to_decimal
from arbitrage.models_incidents import Severity
from arbitrage.models_ledger import Balance, RecorderPlace, TraderRun
from arbitrage.models_trading import Arb, ArbStep, Fill, Order
from arbitrage.services import alerts, controls
from arbitrage.services.postings import PostingBatch
from arbitrage.wall_time import moment

SLOW_MACHINE = "slow_machine"


def place(stream: str) -> tuple[int, int]:
    """Return the sequence of the last record kept from `stream` and the offset after it; (0, 0) for a new one."""
    row = RecorderPlace.objects.filter(stream=stream).first()
    return (row.seq, row.offset) if row else (0, 0)


def record_batch(records: Sequence[tuple[Record, int]]) -> None:
    """Keep records with the journal offset after each, in one transaction.

    Records up to the place already reached are skipped. InvariantError when one is missing in
    between: nothing of the batch is kept then.
    """
    if not records:
        return
    with transaction.atomic():
        fresh: list[Record] = []
        for stream in dict.fromkeys(record.stream for record, _ in records):
            fresh += _take(stream, [(record, offset) for record, offset in records if record.stream == stream])
        batch = PostingBatch()
        images: dict[str, tuple[ArbImage, int]] = {}
        for record in fresh:
            match record.event:
                case ArbStepped(arb=arb):
                    images[arb.arb_id] = (arb, record.seq)
                case BalancesRead() as read:
                    _keep_balances(read, batch)
                case TraderStarted() as started:
                    _keep_start(started)
                case TradingStateChanged() as changed:
                    _keep_state(changed)
                case MarketPaused() as paused:
                    _tell_pause(paused)
                case PaceChanged() as pace:
                    _tell_pace(pace)
                case StrangeOrderSeen() as strange:
                    _tell_strange_order(strange)
        _keep_arbs(images, batch)
        _keep_steps(fresh)
        batch.write()


def _take(stream: str, records: Sequence[tuple[Record, int]]) -> list[Record]:
    # Advances the place; returns what lies beyond it.
    row, _ = RecorderPlace.objects.select_for_update().get_or_create(stream=stream)
    fresh = []
    for record, offset in records:
        if record.seq <= row.seq:
            continue
        if record.seq != row.seq + 1:
            raise InvariantError(f"{stream}: seq was {record.seq}, must be {row.seq + 1}")
        row.seq, row.offset = record.seq, offset
        fresh.append(record)
    if fresh:
        row.save()
    return fresh


def _keep_start(started: TraderStarted) -> None:
    TraderRun.objects.update_or_create(
        run_id=started.run_id,
        defaults={
            "fence": started.fence,
            "mode": started.mode,
            "markets": list(started.markets),
            "started_at": moment(started.wall_ns),
        },
    )


def _keep_balances(read: BalancesRead, batch: PostingBatch) -> None:
    # The very first reading of an exchange, before any order, is its opening balance; an asset that
    # appears later was bought, or is a break for reconciliation to show.
    is_first = not Balance.objects.filter(exchange=read.exchange.value).exists()
    held = {holding.asset: holding for holding in read.holdings}
    for asset, holding in held.items():
        values = {"exchange_free": holding.free, "exchange_locked": holding.locked}
        _keep_balance(read, asset, values)
        if is_first:
            group = f"opening:{read.exchange}:{asset}"
            postings = postings_for_opening(read.exchange, holding)
            batch.add(group, "opening", postings, order_id=None, wall_ns=read.wall_ns)
    # Exchanges leave out what is zero (upbit.md §3.1): an asset not named any more has become zero.
    for row in Balance.objects.filter(exchange=read.exchange.value).exclude(asset__in=held):
        _keep_balance(read, row.asset, {"exchange_free": 0, "exchange_locked": 0})


def _keep_balance(read: BalancesRead, asset: str, values: Mapping[str, object]) -> None:
    Balance.objects.update_or_create(
        exchange=read.exchange.value,
        asset=asset,
        defaults={**values, "settled": read.settled, "read_ns": read.wall_ns, "read_at": moment(read.wall_ns)},
    )


def _keep_state(changed: TradingStateChanged) -> None:
    at = moment(changed.wall_ns)
    controls.keep_lowered(changed.level, changed.reason, "trader", at)
    if changed.breaker:
        alerts.raise_alert(controls.BREAKER, changed.reason, severity=Severity.CRITICAL, risk_id="R3.1", at=at)


def _tell_pause(paused: MarketPaused) -> None:
    text = f"{paused.market} is paused: {paused.detail}"
    alerts.raise_alert(
        f"paused_{paused.cause}",
        text,
        subject=paused.market,
        severity=Severity.MEDIUM,
        risk_id="R1.3",
        at=moment(paused.wall_ns),
    )


def _tell_pace(pace: PaceChanged) -> None:
    if not pace.step:
        alerts.close_alerts_of(SLOW_MACHINE)
        return
    out = ", ".join(pace.markets_out) or "none"
    text = f"Slowed down by {pace.step}: {pace.edge_raise_ppm} ppm more edge, not watched: {out} ({pace.why})"
    alerts.raise_alert(SLOW_MACHINE, text, severity=Severity.MEDIUM, risk_id="R2.1", at=moment(pace.wall_ns))


def _tell_strange_order(strange: StrangeOrderSeen) -> None:
    text = f"{strange.exchange} has an open order on {strange.market} that our journal does not know"
    alerts.raise_alert(
        "strange_order",
        text,
        subject=strange.exchange_order_id,
        severity=Severity.HIGH,
        risk_id="R3.1",
        at=moment(strange.wall_ns),
    )


def _keep_steps(fresh: Sequence[Record]) -> None:
    steps = []
    for record in fresh:
        if not isinstance(record.event, ArbStepped) or record.event.on is None:
            continue
        event, on = record.event, record.event.on
        steps.append(
            ArbStep(
                stream=record.stream,
                seq=record.seq,
                arb_id=event.arb.arb_id,
                on=on.value,
                state=event.arb.state.value,
                at=moment(event.wall_ns),
            )
        )
        if event.arb.state is ArbState.STUCK:
            alerts.raise_alert(
                "arb_stuck",
                f"Arb {event.arb.arb_id} on {event.arb.market} is stuck: {event.arb.why or on.value}",
                subject=event.arb.arb_id,
                severity=Severity.CRITICAL,
                risk_id="R3.1",
                at=moment(event.wall_ns),
            )
        elif event.on is ArbOn.OPERATOR_RESOLVED:
            alerts.close_alerts_of("arb_stuck", event.arb.arb_id)
    ArbStep.objects.bulk_create(steps)
    _mark_ways({step.arb_id for step in steps})


def _mark_ways(arb_ids: set[str]) -> None:
    # Which bad states an arb ever went through, for lists and reports.
    for word, column in (("legged", "was_legged"), ("stuck", "was_stuck")):
        seen = ArbStep.objects.filter(arb_id__in=arb_ids, state=word).values_list("arb_id", flat=True)
        Arb.objects.filter(pk__in=list(seen), **{column: False}).update(**{column: True})


def _keep_arbs(images: dict[str, tuple[ArbImage, int]], batch: PostingBatch) -> None:
    if not images:
        return
    known_arbs = Arb.objects.in_bulk(list(images))
    arbs = [_arb_row(image, seq, known_arbs.get(arb_id)) for arb_id, (image, seq) in images.items()]
    _upsert(Arb, arbs)

    orders = {order.client_order_id: order for image, _ in images.values() for order in image.orders}
    known_orders = Order.objects.in_bulk(list(orders))
    named: dict[str, set[str]] = {}
    for order_id, trade_id in Fill.objects.filter(order_id__in=list(orders)).values_list("order_id", "trade_id"):
        named.setdefault(order_id, set()).add(trade_id)

    rows, fills = [], []
    for image, _ in images.values():
        for position, order in enumerate(image.orders):
            row = _order_row(order, position, known_orders.get(order.client_order_id))
            _book_fee(order, row, batch)
            rows.append(row)
            fills += _new_fills(order, named.get(order.client_order_id, set()), batch)
    _upsert(Order, rows)
    Fill.objects.bulk_create(fills)


def _upsert(model: type[Model], rows: Sequence[Any]) -> None:
    key = model._meta.pk.name
    names = [field.name for field in model._meta.concrete_fields if field.name != key]
    model._default_manager.bulk_create(rows, update_conflicts=True, unique_fields=[key], update_fields=names)


def _arb_row(image: ArbImage, seq: int, known: Arb | None) -> Arb:
    signal = image.signal
    row = known or Arb(arb_id=image.arb_id)
    row.market = image.market
    row.state = image.state.value
    row.params_epoch = image.params_epoch
    row.buy_exchange, row.sell_exchange = signal.buy_exchange.value, signal.sell_exchange.value
    row.qty, row.expected_krw = to_decimal(signal.qty), to_decimal(signal.expected_krw)
    row.buy_limit, row.sell_limit = to_decimal(signal.buy_limit), to_decimal(signal.sell_limit)
    row.net_edge_ppm = signal.net_edge_ppm
    row.matched_qty, row.imbalance = to_decimal(image.matched_qty), to_decimal(image.filled_imbalance)
    bought = (order.executed_funds for order in image.orders if order.side is Side.BID)
    row.notional_krw = exact_sum(bought)
    row.fees_krw, row.pnl_krw = image.fees_krw, image.pnl_krw
    parts = parts_of(image)
    row.is_split, row.edge_krw, row.discount_krw = True, parts.edge, parts.discount
    row.leg_fees_krw, row.slippage_krw = parts.fees, parts.slippage
    row.hedge_krw, row.dust_krw = parts.hedge, parts.dust
    row.hedges = max(len(image.orders) - 2, 0)
    row.why = image.why[:200]
    row.opened_ns, row.opened_at = image.opened_wall_ns, moment(image.opened_wall_ns)
    row.closed_ns = image.closed_wall_ns
    row.closed_at = None if image.closed_wall_ns is None else moment(image.closed_wall_ns)
    row.seq = seq
    return row


def _order_row(order: OrderImage, position: int, known: Order | None) -> Order:
    row = known or Order(client_order_id=order.client_order_id)
    row.arb_id = order.arb_id
    row.position = position
    row.role, row.side, row.tif = order.role.value, order.side.value, order.tif.value
    row.exchange, row.market = order.exchange.value, order.market
    row.price, row.qty = to_decimal(order.price), to_decimal(order.qty)
    row.state = order.state.value
    row.exchange_order_id = order.exchange_order_id or ""
    row.executed_qty, row.executed_funds = to_decimal(order.executed_qty), order.executed_funds
    row.paid_fee = order.paid_fee
    row.refusal = order.refusal.value if order.refusal else ""
    row.detail = order.detail
    row.planned_ns, row.planned_at = order.planned_wall_ns, moment(order.planned_wall_ns)
    return row


def _book_fee(order: OrderImage, row: Order, batch: PostingBatch) -> None:
    delta = EXACT.subtract(order.paid_fee, row.booked_fee)
    if not delta:
        return
    group = f"fee:{order.client_order_id}:{order.paid_fee:f}"
    batch.add(group, "fee", postings_for_fee(order, delta), order_id=row.pk, wall_ns=order.planned_wall_ns)
    row.booked_fee = order.paid_fee


def _new_fills(order: OrderImage, named: set[str], batch: PostingBatch) -> list[Fill]:
    rows = []
    for fill in order.fills:
        if fill.trade_id in named:
            continue
        group = f"fill:{order.client_order_id}:{fill.trade_id}"
        postings = postings_for_fill(order, fill)
        batch.add(group, "fill", postings, order_id=order.client_order_id, wall_ns=fill.at_wall_ns)
        rows.append(
            Fill(
                order_id=order.client_order_id,
                exchange=order.exchange.value,
                market=order.market,
                trade_id=fill.trade_id,
                side=order.side.value,
                price=to_decimal(fill.price),
                qty=to_decimal(fill.qty),
                funds=fill.funds,
                at_ns=fill.at_wall_ns,
                at=moment(fill.at_wall_ns),
            )
        )
    return rows
