"""One feed over two generations of an exchange's public words, switched while it runs (R1.1)."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from arbitrage.domain.frame_spec import DecodedBook, FrameSpec
from arbitrage.domain.ports import Frame, StreamState
from arbitrage.domain.units import Exchange, Ns
from arbitrage.domain.wire import SHIPPED_WIRE, Duty, ExchangeWire, Generation
from exchanges.book_feed import BookFeed
from exchanges.comparison import Comparison, Doubts, Found, book_differences, is_one_moment
from exchanges.drift import IS_COMPARING, DriftLog
from exchanges.transport import Clock

COMPARE_EVERY_S = 2.0


class SwitchingFeed:
    """`ports.Feed`. A switch ends one connection and begins the other: every book is dead until it comes whole.

    While books are compared the other generation's stream runs beside, and its books go nowhere.
    """

    def __init__(
        self,
        make: Callable[[Generation], BookFeed],
        clock: Clock,
        wire: ExchangeWire = SHIPPED_WIRE,
        compare_every_s: float = COMPARE_EVERY_S,
    ) -> None:
        """`make` gives a fresh feed of one generation."""
        self.drift = DriftLog()
        self.comparison = Comparison(self.drift)
        self._make = make
        self._clock = clock
        self._compare_every_s = compare_every_s
        self._wire = wire
        self._markets: tuple[str, ...] = ()
        self._generation = wire.generation(Duty.BOOKS)
        self._feed = self._made(self._generation)
        self.exchange: Exchange = self._feed.exchange
        self._past: Counter[str] = Counter()
        self._is_running = False
        self._turned = asyncio.Event()

    @property
    def spec(self) -> FrameSpec:
        """Return how the frames handed on are laid out right now."""
        return self._feed.spec

    @property
    def counts(self) -> Counter[str]:
        """Return what was counted, over all generations, and how often they were switched and compared."""
        gauges = ("degraded", "disconnects_last_hour")
        present = self._feed.counts
        total = Counter({name: count for name, count in self._past.items() if name not in gauges})
        total.update(present)
        total.update(self.comparison.counts)
        return total

    def use_wire(self, wire: ExchangeWire) -> None:
        """Use these settings; another generation of books takes over as soon as its connection stands."""
        self._wire = wire
        wanted = wire.generation(Duty.BOOKS)
        if wanted is self._generation:
            self._feed.use_wire(wire)
        elif self._is_running:
            self._turned.set()
        else:
            self._turn(wanted)

    async def run(
        self,
        markets: Sequence[str],
        on_frame: Callable[[Frame], DecodedBook | None],
        on_state: Callable[[StreamState, str], None],
        on_snapshot: Callable[[DecodedBook, Ns, Ns], None],
        on_dead: Callable[[str, str], None] | None = None,
    ) -> None:
        """Run the feed of the generation in use until cancelled; see `ports.Feed`."""
        self._markets = tuple(markets)
        self._is_running = True
        comparing = asyncio.create_task(self._keep_comparing())
        self.comparison.watch(comparing, Duty.BOOKS, self._clock.wall_ns)
        try:
            while True:
                running = asyncio.create_task(self._feed.run(markets, on_frame, on_state, on_snapshot, on_dead))
                if not await self._until_turned(running):
                    return
                self._turn(self._wire.generation(Duty.BOOKS))
                # The new layout is told by now: its owner can be ready before the first frame.
                on_state(StreamState.DOWN, f"books switched to {self._generation}")
        finally:
            self._is_running = False
            comparing.cancel()
            await asyncio.gather(comparing, return_exceptions=True)

    async def _until_turned(self, running: "asyncio.Task[None]") -> bool:
        """Wait for a turn, then end what runs; False when that ended by itself, and its error if it had one."""
        turned = asyncio.create_task(self._turned.wait())
        try:
            await asyncio.wait({running, turned}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
                return False
            self._turned.clear()
            return True
        finally:
            for task in (running, turned):
                task.cancel()
            await asyncio.gather(running, turned, return_exceptions=True)

    async def close(self) -> None:
        """Close the REST connections; `run` does so at its end."""
        await self._feed.close()

    def request_resync(self) -> None:
        """Subscribe anew on the present connection, so that whole books follow."""
        self._feed.request_resync()

    async def snapshot(self, market: str) -> DecodedBook:
        """Return the book by REST of the generation in use."""
        return await self._feed.snapshot(market)

    def _turn(self, generation: Generation) -> None:
        self._past.update(self._feed.counts)
        self._past["switches"] += 1
        self._generation = generation
        self._feed = self._made(generation)

    def _made(self, generation: Generation) -> BookFeed:
        feed = self._make(generation)
        feed.use_drift(self.drift)
        feed.use_wire(self._wire)
        return feed

    # The other generation beside

    async def _keep_comparing(self) -> None:
        IS_COMPARING.set(True)
        shadow: BookFeed | None = None
        running: asyncio.Task[None] | None = None
        doubts = Doubts()
        other = Generation.JWT
        try:
            while True:
                await asyncio.sleep(self._compare_every_s)
                wanted = Duty.BOOKS in self._wire.compare
                if running is not None and (not wanted or other is self._generation):
                    await _end(running)
                    shadow = running = None
                if not wanted:
                    continue
                if shadow is None:
                    other = Generation.JWT if self._generation is Generation.LEGACY else Generation.LEGACY
                    shadow, doubts = self._made(other), Doubts()
                    running = asyncio.create_task(shadow.run(self._markets, _ignore, _ignore, _ignore))
                    continue
                self._compare(shadow, doubts)
        finally:
            if running is not None:
                await _end(running)

    def _compare(self, shadow: BookFeed, doubts: Doubts) -> None:
        found: list[tuple[Found, bool]] = []
        for market in self._markets:
            used, other = self._feed.newest(market), shadow.newest(market)
            is_near = is_one_moment(used, other)
            found += ((one, is_near) for one in book_differences(market, used, other))
        self.comparison.checked(Duty.BOOKS, doubts.lasting(found), Ns(self._clock.wall_ns()))


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _ignore(*_: object) -> None:
    """What the other generation says goes nowhere."""
