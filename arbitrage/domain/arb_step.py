"""One step of an arb: events in, actions out (R3.1).

`advance` is pure: the executor carries the actions out and feeds back what the exchanges say. An
image of the arb is journalled before any order it plans leaves.
"""

import msgspec

from arbitrage.domain import order as orders
from arbitrage.domain.arb import (
    TABLE,
    Action,
    Arb,
    ArbEvent,
    ArbLimits,
    ArbOn,
    ArbState,
    Cancel,
    Halt,
    Moment,
    OperatorResolved,
    OrderHeard,
    Place,
    Query,
    Tick,
    can_follow,
)
from arbitrage.domain.arb_clocks import deadline_ns, reclocked, uneven_from
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.errors import IllegalTransition, InvariantError
from arbitrage.domain.hedge import Dust, HedgeOrder, Hold, plan
from arbitrage.domain.hedge_attempt import asked_first, believable, is_past_time, is_spent, rules_of
from arbitrage.domain.leg_order import dropped, released
from arbitrage.domain.order import (
    IN_DOUBT,
    Order,
    OrderOn,
    OrderReport,
    OrderRole,
    OrderState,
    TimeInForce,
)
from arbitrage.domain.params import Params
from arbitrage.domain.signal import Signal
from arbitrage.domain.units import Exchange, Ns, Price, Qty, Side, to_decimal

S, E = ArbState, ArbOn


def limits_of(params: Params) -> ArbLimits:
    """Return the part of `params` an arb carries with it."""
    return ArbLimits(**{name: getattr(params, name) for name in ArbLimits.__struct_fields__})


def open_arb(
    signal: Signal,
    *,
    arb_id: str,
    params: Params,
    params_epoch: int,
    now: Moment,
    dust_qty: int = 0,
    first: OrderRole | None = None,
) -> tuple[Arb, tuple[Action, ...]]:
    """Return a new arb for `signal` and the two `Place` actions of its legs, ids minted.

    `arb_id` must never have been used before: an exchange burns a client order id for ever, even
    when the order failed (upbit.md §1.4). `dust_qty` of earlier arbs is taken over: too much base makes
    the purchase smaller, too little the sale. With a `first` leg there is one `Place`, and the other leg is held.
    """
    legs = []
    for role, letter, exchange, side, price in (
        (OrderRole.BUY_LEG, "b", signal.buy_exchange, Side.BID, signal.buy_limit),
        (OrderRole.SELL_LEG, "s", signal.sell_exchange, Side.ASK, signal.sell_limit),
    ):
        qty = Qty(signal.qty - max(0, side.sign * dust_qty))
        legs.append(_new_order(f"{arb_id}-{letter}", arb_id, role, exchange, signal.market, side, price, qty, now))
    going = tuple(leg for leg in legs if first is None or leg.role is first)
    arb = Arb(
        arb_id=arb_id,
        params_epoch=params_epoch,
        market=signal.market,
        state=S.OPENING,
        signal=signal,
        limits=limits_of(params),
        orders=tuple(legs),
        opened_wall_ns=now.wall_ns,
        opened_mono_ns=now.mono_ns,
        changed_mono_ns=now.mono_ns,
        changed_wall_ns=now.wall_ns,
        why=E.OPENED,
        dust_in_qty=dust_qty,
        leader="" if first is None else going[0].client_order_id,
        held="" if first is None else next(leg.client_order_id for leg in legs if leg.role is not first),
    )
    return arb, tuple(Place(leg) for leg in going)


def advance(arb: Arb, event: ArbEvent, now: Moment) -> tuple[Arb, tuple[Action, ...]]:
    """Return `arb` after `event`, and what to do about it. Raising changes nothing.

    IllegalTransition: the order table does not know the report. InvariantError: not this arb's
    order, or more executed than ordered. Both are contradictions: the caller halts.
    """
    match event:
        case OrderHeard():
            return _settled(_heard(arb, event, now), now)
        case Tick():
            return _ticked(arb, event, now)
        case OperatorResolved():
            return _moved(arb, E.OPERATOR_RESOLVED, now, event.reason), ()


def recovered(arb: Arb, now: Moment) -> tuple[Arb, tuple[Action, ...]]:
    """Return an open arb read back from the journal, its clocks set to this process's, and its queries.

    What was SENT lost its answer with the old process, and what was PLANNED may or may not have left:
    both are UNKNOWN now, asked for by id and never sent again. One that is stuck stops the desk again.
    """
    # A leg held back has not left: the image that lets it go is journalled before its bytes.
    arb = reclocked(dropped(arb, now.mono_ns, "restart"), now)
    for order in arb.orders:
        if order.state in IN_DOUBT or order.state is OrderState.PLANNED:
            lost = OrderReport(OrderOn.OUTCOME_LOST, detail="restart")
            arb = _with_order(arb, orders.advance(order, lost, now.mono_ns))
    arb, actions = _settled(arb, now)
    if arb.state is S.STUCK:
        # The old process may have died before it could stop the desk.
        actions += (_stuck_halt(arb),)
    return arb, actions + tuple(Query(order) for order in arb.orders if _wants_news(order))


