"""Orders spread over time: equal market orders at a steady pace (bithumb.md §3.8a).

They live as long as the process: the state log keeps the orders they placed, not the plan itself.
"""

from collections.abc import Callable
from enum import StrEnum
from uuid import UUID

from arbitrage.domain.units import SCALE, Side
from exchanges.simulator.account import Account
from exchanges.simulator.agenda import Agenda
from exchanges.simulator.kst import SECOND
from exchanges.simulator.orders import Draft, OrdType, SimOrder
from exchanges.simulator.steps import Fault

PlaceSlice = Callable[[Account, Draft, int], SimOrder | Fault]
_MS = 1_000_000


class TwapState(StrEnum):
    """How a plan stands, in Bithumb's words."""

    PROGRESS = "progress"
    DONE = "done"
    CANCEL = "cancel"


class Twap:
    """One plan and what it placed. `total` in 10^-8: KRW to spend, or coins to sell."""

    def __init__(
        self, twap_id: str, account: Account, market: str, side: Side, total: int, slices: int, now: int
    ) -> None:
        self.twap_id = twap_id
        self.account = account
        self.market = market
        self.side = side
        self.total = total
        self.slices = slices
        self.created_ns = now
        self.ended_ns = 0
        self.cancel_type: str | None = None
        self.orders: list[SimOrder] = []

    @property
    def state(self) -> TwapState:
        """Return whether slices are still to come or to end."""
        if self.cancel_type is not None:
            return TwapState.CANCEL
        is_open = len(self.orders) < self.slices or any(order.is_open for order in self.orders)
        return TwapState.PROGRESS if is_open else TwapState.DONE

    @property
    def executed_qty(self) -> int:
        """Return the coins traded so far, in 10^-8."""
        return sum(order.executed_qty for order in self.orders)

    @property
    def executed_funds(self) -> int:
        """Return the KRW traded so far, in 10^-22."""
        return sum(order.executed_funds for order in self.orders)

    @property
    def next_slice(self) -> int:
        """Return the size of the next slice: even parts, KRW in whole ones, the last takes what is left."""
        even = slice_of(self.side, self.total, self.slices)
        done = len(self.orders)
        return self.total - even * done if done == self.slices - 1 else even


def slice_of(side: Side, total: int, slices: int) -> int:
    """Return an even part of `total`, in 10^-8."""
    even = total // slices
    return even - even % SCALE if side is Side.BID else even


class Twaps:
    """All plans of one exchange, oldest first."""

    def __init__(self, agenda: Agenda, place: PlaceSlice) -> None:
        self.plans: dict[str, Twap] = {}
        self._agenda = agenda
        self._place = place
        self._count = 0

    def begin(
        self, account: Account, market: str, side: Side, total: int, *, slices: int, every_s: int, now: int
    ) -> Twap:
        """Take a plan; its first slice is placed at once."""
        self._count += 1
        number = (now // _MS << 80) | (7 << 76) | (2 << 62) | self._count
        twap = Twap(str(UUID(int=number)), account, market, side, total, slices, now)
        self.plans[twap.twap_id] = twap
        self._agenda.at(now, lambda at: self._slice(twap, every_s * SECOND, at))
        return twap

    def cancel(self, twap: Twap, now: int) -> None:
        """End a plan by its owner's wish: nothing more is placed, what was placed stands."""
        self._end(twap, "user", now)

    def _slice(self, twap: Twap, every_ns: int, now: int) -> None:
        if twap.state is not TwapState.PROGRESS or len(twap.orders) >= twap.slices:
            return
        is_buy = twap.side is Side.BID
        draft = Draft(
            market=twap.market,
            side=twap.side,
            ord_type=OrdType.PRICE if is_buy else OrdType.MARKET,
            price=twap.next_slice if is_buy else None,
            volume=None if is_buy else twap.next_slice,
            tif=None,
            client_order_id=None,
        )
        order = self._place(twap.account, draft, now)
        if isinstance(order, Fault):
            self._end(twap, "system", now)
            return
        twap.orders.append(order)
        if len(twap.orders) < twap.slices:
            self._agenda.at(now + every_ns, lambda at: self._slice(twap, every_ns, at))

    def _end(self, twap: Twap, why: str, now: int) -> None:
        twap.cancel_type = why
        twap.ended_ns = now
