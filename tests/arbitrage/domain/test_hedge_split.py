"""A hedge split between both exchanges: only where that is cheaper, for no more than is uneven, one order at a time."""

from collections.abc import Iterator
from decimal import Decimal
from random import Random

import msgspec
import pytest
from desk_builders import book, e8, fill, heard, moment, opened, quotes

from arbitrage.domain.arb import Action, Arb, ArbState, OrderHeard, Place, Tick
from arbitrage.domain.arb_step import advance
from arbitrage.domain.book import Book
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.hedge import HedgeOrder, HedgeRules, Hold, Quote, plan
from arbitrage.domain.hedge_split import Reach, cheapest
from arbitrage.domain.order import Order, OrderOn
from arbitrage.domain.params import DEFAULT_PARAMS, MS, Params
from arbitrage.domain.units import PPM, SCALE, Exchange, Ns, Price, Qty, Side

RULES = HedgeRules(slippage_ppm=10_000, max_loss_krw=200_000 * SCALE, split_from_ns=Ns(1))
UPBIT = book(Exchange.UPBIT, [(4_000_000, "0.3"), (3_990_000, "2")], [(4_002_000, "2")])
BITHUMB = book(Exchange.BITHUMB, [(3_998_000, "0.1"), (3_994_000, "2")], [(4_006_000, "2")])
BASIS = Decimal(4_000_000)
WHOLE = Exchange.UPBIT, e8("0.5")
LARGER = Exchange.UPBIT, e8("0.3")


def first(found: dict[Exchange, Quote], rules: HedgeRules = RULES, *, uneven: str = "0.5") -> tuple[Exchange, int]:
    """Return where how much is ordered first."""
    wanted = plan(e8(uneven), BASIS, found, rules)
    assert isinstance(wanted, HedgeOrder)
    return wanted.exchange, wanted.qty


def test_only_what_is_cheapest_on_an_exchange_is_ordered_there_the_larger_part_first():
    # Sold best: 0.3 on Upbit at 4,000,000; 0.1 at 3,998,000 and 0.1 at 3,994,000 on Bithumb.
    assert first(quotes(UPBIT, BITHUMB)) == LARGER
    assert first(quotes(UPBIT, BITHUMB), uneven="0.9") == (Exchange.BITHUMB, e8("0.6"))


def test_what_is_short_is_bought_from_both_with_each_exchanges_own_fee():
    dear = book(Exchange.UPBIT, [(3_990_000, "1")], [(4_000_000, "0.3"), (4_004_000, "2")])
    near = book(Exchange.BITHUMB, [(3_990_000, "1")], [(4_001_000, "0.1"), (4_003_000, "2")])
    assert first(quotes(dear, near), uneven="-0.5") == LARGER
    found = quotes(dear, near)
    costly = msgspec.structs.replace(found[Exchange.BITHUMB].instrument, fee_ppm=1_500)
    found[Exchange.BITHUMB] = msgspec.structs.replace(found[Exchange.BITHUMB], instrument=costly)
    assert first(found, uneven="-0.5") == WHOLE, "0.1 % of fees more than Upbit's second level"


@pytest.mark.parametrize("since", [None, Ns(2)])
def test_nothing_is_split_where_that_is_forbidden_or_a_book_is_old(since):
    assert first(quotes(UPBIT, BITHUMB), msgspec.structs.replace(RULES, split_from_ns=since)) == WHOLE


@pytest.mark.parametrize("old", [UPBIT, BITHUMB])
def test_one_old_book_is_enough_to_split_nothing(old):
    rules = msgspec.structs.replace(RULES, split_from_ns=Ns(2))
    young = [one if one is old else msgspec.structs.replace(one, recv_mono_ns=Ns(2)) for one in (UPBIT, BITHUMB)]
    assert first(quotes(*young), rules) == WHOLE


@pytest.mark.parametrize(("qty", "ordered"), [("0.0025", "0.5"), ("0.003", "0.497")])
def test_part_of_less_than_twice_the_minimum_order_is_not_worth_an_order(qty, ordered):
    # 9,995 and 11,994 KRW: half of the first would be dust, and so would be what it leaves when it fills by half.
    thin = book(Exchange.BITHUMB, [(3_998_000, qty), (3_980_000, "2")], [(4_006_000, "2")])
    assert first(quotes(UPBIT, thin)) == (Exchange.UPBIT, e8(ordered))


def test_books_that_do_not_reach_are_not_split():
    short = book(Exchange.UPBIT, [(4_000_000, "0.3")], [(4_002_000, "2")])
    thin = book(Exchange.BITHUMB, [(3_998_000, "0.1")], [(4_006_000, "2")])
    assert first(quotes(short, thin)) == WHOLE