def _new_order(
    client_order_id: str,
    arb_id: str,
    role: OrderRole,
    exchange: Exchange,
    market: str,
    side: Side,
    price: Price,
    qty: Qty,
    now: Moment,
) -> Order:
    return Order(
        client_order_id=client_order_id,
        arb_id=arb_id,
        role=role,
        exchange=exchange,
        market=market,
        side=side,
        price=price,
        qty=qty,
        tif=TimeInForce.IOC,
        state=OrderState.PLANNED,
        planned_wall_ns=now.wall_ns,
        planned_mono_ns=now.mono_ns,
        heard_mono_ns=now.mono_ns,
    )


def _heard(arb: Arb, event: OrderHeard, now: Moment) -> Arb:
    order = next((one for one in arb.orders if one.client_order_id == event.client_order_id), None)
    if order is None:
        raise InvariantError(f"{arb.arb_id}: {event.client_order_id} is not an order of this arb")
    asked = now.mono_ns if event.asked_mono_ns is None else event.asked_mono_ns
    if event.report.on is OrderOn.NOT_FOUND and not _proves_absence(order, arb.limits, asked):
        changed = msgspec.structs.replace(order, heard_mono_ns=now.mono_ns)
    else:
        changed = orders.advance(order, event.report, now.mono_ns)
    return _with_order(arb, changed)


def _proves_absence(order: Order, limits: ArbLimits, asked_mono: Ns) -> bool:
    """Return whether `not found` may be believed: a look-up can lag behind an accepted order."""
    return (
        order.state in (OrderState.PLANNED, OrderState.UNKNOWN)
        and asked_mono - order.planned_mono_ns >= limits.not_found_grace_ns
    )


def _with_order(arb: Arb, changed: Order) -> Arb:
    return msgspec.structs.replace(
        arb,
        orders=tuple(changed if one.client_order_id == changed.client_order_id else one for one in arb.orders),
    )


def _wants_news(order: Order) -> bool:
    """Return whether the exchange must still be asked: not ended, or ended without all its fills named."""
    return not order.is_ended or not order.is_proven


def _moved(arb: Arb, on: ArbOn, now: Moment, why: str = "") -> Arb:
    state = TABLE[arb.state].get(on)
    if state is None:
        raise IllegalTransition(f"{arb.arb_id}: {on} in state {arb.state}")
    closing = state is S.CLOSED
    if state is S.LEGGED and (arb.is_closed or arb.uneven_mono_ns is None):
        arb = uneven_from(arb, now)
    elif arb.is_closed:
        arb = msgspec.structs.replace(arb, uneven_mono_ns=None, uneven_wall_ns=None)
    return msgspec.structs.replace(
        arb,
        state=state,
        changed_mono_ns=now.mono_ns,
        changed_wall_ns=now.wall_ns,
        respites=0,
        closed_wall_ns=now.wall_ns if closing else None,
        dust_qty=arb.imbalance if closing else arb.dust_qty,
        why=f"{on} {why}".rstrip(),
    )


def _settled(arb: Arb, now: Moment) -> tuple[Arb, tuple[Action, ...]]:
    """Return the arb moved to where its orders put it."""
    if arb.state in (S.STUCK, S.LEGGED):
        return arb, ()
    if arb.state is S.CLOSED:
        return _reopened(arb, now)
    if any(order.state is OrderState.UNKNOWN for order in arb.orders):
        return (arb if arb.state is S.UNRESOLVED else _moved(arb, E.LEG_UNKNOWN, now)), ()
    waiting = [order for order in arb.orders if order.client_order_id != arb.held and _wants_news(order)]
    if waiting:
        if arb.state is S.UNRESOLVED and all(order.state is not OrderState.SENT for order in waiting):
            hedging = any(order.role is OrderRole.HEDGE for order in waiting)
            return _moved(arb, E.HEDGE_WORKING if hedging else E.LEG_WORKING, now), ()
        return arb, ()
    filled = any(order.executed_qty for order in arb.orders)
    if arb.held and filled:
        # The leader ended: the next tick lets the other leg go, or drops it.
        return (_moved(arb, E.LEG_WORKING, now) if arb.state is S.UNRESOLVED else arb), ()
    arb = dropped(arb, now.mono_ns, "nothing to follow")
    if arb.imbalance == 0 or not filled:
        on = E.BALANCED if filled or arb.state is S.HEDGING else E.NOTHING_FILLED
        return _moved(arb, on, now), ()
    if arb.state in (S.HEDGING, S.UNRESOLVED) and is_spent(arb, now):
        arb = _moved(arb, E.ATTEMPTS_SPENT, now)
        return arb, (_stuck_halt(arb),)
    return _moved(arb, E.IMBALANCED, now), ()


