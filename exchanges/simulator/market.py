"""The market both simulated exchanges share: one seeded world, or recorded books played back.

Each market has a common price that walks, and a gap between the exchanges that reverts to its mean.
Now and then one exchange runs ahead for 0.1 to 1.5 s: the chances a desk lives on. Sometimes someone
else is faster and sweeps the level. Randomness is seeded per stream, so orders disturb no other draw.
"""

from collections.abc import Callable
from functools import partial

import msgspec

from arbitrage.domain.units import EXCHANGES, PPM, Exchange, Price, Side, other_exchange
from exchanges.simulator.activity import SILENT_PPM, Activity, wait_ppm
from exchanges.simulator.agenda import Agenda
from exchanges.simulator.ladder import PPB, Ladder, LiveBook, Quotes, swept
from exchanges.simulator.path import BPS, Path
from exchanges.simulator.prints import Prints, Takers
from exchanges.simulator.recording import RecordedBook
from exchanges.simulator.regimes import BEHAVIOURS, USUAL, Behaviour, Regime
from exchanges.simulator.rules import Rules, start_price
from exchanges.simulator.seeds import stream
from exchanges.simulator.tape import Print, Tape

MS = 1_000_000
_FEES_AND_EDGE = 12 * BPS
"""Both fees and the least edge a desk asks for: a run ahead below this would be no chance."""
_DEPTH_KRW = {"KRW-BTC": 9_000_000, "KRW-ETH": 6_000_000, "KRW-XRP": 6_000_000, "KRW-SOL": 4_000_000}
_OTHER_DEPTH_KRW = 2_500_000
_TAKEN_PART = 20
"""The middle trade takes this part of a level."""


class Pace(msgspec.Struct, frozen=True):
    """How one exchange quotes: frame gap in ms, chance of a repeat in ppm, liquidity and half spread in ppm.

    `print_wait_ms`: the mean time between two trades of others.
    """

    gap_ms: tuple[int, int]
    repeat_ppm: int
    depth_ppm: int
    half_spread_ppm: int
    spacing_ppm: int
    print_wait_ms: int


PACES = {
    Exchange.UPBIT: Pace((90, 200), 0, 1_000_000, 120, 110, 900),
    Exchange.BITHUMB: Pace((75, 105), 450_000, 500_000, 170, 160, 1_200),
}
"""Bithumb repeats itself in 40 to 54 % of its frames, about ten a second (bithumb.md §6.1)."""


