"""The tapes of all markets and the other people who trade: seeded takers at the touch.

What they take is put back at once by whoever quotes, so the books of a seed are the same with and without
them; their randomness is their own. Sweeps and own fills reach the tapes through `Prints.printed`.
"""

from collections.abc import Callable
from functools import partial

import msgspec

from arbitrage.domain.units import PPM, SCALE, Exchange, Side
from exchanges.simulator.agenda import Agenda
from exchanges.simulator.ladder import LiveBook
from exchanges.simulator.past import Past
from exchanges.simulator.rules import Rules
from exchanges.simulator.seeds import stream
from exchanges.simulator.tape import Print, Serials, Tape

_MS = 1_000_000
Key = tuple[Exchange, str]


class Takers(msgspec.Struct, frozen=True):
    """How others trade: mean wait in ms (0 = nobody does), middle size in KRW, share of buyers in ppm."""

    wait_ms: int
    size_krw: int
    buyers_ppm: int = 500_000

    @property
    def krw_a_minute(self) -> int:
        """Return what they turn over in a minute on average (the mean of the sizes is twice their middle)."""
        return self.size_krw * 2 * 60_000 // self.wait_ms if self.wait_ms else 0


class Prints:
    """All tapes of both exchanges. `on_print` hears of every print."""

    def __init__(
        self,
        books: dict[Key, LiveBook],
        rules: dict[Exchange, Rules],
        seed: int,
        agenda: Agenda,
        usual: dict[Key, Takers],
    ) -> None:
        self.on_print: Callable[[Exchange, Print], None] = lambda exchange, fresh: None
        self.takers = dict(usual)
        """Who trades on each market now; may be changed at any time."""
        self.closed: set[Key] = set()
        """Markets on which nobody trades because they are closed."""
        self._books = books
        self._agenda = agenda
        self._rng = {key: stream(seed, *key, "prints") for key in books}
        serials = {exchange: Serials(exchange, stream(seed, exchange, "serials")) for exchange in rules}
        self._tapes = {}
        for number, key in enumerate(books):
            exchange, market = key
            origin = books[key].mid()
            past = None
            if origin is not None:
                turnover = usual[key].krw_a_minute
                past = Past(seed, exchange, market, rules[exchange].ticks, origin, agenda.now, turnover)
            self._tapes[key] = Tape(exchange, market, serials[exchange], past, number % 10_000)
            self._plan(key, agenda.now)

    def tape(self, exchange: Exchange, market: str) -> Tape:
        """Return one market's tape."""
        return self._tapes[exchange, market]

    def printed(self, exchange: Exchange, market: str, price: int, qty: int, taker_side: Side, now: int) -> Print:
        """Put one trade on the tape, whoever made it, and tell everyone. The book is as it is right after."""
        book = self._books[exchange, market]
        best = book.best(Side.BID, now), book.best(Side.ASK, now)
        fresh = self._tapes[exchange, market].add(price, qty, taker_side, now, *best)
        self.on_print(exchange, fresh)
        return fresh

    def _plan(self, key: Key, now: int) -> None:
        wait_ms = self.takers[key].wait_ms or 1_000
        wait = int(self._rng[key].expovariate(1 / wait_ms)) + 1
        self._agenda.at(now + wait * _MS, partial(self._trade, key))

    # One taker at the touch: at most what is shown there.
    def _trade(self, key: Key, now: int) -> None:
        rng, takers = self._rng[key], self.takers[key]
        krw = int(takers.size_krw * rng.lognormvariate(0.0, 1.2))
        buys = rng.randint(1, PPM) <= takers.buyers_ppm
        resting = Side.ASK if buys else Side.BID
        price, there = self._books[key].best(resting, now)
        if takers.wait_ms and there and key not in self.closed:
            qty = min(there, max(1, krw * SCALE * SCALE // price))
            self.printed(*key, price, qty, resting.opposite, now)
        self._plan(key, now)