def test_no_part_passes_its_own_limit_price_or_balance():
    def reach(limit: int, most: str) -> Reach:
        return Reach(UPBIT.bids, Price(limit * SCALE), Qty(e8(most)), 500)

    def parts(*reaches: Reach) -> tuple[int, ...] | None:
        found = cheapest(Side.ASK, Qty(e8("0.5")), dict(zip(Exchange, reaches, strict=True)))
        return found and tuple(found.qty.values())

    assert parts(reach(3_990_000, "0.5"), reach(3_990_000, "0.5")) == (e8("0.3"), e8("0.2")), "equal: listed first"
    assert parts(reach(3_990_000, "0.1"), reach(3_990_000, "0.5")) == (e8("0.1"), e8("0.4"))
    assert parts(reach(3_991_000, "0.5"), reach(3_991_000, "0.1")) is None
    assert parts(reach(3_991_000, "0.5"), reach(3_990_000, "0.5")) == (e8("0.3"), e8("0.2"))
    assert parts(reach(3_991_000, "0.5"), reach(3_991_000, "0.2")) == (e8("0.3"), e8("0.2"))
    assert parts(reach(3_991_000, "0.2"), reach(3_991_000, "0.5")) == (e8("0.2"), e8("0.3"))
    assert parts(reach(3_991_000, "0.2"), reach(3_991_000, "0.2")) is None


@pytest.mark.parametrize(
    ("exchange", "ordered"), [(Exchange.BITHUMB, WHOLE), (Exchange.UPBIT, (Exchange.UPBIT, e8("0.28")))]
)
def test_steps_of_quantity_may_leave_no_more_uneven_than_one_order_would(exchange, ordered):
    # In steps of 0.07 Bithumb would do 0.14 of its 0.2; what Upbit does not do of its 0.3 goes to Bithumb.
    found = quotes(UPBIT, BITHUMB)
    coarse = msgspec.structs.replace(found[exchange].instrument, lot_step=Qty(e8("0.07")))
    found[exchange] = msgspec.structs.replace(found[exchange], instrument=coarse)
    assert first(found) == ordered


def test_saving_less_than_the_rest_may_swing_meanwhile_is_no_reason_to_split():
    # 2,400 KRW per unit are saved, and 2/5 stay open: worth it below a swing of 6,000 or 1,500 ppm in 0.2 s.
    calm, wild = (
        msgspec.structs.replace(RULES, split_open_ns=200 * MS, sigma_ppm=sigma_ppm) for sigma_ppm in (3_300, 3_500)
    )
    assert first(quotes(UPBIT, BITHUMB), calm) == LARGER
    assert first(quotes(UPBIT, BITHUMB), wild) == WHOLE


def test_each_part_may_lose_its_share_of_the_limit():
    wanted = plan(e8("0.5"), BASIS, quotes(UPBIT, BITHUMB), msgspec.structs.replace(RULES, max_loss_krw=4_000 * SCALE))
    assert isinstance(wanted, HedgeOrder)
    # 3/5 of 4,000: at 3,994,000 1,800 less than paid and 599.1 of fees.
    assert (wanted.qty, wanted.price) == (e8("0.3"), 3_994_000 * SCALE)


def test_waiting_is_held_against_what_both_books_cost_together():
    # On one exchange 8,800 a unit now, or 1,000 when Upbit's spread has closed: worth a swing of 7,500. On both: 6,400.
    wide = book(Exchange.UPBIT, [(3_990_000, "2")], [(4_010_000, "2")])
    near = book(Exchange.BITHUMB, [(3_996_000, "0.3"), (3_984_000, "2")], [(3_998_000, "2")])
    found = {
        exchange: msgspec.structs.replace(quote, usual_spread_ppm=500) for exchange, quote in quotes(wide, near).items()
    }
    rules = HedgeRules(
        slippage_ppm=3_000, max_loss_krw=200_000 * SCALE, look_ahead_ns=250 * MS, sigma_ppm=3_800, split_from_ns=Ns(1)
    )
    whole = msgspec.structs.replace(rules, split_from_ns=None)
    assert plan(e8("0.5"), BASIS, found, whole) == Hold("waiting_costs_less")
    assert first(found, rules) == (Exchange.BITHUMB, e8("0.3"))
    calm = msgspec.structs.replace(rules, sigma_ppm=2_000)
    assert plan(e8("0.5"), BASIS, found, calm) == Hold("waiting_costs_less"), "closed, Upbit alone costs 1,000"


def paid(side: Side, one: Book, qty: int, fee_ppm: int) -> int | None:
    """Return what taking `qty` from one book is paid with its fee, below 0 for what comes in; None beyond its depth."""
    left, total = qty, 0
    for level in one.side(side.opposite):
        part = min(left, level.qty)
        total += side.sign * level.price * part * (PPM + side.sign * fee_ppm)
        left -= part
    return None if left else total


