"""The tape of one market on one exchange: its prints, what the day adds up to, and its candles.

Everything a ticker or candle says is folded from prints; nothing is made up at the moment of asking. The past
before the simulator began is made when someone first reads.
"""

from collections import deque
from collections.abc import Iterable
from random import Random

import msgspec

from arbitrage.domain.units import Exchange, Side
from exchanges.simulator.bars import BORDER_NS, DAY, MINUTE, Bar, Span, newest, start_of
from exchanges.simulator.money import funds_of
from exchanges.simulator.past import Past

KEPT_PRINTS = 2_000
KEPT_MINUTES = 3_000
KEPT_DAYS = 400
_UNREAD = 500
_MS = 1_000_000
_STREAM_EPOCH_MS = 1_757_948_400_000
_STREAM_SHIFT = 25
_STREAM_LOW = 4_220_000


class Print(msgspec.Struct, frozen=True, gc=False):
    """One public trade. Prices and quantities in 10^-8; `best_*` is the quote right after it, 0 on an empty side."""

    market: str
    price: int
    qty: int
    taker_side: Side
    at_ns: int
    sequential_id: int
    stream_id: int
    """What the WebSocket calls sequential_id; Bithumb counts there by another scheme (bithumb.md §6.1)."""
    best_bid: int
    best_bid_qty: int
    best_ask: int
    best_ask_qty: int


class Day(msgspec.Struct, frozen=True):
    """What the exchange's day and the last 24 h add up to. Prices and volumes in 10^-8, values in 10^-22 KRW."""

    price: int
    opening: int
    high: int
    low: int
    previous_close: int
    volume: int
    bought: int
    value: int
    volume_24h: int
    value_24h: int
    last_qty: int
    last_side: Side
    last_ns: int
    highest: int
    highest_ns: int
    lowest: int
    lowest_ns: int
    """Highest and lowest of all kept days, at most 52 weeks."""


class Serials:
    """Mints one exchange's print ids.

    Upbit and Bithumb's REST: milliseconds x 10,000 + a counter, unique but, on Upbit, not strictly in order of
    execution (upbit.md §1.2, §3.5; bithumb.md §3.3). Bithumb's stream has an 18 to 19-digit number whose
    scheme nobody documents (bithumb.md §6.1): milliseconds since 2025-09-16 00:00 KST times 2^25 meets both ids
    ever recorded to the millisecond, their low bits are 4,220,272 and 4,220,452.
    """

    def __init__(self, exchange: Exchange, rng: Random) -> None:
        self._exchange = exchange
        self._rng = rng
        self._counts: dict[int, int] = {}

    def mint(self, at_ns: int) -> tuple[int, int]:
        """Return a REST id and a stream id; on Upbit they are the same."""
        ms = at_ns // _MS
        if self._exchange is Exchange.UPBIT and self._rng.random() < 0.05:
            ms -= self._rng.randint(1, 15)
        count = self._counts.get(ms, 0)
        self._counts[ms] = count + 1
        if len(self._counts) > 1_000:
            self._counts = {kept: number for kept, number in self._counts.items() if kept > ms - 1_000}
        return self.ids(ms, count)

    def ids(self, ms: int, count: int) -> tuple[int, int]:
        """Return both ids of the print number `count` in millisecond `ms`."""
        number = ms * 10_000 + count
        if self._exchange is Exchange.UPBIT:
            return number, number
        return number, (ms - _STREAM_EPOCH_MS << _STREAM_SHIFT) + _STREAM_LOW + count


