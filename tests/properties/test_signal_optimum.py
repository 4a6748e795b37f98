"""The walk against an oracle that knows nothing of walks or lots: feasibility in fractions, bisected."""

from fractions import Fraction
from math import ceil, floor
from random import Random

import msgspec

from arbitrage.domain.book import Book, Level
from arbitrage.domain.instrument import Instrument, TickBand, TickTable
from arbitrage.domain.params import Params
from arbitrage.domain.signal import Caps, NoSignal, NoSignalReason, Signal, find_signal
from arbitrage.domain.units import PPM, SCALE, Exchange, Krw, Ns, Ppm, Price, Qty

BANDS = ((0, SCALE // 2), (50 * SCALE, SCALE), (100 * SCALE, 5 * SCALE), (120 * SCALE, 10 * SCALE))
TICKS = TickTable("2025-07-31", tuple(TickBand(Price(low), Price(tick)) for low, tick in BANDS))


class Case(msgspec.Struct, frozen=True):
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    buy: Instrument
    sell: Instrument
    params: Params
    caps: Caps

    def found(self) -> Signal | NoSignal:
        ask_book = Book(Exchange.UPBIT, "KRW-ETH", (), self.asks, Ns(0), Ns(0), Ns(5))
        bid_book = Book(Exchange.BITHUMB, "KRW-ETH", self.bids, (), Ns(0), Ns(0), Ns(6))
        return find_signal(bid_book, ask_book, self.buy, self.sell, self.params, self.caps, Ns(7))

    @property
    def lot(self) -> int:
        lot = self.buy.lot_step
        while lot % self.sell.lot_step:
            lot += self.buy.lot_step
        return lot

    def is_feasible(self, qty: int) -> bool:
        if qty == 0:
            return True
        bought, sold, p = taken(self.asks, qty), taken(self.bids, qty), self.params
        if bought is None or sold is None:
            return False
        fee_buy, fee_sell = Fraction(self.buy.fee_ppm, PPM), Fraction(self.sell.fee_ppm, PPM)
        ask, bid, best_ask, best_bid = bought[1], sold[1], self.asks[0].price, self.bids[0].price
        share = Fraction(p.book_share_ppm, PPM)
        limit = tick_up(ask)
        notional = -(-limit * qty // SCALE)
        dearest = Fraction(best_bid * qty, SCALE)
        return (
            bid * (1 - fee_sell) - ask * (1 + fee_buy) >= Fraction(p.min_edge_ppm, PPM) * ask
            and Fraction(ask - best_ask, best_ask) <= Fraction(p.max_slippage_ppm, PPM)
            and Fraction(best_bid - bid, best_bid) <= Fraction(p.max_slippage_ppm, PPM)
            and qty <= share * sum(level.qty for level in self.asks[:10])
            and qty <= share * sum(level.qty for level in self.bids[:10])
            and qty <= min(self.caps.base_to_sell, p.max_qty.get("ETH", qty))
            and max(dearest, notional) <= p.max_notional_krw
            and dearest <= self.sell.max_notional
            and notional <= self.buy.max_notional
            and notional + -(-notional * self.buy.fee_ppm // PPM) <= self.caps.krw_to_spend
        )

    def profit(self, qty: int) -> Fraction:
        bought, sold = taken(self.asks, qty), taken(self.bids, qty)
        assert bought is not None
        assert sold is not None
        return sold[0] * (1 - Fraction(self.sell.fee_ppm, PPM)) - bought[0] * (1 + Fraction(self.buy.fee_ppm, PPM))


def taken(levels: tuple[Level, ...], qty: int) -> tuple[Fraction, int] | None:
    """Return exact notional and last price of taking `qty`; None when the ladder is too short."""
    notional, last = Fraction(0), 0
    for level in levels:
        part = min(level.qty, qty)
        if part:
            notional, last, qty = notional + Fraction(part * level.price, SCALE), level.price, qty - part
    return None if qty else (notional, last)


def tick_up(price: int) -> int:
    tick = max((low, tick) for low, tick in BANDS if low <= price)[1]
    return -(-price // tick) * tick


def tick_down(price: int) -> int:
    tick = max((low, tick) for low, tick in BANDS if low <= price)[1]
    return price // tick * tick


def expected(case: Case, qty: int) -> tuple[int, ...] | NoSignalReason:
    """Return the signal's figures for `qty`, or why it is none, by the rules written out once more."""
    bid, ask = case.bids[0].price, case.asks[0].price
    worth = bid * (PPM - case.sell.fee_ppm) - ask * (PPM + case.buy.fee_ppm)
    if worth < ask * case.params.min_edge_ppm:
        return NoSignalReason.NO_GAP
    small = case.caps.krw_to_spend < case.buy.min_notional + -(-case.buy.min_notional * case.buy.fee_ppm // PPM)
    small = small or case.caps.base_to_sell * bid < case.sell.min_notional * SCALE
    too_small = NoSignalReason.NO_BALANCE if small else NoSignalReason.UNDER_MINIMUM
    if not qty:
        return too_small
    bought, sold = taken(case.asks, qty), taken(case.bids, qty)
    assert bought is not None
    assert sold is not None
    buy_limit, sell_limit = tick_up(bought[1]), tick_down(sold[1])
    if buy_limit * qty < case.buy.min_notional * SCALE or sell_limit * qty < case.sell.min_notional * SCALE:
        return too_small
    cost, proceeds = ceil(bought[0]), floor(sold[0])
    fees = ceil(Fraction(cost * case.buy.fee_ppm, PPM)) + ceil(Fraction(ceil(sold[0]) * case.sell.fee_ppm, PPM))
    earned = proceeds - cost - fees
    at_limits = sell_limit * (PPM - case.sell.fee_ppm) - buy_limit * (PPM + case.buy.fee_ppm)
    edge_ppm = earned * PPM // cost
    if earned <= 0 or edge_ppm < case.params.min_edge_ppm or at_limits < 0:
        return NoSignalReason.EDGE_LOST
    return qty, buy_limit, sell_limit, cost, proceeds, fees, edge_ppm


def answer(found: Signal | NoSignal) -> tuple[int, ...] | NoSignalReason:
    if isinstance(found, NoSignal):
        return found.reason
    return (
        found.qty,
        found.buy_limit,
        found.sell_limit,
        found.buy_cost,
        found.sell_proceeds,
        found.fees,
        found.net_edge_ppm,
    )


def random_case(random: Random, *, qty_unit: int, price_unit: int) -> Case:
    def ladder(start: int, step: int) -> tuple[Level, ...]:
        levels, price = [], start
        for _ in range(random.randint(1, 12)):
            levels.append(Level(Price(price), Qty(random.randint(1, 6) * qty_unit + random.randrange(qty_unit))))
            price += step * random.randint(1, 3) * price_unit
            if price <= 0:
                break
        return tuple(levels)

    middle = random.choice([40, 52, 100, 121]) * SCALE
    whole = qty_unit > 1

    def instrument(exchange: Exchange) -> Instrument:
        return Instrument(
            exchange=exchange,
            market="KRW-ETH",
            ticks=TICKS,
            lot_step=Qty(random.choice([1, 1, 2, 3]) * (qty_unit // 10 or 1) if whole else random.choice([1, 1, 7])),
            min_notional=Krw(random.choice([0, 0, 1, 60, 300]) * SCALE),
            max_notional=Krw(random.choice([200, 900, 10**6, 10**6]) * SCALE),
            fee_ppm=Ppm(random.choice([0, 400, 500, 2_500])),
        )

    params = Params(
        min_edge_ppm=random.choice([0, 0, 300, 5_000, 30_000]),
        book_share_ppm=random.choice([100_000, 500_000, PPM, PPM]),
        max_slippage_ppm=random.choice([0, 20_000, 100_000, 500_000]),
        max_qty=random.choice([{}, {"ETH": random.randint(1, 20 * SCALE)}, {"BTC": 1}]),
        max_notional_krw=random.choice([300, 700, 10**6]) * SCALE,
    )
    caps = Caps(
        Krw(random.choice([0, *(random.randint(1, 1500 * SCALE) for _ in range(4)), *[10**6 * SCALE] * 5])),
        Qty(random.choice([0, *(random.randint(1, 15 * SCALE) for _ in range(4)), *[10**4 * SCALE] * 5])),
    )
    asks = ladder(middle + random.randint(-4, 4) * price_unit, 1)
    bids = ladder(middle + random.randint(-2, 50) * price_unit, -1)
    return Case(bids, asks, instrument(Exchange.UPBIT), instrument(Exchange.BITHUMB), params, caps)


def test_fine_quantities_are_the_greatest_that_every_rule_allows():
    random, signals = Random(7), 0
    for _ in range(3_000):
        case = random_case(random, qty_unit=SCALE // random.choice([1, 3, 10]), price_unit=SCALE // 10)
        low, high = 0, 80 * SCALE // case.lot + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if case.is_feasible(middle * case.lot) else (low, middle)
        found = answer(case.found())
        assert found == expected(case, low * case.lot), case
        signals += isinstance(found, tuple)
    assert signals > 350


def test_a_signal_keeps_every_promise_it_makes():
    random, signals = Random(99), 0
    for _ in range(2_000):
        case = random_case(random, qty_unit=SCALE // 3, price_unit=SCALE // 4)
        found = case.found()
        if isinstance(found, NoSignal):
            continue
        signals += 1
        assert found.expected_krw > 0
        assert found.net_edge_ppm >= case.params.min_edge_ppm
        assert found.krw_needed(case.buy.fee_ppm) <= case.caps.krw_to_spend
        assert found.qty <= case.caps.base_to_sell
        assert found.qty % case.buy.lot_step == found.qty % case.sell.lot_step == 0
        assert case.buy.price_up(found.buy_limit) == found.buy_limit
        assert case.sell.price_down(found.sell_limit) == found.sell_limit
        assert found.expected_krw <= case.profit(found.qty)
    assert signals > 250