def worlds(count: int) -> Iterator[tuple[Side, int, dict[Exchange, Quote]]]:
    """Yield random imbalances in steps of 0.1, between books of up to four levels."""
    random = Random(11)
    for _ in range(count):
        books = []
        for exchange in Exchange:
            touch, rows = random.randrange(3_995, 4_006), random.randint(1, 4)
            below, above = (
                [
                    ((touch + way * (1 + rank * random.randint(1, 3))) * 1_000, f"0.{random.randint(1, 9)}")
                    for rank in range(rows)
                ]
                for way in (-1, 1)
            )
            ladders = [sorted(dict(rows).items(), reverse=way < 0) for rows, way in ((below, -1), (above, 1))]
            books.append(book(exchange, *ladders))
        found = quotes(*books)
        for exchange, fee_ppm in zip(Exchange, random.choice(((500, 500), (500, 400), (0, 2_500))), strict=True):
            changed = msgspec.structs.replace(found[exchange].instrument, fee_ppm=fee_ppm)
            found[exchange] = msgspec.structs.replace(found[exchange], instrument=changed)
        yield random.choice(tuple(Side)), random.randint(1, 15) * e8("0.1"), found


def by_split_point(side: Side, amount: int, found: dict[Exchange, Quote]) -> dict[int, int]:
    """Return what evening out is paid for each quantity that Upbit may have of it, where both books reach."""
    one, other = (found[exchange] for exchange in Exchange)
    points = {}
    for qty in range(0, amount + 1, e8("0.1")):
        both = (
            paid(side, one.book, qty, one.instrument.fee_ppm),
            paid(side, other.book, amount - qty, other.instrument.fee_ppm),
        )
        if None not in both:
            points[qty] = sum(both)
    return points


def test_thousands_of_random_books_are_split_as_cheaply_as_any_split_point():
    splits = 0
    for side, amount, found in worlds(4_000):
        points = by_split_point(side, amount, found)
        reaches = {
            exchange: Reach(
                quote.book.side(side.opposite),
                Price(side.sign * 10_000_000 * SCALE),
                Qty(amount),
                quote.instrument.fee_ppm,
            )
            for exchange, quote in found.items()
        }
        parts = cheapest(side, Qty(amount), reaches)
        assert (parts and parts.paid) == min(points.values(), default=None)
        rules = msgspec.structs.replace(RULES, slippage_ppm=20_000)
        wanted = plan(-side.sign * amount, BASIS, found, rules)
        alone = plan(-side.sign * amount, BASIS, found, msgspec.structs.replace(rules, split_from_ns=None))
        assert isinstance(wanted, HedgeOrder)
        assert isinstance(alone, HedgeOrder)
        assert 0 < wanted.qty <= amount
        if not points or wanted.qty == amount:
            assert wanted == alone
            assert not points or min(points.values()) in {points.get(0), points.get(amount)}
            continue
        splits += 1
        at_upbit = wanted.qty if wanted.exchange is Exchange.UPBIT else amount - wanted.qty
        assert points[at_upbit] == min(points.values())
        assert points[at_upbit] < min(points.get(0, 1 << 200), points.get(amount, 1 << 200))
        assert wanted.qty >= amount - wanted.qty >= e8("0.1"), "both can be ordered, the larger first"
    assert splits > 1_000


# --- the arb: one hedge at a time, the rest planned anew ---


def legged(params: Params = DEFAULT_PARAMS) -> Arb:
    """Return an arb whose purchase of 0.5 filled at 10 ms and whose sale missed."""
    arb = opened(params)
    reports = heard(OrderOn.FULL_FILL, fill("b", 4_000_000, "0.5"), fee="1000"), heard(OrderOn.CANCELED, executed="0")
    for order, report in zip(arb.orders, reports, strict=True):
        arb, _ = advance(arb, OrderHeard(order.client_order_id, report), moment(10))
    return arb


def tick(arb: Arb, *, at: int, upbit: int | None = None, bithumb: int | None = None) -> tuple[Arb, tuple[Action, ...]]:
    """Let time pass; a book was received right now, or at the millisecond named."""
    ages = zip((UPBIT, BITHUMB), (upbit, bithumb), strict=True)
    books = [
        msgspec.structs.replace(one, recv_mono_ns=moment(at if seen is None else seen).mono_ns) for one, seen in ages
    ]
    return advance(arb, Tick(quotes(*books), TradingLevel.ACTIVE), moment(at))


def placed(actions: tuple[Action, ...]) -> list[tuple[str, Exchange, int]]:
    """Return the orders to place."""
    orders: list[Order] = [action.order for action in actions if isinstance(action, Place)]
    return [(order.client_order_id, order.exchange, order.qty) for order in orders]


