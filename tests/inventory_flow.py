"""Thirty days of gaps that lean one way, taken by the real engine with and without inventory bands.

Four gaps in five make it worth buying on Upbit. What they are worth net of both fees is drawn at random, from
400 ppm below nothing upwards, the less often the more. Both legs fill as walked; balances are read after each arb.
Time, books and fills are made up, decisions are not.

`PYTHONPATH=tests python -m tests.inventory_flow --days 30 --seeds 5` prints what came of it.
"""

import argparse
from collections import Counter
from collections.abc import Callable
from random import Random

import msgspec
from desk_builders import instrument
from engine_room import CALM

from arbitrage.domain.balances import Wallets
from arbitrage.domain.book import Book, Level
from arbitrage.domain.controls import Controls, TradingLevel
from arbitrage.domain.events import Holding
from arbitrage.domain.exposure import Exposure
from arbitrage.domain.inventory import Strain, shadow_ppm, strain_of
from arbitrage.domain.params import DEFAULT_PARAMS, SECOND, Params, params_to_bytes
from arbitrage.domain.signal import Signal
from arbitrage.domain.units import EXCHANGES, PPM, QUOTE, SCALE, Exchange, Krw, Ns, Ppm, Price, Qty, to_decimal
from fast_path.engine import Decision, Engine

DAY_NS = 86_400 * SECOND
MARKET, BASE, PRICE, TICK = "KRW-ETH", "ETH", 4_000_000, 100
GAPS_A_DAY = 400
LEANING_PPM = 800_000
"""How many of the gaps make it worth buying on Upbit."""
MEAN_EDGE_PPM, LEAST_EDGE_PPM = 500, -400
EACH_KRW, EACH_COINS = 100_000_000, 25
BANDS = DEFAULT_PARAMS
NO_BANDS = msgspec.structs.replace(BANDS, surcharge_ppm=0, max_discount_ppm=0, hard_band_ppm=PPM)


class Came(msgspec.Struct, frozen=True):
    """What came of one flow. KRW whole; shares of the time in ppm."""

    earned_krw: int
    arbs: int
    discount_krw: int
    most_discount_a_day_krw: int
    empty_ppm: int
    """A direction could not open even the smallest order for want of stock."""
    closed_ppm: int
    """That, or the hard band kept it shut."""


class _View(msgspec.Struct, frozen=True):
    published_mono_ns: Ns
    best_bid: int
    best_ask: int
    book: Book


class _Shelf:
    """One exchange's newest book."""

    def __init__(self) -> None:
        self.view: _View | None = None

    def read(self, index: int) -> _View | None:
        return self.view

    def put(self, exchange: Exchange, bids: tuple[Level, ...], asks: tuple[Level, ...], now: Ns) -> None:
        book = Book(exchange, MARKET, bids, asks, now, now, now)
        self.view = _View(now, bids[0].price, asks[0].price, book)


class _Word:
    """An operator who lets everything pass, with one set of parameters."""

    def __init__(self, params: Params, now: Callable[[], Ns]) -> None:
        self._data = params_to_bytes(params)
        self._now = now

    def controls(self, market: str) -> Controls:
        return Controls(TradingLevel.ACTIVE, self._now(), 1)

    def params_epoch(self) -> int:
        return 1

    def read_params(self) -> tuple[int, bytes]:
        return 1, self._data

    def set_applied_epoch(self, epoch: int) -> None:
        assert epoch == 1


