"""One synchronous step: two books, controls and params in, a decision out. No await, no clock, no I/O.

Both directions are looked at; the touch decides in a microsecond that there is nothing, which is the
usual case. Only then are ladders walked, and only a signal asks the trader for its exposure.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from arbitrage.domain.balances import Wallets
from arbitrage.domain.book import Book
from arbitrage.domain.controls import Controls
from arbitrage.domain.exposure import Exposure
from arbitrage.domain.instrument import Instrument
from arbitrage.domain.inventory import Strain, discounted, shadow_ppm, strains_of, with_shadow
from arbitrage.domain.pace_policy import UNHURRIED, Pace, paced
from arbitrage.domain.params import DEFAULT_PARAMS, Params, params_from_bytes
from arbitrage.domain.risk import Approved, Denied, check, denied_unasked
from arbitrage.domain.signal import NoSignal, NoSignalReason, Signal, find_signal, has_gap
from arbitrage.domain.units import EXCHANGES, PPM, Exchange, Krw, Ns, Qty


class View(Protocol):
    """One moment of one slot, as `books.SlotView`."""

    @property
    def published_mono_ns(self) -> Ns: ...
    @property
    def best_bid(self) -> int: ...
    @property
    def best_ask(self) -> int: ...
    @property
    def book(self) -> Book: ...


class Reader(Protocol):
    """Reads one exchange's books by market index, as `books.BookReader`."""

    def read(self, index: int) -> View | None:
        """Return the market's slot, or None when there is no book to trade on."""


class Control(Protocol):
    """The part of `control.ControlBlock` the engine reads, and the one word it writes."""

    def controls(self, market: str) -> Controls:
        """Return the worst of all levels for one market."""

    def params_epoch(self) -> int:
        """Return the epoch of the newest params."""

    def read_params(self) -> tuple[int, bytes]:
        """Return epoch and bytes; empty bytes when none can be had."""

    def set_applied_epoch(self, epoch: int) -> None:
        """Say which epoch decisions are made with."""


class Decision(msgspec.Struct, frozen=True):
    """What one step found. Exactly one of `approved`, `denied`, `no_signal` is there.

    `approved` and `denied` come with their `signal`. `published_mono_ns` is when the younger of the two
    books was published, 0 when one was missing: the trader measures book to decision from it.
    """

    market_index: int
    market: str
    params_epoch: int
    published_mono_ns: Ns
    signal: Signal | None = None
    approved: Approved | None = None
    denied: Denied | None = None
    no_signal: NoSignal | None = None

    @property
    def denial(self) -> str | None:
        """Return the word to count as `denied.<word>`; None when approved or simply no gap."""
        if self.denied is not None:
            return self.denied.reason
        if self.no_signal is not None and self.no_signal.is_denial:
            return self.no_signal.reason
        return None


class _Way(msgspec.Struct, frozen=True):
    # One direction of one market: where it buys, how our stock lies for it, and what edge that makes it want.
    strain: Strain
    shadow_ppm: int
    edge_ppm: int


class _Ways(msgspec.Struct, frozen=True):
    # Both directions, and the state of the wallets they were worked out from; -1 = not yet.
    version: int
    buying_one: _Way
    buying_other: _Way


_EVEN = _Way(Strain(0, 0, 0, 0), 0, 0)
_UNKNOWN_WAYS = _Ways(-1, _EVEN, _EVEN)
_NO_GAP = NoSignal(NoSignalReason.NO_GAP)
_NO_PARAMS = NoSignal(NoSignalReason.NO_PARAMS)
_BOOK_MISSING = NoSignal(NoSignalReason.BOOK_MISSING)