def _reopened(arb: Arb, now: Moment) -> tuple[Arb, tuple[Action, ...]]:
    if arb.imbalance == arb.dust_qty:
        return arb, ()
    if arb.is_settled_by_hand:
        # Whether the person counted this fill in is not known: evening it out could be doing it twice.
        arb = _moved(arb, E.NO_HEDGE, now, "late_fill on what a person settled")
        return arb, (_stuck_halt(arb),)
    return _moved(arb, E.IMBALANCED, now, "late_fill"), ()


def _stuck_halt(arb: Arb) -> Halt:
    return Halt(TradingLevel.REDUCING, f"arb {arb.arb_id} is stuck ({arb.why}), uneven by {to_decimal(arb.imbalance)}")


def _ticked(arb: Arb, tick: Tick, now: Moment) -> tuple[Arb, tuple[Action, ...]]:
    actions: list[Action] = []
    for order in arb.orders:
        if order.client_order_id == arb.held:
            continue
        if not _wants_news(order) or now.mono_ns - order.heard_mono_ns < arb.limits.query_after_ns:
            continue
        asked = msgspec.structs.replace(order, heard_mono_ns=now.mono_ns)
        actions.append(Query(asked))
        if _should_cancel(order, arb.limits, tick, now):
            if asked.state is OrderState.WORKING:
                asked = orders.advance(asked, OrderReport(OrderOn.CANCEL_SENT), now.mono_ns)
            actions.append(Cancel(asked))
        arb = _with_order(arb, asked)
    if can_follow(arb):
        arb, more = _followed(arb, tick, now)
        return arb, (*actions, *more)
    if (limit_ns := deadline_ns(arb)) is not None and now.mono_ns - arb.changed_mono_ns >= limit_ns:
        arb = dropped(_moved(arb, E.DEADLINE, now), now.mono_ns, "stuck")
        actions.append(_stuck_halt(arb))
    elif arb.state is S.LEGGED:
        arb, more = _hedged(arb, tick, now)
        actions += more
    return arb, tuple(actions)


def _followed(arb: Arb, tick: Tick, now: Moment) -> tuple[Arb, tuple[Action, ...]]:
    """Let the held leg go after its leader's fill; where it cannot, what is uneven is evened out as ever."""
    leg = None
    if tick.level is TradingLevel.ACTIVE:
        arb, leg = released(arb, tick.quotes, now)
    else:
        arb = dropped(arb, now.mono_ns, "stopped")
    if leg is not None:
        return arb, (Place(leg),)
    arb, actions = _settled(arb, now)
    if arb.state is S.LEGGED:
        arb, more = _hedged(arb, tick, now)
        return arb, (*actions, *more)
    return arb, actions


def _should_cancel(order: Order, limits: ArbLimits, tick: Tick, now: Moment) -> bool:
    if order.state is OrderState.CANCELING:
        return True
    too_old = now.mono_ns - order.planned_mono_ns >= limits.cancel_after_ns
    return order.state is OrderState.WORKING and (too_old or tick.level is TradingLevel.HALTED)


def _hedged(arb: Arb, tick: Tick, now: Moment) -> tuple[Arb, tuple[Action, ...]]:
    if tick.level is TradingLevel.HALTED:
        # HALTED only cancels; the time limit starts again when hedging is allowed again.
        return msgspec.structs.replace(arb, uneven_mono_ns=None, uneven_wall_ns=None), ()
    if arb.uneven_mono_ns is None:
        arb = uneven_from(arb, now)
    if arb.imbalance == 0:
        return _moved(arb, E.BALANCED, now, "late_fill"), ()
    quotes = {exchange: believable(arb, quote, now) for exchange, quote in tick.quotes.items()}
    willing = asked_first(arb, tick.quotes, quotes, now)
    if willing is None:
        return arb, ()
    attempt = sum(order.role is OrderRole.HEDGE for order in arb.orders)
    rules = rules_of(arb, attempt, now)
    wanted = plan(arb.imbalance, arb.average_krw(arb.imbalance), willing, rules)
    if isinstance(wanted, Hold):
        wanted = plan(arb.imbalance, arb.average_krw(arb.imbalance), quotes, rules)
    is_late = is_past_time(arb, now)
    match wanted:
        case Dust():
            return _moved(arb, E.DUST, now), ()
        case Hold():
            if not is_late:
                return arb, ()
            arb = _moved(arb, E.NO_HEDGE, now, wanted.reason)
            return arb, (_stuck_halt(arb),)
        case HedgeOrder():
            order = _new_order(
                f"{arb.arb_id}-h{attempt}",
                arb.arb_id,
                OrderRole.HEDGE,
                wanted.exchange,
                arb.market,
                wanted.side,
                wanted.price,
                wanted.qty,
                now,
            )
            arb = _moved(msgspec.structs.replace(arb, orders=(*arb.orders, order)), E.HEDGE_SENT, now)
            if is_late:
                # It can still be evened out, and is; but nothing new beside what took so long.
                late = f"arb {arb.arb_id} uneven past its time, by {to_decimal(arb.imbalance)}"
                return arb, (Place(order), Halt(TradingLevel.REDUCING, late))
            return arb, (Place(order),)
