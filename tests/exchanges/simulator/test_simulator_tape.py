"""The tape: prints at the touch, ids as each exchange writes them, figures that equal a sum over the prints."""

import hashlib
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from arbitrage.domain.units import EXCHANGES, Exchange, Side
from exchanges.simulator.bars import DAY, MINUTE, Span, start_of
from exchanges.simulator.money import funds_of
from exchanges.simulator.tape import Serials, Tape

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
UNIT = 10**8
SECOND = 10**9
NINE_KST = 1_795_392_000 * SECOND
"""A Monday, 09:00 KST = 00:00 UTC."""


def tape_of(exchange, rows):
    """Return a tape without a past that holds `rows` of (price, qty, side, at_ns)."""
    tape = Tape(exchange, "KRW-BTC", Serials(exchange, Random(1)), None)
    for price, qty, side, at_ns in rows:
        tape.add(price, qty, side, at_ns, (price - 1, 7), (price + 1, 8))
    return tape


def listen(world):
    """Return the list that every later (exchange, print) goes into."""
    heard = []
    world.simulator.market.on_print = lambda exchange, fresh: heard.append((exchange, fresh))
    return heard


def test_books_of_a_seed_are_the_ones_they_were_before_anyone_printed(make_world):
    world = make_world(seed=7)
    digest = hashlib.sha256()
    market = world.simulator.market

    def on_book(exchange, name, at):
        digest.update(repr((exchange.value, name, at, *market.shown(exchange, name))).encode())

    market.on_book = on_book
    world.pass_ms(10_000)
    assert digest.hexdigest()[:16] == "47359d0be67c44fa"


def test_same_seed_gives_the_same_prints_whoever_reads_in_between(make_world):
    one, two, other = make_world(seed=3), make_world(seed=3), make_world(seed=4)
    early = one.simulator.market.tape(UPBIT, "KRW-BTC").prints()
    heard = [listen(world) for world in (one, two, other)]
    for world in (one, two, other):
        world.pass_ms(5_000)
    assert heard[0] == heard[1] != heard[2]
    for exchange in EXCHANGES:
        tapes = [world.simulator.market.tape(exchange, "KRW-BTC") for world in (one, two)]
        assert tapes[0].prints() == tapes[1].prints()
    assert one.simulator.market.tape(UPBIT, "KRW-BTC").prints()[: len(early)] == early


def test_others_trade_at_the_touch_and_never_more_than_is_there(make_world):
    world = make_world()
    market = world.simulator.market
    heard = []

    def on_print(exchange, fresh):
        bids, asks = (market.levels(exchange, fresh.market, side, world.now) for side in Side)
        heard.append((exchange, fresh, bids[0], asks[0]))

    market.on_print = on_print
    while len(heard) < 200:
        world.now = world.simulator.next_due()
        world.simulator.advance(world.now)
    at_touch = 0
    for _, fresh, bid, ask in heard:
        assert (fresh.best_bid, fresh.best_bid_qty, fresh.best_ask, fresh.best_ask_qty) == (*bid, *ask)
        touch = ask if fresh.taker_side is Side.BID else bid
        if fresh.price == touch[0]:
            assert 0 < fresh.qty <= touch[1]
            at_touch += 1
    assert at_touch > 0.8 * len(heard), "the rest are sweeps, whose level is gone afterwards"
    assert {exchange for exchange, *_ in heard} == set(EXCHANGES)
    assert {fresh.taker_side for _, fresh, *_ in heard} == set(Side)


