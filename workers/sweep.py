"""Take every order of the desk off one exchange, and see by its list that none is left.

What an answer says counts for nothing: an order is gone when the exchange no longer lists it, twice in a row.
Answers that are unknown, refused or lost are therefore asked for again by the next list.
"""

import asyncio
from collections.abc import Callable

from arbitrage.domain.errors import ExchangeError
from arbitrage.domain.order_name import is_desk_name
from arbitrage.domain.ports import Accepted, OpenOrder
from exchanges.canceller import Canceller
from workers.process import Context

AGAIN_S = 0.25
KEEP_S = 2.0
"""How often an exchange that lists nothing is asked again, as long as sweeping is wanted."""
EMPTY_LISTS = 2
AT_ONCE = 8


def of_desk(order: OpenOrder) -> bool:
    """Return whether the order bears a desk's name; orders of other hands on the account stay."""
    return is_desk_name(order.client_order_id)


def of_anyone(_order: OpenOrder) -> bool:
    """Return that every order of the account is to go."""
    return True


class Sweep:
    """Sweeps one exchange for as long as `is_wanted` says so."""

    def __init__(self, context: Context, canceller: Canceller, is_ours: Callable[[OpenOrder], bool]) -> None:
        self.is_clean = False
        """Whether the exchange listed nothing of ours, twice in a row, and nothing since."""
        self._context = context
        self._canceller = canceller
        self._is_ours = is_ours
        self._empty = 0
        self._said = ""

    async def run(self, is_wanted: Callable[[], bool]) -> None:
        """List and cancel until it is wanted no more."""
        while is_wanted():
            await self._context.sleep(KEEP_S if await self._round() else AGAIN_S)

    async def _round(self) -> bool:
        """List once and ask for every cancel; return whether the exchange is clean."""
        exchange = self._canceller.exchange
        try:
            listed = await self._canceller.open_orders()
        except ExchangeError as error:
            self._not_clean()
            if str(error) != self._said:
                self._said = str(error)
                self._context.log.warning("open_orders_not_listed", exchange=exchange, error=self._said)
            return False
        ours = [order for order in listed if self._is_ours(order)]
        if ours:
            self._not_clean()
            answers = await asyncio.gather(*(self._canceller.cancel(order) for order in ours[:AT_ONCE]))
            self._context.counters.add("cancels_sent", len(answers))
            taken = sum(isinstance(answer, Accepted) for answer in answers)
            self._context.log.warning("orders_cancelled", exchange=exchange, listed=len(ours), acknowledged=taken)
            return False
        self._empty += 1
        if self._empty == EMPTY_LISTS:
            self.is_clean, self._said = True, ""
            self._context.log.warning("exchange_swept", exchange=exchange)
        return self.is_clean

    def _not_clean(self) -> None:
        self.is_clean, self._empty = False, 0
