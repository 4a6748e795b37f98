"""Orders as clients ask for them and about them, with whatever faults are armed for that."""

from collections.abc import Callable

import msgspec

from arbitrage.domain.units import Side
from exchanges.simulator.account import Account
from exchanges.simulator.agenda import Agenda
from exchanges.simulator.dialect import Call
from exchanges.simulator.faults import Faults
from exchanges.simulator.matching import Matching
from exchanges.simulator.orders import Draft, SimOrder, as_taken
from exchanges.simulator.steps import Fault
from exchanges.simulator.trouble.fault import SOMETHING, Lane
from exchanges.simulator.trouble.orders import (
    CancelTooLate,
    LookupLags,
    LookupOutdated,
    RepeatReturnsExisting,
    RuleRefused,
)
from exchanges.simulator.wire import Delivery, Response, WireRefusal


class OrderDesk:
    """Between the dialects and the matching of one exchange."""

    def __init__(self, matching: Matching, faults: Faults, agenda: Agenda, counts: dict[str, int]) -> None:
        self.asking = SOMETHING
        """The request being answered, as faults see it."""
        self._matching = matching
        self._faults = faults
        self._agenda = agenda
        self._counts = counts

    def find(self, account: Account, order_id: str | None, client_order_id: str | None) -> SimOrder | None:
        """Return one of the account's orders; the exchange's id wins when both are given."""
        if order_id is None and client_order_id is not None:
            order_id = self._matching.by_client_id.get((account.access_key, client_order_id))
        order = self._matching.orders.get(order_id or "")
        if order is None or order.access_key != account.access_key:
            return None
        return self._as_found(order) if self._faults.has_live else order

    # What faults make of a look-up: not there yet, not ready yet, or filled just before the cancel came.
    def _as_found(self, order: SimOrder) -> SimOrder | None:
        now = self._agenda.now
        seen = msgspec.structs.replace(self.asking, markets=(order.draft.market,), access_key=order.access_key)
        lag = self._faults.take(LookupLags, seen)
        if lag is not None and now < order.created_ns + lag.lag_ns:
            if lag.status == 404:
                return None
            raise WireRefusal(lag.status, "order_not_ready")
        if seen.lane is Lane.CANCEL and order.is_open and self._faults.take(CancelTooLate, seen) is not None:
            self._matching.fill_whole(order, now)
        if seen.lane is Lane.LOOKUP and self._faults.take(LookupOutdated, seen) is not None:
            return as_taken(order)
        return order

    def take(
        self,
        call: Call,
        read: Callable[[Call], Draft],
        refusal_of: Callable[[Fault, Side], WireRefusal],
        answer: Callable[[SimOrder], Response],
    ) -> Response:
        """Place an order in a dialect's words. WireRefusal when it is not taken."""
        seen, faults = self.asking, self._faults
        if faults.takes_drop_before_accept(seen):
            return Response(0, delivery=Delivery.DROP)
        planned = faults.takes_refusal(seen)
        if planned is not None:
            raise WireRefusal(planned.status, planned.name)
        draft = read(call)
        broken = faults.take(RuleRefused, seen)
        if broken is not None:
            raise refusal_of(Fault(broken.rule.value), draft.side)
        order = self._matching.place(call.owner, draft, call.now)
        if order is Fault.CLIENT_ID_BURNED and faults.take(RepeatReturnsExisting, seen) is not None:
            order = self.find(call.owner, None, draft.client_order_id) or order
        if order is Fault.SELF_TRADE:
            refusal = refusal_of(order, draft.side)
            ids = ", ".join(self._matching.register.colliding(call.owner, draft))
            raise WireRefusal(refusal.status, refusal.name, f"{refusal.message} [{ids}]")
        if isinstance(order, Fault):
            raise refusal_of(order, draft.side)
        self._counts["orders"] += 1
        if faults.takes_drop_after_accept(seen):
            return Response(0, delivery=Delivery.DROP)
        return answer(order)
