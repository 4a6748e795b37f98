"""What a market traded before the simulator began: seeded, made when first asked for, so that day figures are whole.

Two days of prints, each standing for the trades of its interval, and thirty day bars before them. Both
exchanges share one walk, as they share one price.
"""

from collections.abc import Iterator

from arbitrage.domain.instrument import TickTable
from arbitrage.domain.units import SCALE, Exchange, Side
from exchanges.simulator.bars import BORDER_NS, DAY, Bar
from exchanges.simulator.kst import SECOND
from exchanges.simulator.ladder import Steps
from exchanges.simulator.money import funds_of
from exchanges.simulator.seeds import stream

_PRINTED_NS = 2 * DAY
_DAYS = 30
_DAY_SD = 0.03
"""How far a price goes in a day, as a share of itself."""
_PPB = 10**9
_BUSY_KRW_A_MINUTE = 10_000_000

PastPrint = tuple[int, int, int, Side, int]
"""(at_ns, price, qty, taker side, tick)."""


class Past:
    """One market's past on one exchange, ending at `start_ns` at `origin` (10^-8)."""

    def __init__(
        self,
        seed: int,
        exchange: Exchange,
        market: str,
        ticks: TickTable,
        origin: int,
        start_ns: int,
        krw_a_minute: int,
    ) -> None:
        self._seed = seed
        self._exchange = exchange
        self._market = market
        self._steps = Steps(ticks)
        self._origin = origin
        self._start_ns = start_ns
        self._krw_a_minute = krw_a_minute
        # Busy markets have a print every quarter of an hour, quiet ones every three hours.
        self._gap_ns = min(max(_BUSY_KRW_A_MINUTE * 900 // max(krw_a_minute, 1), 900), 10_800) * SECOND

    def made(self) -> tuple[list[Bar], list[PastPrint]]:
        """Return the day bars and the prints after them, both oldest first."""
        walk = stream(self._seed, self._market, "past")
        own = stream(self._seed, self._exchange, self._market, "past")
        price = _PPB
        day_begin = self._first_day_ns() + BORDER_NS[self._exchange]
        prints: list[PastPrint] = []
        at = self._start_ns - self._gap_ns
        sd = int(_DAY_SD * (self._gap_ns / DAY) ** 0.5 * _PPB)
        gap, half = self._gap_ns, self._gap_ns // 2
        krw_a_print = self._krw_a_minute * gap // (60 * SECOND) * SCALE * SCALE
        first = day_begin - BORDER_NS[self._exchange]
        while at >= first:
            price += price * int(walk.gauss(0.0, sd)) // _PPB
            # One draw for all that differs between the exchanges: noise of 2 bps, size, side and time.
            drawn = own.getrandbits(64)
            here = self._aligned(price + price * ((drawn & 0xFFFF) * 6 - 196_608) // _PPB)
            qty = krw_a_print * (40 + (drawn >> 16 & 0x7F)) // 100 // here
            side = Side.BID if drawn >> 23 & 1 else Side.ASK
            prints.append((at - (drawn >> 24) % half, here, max(1, qty), side, self._steps.at(here)))
            at -= gap
        prints.reverse()
        bars = list(self._days(price))
        bars.reverse()
        return bars, prints

    def _first_day_ns(self) -> int:
        border = BORDER_NS[self._exchange]
        shifted = self._start_ns - _PRINTED_NS + border
        return shifted - shifted % DAY - border

    # Newest first, each ending where the next begins.
    def _days(self, price: int) -> Iterator[Bar]:
        walk = stream(self._seed, self._market, "past", "days")
        volume = self._krw_a_minute * 1_440
        start = self._first_day_ns()
        for _ in range(_DAYS):
            start -= DAY
            before = price + price * int(walk.gauss(0.0, _DAY_SD * _PPB)) // _PPB
            reach = abs(int(walk.gauss(0.0, _DAY_SD / 2 * _PPB)))
            opening, closing = self._aligned(before), self._aligned(price)
            high = self._aligned(max(before, price) + max(before, price) * reach // _PPB)
            low = self._aligned(min(before, price) - min(before, price) * reach // _PPB)
            qty = max(2, int(volume * walk.uniform(0.5, 1.8)) * SCALE * SCALE // closing)
            value = funds_of((high + low) // 2, qty)
            yield Bar(
                start,
                opening,
                max(high, opening, closing),
                min(low, opening, closing),
                closing,
                qty,
                qty // 2,
                value,
                start + DAY - SECOND,
            )
            price = before

    def _aligned(self, ppb: int) -> int:
        price = max(self._origin * ppb // _PPB, 1)
        tick = self._steps.at(price)
        return max(price - price % tick, tick)
