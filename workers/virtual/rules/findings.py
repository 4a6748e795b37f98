"""What is known of a run so far, and what was found broken in it."""

from decimal import Decimal

import msgspec

from arbitrage.domain.arb import Arb
from workers.virtual.world import World


class Violation(msgspec.Struct, frozen=True):
    """One rule broken, at made-up ns."""

    at_ns: int
    rule: str
    detail: str


class Findings:
    """What all rules of one run share: its world, the arbs as the journal has them, and the violations."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.violations: list[Violation] = []
        self.images: dict[str, Arb] = {}
        """The newest image of each arb that was journalled, by any trader."""
        self.open_arbs: dict[str, Arb] = {}
        """Those of them that are not closed."""
        self.known_orders: set[str] = set()
        """Our ids of the orders in all of them."""
        self.opening = world.holdings()
        """What the desk had in the beginning, 10^-22."""
        self._earned: dict[str, tuple[Arb, Decimal]] = {}
        self._told: set[tuple[str, str]] = set()

    def take(self, arb: Arb) -> None:
        """Take over a new image of an arb; what an older one had and this one has not is known no more."""
        before = self.images.get(arb.arb_id)
        if before is not None:
            self.known_orders.difference_update(order.client_order_id for order in before.orders)
        self.known_orders.update(order.client_order_id for order in arb.orders)
        self.images[arb.arb_id] = arb
        if arb.is_closed:
            self.open_arbs.pop(arb.arb_id, None)
        else:
            self.open_arbs[arb.arb_id] = arb

    def earned(self, arb: Arb) -> Decimal:
        """Return an image's profit in KRW as `even_pnl_krw` has it, worked out once."""
        known = self._earned.get(arb.arb_id)
        if known is None or known[0] is not arb:
            known = self._earned[arb.arb_id] = (arb, arb.even_pnl_krw)
        return known[1]

    def broken(self, rule: str, detail: str) -> None:
        """Note a violation, once per rule and detail."""
        if (rule, detail) not in self._told:
            self._told.add((rule, detail))
            self.world.note("watch", rule, detail)
            self.violations.append(Violation(self.world.loop.now_ns, rule, detail))