class Tape:
    """Prints in, statistics out. History is bounded: 2,000 prints, 3,000 minutes with trades, 400 days."""

    def __init__(self, exchange: Exchange, market: str, serials: Serials, past: Past | None, mark: int = 0) -> None:
        """Start with `past` behind it; None = nothing was traded before. `mark` keeps ids of past prints apart."""
        self.exchange = exchange
        self.market = market
        self._border_ns = BORDER_NS[exchange]
        self._serials = serials
        self._past = past
        self._mark = mark
        self._unread: list[Print] = []
        self._prints: deque[Print] = deque(maxlen=KEPT_PRINTS)
        self._minutes: deque[Bar] = deque(maxlen=KEPT_MINUTES)
        self._days: deque[Bar] = deque(maxlen=KEPT_DAYS)
        self._last_24h: deque[Bar] = deque()
        self._volume_24h = 0
        self._value_24h = 0

    def add(
        self, price: int, qty: int, taker_side: Side, at_ns: int, bid: tuple[int, int], ask: tuple[int, int]
    ) -> Print:
        """Take one trade in; `bid` and `ask` are the best (price, qty) right after it."""
        sequential_id, stream_id = self._serials.mint(at_ns)
        fresh = Print(self.market, price, qty, taker_side, at_ns, sequential_id, stream_id, *bid, *ask)
        self._unread.append(fresh)
        if len(self._unread) >= _UNREAD:
            self._catch_up()
        return fresh

    def prints(self) -> list[Print]:
        """Return the prints kept, oldest first."""
        self._catch_up()
        return list(self._prints)

    def last(self) -> Print | None:
        """Return the newest print, or None before the first."""
        self._catch_up()
        return self._prints[-1] if self._prints else None

    def previous_close(self, at_ns: int) -> int:
        """Return the last price of the day before the one `at_ns` is in; 0 when nothing was traded before."""
        self._catch_up()
        begin = start_of(self.exchange, Span.DAYS, 1, at_ns)
        return next((bar.closing for bar in reversed(self._days) if bar.start_ns < begin), 0)

    def day(self, now: int) -> Day | None:
        """Return the day's figures at `now`, or None when nothing was ever traded.

        A day without a print yet stands at the close before it. The 24 h window moves by whole minutes.
        """
        self._catch_up()
        if not self._prints:
            return None
        self._slide(now)
        last, today = self._prints[-1], self._days[-1]
        begin = start_of(self.exchange, Span.DAYS, 1, now)
        if today.start_ns < begin:
            today = Bar(begin, last.price, last.price, last.price, last.price, 0, 0, 0, last.at_ns)
        recent = [bar for bar in self._days if bar.start_ns > now - 364 * DAY]
        highest = max(recent, key=lambda bar: bar.high)
        lowest = min(recent, key=lambda bar: bar.low)
        return Day(
            price=last.price,
            opening=today.opening,
            high=today.high,
            low=today.low,
            previous_close=self.previous_close(now) or today.opening,
            volume=today.volume,
            bought=today.bought,
            value=today.value,
            volume_24h=self._volume_24h,
            value_24h=self._value_24h,
            last_qty=last.qty,
            last_side=last.taker_side,
            last_ns=last.at_ns,
            highest=highest.high,
            highest_ns=highest.start_ns,
            lowest=lowest.low,
            lowest_ns=lowest.start_ns,
        )

    def candles(self, span: Span, unit: int, count: int, end_ns: int) -> list[Bar]:
        """Return up to `count` bars that begin before `end_ns`, newest first; spans without a print are absent."""
        self._catch_up()

        def begin(at_ns: int) -> int:
            return start_of(self.exchange, span, unit, at_ns)

        if span is Span.SECONDS:
            source: Iterable[Bar] = (_bar(one, begin(one.at_ns)) for one in reversed(self._prints))
        else:
            source = reversed(self._minutes if span is Span.MINUTES else self._days)
        return newest(source, begin, count, end_ns)

    # The past first, then what was printed since anyone last looked.
    def _catch_up(self) -> None:
        if self._past is not None:
            past, self._past = self._past, None
            days, prints = past.made()
            self._days.extend(days)
            for at_ns, price, qty, side, tick in prints:
                ids = self._serials.ids(at_ns // _MS, self._mark)
                best = (price - tick, price) if side is Side.BID else (price, price + tick)
                self._fold(Print(self.market, price, qty, side, at_ns, *ids, best[0], qty, best[1], qty))
        for fresh in self._unread:
            self._fold(fresh)
        self._unread.clear()

    def _fold(self, fresh: Print) -> None:
        self._prints.append(fresh)
        value = funds_of(fresh.price, fresh.qty)
        self._volume_24h += fresh.qty
        self._value_24h += value
        at_ns, days, minutes = fresh.at_ns, self._days, self._minutes
        begin = at_ns - at_ns % MINUTE
        if minutes and minutes[-1].start_ns == begin:
            _add(minutes[-1], fresh, value)
        else:
            minute = _bar(fresh, begin)
            minutes.append(minute)
            self._last_24h.append(minute)
            self._slide(at_ns)
        begin = at_ns - (at_ns + self._border_ns) % DAY
        if days and days[-1].start_ns == begin:
            _add(days[-1], fresh, value)
        else:
            days.append(_bar(fresh, begin))

    def _slide(self, now: int) -> None:
        window = self._last_24h
        while window and window[0].start_ns + DAY <= now:
            gone = window.popleft()
            self._volume_24h -= gone.volume
            self._value_24h -= gone.value


def _add(bar: Bar, one: Print, value: int) -> None:
    price = one.price
    if price > bar.high:
        bar.high = price
    elif price < bar.low:
        bar.low = price
    bar.closing = price
    bar.volume += one.qty
    if one.taker_side is Side.BID:
        bar.bought += one.qty
    bar.value += value
    bar.last_ns = one.at_ns


def _bar(one: Print, start_ns: int) -> Bar:
    bought = one.qty if one.taker_side is Side.BID else 0
    value = funds_of(one.price, one.qty)
    return Bar(start_ns, one.price, one.price, one.price, one.price, one.qty, bought, value, one.at_ns)
