"""Random pairs of books with random rules, and their optimum by brute force in integers: every lot is tried.

Nothing here walks two ladders with two pointers: what a quantity costs and brings is looked up in tables of
each ladder alone, one entry a lot. `PYTHONPATH=tests python -m tests.sizing_books --books 200000 --seed 5` proves
more than the suite does, and times the walk.
"""

import argparse
import time
from random import Random

import msgspec

from arbitrage.domain.book import Book, Level
from arbitrage.domain.instrument import Instrument, TickBand, TickTable
from arbitrage.domain.params import Params
from arbitrage.domain.signal import Caps, NoSignal, NoSignalReason, Signal, find_signal
from arbitrage.domain.units import PPM, SCALE, Exchange, Krw, Ns, Ppm, Price, Qty

MOST_LOTS = 64
"""No cap of a random case lets through more lots than this."""
MIDDLES = (4 * SCALE, 10 * SCALE, 52 * SCALE, 100 * SCALE, 121 * SCALE)
"""Around the edges of the tick bands, so that books cross them."""
TABLES = tuple(
    TickTable("2026-01-01", tuple(TickBand(Price(low), Price(tick)) for low, tick in bands))
    for bands in (
        ((0, SCALE // 1000), (10 * SCALE, SCALE // 10), (100 * SCALE, SCALE), (120 * SCALE, 5 * SCALE)),
        ((0, SCALE // 100), (5 * SCALE, SCALE // 10), (50 * SCALE, SCALE // 2), (100 * SCALE, SCALE)),
    )
)

Figures = tuple[int, int, int, int, int, int, int]
"""Quantity, both limits, cost, proceeds, fees, edge in ppm."""


class Case(msgspec.Struct, frozen=True):
    """Two ladders and all that bounds an arb between them. Limits lie on ticks, sizes anywhere."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    buy: Instrument
    sell: Instrument
    params: Params
    caps: Caps

    def found(self) -> Signal | NoSignal:
        """Return what the desk makes of it."""
        ask_book = Book(self.buy.exchange, "KRW-ETH", (), self.asks, Ns(0), Ns(0), Ns(5))
        bid_book = Book(self.sell.exchange, "KRW-ETH", self.bids, (), Ns(0), Ns(0), Ns(6))
        return find_signal(bid_book, ask_book, self.buy, self.sell, self.params, self.caps, Ns(7))


def _ladder(random: Random, ticks: TickTable, start: int, sign: int, lot: int) -> tuple[Level, ...]:
    levels, price = [], start
    for _ in range(random.choice((1, 2, 4, 8, 15, 30))):
        levels.append(Level(Price(price), Qty(1 + int(random.random() * 5 * lot))))
        tick = ticks.tick_at(Price(price if sign > 0 else price - 1))
        price = price - price % tick + sign * tick * random.choice((1, 1, 1, 2, 4))
        if price <= 0:
            break
    return tuple(levels)


def _instrument(random: Random, exchange: Exchange, ticks: TickTable, unit: int) -> Instrument:
    return Instrument(
        exchange=exchange,
        market="KRW-ETH",
        ticks=ticks,
        lot_step=Qty(unit * random.choice((1, 1, 2, 3))),
        min_notional=Krw(random.choice((0, 0, 0, 1, 10, 50, 500)) * unit * 5),
        max_notional=Krw(random.choice((400, 2_000, 10**7, 10**7)) * unit * 5),
        fee_ppm=Ppm(random.choice((0, 400, 500, 2_500))),
    )


def random_case(random: Random) -> Case:
    """Return one case; some have no gap, no money or nothing large enough."""
    unit = random.choice((1, 7, 1_000, SCALE // 10, SCALE))
    buys, sells = random.sample((Exchange.UPBIT, Exchange.BITHUMB), 2)
    buy_ticks, sell_ticks = random.sample(TABLES, 2)
    buy, sell = _instrument(random, buys, buy_ticks, unit), _instrument(random, sells, sell_ticks, unit)
    lot = _lot(buy, sell)
    middle = random.choice(MIDDLES)
    ask = middle - middle * random.randint(-10, 80) // 1_000
    bid = middle + middle * random.randint(0, 80) // 1_000
    ask -= ask % buy_ticks.tick_at(Price(ask))
    bid -= bid % sell_ticks.tick_at(Price(bid))
    money, coins = MOST_LOTS * lot * middle // SCALE, MOST_LOTS * lot
    params = Params(
        min_edge_ppm=random.choice((0, 0, 300, 5_000, 30_000)),
        book_share_ppm=random.choice((100_000, 333_333, 800_000, PPM)),
        max_slippage_ppm=random.choice((0, 10_000, 50_000, 200_000, 500_000)),
        max_qty=random.choice(({}, {}, {"ETH": random.randint(1, coins)}, {"BTC": 1})),
        max_notional_krw=random.choice((random.randint(1, money + 1), *[money * 9 // 10] * 3)),
    )
    caps = Caps(
        Krw(random.choice((random.randint(0, money), *[money * 4] * 4))),
        Qty(random.choice((random.randint(0, coins), *[coins] * 4))),
    )
    bids, asks = _ladder(random, sell_ticks, bid, -1, lot), _ladder(random, buy_ticks, ask, 1, lot)
    return Case(bids, asks, buy, sell, params, caps)


def _lot(buy: Instrument, sell: Instrument) -> int:
    lot: int = buy.lot_step
    while lot % sell.lot_step:
        lot += buy.lot_step
    return lot


def _lots_of(levels: tuple[Level, ...], lot: int) -> list[tuple[int, int]]:
    """Return for 1, 2, 3... lots the exact notional (10^-16 KRW) and the last price, as far as the ladder goes."""
    rows: list[tuple[int, int]] = []
    scaled, open_qty = 0, lot
    for level in levels:
        left: int = level.qty
        while left >= open_qty:
            scaled += open_qty * level.price
            left -= open_qty
            open_qty = lot
            rows.append((scaled, level.price))
            if len(rows) > MOST_LOTS:
                return rows
        scaled += left * level.price
        open_qty -= left
    return rows


def brute_force(case: Case) -> Figures | NoSignalReason:
    """Return the figures of the best allowed number of lots, or why there is nothing to send."""
    bid, ask, params = case.bids[0].price, case.asks[0].price, case.params
    keep, pay = PPM - case.sell.fee_ppm, PPM + case.buy.fee_ppm + params.min_edge_ppm
    if bid * keep < ask * pay:
        return NoSignalReason.NO_GAP
    lot = _lot(case.buy, case.sell)
    most = params.book_share_ppm * min(
        sum(level.qty for level in case.asks[:10]), sum(level.qty for level in case.bids[:10])
    )
    best, best_worth, best_row = 0, -1, (0, 0, 0, 0)
    rows = zip(_lots_of(case.asks, lot), _lots_of(case.bids, lot), strict=False)
    for lots, ((cost, dearest), (proceeds, cheapest)) in enumerate(rows, start=1):
        qty = lots * lot
        limit = dearest + -dearest % case.buy.ticks.tick_at(Price(dearest))
        locked = -(-limit * qty // SCALE)
        allowed = (
            cheapest * keep >= dearest * pay
            and (dearest - ask) * PPM <= ask * params.max_slippage_ppm
            and (bid - cheapest) * PPM <= bid * params.max_slippage_ppm
            and qty * PPM <= most
            and qty <= min(case.caps.base_to_sell, params.max_qty.get("ETH", qty))
            and max(bid * qty, limit * qty) <= params.max_notional_krw * SCALE
            and bid * qty <= case.sell.max_notional * SCALE
            and limit * qty <= case.buy.max_notional * SCALE
            and locked + -(-locked * case.buy.fee_ppm // PPM) <= case.caps.krw_to_spend
        )
        worth = proceeds * keep - cost * pay
        if allowed and worth >= best_worth:
            best, best_worth, best_row = qty, worth, (cost, proceeds, limit, cheapest)
    return _figures(case, best, *best_row)


def _figures(
    case: Case, qty: int, cost_scaled: int, proceeds_scaled: int, buy_limit: int, cheapest: int
) -> Figures | NoSignalReason:
    sell_limit = cheapest - cheapest % case.sell.ticks.tick_at(Price(cheapest)) if qty else 0
    if not qty or buy_limit * qty < case.buy.min_notional * SCALE or sell_limit * qty < case.sell.min_notional * SCALE:
        least = case.buy.min_notional + -(-case.buy.min_notional * case.buy.fee_ppm // PPM)
        is_poor = case.caps.base_to_sell * case.bids[0].price < case.sell.min_notional * SCALE
        is_poor = is_poor or case.caps.krw_to_spend < least
        return NoSignalReason.NO_BALANCE if is_poor else NoSignalReason.UNDER_MINIMUM
    cost, proceeds = -(-cost_scaled // SCALE), proceeds_scaled // SCALE
    sold = -(-proceeds_scaled // SCALE)
    fees = -(-cost * case.buy.fee_ppm // PPM) - (-sold * case.sell.fee_ppm // PPM)
    earned = proceeds - cost - fees
    edge_ppm = earned * PPM // cost
    at_limits = sell_limit * (PPM - case.sell.fee_ppm) - buy_limit * (PPM + case.buy.fee_ppm)
    if earned <= 0 or edge_ppm < case.params.min_edge_ppm or at_limits < 0:
        return NoSignalReason.EDGE_LOST
    return qty, buy_limit, sell_limit, cost, proceeds, fees, edge_ppm


def answer(found: Signal | NoSignal) -> Figures | NoSignalReason:
    """Return a signal's figures, or the reason for none."""
    if isinstance(found, NoSignal):
        return found.reason
    one = found
    return one.qty, one.buy_limit, one.sell_limit, one.buy_cost, one.sell_proceeds, one.fees, one.net_edge_ppm


def compared(seed: int, books: int) -> tuple[int, dict[str, int]]:
    """Return how many of `books` equal the brute force in every figure, and how often each outcome came."""
    random, equal, outcomes = Random(seed), 0, dict[str, int]()
    for _ in range(books):
        case = random_case(random)
        found = answer(case.found())
        equal += found == brute_force(case)
        word = "signal" if isinstance(found, tuple) else found.value
        outcomes[word] = outcomes.get(word, 0) + 1
    return equal, outcomes


def _timed(seed: int, levels: int, count: int) -> tuple[int, int]:
    """Return p50 and p99 in ns of finding a signal over ladders of `levels` that are walked to their end."""
    random, took = Random(seed), []
    params = Params(max_slippage_ppm=50_000, book_share_ppm=PPM, max_qty={}, max_notional_krw=10**9 * SCALE)
    ticks, caps = TABLES[1], Caps(Krw(10**12 * SCALE), Qty(10**9 * SCALE))
    buy = Instrument(Exchange.UPBIT, "KRW-ETH", ticks, Qty(1), Krw(0), Krw(10**12 * SCALE), Ppm(500))
    sell = msgspec.structs.replace(buy, exchange=Exchange.BITHUMB, fee_ppm=Ppm(400))
    for _ in range(count):
        asks, bids = (
            tuple(
                Level(Price(start + sign * at * 5 * SCALE), Qty(random.randint(1, SCALE) // levels + 1))
                for at in range(levels)
            )
            for start, sign in ((4_000_000 * SCALE, 1), (4_020_000 * SCALE, -1))
        )
        case = Case(bids, asks, buy, sell, params, caps)
        began = time.perf_counter_ns()
        case.found()
        took.append(time.perf_counter_ns() - began)
    took.sort()
    return took[count // 2], took[count * 99 // 100]


def main() -> None:
    """Prove and time as much as asked for."""
    parser = argparse.ArgumentParser(description="Compare the walk with brute force, and time it.")
    parser.add_argument("--books", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    equal, outcomes = compared(asked.seed, asked.books)
    print(f"{equal} of {asked.books} equal; {outcomes}")
    for levels in (5, 15, 30):
        p50, p99 = _timed(asked.seed, levels, 20_000)
        print(f"{levels} levels: p50 {p50 / 1000:.1f} us, p99 {p99 / 1000:.1f} us")


if __name__ == "__main__":
    main()