def half_way(*, heard_ms: int = 80) -> Arb:
    """Return an arb whose first part, 0.3 on Upbit, was heard to have filled at 80 ms."""
    arb, actions = tick(legged(), at=60)
    assert placed(actions) == [("t1-1-h0", *LARGER)]
    arb, actions = tick(arb, at=70)
    assert actions == (), "one hedge at a time"
    done = heard(OrderOn.FULL_FILL, fill("h", 4_000_000, "0.3"), fee="600")
    arb, actions = advance(arb, OrderHeard("t1-1-h0", done), moment(heard_ms))
    assert (arb.state, arb.imbalance, actions) == (ArbState.LEGGED, e8("0.2"), ())
    return arb


def test_rest_goes_to_the_other_exchange_and_not_to_a_book_that_still_shows_what_we_took():
    _, actions = tick(half_way(), at=110, upbit=75)
    assert placed(actions) == [("t1-1-h1", Exchange.BITHUMB, e8("0.2"))]


def test_rest_goes_where_a_book_since_the_first_part_is_better():
    _, actions = tick(half_way(), at=110, upbit=81)
    assert placed(actions) == [("t1-1-h1", Exchange.UPBIT, e8("0.2"))]


def test_rest_waits_for_a_word_of_the_other_exchange_and_then_takes_what_is_sure():
    patience = DEFAULT_PARAMS.hedge_patience_ns // MS
    arb, actions = tick(half_way(), at=79 + patience, bithumb=79)
    assert actions == ()
    deep = msgspec.structs.replace(UPBIT, bids=UPBIT.bids[1:], recv_mono_ns=moment(81).mono_ns)
    silent = msgspec.structs.replace(BITHUMB, recv_mono_ns=moment(79).mono_ns)
    found = Tick(quotes(deep, silent), TradingLevel.ACTIVE)
    _, actions = advance(arb, found, moment(80 + patience))
    assert placed(actions) == [("t1-1-h1", Exchange.UPBIT, e8("0.2"))]
    _, actions = tick(arb, at=80 + patience, upbit=79, bithumb=79)
    assert placed(actions) == [("t1-1-h1", Exchange.BITHUMB, e8("0.2"))], "where both are silent not what we took from"


def test_past_the_time_the_book_we_took_from_is_waited_for_because_no_plan_would_be_the_end():
    late = DEFAULT_PARAMS.hedge_limit_ns // MS + 10
    old = [msgspec.structs.replace(UPBIT, recv_mono_ns=moment(late - 5).mono_ns), None]
    arb, actions = advance(half_way(heard_ms=late), Tick(quotes(*old), TradingLevel.ACTIVE), moment(late + 30))
    assert (arb.state, actions) == (ArbState.LEGGED, ())
    arb, actions = tick(arb, at=late + 60)
    assert placed(actions) == [("t1-1-h1", Exchange.UPBIT, e8("0.2"))]


@pytest.mark.parametrize(("sigma_ppm", "ordered"), [(3_300, LARGER), (3_500, WHOLE)])
def test_rest_of_a_split_is_reckoned_to_stay_open_for_as_long_as_it_may_wait(sigma_ppm, ordered):
    wild = msgspec.structs.replace(DEFAULT_PARAMS, risk_sigma_ppm=sigma_ppm)
    assert placed(tick(legged(wild), at=60)[1]) == [("t1-1-h0", *ordered)]


@pytest.mark.parametrize(("attempts", "ordered"), [(3, WHOLE), (4, LARGER)])
def test_split_needs_attempts_left_for_twice_its_parts(attempts, ordered):
    few = msgspec.structs.replace(DEFAULT_PARAMS, hedge_max_attempts=attempts)
    arb, actions = tick(legged(few), at=60)
    assert placed(actions) == [("t1-1-h0", *ordered)]
    arb, _ = advance(arb, OrderHeard("t1-1-h0", heard(OrderOn.CANCELED, executed="0")), moment(80))
    _, actions = tick(arb, at=110)
    assert placed(actions) == [("t1-1-h1", *WHOLE)], "one attempt less"


def test_nothing_is_split_when_half_of_the_time_is_over():
    half = DEFAULT_PARAMS.hedge_limit_ns // 2 // MS + 10
    assert placed(tick(legged(), at=half - 1)[1]) == [("t1-1-h0", *LARGER)]
    assert placed(tick(legged(), at=half)[1]) == [("t1-1-h0", *WHOLE)]


@pytest.mark.parametrize(("age_ms", "ordered"), [(200, LARGER), (201, WHOLE)])
def test_nothing_is_split_with_an_exchange_that_was_silent_for_longer_than_patience(age_ms, ordered):
    assert placed(tick(legged(), at=300, bithumb=300 - age_ms)[1]) == [("t1-1-h0", *ordered)]