class Market:
    """All books and tapes of both exchanges. `on_book` hears of every publication, `on_print` of every trade."""

    def __init__(
        self,
        markets: tuple[str, ...],
        rules: dict[Exchange, Rules],
        seed: int,
        agenda: Agenda,
        recorded: dict[tuple[Exchange, str], RecordedBook],
        activity: Activity = Activity.EVEN,
    ) -> None:
        self.markets = markets
        self.on_book: Callable[[Exchange, str, int], None] = _nobody
        self.on_print: Callable[[Exchange, Print], None] = lambda exchange, fresh: None
        self._agenda = agenda
        self._rules = rules
        self._recorded = recorded
        self._books = {(exchange, market): LiveBook() for exchange in EXCHANGES for market in markets}
        self._start = {market: start_price(market) for market in markets}
        self._shown: dict[tuple[Exchange, str], tuple[Ladder, Ladder]] = {}
        self._quotes = {
            key: Quotes(rules[key[0]].ticks, stream(seed, *key, "quotes"), _level_krw(key), PACES[key[0]].spacing_ppm)
            for key in self._books
            if key not in recorded
        }
        self._paths = {market: Path(stream(seed, market, "path"), agenda.now) for market in markets}
        self._rng = {market: stream(seed, market, "events") for market in markets}
        self._pace_rng = {key: stream(seed, *key, "pace") for key in self._books}
        self._refill_rng = {key: stream(seed, *key, "refill") for key in self._books}
        self._waits = {
            (exchange, market): wait_ppm(activity, exchange, rank)
            for exchange in EXCHANGES
            for rank, market in enumerate(markets)
        }
        self._burst_due: dict[str, int] = {}
        for key in sorted(self._books, key=lambda key: key not in recorded):
            self._begin(key)
        for market in markets:
            if any((exchange, market) in self._quotes for exchange in EXCHANGES):
                self._plan_burst(market, agenda.now)
        self._prints = Prints(self._books, rules, seed, agenda, {key: self._takers(key, USUAL) for key in self._books})
        self._prints.on_print = lambda exchange, fresh: self.on_print(exchange, fresh)

    def set_regime(self, regime: Regime, now: int, market: str | None = None) -> None:
        """Let a market behave otherwise from now on, or all of them; recorded books are played on as they are."""
        self.set_behaviour(BEHAVIOURS[regime], now, market)

    def set_behaviour(self, behaviour: Behaviour, now: int, market: str | None = None) -> None:
        """Let a market, or all, behave as `behaviour` says from now on."""
        for name in self.markets if market is None else (market,):
            path = self._paths[name]
            path.advance(now)
            before, path.behaviour = path.behaviour, behaviour
            self._rescale_burst(name, before, now)
            for exchange in EXCHANGES:
                key = (exchange, name)
                self._prints.takers[key] = self._takers(key, behaviour)
                if key in self._quotes:
                    self._quotes[key].use_depth(_level_krw(key) * behaviour.depth_ppm // PPM)
                    self._requote(key, now)

    def steer(self, market: str, target_ppm: int, over_ns: int, now: int, exchange: Exchange | None = None) -> None:
        """Move the price to `target_ppm` off its usual place within `over_ns`, on one exchange or both; 0 = back."""
        for one in EXCHANGES if exchange is None else (exchange,):
            self._paths[market].courses[one].steer(target_ppm * (PPB // PPM), over_ns, now)
            if (one, market) in self._quotes:
                self._requote((one, market), now)

    @property
    def closed(self) -> set[tuple[Exchange, str]]:
        """Return the markets that are closed: nobody trades there. Add and remove them at any time."""
        return self._prints.closed

    def tape(self, exchange: Exchange, market: str) -> Tape:
        """Return the tape of a listed market."""
        return self._prints.tape(exchange, market)

    def printed(self, exchange: Exchange, market: str, price: int, qty: int, taker_side: Side, now: int) -> Print:
        """Put a trade on the tape once its liquidity is taken. `on_print` hears of it."""
        return self._prints.printed(exchange, market, price, qty, taker_side, now)

    def levels(self, exchange: Exchange, market: str, side: Side, now: int) -> Ladder:
        """Return what rests on `side`, best first, at most 30 levels."""
        return self._books[exchange, market].levels(side, now)

    def shown(self, exchange: Exchange, market: str) -> tuple[Ladder, Ladder]:
        """Return bids and asks as last published."""
        return self._shown[exchange, market]

    def take(self, exchange: Exchange, market: str, side: Side, price: int, qty: int, now: int) -> None:
        """Remove liquidity until it is refilled, 0.3 to 2 s later."""
        refill = now + self._refill_rng[exchange, market].randint(300, 2_000) * MS
        self._books[exchange, market].take(side, price, qty, refill)

    def publish(self, exchange: Exchange, market: str, now: int) -> None:
        """Show the book as it is at `now` to everyone."""
        book = self._books[exchange, market]
        self._shown[exchange, market] = (book.levels(Side.BID, now), book.levels(Side.ASK, now))
        self.on_book(exchange, market, now)

    def _begin(self, key: tuple[Exchange, str]) -> None:
        now = self._agenda.now
        if key in self._recorded:
            self._play(key, 0, now)
        else:
            self._requote(key, now)
            self._plan_step(key, now)

    def _requote(self, key: tuple[Exchange, str], now: int) -> None:
        exchange, market = key
        path = self._paths[market]
        path.advance(now)
        played = self._books[other_exchange(exchange), market].mid() if self._is_played(key) else None
        if played is None:
            fair = path.fair(exchange, self._start[market], now)
        else:
            fair = path.fair_beside(exchange, played, now)
        half_spread_ppm = PACES[exchange].half_spread_ppm * path.behaviour.spread_ppm // PPM
        self._books[key].quote(*self._quotes[key].follow(fair, half_spread_ppm))
        self.publish(exchange, market, now)

    def _takers(self, key: tuple[Exchange, str], how: Behaviour) -> Takers:
        wait_ms = PACES[key[0]].print_wait_ms * self._waits[key] // PPM * how.print_wait_ppm // PPM
        return Takers(max(wait_ms, 1), _level_krw(key) // _TAKEN_PART * how.print_size_ppm // PPM, how.buyers_ppm)

    def _is_played(self, key: tuple[Exchange, str]) -> bool:
        return (other_exchange(key[0]), key[1]) in self._recorded

    def _plan_step(self, key: tuple[Exchange, str], now: int) -> None:
        wait = self._pace_rng[key].randint(*PACES[key[0]].gap_ms) * MS * self._waits[key] // PPM
        gap_ppm = self._paths[key[1]].behaviour.frame_gap_ppm
        self._agenda.at(now + wait * gap_ppm // PPM, partial(self._step, key))

    def _step(self, key: tuple[Exchange, str], at: int) -> None:
        repeat_ppm = 0 if self._waits[key] > SILENT_PPM else PACES[key[0]].repeat_ppm
        if self._pace_rng[key].randint(1, PPM) <= repeat_ppm:
            self.publish(*key, at)
        else:
            self._requote(key, at)
        self._plan_step(key, at)

    # One recorded book: shown at its own time, repeated every 250 ms while nothing newer comes.
    def _play(self, key: tuple[Exchange, str], index: int, now: int) -> None:
        recorded = self._recorded[key]
        gap_ns, bids, asks = recorded.frames[index % len(recorded.frames)]
        self._books[key].quote(bids, asks)
        due = now + gap_ns

        def show(at: int) -> None:
            self.publish(*key, at)
            if at + 250 * MS < due:
                self._agenda.at(at + 250 * MS, show)

        show(now)
        self._agenda.at(due, lambda at: self._play(key, index + 1, at))

    def _plan_burst(self, market: str, now: int) -> None:
        wait = int(self._rng[market].expovariate(1 / 2.4) * 1_000) + 200
        wait = wait * self._paths[market].behaviour.burst_wait_ppm // PPM * self._waits[Exchange.BITHUMB, market] // PPM
        self._burst_at(market, now + wait * MS)

    def _burst_at(self, market: str, due: int) -> None:
        def begin(at: int) -> None:
            if self._burst_due.get(market) == due:
                del self._burst_due[market]
                self._burst(market, at)

        self._burst_due[market] = due
        self._agenda.at(due, begin)

    # The wait for a burst has no memory: what is left of it grows or shrinks as the whole would have.
    def _rescale_burst(self, market: str, before: Behaviour, now: int) -> None:
        due, wait_ppm = self._burst_due.get(market), self._paths[market].behaviour.burst_wait_ppm
        if due is not None and wait_ppm != before.burst_wait_ppm:
            self._burst_at(market, now + max(due - now, 0) * wait_ppm // before.burst_wait_ppm)

    # One exchange runs ahead of the other, far enough for both fees, both spreads and the ticks between.
    def _burst(self, market: str, now: int) -> None:
        rng, path = self._rng[market], self._paths[market]
        leaders = [exchange for exchange in EXCHANGES if (exchange, market) in self._quotes]
        leader = rng.choice(leaders)
        up = rng.choice((1, -1))
        price = self._books[leader, market].mid() or self._start[market]
        ticks = sum(self._rules[exchange].ticks.tick_at(Price(price)) for exchange in EXCHANGES) * PPB // price
        spreads = sum(pace.half_spread_ppm for pace in PACES.values()) * (PPB // PPM)
        reach = _FEES_AND_EDGE + spreads + ticks + int((1 + rng.expovariate(1 / 6)) * BPS)
        lasts = int(rng.lognormvariate(6.0, 0.7))
        lasts_ns = min(max(lasts, 100), 1_500) * MS
        path.lead[leader] = up * reach
        self._requote((leader, market), now)
        if rng.random() < 0.3:
            rival = rng.choice(EXCHANGES)
            side = Side.BID if (rival is leader) is (up > 0) else Side.ASK
            self._agenda.at(
                now + lasts_ns * rng.randint(5, 60) // 100,
                lambda at: self.sweep(rival, market, side, reach - _FEES_AND_EDGE, at),
            )
        follows = rng.random() < 0.4 and reach < 60 * BPS

        def end(at: int) -> None:
            path.lead[leader] = 0
            if follows:
                path.common += up * reach
            for exchange in EXCHANGES:
                if (exchange, market) in self._quotes and (follows or exchange is leader):
                    self._requote((exchange, market), at)
            self._plan_burst(market, at)

        self._agenda.at(now + lasts_ns, end)

    def sweep(self, exchange: Exchange, market: str, side: Side, reach_ppb: int, now: int) -> None:
        """Let someone take everything on `side` up to `reach_ppb` from its best level: they were faster."""
        levels = self.levels(exchange, market, side, now)
        if not levels or (exchange, market) in self.closed:
            return
        sign = 1 if side is Side.ASK else -1
        bound = levels[0][0] * (PPB + sign * reach_ppb) // PPB
        for price, qty in swept(levels[:12], bound, sign):
            self.take(exchange, market, side, price, qty, now)
            self.printed(exchange, market, price, qty, side.opposite, now)
        self.publish(exchange, market, now)


# Liquidity of one level in usual times, in KRW.
def _level_krw(key: tuple[Exchange, str]) -> int:
    return _DEPTH_KRW.get(key[1], _OTHER_DEPTH_KRW) * PACES[key[0]].depth_ppm // PPM


def _nobody(exchange: Exchange, market: str, now: int) -> None:
    return None