def test_a_sweep_prints_every_level_it_takes_and_the_quote_after_it_is_further_out(make_world, frame):
    asks, bids = [("101", "2"), ("102", "3"), ("104", "9")], [("99", "1"), ("98", "1"), ("97", "1")]
    world = make_world([frame(UPBIT, "KRW-XRP", asks, bids)])
    heard = listen(world)
    world.simulator.market.sweep(UPBIT, "KRW-XRP", Side.ASK, 15_000_000, world.now)
    rows = [(fresh.price // UNIT, fresh.qty // UNIT, fresh.taker_side, fresh.best_ask // UNIT) for _, fresh in heard]
    assert rows == [(101, 2, Side.BID, 102), (102, 3, Side.BID, 104)]


def test_own_trades_reach_the_tape_and_whoever_listens(make_world, frame):
    world = make_world([frame(UPBIT, "KRW-XRP", [("101", "2")], [("99", "1")])])
    heard = listen(world)
    fresh = world.simulator.market.printed(UPBIT, "KRW-XRP", 101 * UNIT, UNIT // 2, Side.BID, world.now)
    assert heard == [(UPBIT, fresh)]
    assert world.simulator.market.tape(UPBIT, "KRW-XRP").last() == fresh
    assert (fresh.price, fresh.qty, fresh.taker_side, fresh.at_ns) == (101 * UNIT, UNIT // 2, Side.BID, world.now)


def test_ids_are_spelled_as_each_exchange_spells_them(make_world):
    ms = 1_790_133_513_739
    upbit, bithumb = (Serials(exchange, Random(5)) for exchange in (UPBIT, BITHUMB))
    minted = [upbit.mint((ms + step) * 1_000_000)[0] for step in range(0, 3_000, 3)]
    assert len(set(minted)) == len(minted)
    assert minted != sorted(minted), "unique, but no order of execution is promised"
    assert all(len(str(number)) == 17 for number in minted)
    rest, live = bithumb.mint(ms * 1_000_000)
    assert bithumb.mint(ms * 1_000_000) == (rest + 1, live + 1)
    assert rest == 17_901_335_137_390_000
    assert len(str(live)) == 19
    assert live >> 25 == 1_079_953_210_371_761_700 >> 25, "as the one recorded in that millisecond"
    earlier = Serials(BITHUMB, Random(5)).mint(1_783_658_381_138_000_000)[1]
    assert earlier >> 25 == 862_683_813_820_523_888 >> 25, "and as the one of July"


def test_a_tape_has_a_past_of_two_days_and_a_close_before_today(make_world):
    world = make_world()
    for exchange in EXCHANGES:
        tape = world.simulator.market.tape(exchange, "KRW-ETH")
        day = tape.day(world.now)
        assert day.low <= day.opening <= day.high
        assert day.low <= day.price <= day.high
        assert 0 < day.volume <= day.volume_24h
        assert day.lowest <= day.low < day.high <= day.highest
        assert abs(day.previous_close - day.price) < day.price // 4
        assert len(tape.candles(Span.DAYS, 1, 200, world.now)) == 33
        prints = tape.prints()
        assert prints[0].at_ns < world.now - 2 * DAY + 3_600 * SECOND
        assert len({one.sequential_id for one in prints}) == len(prints)


def test_the_day_turns_at_nine_in_seoul_on_upbit_and_at_midnight_on_bithumb():
    before, after = NINE_KST - SECOND, NINE_KST + SECOND
    midnight = NINE_KST - 9 * 3_600 * SECOND
    rows = [(100, 1, Side.BID, midnight - SECOND), (110, 1, Side.ASK, before), (120, 1, Side.BID, after)]
    upbit, bithumb = (tape_of(exchange, rows).day(after) for exchange in (UPBIT, BITHUMB))
    assert (upbit.previous_close, upbit.opening, upbit.volume) == (110, 120, 1)
    assert (bithumb.previous_close, bithumb.opening, bithumb.volume) == (100, 110, 2)
    assert (upbit.volume_24h, bithumb.volume_24h) == (3, 3)


def test_a_day_without_a_print_stands_at_the_close_before_it():
    tape = tape_of(UPBIT, [(100, 5, Side.BID, NINE_KST - SECOND)])
    day = tape.day(NINE_KST + SECOND)
    assert (day.opening, day.high, day.low, day.price, day.previous_close) == (100,) * 5
    assert (day.volume, day.volume_24h, day.last_ns) == (0, 5, NINE_KST - SECOND)
    assert tape_of(UPBIT, []).day(NINE_KST) is None


def test_spans_without_a_print_have_no_candle_and_the_end_is_exclusive():
    rows = [(100, 1, Side.BID, NINE_KST), (90, 2, Side.ASK, NINE_KST + 61 * SECOND), (95, 4, Side.BID, NINE_KST + DAY)]
    tape = tape_of(UPBIT, rows)
    minutes = tape.candles(Span.MINUTES, 1, 10, NINE_KST + 2 * DAY)
    assert [(bar.start_ns, bar.closing, bar.volume) for bar in minutes] == [
        (NINE_KST + DAY, 95, 4),
        (NINE_KST + MINUTE, 90, 2),
        (NINE_KST, 100, 1),
    ]
    assert [bar.closing for bar in tape.candles(Span.MINUTES, 1, 1, NINE_KST + DAY)] == [90]
    five = tape.candles(Span.MINUTES, 5, 10, NINE_KST + DAY)
    assert [(bar.opening, bar.high, bar.low, bar.closing, bar.volume, bar.bought) for bar in five] == [
        (100, 100, 90, 90, 3, 1)
    ]
    assert [bar.volume for bar in tape.candles(Span.WEEKS, 1, 5, NINE_KST + DAY * 9)] == [7], "a week begins on Monday"


_rows = st.lists(
    st.tuples(
        st.integers(1, 10**6),
        st.integers(1, 10**9),
        st.sampled_from(Side),
        st.integers(0, 7_200).map(lambda seconds: seconds * SECOND),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(Exchange), _rows, st.integers(0, 30 * 3_600))
def test_every_figure_equals_a_sum_over_the_prints(exchange, rows, later_s):
    now, placed = NINE_KST - 5 * 3_600 * SECOND, []
    for price, qty, side, wait in rows:
        now += wait
        placed.append((price, qty, side, now))
    tape = tape_of(exchange, placed)
    asked = now + later_s * SECOND
    day, prints = tape.day(asked), tape.prints()
    assert [(one.price, one.qty, one.taker_side, one.at_ns) for one in prints] == placed
    begin = start_of(exchange, Span.DAYS, 1, asked)
    today = [one for one in prints if one.at_ns >= begin]
    closes = [one.price for one in prints if one.at_ns < begin]
    window = [one for one in prints if one.at_ns - one.at_ns % MINUTE > asked - DAY]
    assert (day.volume_24h, day.value_24h) == _added(window)
    assert (day.volume, day.value) == _added(today)
    assert day.bought == sum(one.qty for one in today if one.taker_side is Side.BID)
    prices = [one.price for one in today] or closes[-1:]
    assert (day.opening, day.high, day.low, day.price) == (prices[0], max(prices), min(prices), prints[-1].price)
    assert day.previous_close == (closes[-1] if closes else day.opening)
    assert (day.highest, day.lowest) == (max(one.price for one in prints), min(one.price for one in prints))
    for span, unit in ((Span.SECONDS, 1), (Span.MINUTES, 1), (Span.MINUTES, 240), (Span.DAYS, 1), (Span.MONTHS, 1)):
        bars = tape.candles(span, unit, 500, asked + 1)
        assert sum(bar.volume for bar in bars) == sum(one.qty for one in prints)
        assert bars[0].closing == prints[-1].price
        assert bars[-1].opening == prints[0].price
        assert [bar.start_ns for bar in bars] == sorted({bar.start_ns for bar in bars}, reverse=True)


def _added(prints):
    return sum(one.qty for one in prints), sum(funds_of(one.price, one.qty) for one in prints)
