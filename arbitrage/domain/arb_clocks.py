"""An arb's clocks in a new process: what began before goes on, told by the only clock that outlives a machine (R3.1).

The monotonic clock says nothing of a time before its process, and the wall clock may have been set. An age it
cannot tell (negative, or more than the limit) counts as the whole limit, so that nothing is put off for good. For a
lone leg's time that would be to give up before the first book is there: the n-th restart leaves it at least the
limit / 2^n, all of them together less than the limit once more, whatever the wall clock does between them.

The deadline of a state goes on as well, and with it the time until a person is told of an outcome that nobody knows.
The wall clock does not judge such an order: each process looks for it as long as for a new one, and the first few
restarts that find less time than that takes leave as much. The n-th that adds any leaves at least the limit / 2^n.
"""

import msgspec

from arbitrage.domain.arb import Arb, ArbLimits, ArbState, Moment
from arbitrage.domain.order import Order, OrderRole, OrderState
from arbitrage.domain.units import Ns

GRACES = 4
"""So many restarts in one state leave an unknown order its whole time to be found, however late it is."""


def deadline_ns(arb: Arb) -> Ns | None:
    """Return how long this state may last: an outcome unknown, or an order that neither ends nor can be cancelled."""
    limits = arb.limits
    match arb.state:
        case ArbState.UNRESOLVED:
            return limits.unresolved_deadline_ns
        case ArbState.OPENING | ArbState.HEDGING:
            return Ns(limits.cancel_after_ns + limits.unresolved_deadline_ns)
        case _:
            return None


def reclocked(arb: Arb, now: Moment) -> Arb:
    """Return an arb read back from the journal with its clocks set to this process's.

    An image of an older version that does not say since when it is uneven, or in its state, has half of its time left.
    """
    mono = now.mono_ns
    orders = tuple(
        msgspec.structs.replace(order, planned_mono_ns=Ns(mono - _age_ns(order, arb.limits, now)), heard_mono_ns=mono)
        for order in arb.orders
    )
    arb = _changed(msgspec.structs.replace(arb, orders=orders, opened_mono_ns=mono), now)
    if arb.uneven_mono_ns is None:
        return arb
    limit, restarts = arb.limits.hedge_limit_ns, arb.uneven_restarts + 1
    spent = min(_since_ns(arb.uneven_wall_ns, limit, now), limit - (limit >> restarts))
    return msgspec.structs.replace(
        arb,
        uneven_mono_ns=Ns(mono - spent),
        uneven_wall_ns=Ns(now.wall_ns - spent),
        uneven_restarts=restarts,
    )


def uneven_from(arb: Arb, now: Moment) -> Arb:
    """Return `arb` with the time and the attempts of evening it out beginning now."""
    return msgspec.structs.replace(
        arb,
        uneven_mono_ns=now.mono_ns,
        uneven_wall_ns=now.wall_ns,
        uneven_restarts=0,
        hedges_before=sum(order.role is OrderRole.HEDGE for order in arb.orders),
    )


def _changed(arb: Arb, now: Moment) -> Arb:
    limit = deadline_ns(arb)
    if limit is None:
        return msgspec.structs.replace(arb, changed_mono_ns=now.mono_ns)
    spent, respites = _since_ns(arb.changed_wall_ns, limit, now), arb.respites
    # One grace until the exchange's word counts that it has no such order, another one until it is asked and says so.
    grace = 2 * arb.limits.not_found_grace_ns if respites < GRACES else 0
    least = min(limit, max(limit >> (respites + 1), grace))
    if limit - spent < least:
        spent, respites = limit - least, respites + 1
    return msgspec.structs.replace(
        arb, changed_mono_ns=Ns(now.mono_ns - spent), changed_wall_ns=Ns(now.wall_ns - spent), respites=respites
    )


def _age_ns(order: Order, limits: ArbLimits, now: Moment) -> int:
    # What works is cancelled in its time, and hedges that ended keep their pace. What nobody knows of has its whole
    # time to be found.
    if order.state in (OrderState.WORKING, OrderState.CANCELING):
        return _since_ns(order.planned_wall_ns, limits.cancel_after_ns, now)
    return _since_ns(order.planned_wall_ns, limits.hedge_limit_ns, now) if order.is_ended else 0


def _since_ns(wall_ns: Ns | None, limit: int, now: Moment) -> int:
    age = limit if wall_ns is None else now.wall_ns - wall_ns
    return age if 0 <= age < limit else limit