class Flow:
    """A desk that lives through the gaps of one seed."""

    def __init__(self, params: Params, seed: int, mean_edge_ppm: int = MEAN_EDGE_PPM) -> None:
        self._params = params
        self._mean = mean_edge_ppm
        self._random = Random(seed)
        self._now = Ns(1)
        self._shelves = {exchange: _Shelf() for exchange in EXCHANGES}
        self._rules = {exchange: instrument(exchange, tick=TICK, fee_ppm=fee) for exchange, fee in _FEES.items()}
        self.held = {(at, asset): amount for at in EXCHANGES for asset, amount in _OPENING.items()}
        self._wallets = Wallets()
        self.discounts: Counter[int] = Counter()
        """What was spent on discounts each day, 10^-8 KRW."""
        self.arbs = 0
        self._closed = self._empty = 0
        self._engine = Engine(
            markets=(MARKET,),
            readers=self._shelves,
            instruments={(exchange, MARKET): one for exchange, one in self._rules.items()},
            control=_Word(params, lambda: self._now),
            wallets=self._wallets,
            exposure=self._exposure,
            discount_left=self._discount_left,
            part=lambda signal: PPM,
        )

    def live(self, days: int) -> Came:
        """Live through so many days of gaps."""
        self._read()
        gap_ns = DAY_NS // GAPS_A_DAY
        while self._now < days * DAY_NS:
            passed = int(self._random.expovariate(1) * gap_ns) + 1
            self._watch(passed)
            self._now = Ns(self._now + passed)
            self._read()
            self._offer()
            decision = self._engine.step(0, self._now)
            if decision.approved is not None:
                self._fill(decision)
        krw = sum(amount for (_, asset), amount in self.held.items() if asset == QUOTE)
        return Came(
            earned_krw=(krw - 2 * _OPENING[QUOTE]) // SCALE,
            arbs=self.arbs,
            discount_krw=sum(self.discounts.values()) // SCALE,
            most_discount_a_day_krw=max(self.discounts.values(), default=0) // SCALE,
            empty_ppm=self._empty * PPM // self._now,
            closed_ppm=self._closed * PPM // self._now,
        )

    def _discount_left(self) -> Krw:
        return Krw(max(0, self._params.discount_budget_krw - self.discounts[self._now // DAY_NS]))

    def _read(self) -> None:
        for exchange in EXCHANGES:
            holdings = [
                Holding(asset, to_decimal(amount), to_decimal(0))
                for (at, asset), amount in self.held.items()
                if at is exchange
            ]
            self._wallets.replace_all(exchange, holdings, self._now)

    def _watch(self, passed: int) -> None:
        """Note how long a direction is shut for want of stock, or by the hard band."""
        is_empty = is_closed = False
        for buy, sell in (EXCHANGES, EXCHANGES[::-1]):
            caps = self._wallets.caps(buy, sell, BASE, self._params.reserve_ppm)
            smallest = min(caps.krw_to_spend, caps.base_to_sell * PRICE) < self._rules[buy].min_notional
            strain = strain_of(self._wallets, BASE, buy, sell, self._params).ppm
            is_empty = is_empty or smallest
            is_closed = is_closed or smallest or strain >= self._params.hard_band_ppm
        self._empty += passed * is_empty
        self._closed += passed * is_closed

    def _offer(self) -> None:
        """Put up the books of one gap."""
        draw = self._random
        cheap, dear = EXCHANGES if draw.randrange(PPM) < LEANING_PPM else EXCHANGES[::-1]
        edge = LEAST_EDGE_PPM + int(draw.expovariate(1) * self._mean)
        ask = PRICE * SCALE
        worth = ask * (PPM + _FEES[cheap] + edge) // (PPM - _FEES[dear])
        bid = worth // (TICK * SCALE) * TICK * SCALE
        far = PRICE * SCALE // 100
        self._shelves[cheap].put(cheap, self._ladder(ask - far, -1), self._ladder(ask, 1), self._now)
        self._shelves[dear].put(dear, self._ladder(bid, -1), self._ladder(bid + far, 1), self._now)

    def _ladder(self, price: int, sign: int) -> tuple[Level, ...]:
        levels = []
        for _ in range(10):
            levels.append(Level(Price(price), Qty(self._random.randint(SCALE // 3, 3 * SCALE // 2))))
            price += sign * self._random.randint(1, 8) * TICK * SCALE
        return tuple(levels)

    def _fill(self, decision: Decision) -> None:
        signal = decision.signal
        assert signal is not None
        buy, sell = signal.buy_exchange, signal.sell_exchange
        bought, sold = signal.buy_cost, signal.sell_proceeds
        fee = -(-bought * _FEES[buy] // PPM)
        self.held[buy, QUOTE] -= bought + fee
        self.held[sell, QUOTE] += sold - (signal.fees - fee)
        self.held[buy, BASE] += signal.qty
        self.held[sell, BASE] -= signal.qty
        assert min(self.held.values()) >= 0
        self.discounts[self._now // DAY_NS] += signal.discount
        self.arbs += 1

    def _exposure(self, signal: Signal, now: Ns, strain: Strain) -> Exposure:
        buy, sell, params, wallets = signal.buy_exchange, signal.sell_exchange, self._params, self._wallets
        assert strain == strain_of(wallets, BASE, buy, sell, params)
        left = self._discount_left()
        caps = wallets.caps(buy, sell, BASE, params.reserve_ppm)
        return msgspec.structs.replace(
            CALM,
            krw_spendable=caps.krw_to_spend,
            base_spendable=caps.base_to_sell,
            balances_read_ns=now,
            strain_ppm=strain.ppm,
            strain_shadow_ppm=shadow_ppm(strain, params, fees_ppm=sum(_FEES.values()), discount_left=left),
            discount_left=left,
            buy_fee_ppm=Ppm(_FEES[buy]),
        )


_FEES = {Exchange.UPBIT: 500, Exchange.BITHUMB: 400}
_OPENING = {QUOTE: EACH_KRW * SCALE, BASE: EACH_COINS * SCALE}


def main() -> None:
    """Print a row for each seed and kind of flow."""
    parser = argparse.ArgumentParser(description="What inventory bands make of a flow that leans one way.")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--mean-edge-ppm", type=int, default=MEAN_EDGE_PPM)
    asked = parser.parse_args()
    for seed in range(1, asked.seeds + 1):
        without, with_bands = (Flow(each, seed, asked.mean_edge_ppm).live(asked.days) for each in (NO_BANDS, BANDS))
        print(f"seed {seed}\n  without {without}\n  with    {with_bands}")
        more = (with_bands.earned_krw - without.earned_krw) * 100 // without.earned_krw
        print(
            f"  earned {more:+d} %, closed {(with_bands.closed_ppm - without.closed_ppm) * 100 // without.closed_ppm} %"
        )


if __name__ == "__main__":
    main()
