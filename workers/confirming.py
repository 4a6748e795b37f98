"""Before a large arb both exchanges' books are asked for by REST: a second source must support its prices (R1.3).

The question blocks nothing: it runs beside the desk, and when both answers are there the desk decides anew on the
stream books of that moment. Whatever else comes - late, unanswered, other prices - opens nothing, is counted as
`denied.unconfirmed`, and both feeds are asked for whole books. One question at a time a market: what comes
meanwhile is counted as `denied.confirming`.
"""

import asyncio
from collections.abc import Callable, Mapping

from arbitrage.domain.errors import ExchangeError
from arbitrage.domain.frame_spec import DecodedBook
from arbitrage.domain.params import SECOND, Params
from arbitrage.domain.signal import Signal
from arbitrage.domain.units import EXCHANGES, PPM, Exchange
from arbitrage.domain.wire import Wire
from exchanges.rest_books import RestBooks
from fast_path.engine import Decision
from workers.process import Context


def supports(signal: Signal, bought_from: DecodedBook, sold_into: DecodedBook, slack_ppm: int) -> bool:
    """Return whether two books of a second source would let `signal` fill, its limits passed by `slack_ppm` at most."""
    if not bought_from.asks or not sold_into.bids:
        return False
    ask, bid = bought_from.asks[0].price, sold_into.bids[0].price
    is_cheap = ask * PPM <= signal.buy_limit * (PPM + slack_ppm)
    return is_cheap and bid * PPM >= signal.sell_limit * (PPM - slack_ppm)


class Confirming:
    """The questions under way, at most one a market."""

    def __init__(
        self,
        context: Context,
        books: Mapping[Exchange, RestBooks],
        params: Callable[[], Params],
        decide: Callable[[int], Decision],
        send: Callable[[Decision], None],
        ended: Callable[[asyncio.Task[None]], None],
    ) -> None:
        """`decide` runs one engine step for a market's index, `send` opens what was approved and confirmed.

        `ended` looks at every question that is over, for what it may have raised.
        """
        self._context = context
        self._books = books
        self._params = params
        self._decide = decide
        self._send = send
        self._ended = ended
        self._asking: dict[int, asyncio.Task[None]] = {}

    def use_wire(self, wire: Wire) -> None:
        """Read books as `wire` says from the next question on."""
        for exchange, books in self._books.items():
            books.use_wire(wire.of(exchange))

    async def open(self) -> None:
        """Open connections ahead of time; an exchange that is away is tried again at the first question."""
        await asyncio.gather(*(books.open() for books in self._books.values()))

    async def close(self) -> None:
        """End every question, opening nothing, and close the connections."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for books in self._books.values():
            await books.close()

    def takes(self, decision: Decision) -> bool:
        """Return whether an approved decision is too large to go unconfirmed: then it is asked for, or dropped."""
        signal, bound = decision.signal, self._params().confirm_above_krw
        if signal is None or signal.buy_cost <= bound:
            return False
        index = decision.market_index
        if index in self._asking:
            self._context.counters.add("denied.confirming")
        else:
            self._context.counters.add("confirmations")
            task = asyncio.get_running_loop().create_task(self._ask(index, decision.market))
            self._asking[index] = task
            task.add_done_callback(lambda _task: self._asking.pop(index, None))
            task.add_done_callback(self._ended)
        return True

    async def _ask(self, index: int, market: str) -> None:
        counters, params = self._context.counters, self._params()
        try:
            async with asyncio.timeout(params.confirm_within_ns / SECOND):
                found = await asyncio.gather(*(self._books[exchange].fetch((market,)) for exchange in EXCHANGES))
        except (TimeoutError, ExchangeError) as error:
            self._unconfirmed(market, repr(error))
            return
        told = {exchange: _of(market, books) for exchange, books in zip(EXCHANGES, found, strict=True)}
        again = self._decide(index)
        if again.signal is None or again.approved is None:
            counters.add("denied.confirmed_too_late")
            return
        bought_from, sold_into = told[again.signal.buy_exchange], told[again.signal.sell_exchange]
        if bought_from is None or sold_into is None:
            self._unconfirmed(market, "no book of the market")
        elif not supports(again.signal, bought_from, sold_into, params.confirm_slack_ppm):
            self._unconfirmed(market, "other prices")
        else:
            self._send(again)

    def _unconfirmed(self, market: str, why: str) -> None:
        self._context.counters.add("denied.unconfirmed")
        for exchange in EXCHANGES:
            self._context.control.request_resync(exchange, market)
        self._context.log.warning("arb_unconfirmed", market=market, why=why)


def _of(market: str, books: tuple[DecodedBook, ...]) -> DecodedBook | None:
    return next((book for book in books if book.market == market), None)