class Engine:
    """Decides for all markets. Params are decoded once per epoch; a bad set is counted and never used."""

    def __init__(
        self,
        *,
        markets: Sequence[str],
        readers: Mapping[Exchange, Reader],
        instruments: Mapping[tuple[Exchange, str], Instrument],
        control: Control,
        wallets: Wallets,
        exposure: Callable[[Signal, Ns, Strain], Exposure],
        discount_left: Callable[[], Krw],
        part: Callable[[Signal], int],
    ) -> None:
        """Take what to read. `exposure` is asked only for a signal the controls allow; it must not block.

        `part` says how much of the size found is worth sending, in ppm; asked for every signal.
        `discount_left` says what bringing stock back may still cost today; asked when balances changed.
        """
        self.markets = tuple(markets)
        self.stored: Params = DEFAULT_PARAMS
        """The newest sound set, as a person activated it."""
        self.params: Params = DEFAULT_PARAMS
        """The set in use, the pace laid over it; nothing is decided with it while `params_epoch` is 0."""
        self._pace = UNHURRIED
        self.params_data = b""
        """The very bytes of the stored set."""
        self.params_epoch = 0
        self.params_refused = 0
        """How many sets were malformed or out of bounds."""
        self.params_findings: tuple[str, ...] = ()
        """What was wrong with the last set refused; empty when the newest set is in use."""
        self._seen_epoch = 0
        self._readers = tuple(readers[exchange] for exchange in EXCHANGES)
        self._control = control
        self._wallets = wallets
        self._exposure = exposure
        self._discount_left = discount_left
        self._part = part
        self._instruments = [[instruments[exchange, market] for exchange in EXCHANGES] for market in self.markets]
        self._ways = [_UNKNOWN_WAYS] * len(self.markets)

    def set_instrument(self, instrument: Instrument) -> None:
        """Take over new rules (a fee that changed, say) for one market of one exchange."""
        row = self._instruments[self.markets.index(instrument.market)]
        row[EXCHANGES.index(instrument.exchange)] = instrument
        self._forget_ways()

    def set_pace(self, pace: Pace) -> None:
        """Decide with this pace laid over the stored set from now on."""
        self._pace = pace
        self.params = paced(self.stored, pace)
        self._forget_ways()

    def refresh_params(self) -> None:
        """Use the newest params if they are new and sound; else keep the set in use and say why.

        The applied epoch is only raised to a set that is really in use.
        """
        if self._control.params_epoch() == self._seen_epoch:
            return
        epoch, data = self._control.read_params()
        if not data or epoch == self._seen_epoch:
            return
        self._seen_epoch = epoch
        params, found = params_from_bytes(data)
        if params is None:
            self.params_refused += 1
            self.params_findings = tuple(found)
            return
        self.stored, self.params_data, self.params_epoch, self.params_findings = params, data, epoch, ()
        self.set_pace(self._pace)
        self._control.set_applied_epoch(epoch)

    def step(self, market_index: int, now: Ns) -> Decision:
        """Return the decision for one market at `now` (our monotonic clock)."""
        if self._control.params_epoch() != self._seen_epoch:
            self.refresh_params()
        market, epoch = self.markets[market_index], self.params_epoch
        if not epoch:
            return Decision(market_index, market, 0, Ns(0), no_signal=_NO_PARAMS)
        first = self._readers[0].read(market_index)
        second = self._readers[1].read(market_index)
        if first is None or second is None:
            return Decision(market_index, market, epoch, Ns(0), no_signal=_BOOK_MISSING)
        published = max(first.published_mono_ns, second.published_mono_ns)
        ways = self._ways[market_index]
        if ways.version != self._wallets.version:
            ways = self._worked_out(market_index)
        one, other = self._instruments[market_index]
        # Nobody buys dearer than he sells and the spreads are positive, so at most one direction can have a gap.
        way = ways.buying_one
        found: Signal | NoSignal = _NO_GAP
        if has_gap(second.best_bid, first.best_ask, one.fee_ppm, other.fee_ppm, way.edge_ppm):
            found = self._find(second.book, first.book, one, other, way, now)
        elif has_gap(first.best_bid, second.best_ask, other.fee_ppm, one.fee_ppm, ways.buying_other.edge_ppm):
            way = ways.buying_other
            found = self._find(first.book, second.book, other, one, way, now)
        if isinstance(found, NoSignal):
            return Decision(market_index, market, epoch, published, no_signal=found)
        if (part_ppm := self._part(found)) < PPM:
            found = self._smaller(found, first.book, second.book, part_ppm, market_index, now)
        controls = self._control.controls(market)
        answer = denied_unasked(controls) or check(
            found, self._exposure(found, now, way.strain), controls, self.params, now
        )
        if isinstance(answer, Approved):
            return Decision(market_index, market, epoch, published, signal=found, approved=answer)
        return Decision(market_index, market, epoch, published, signal=found, denied=answer)

    def _smaller(self, found: Signal, first: Book, second: Book, part_ppm: int, market_index: int, now: Ns) -> Signal:
        """Return the signal of a part of the size found, sized and priced anew; the whole where a part is none."""
        one, other = self._instruments[market_index]
        ways, most = self._ways[market_index], Qty(found.qty * part_ppm // PPM)
        if found.buy_exchange is one.exchange:
            smaller = self._find(second, first, one, other, ways.buying_one, now, most)
        else:
            smaller = self._find(first, second, other, one, ways.buying_other, now, most)
        return found if isinstance(smaller, NoSignal) else smaller

    def _find(
        self,
        bid_book: Book,
        ask_book: Book,
        buying: Instrument,
        selling: Instrument,
        way: _Way,
        now: Ns,
        most: Qty | None = None,
    ) -> Signal | NoSignal:
        params = self.params
        caps = self._wallets.caps(ask_book.exchange, bid_book.exchange, buying.base, params.reserve_ppm)
        if most is not None:
            caps = msgspec.structs.replace(caps, base_to_sell=min(caps.base_to_sell, most))
        shadow = way.shadow_ppm
        if not shadow:
            return find_signal(bid_book, ask_book, buying, selling, params, caps, now)
        priced = with_shadow(caps, way.strain, shadow)
        found = find_signal(bid_book, ask_book, buying, selling, params, priced, now)
        if shadow > 0 or isinstance(found, NoSignal):
            return found
        plain = find_signal(bid_book, ask_book, buying, selling, params, caps, now)
        return discounted(found, plain, params, discount_left=self._discount_left())

    def _forget_ways(self) -> None:
        self._ways = [_UNKNOWN_WAYS] * len(self.markets)

    def _worked_out(self, market_index: int) -> _Ways:
        one, other = self._instruments[market_index]
        wallets, params, left = self._wallets, self.params, self._discount_left()
        fees_ppm = one.fee_ppm + other.fee_ppm
        buying_one, buying_other = strains_of(wallets, one.base, one.exchange, other.exchange, params)
        ways = self._ways[market_index] = _Ways(
            wallets.version, _way(buying_one, params, fees_ppm, left), _way(buying_other, params, fees_ppm, left)
        )
        return ways


def _way(strain: Strain, params: Params, fees_ppm: int, discount_left: Krw) -> _Way:
    shadow = shadow_ppm(strain, params, fees_ppm=fees_ppm, discount_left=discount_left)
    return _Way(strain, shadow, params.min_edge_ppm + shadow)
