"""Lone legs by the thousand: random fills, jumps, thin and wide books, an exchange away, and what evening out costs.

Only the arb's own steps and the plan are at work here; both exchanges are a price that walks, a spread and five
levels; what the desk took of them does not come back. `PYTHONPATH=tests python -m tests.lone_leg_model --runs 50000`
measures more than the suite does.
"""

import argparse
from decimal import Decimal
from math import exp, inf
from random import Random

import msgspec
from desk_builders import e8, heard, instrument, moment, opened

from arbitrage.domain.arb import Action, Arb, ArbState, Halt, OrderHeard, Place, Tick
from arbitrage.domain.arb_step import advance
from arbitrage.domain.book import Book, Level
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.hedge import Quote
from arbitrage.domain.order import Fill, Order, OrderOn, OrderReport
from arbitrage.domain.params import DEFAULT_PARAMS, MS, Params
from arbitrage.domain.units import EXCHANGES, PPM, SCALE, Exchange, Krw, Ns, Price, Qty, Side, exact_product, to_decimal

STEP_MS = 50
SIGMAS_PPM = (50, 100, 300, 1_000)
T_MAX_MS = 2_000
L_MAX_KRW = 40_000
SEEN_MS = 50, 1_050
"""When who is compared with may act."""
AWAY_SEEN_MS = 700
"""A book still looks young this long after its exchange went away."""
MIDDLE = 4_000_000
TICK = 1_000 * SCALE
QTY = "0.5"
FEES = {Exchange.UPBIT: 500, Exchange.BITHUMB: 400}
INSTRUMENTS = {exchange: instrument(exchange, fee_ppm=FEES[exchange]) for exchange in EXCHANGES}
PARAMS = msgspec.structs.replace(
    DEFAULT_PARAMS, hedge_limit_ns=T_MAX_MS * MS, hedge_max_loss_krw=L_MAX_KRW * SCALE, hedge_max_attempts=20
)


class _Place(msgspec.Struct):
    # One exchange in a run.
    spread_ppm: int
    excess_ppm: int
    """Beyond the usual spread at the start; halves every `halving_ms`."""
    halving_ms: int
    depth: int
    gone_ms: range


class World:
    """One run's prices: a walk both share, a jump, and two exchanges."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.sigma_ppm = random.choice(SIGMAS_PPM)
        self.jump_at: int = random.choice((-1, -1, random.randrange(0, 1_000, STEP_MS)))
        self._jump_ppm = random.randint(-30_000, 30_000)
        self._path: list[int] = [MIDDLE * SCALE]
        self._taken: dict[tuple[Exchange, Side], int] = {}
        away = random.choice((None, None, None, *EXCHANGES))
        begins = random.choice((0, 0, random.randrange(0, 500)))
        self.places = {
            exchange: _Place(
                spread_ppm=random.randint(100, 800),
                excess_ppm=random.choice((0, 0, random.randint(0, 3_000))),
                halving_ms=random.randint(50, 600),
                depth=random.choice((e8("0.05"), e8("0.2"), e8("2"))),
                gone_ms=range(begins, begins + random.randrange(120_000)) if exchange is away else range(0),
            )
            for exchange in EXCHANGES
        }

    @property
    def is_whole(self) -> bool:
        """Return whether both exchanges are there all the time."""
        return not any(place.gone_ms for place in self.places.values())

    def middle(self, at: int) -> int:
        """Return the price both follow, 10^-8 KRW."""
        while len(self._path) <= at // STEP_MS:
            now = len(self._path) * STEP_MS
            swing = self._random.gauss(0, self.sigma_ppm * (STEP_MS / 1_000) ** 0.5)
            jump = self._jump_ppm if now - STEP_MS == self.jump_at else 0
            self._path.append(max(SCALE, self._path[-1] * (PPM + int(swing) + jump) // PPM))
        return self._path[at // STEP_MS]

    def book(self, exchange: Exchange, at: int, middle: int | None = None) -> Book:
        """Return the book of one exchange, received right now; around another `middle` where one is given."""
        place, middle = self.places[exchange], self.middle(at) if middle is None else middle
        half = middle * (place.spread_ppm + (place.excess_ppm >> min(at // place.halving_ms, 30))) // PPM // 2
        bid, ask = (middle - half) // TICK * TICK, -(-(middle + half) // TICK) * TICK
        levels = [Qty(place.depth * (rank + 1)) for rank in range(5)]
        bids = tuple(Level(Price(bid - rank * TICK), qty) for rank, qty in enumerate(levels))
        asks = tuple(Level(Price(ask + rank * TICK), qty) for rank, qty in enumerate(levels))
        return Book(exchange, "KRW-ETH", bids, asks, Ns(1), Ns(1), moment(at).mono_ns)

    def left(self, exchange: Exchange, at: int) -> Book:
        """Return the book of one exchange less what the desk took from it: nothing of that comes back."""
        book = self.book(exchange, at)
        bids, asks = (_less(book.side(side), self._taken.get((exchange, side), 0)) for side in (Side.BID, Side.ASK))
        return msgspec.structs.replace(book, bids=bids, asks=asks)

    def is_away(self, exchange: Exchange, at: int) -> bool:
        """Return whether nothing reaches the exchange."""
        return at in self.places[exchange].gone_ms

    def quote(self, exchange: Exchange, at: int) -> Quote:
        """Return what the desk sees: an exchange that went away looks as it last did, for a while."""
        gone = self.places[exchange].gone_ms
        book: Book | None = self.left(exchange, at)
        if at in gone:
            book = self.left(exchange, gone.start) if gone.start and at - gone.start < AWAY_SEEN_MS else None
        usual = self.places[exchange].spread_ppm
        free = Qty(e8("100")), Krw(e8("1000000000"))
        return Quote(INSTRUMENTS[exchange], book, *free, usual_spread_ppm=usual, sigma_ppm=self.sigma_ppm)

    def fill(self, order: Order, at: int) -> OrderReport:
        """Let an IOC order meet the book."""
        left, fills, fee = order.qty, [], Decimal(0)
        book = self.left(order.exchange, at)
        for level in book.side(order.side.opposite):
            if not left or (level.price - order.price) * order.side.sign > 0:
                break
            qty = Qty(min(left, level.qty))
            left = Qty(left - qty)
            funds = exact_product(level.price, qty)
            fee += funds * FEES[order.exchange] / PPM
            fills.append(Fill(f"{order.client_order_id}{level.price}", level.price, qty, funds, Ns(1)))
        resting = order.exchange, order.side.opposite
        self._taken[resting] = self._taken.get(resting, 0) + order.qty - left
        report = heard(OrderOn.CANCELED if left else OrderOn.FULL_FILL, *fills, executed="0")
        return msgspec.structs.replace(report, paid_fee=fee, executed_qty=Qty(order.qty - left))

    def paid(self, uneven: int, at: int, middle: int | None = None) -> Decimal | None:
        """Return what evening all out at one moment is paid, KRW; None where the books do not reach."""
        side = Side.ASK if uneven > 0 else Side.BID
        offers = sorted(
            (level.price * (PPM + side.sign * FEES[exchange]) * side.sign, level.qty)
            for exchange in EXCHANGES
            for level in self.book(exchange, at, middle).side(side.opposite)
        )
        left, paid = abs(uneven), 0
        for price, qty in offers:
            part = min(left, qty)
            paid += price * part
            left -= part
        return None if left else to_decimal(paid // SCALE // PPM)

    def cheapest(self, uneven: int, from_ms: int, to_ms: int) -> Decimal:
        """Return what evening out costs against the price at the start for who knows what comes, KRW."""
        found = (self.paid(uneven, at) for at in range(from_ms, to_ms + 1, STEP_MS))
        return min(one for one in found if one is not None) + to_decimal(self.middle(0) * uneven // SCALE)


def _less(levels: tuple[Level, ...], taken: int) -> tuple[Level, ...]:
    # What stands behind the best `taken`.
    kept = []
    for level in levels:
        gone = min(taken, level.qty)
        taken -= gone
        if level.qty > gone:
            kept.append(Level(level.price, Qty(level.qty - gone)))
    return tuple(kept)


class Lived(msgspec.Struct, frozen=True):
    """What came of one lone leg. Money in KRW."""

    uneven_at_first: int
    left: int
    state: ArbState
    was_told: bool
    is_one_way: bool
    """Whether the imbalance only ever went towards zero."""
    lost_krw: Decimal
    cost_krw: Decimal
    oracle_krw: Decimal | None
    """What it would have cost who sees a second ahead; None where that cannot be told."""
    blind_krw: tuple[Decimal, Decimal] | None
    """What it costs on average who knows the market but not the future: nothing seen meanwhile, and between the ticks.
    None where that was not asked for."""
    sigma_ppm: int
    has_jump: bool
    is_late: bool
    """Whether it took longer than it may, both exchanges there, and nobody was told."""


def live(seed: int, params: Params = PARAMS, *, with_blind: bool = False) -> Lived:
    """Live through one arb whose legs filled differently."""
    random = Random(seed)
    world = World(random)
    arb = _filled(random, opened(params, qty=QTY))
    first, halts, on_way, is_one_way = arb.imbalance, [], list[tuple[int, Order]](), True
    fees_first, pnl_first = arb.fees_krw, arb.pnl_krw
    at, end = 10, 200_000
    while at < end and not (arb.state in (ArbState.CLOSED, ArbState.STUCK) and not on_way):
        for due, order in [one for one in on_way if one[0] <= at]:
            on_way.remove((due, order))
            arb, more = _answered(world, arb, order, at)
            halts += more
        before = arb.imbalance
        quotes = {exchange: world.quote(exchange, at) for exchange in EXCHANGES}
        arb, actions = advance(arb, Tick(quotes, TradingLevel.ACTIVE), moment(at))
        for action in actions:
            if isinstance(action, Place):
                arb, _ = advance(arb, OrderHeard(action.order.client_order_id, OrderReport(OrderOn.SENT)), moment(at))
                on_way.append((at + random.choice((1, STEP_MS, 2 * STEP_MS)), action.order))
        halts += [action for action in actions if isinstance(action, Halt)]
        is_one_way = is_one_way and arb.imbalance * before >= 0 and abs(arb.imbalance) <= abs(first)
        at += STEP_MS
    cost = pnl_first - arb.pnl_krw - (arb.imbalance - first) * to_decimal(world.middle(0)) / SCALE
    assert arb.fees_krw >= fees_first
    rows = None
    can_tell = world.is_whole and arb.is_closed and first and abs(first) * MIDDLE >= 6_000 * SCALE
    if can_tell and with_blind:
        rows = beyond_middle(world, first, *SEEN_MS)
    return Lived(
        uneven_at_first=first,
        left=arb.imbalance,
        state=arb.state,
        was_told=bool(halts),
        is_one_way=is_one_way,
        lost_krw=-arb.even_pnl_krw,
        cost_krw=cost,
        oracle_krw=world.cheapest(first, *SEEN_MS) if can_tell else None,
        blind_krw=rows and (best_moment(rows), least_expected(rows, world.sigma_ppm)),
        sigma_ppm=world.sigma_ppm,
        has_jump=world.jump_at >= 0,
        is_late=world.is_whole and at > T_MAX_MS + 10 + 3 * STEP_MS and not halts,
    )


PARTS = 40
"""In how many places a price may lie between two ticks."""


def beyond_middle(world: World, uneven: int, from_ms: int, to_ms: int) -> list[list[float]]:
    """Return what evening out costs beyond the middle, KRW: a row for each moment, in it each place between two ticks.

    The price is as likely to rise as to fall, so on average only this counts. How the spreads close is taken as known.
    """
    places = [MIDDLE * SCALE + place * TICK // PARTS for place in range(PARTS)]
    rows = []
    for at in range(from_ms, to_ms + 1, STEP_MS):
        paid = [(world.paid(uneven, at, middle), to_decimal(middle * uneven // SCALE)) for middle in places]
        rows.append([inf if one is None else float(one + worth) for one, worth in paid])
    return rows


def best_moment(rows: list[list[float]]) -> Decimal:
    """Return the least that evening out costs on average at one moment chosen beforehand."""
    return Decimal(min(sum(row) for row in rows) / PARTS)


def least_expected(rows: list[list[float]], sigma_ppm: int) -> Decimal:
    """Return the least it costs on average without seeing ahead, for who sees where the middle is between two ticks.

    At each moment, from the last one back: the less of acting now and of the average over where the next step may lead.
    """
    reach = sigma_ppm * (STEP_MS / 1_000) ** 0.5 * MIDDLE * SCALE / PPM / (TICK // PARTS)
    weights = [0.0] * PARTS
    for step in range(-PARTS * 4, PARTS * 4 + 1):
        weights[step % PARTS] += exp(-((step / reach) ** 2) / 2)
    total = sum(weights)
    later = [inf] * PARTS
    for row in reversed(rows):
        now = [min(one, other) for one, other in zip(row, later, strict=True)]
        later = [
            sum(now[(place + step) % PARTS] * weights[step] for step in range(PARTS)) / total for place in range(PARTS)
        ]
    return Decimal(later[0])


def _filled(random: Random, arb: Arb) -> Arb:
    for order in arb.orders:
        share = random.choice((0, PPM, random.randint(0, PPM)))
        qty = Qty(order.qty * share // PPM)
        funds = exact_product(order.price, qty)
        fills = (Fill(order.client_order_id, order.price, qty, funds, Ns(1)),) if qty else ()
        report = heard(OrderOn.CANCELED, *fills)
        report = msgspec.structs.replace(report, executed_qty=qty, paid_fee=funds * FEES[order.exchange] / PPM)
        arb, _ = advance(arb, OrderHeard(order.client_order_id, report), moment(5))
    return arb


def _answered(world: World, arb: Arb, order: Order, at: int) -> tuple[Arb, list[Action]]:
    if not world.is_away(order.exchange, at):
        arb, actions = advance(arb, OrderHeard(order.client_order_id, world.fill(order, at)), moment(at))
        return arb, [action for action in actions if isinstance(action, Halt)]
    arb, _ = advance(arb, OrderHeard(order.client_order_id, OrderReport(OrderOn.OUTCOME_LOST)), moment(at))
    # It never arrived; who is asked after the exchange is back, and after the grace time, says so.
    back = max(world.places[order.exchange].gone_ms.stop, at + PARAMS.not_found_grace_ns // MS)
    if back - at < PARAMS.unresolved_deadline_ns // MS:
        gone = OrderHeard(order.client_order_id, OrderReport(OrderOn.NOT_FOUND), moment(back + 1).mono_ns)
        arb, _ = advance(arb, gone, moment(at))
    return arb, []


def told(found: list[Lived]) -> str:
    """Return what came of many, and what evening out cost beside who sees 1 s ahead, in ppm of its value."""
    uneven = [one for one in found if one.uneven_at_first]
    closed = [one for one in uneven if one.state is ArbState.CLOSED]
    known = [one for one in closed if one.oracle_krw is not None]
    value = sum(to_decimal(abs(one.uneven_at_first)) * MIDDLE for one in known)
    cost, oracle = sum(one.cost_krw for one in known), sum(one.oracle_krw or 0 for one in known)
    blind = [one.blind_krw for one in known if one.blind_krw]
    best = " and ".join(f"{sum(krw) / value * PPM:.0f}" for krw in zip(*blind, strict=True))
    best = f", of the best who does not {best} ppm" if best else ""
    return (
        f"{len(uneven)} uneven: {len(closed)} evened out, {sum(one.was_told for one in uneven)} stuck and told; "
        f"over-hedged {sum(not one.is_one_way for one in uneven)}, "
        f"late {sum(one.is_late for one in uneven)}, "
        f"loss over the limit {sum(one.lost_krw > L_MAX_KRW for one in uneven)}; "
        f"cost {cost / value * PPM:.0f} ppm, of who sees 1 s ahead {oracle / value * PPM:.0f} ppm{best} "
        f"({len(known)} whole)"
    )


def main() -> None:
    """Live through as many lone legs as asked for, and tell what they cost; the last lines are calm worlds alone."""
    parser = argparse.ArgumentParser(description="Even out lone legs in random markets.")
    parser.add_argument("--runs", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    seeds = range(asked.seed, asked.seed + asked.runs)
    impatient = msgspec.structs.replace(PARAMS, hedge_hold_ns=0)
    for name, params in (("as shipped", PARAMS), ("never waits", impatient)):
        found = [live(seed, params, with_blind=params is PARAMS) for seed in seeds]
        print(f"{name}: {told(found)}")
        for sigma in SIGMAS_PPM:
            calm = [one for one in found if one.sigma_ppm == sigma and not one.has_jump]
            print(f"  no jump, swing {sigma} ppm: {told(calm)}")


if __name__ == "__main__":
    main()
