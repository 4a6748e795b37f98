"""Regimes and courses: each does what its name says, on one market or all, while running; books stay tradable."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arbitrage.domain.book import Level, ladder_fault
from arbitrage.domain.units import EXCHANGES, Exchange, Side
from exchanges.simulator.activity import Activity
from exchanges.simulator.config import SimConfig
from exchanges.simulator.market import Market
from exchanges.simulator.regimes import Regime
from exchanges.simulator.rules import start_price
from exchanges.simulator.simulator import Simulator

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
KEY = (UPBIT, "KRW-BTC")
SECOND = 10**9
START_NS = 1_795_400_000_000_000_000


def watched(world, seconds):
    """Return every publication in `seconds`: (exchange, market, time, bids, asks)."""
    seen = []
    market = world.simulator.market
    market.on_book = lambda exchange, name, at: seen.append((exchange, name, at, *market.shown(exchange, name)))
    world.pass_ms(int(seconds * 1_000))
    return seen


def mid(world, exchange, market="KRW-BTC"):
    bids, asks = world.simulator.market.shown(exchange, market)
    return (bids[0][0] + asks[0][0]) // 2


def depth(world, exchange):
    return sum(price * qty for side in world.simulator.market.shown(exchange, "KRW-BTC") for price, qty in side)


def spread(seen, exchange):
    spreads = [asks[0][0] - bids[0][0] for one, name, _, bids, asks in seen if (one, name) == (exchange, "KRW-BTC")]
    return sum(spreads) / len(spreads)


@pytest.fixture
def normal(make_world):
    return make_world()


@pytest.fixture
def make(make_world):
    return lambda regime: make_world(regime=regime)


def test_a_quiet_market_hardly_speaks_or_moves(normal, make):
    def way(seen):
        mids = [bids[0][0] + asks[0][0] for exchange, name, _, bids, asks in seen if (exchange, name) == KEY]
        return sum(abs(later - earlier) for earlier, later in pairwise(mids))

    quiet, usual = watched(make(Regime.QUIET), 30), watched(normal, 30)
    assert len(quiet) < len(usual) / 5
    assert way(quiet) < way(usual) / 5


def test_a_bursty_market_has_many_more_chances(normal, make):
    def chances(world):
        shown, count, since = {}, 0, set()
        for exchange, name, _, bids, asks in watched(world, 30):
            shown[exchange, name] = bids[0][0], asks[0][0]
            for seller, buyer in ((UPBIT, BITHUMB), (BITHUMB, UPBIT)):
                if (seller, name) in shown and (buyer, name) in shown:
                    pays = shown[seller, name][0] * 9_988 > shown[buyer, name][1] * 10_000
                    count += pays and (name, seller) not in since
                    since.add((name, seller)) if pays else since.discard((name, seller))
        return count

    assert chances(make(Regime.BURSTY)) > 1.8 * chances(normal) > 20


def test_a_trend_goes_up_and_buyers_take(make):
    world = make(Regime.TRENDING)
    heard = []
    world.simulator.market.on_print = lambda exchange, fresh: heard.append(fresh.taker_side)
    world.pass_ms(60_000)
    for exchange in EXCHANGES:
        assert 1.008 < mid(world, exchange) / start_price("KRW-BTC") < 1.025
    assert heard.count(Side.BID) > 1.5 * heard.count(Side.ASK)


def test_a_thin_market_has_little_in_wide_books(normal, make):
    thin = make(Regime.THIN)
    for world in (normal, thin):
        world.pass_ms(500)
    for exchange in EXCHANGES:
        assert depth(thin, exchange) < depth(normal, exchange) / 8
        assert spread(watched(thin, 5), exchange) > 2 * spread(watched(normal, 5), exchange)


def test_a_gap_keeps_upbit_dearer(make):
    world = make(Regime.GAP)
    world.pass_ms(10_000)
    ratios = []
    for _ in range(10):
        world.pass_ms(1_000)
        ratios.append(mid(world, UPBIT) / mid(world, BITHUMB))
    assert 1.012 < sorted(ratios)[5] < 1.018


def test_a_crash_falls_for_minutes_without_crossing_or_ending_below_zero(make):
    world = make(Regime.CRASH)
    seen = watched(world, 60)
    assert 0.85 < mid(world, UPBIT) / start_price("KRW-BTC") < 0.96
    for exchange, name, _, bids, asks in seen[::7]:
        fault = ladder_fault(*(tuple(Level(*row) for row in side) for side in (bids, asks)))
        assert fault is None, (exchange, name)
    for _ in range(40):
        world.simulator.market._paths["KRW-BTC"].advance(world.now + 3_600 * SECOND)
    assert world.simulator.market._paths["KRW-BTC"].fair(UPBIT, start_price("KRW-BTC"), world.now) >= 1


def test_a_regime_of_one_market_leaves_the_others_as_they_are_and_ends(make_world):
    quiet, wild = make_world(), make_world()
    wild.simulator.market.set_regime(Regime.CRASH, wild.now, "KRW-BTC")
    one, two = ([row for row in watched(world, 5) if row[1] != "KRW-BTC"] for world in (quiet, wild))
    assert one == two
    low = depth(wild, UPBIT)
    wild.simulator.market.set_regime(Regime.NORMAL, wild.now, "KRW-BTC")
    assert depth(wild, UPBIT) > 4 * low, "what stands is scaled at once"


def test_a_course_is_a_straight_line_to_its_target_on_one_exchange(make_world):
    world = make_world()
    market = world.simulator.market
    market.steer("KRW-BTC", -200_000, 20 * SECOND, world.now, BITHUMB)
    ratios = []
    for _ in range(5):
        world.pass_ms(5_000)
        ratios.append(round(mid(world, BITHUMB) / mid(world, UPBIT), 2))
    assert ratios == [0.95, 0.9, 0.85, 0.8, 0.8]
    market.steer("KRW-BTC", 0, 0, world.now, BITHUMB)
    world.pass_ms(200)
    assert round(mid(world, BITHUMB) / mid(world, UPBIT), 2) == 1.0


def test_among_hundreds_of_markets_few_are_busy_and_most_are_nearly_silent(make_world):
    markets = tuple(f"KRW-A{number}" for number in range(493))
    world = make_world(markets=markets, activity=Activity.TAILED)
    rates = dict.fromkeys(((exchange, market) for exchange in EXCHANGES for market in markets), 0)
    for exchange, name, *_ in watched(world, 4):
        rates[exchange, name] += 1
    for exchange in EXCHANGES:
        by_rank = [rates[exchange, market] / 4 for market in markets]
        assert 850 < sum(by_rank) < 1_100
        assert sum(by_rank[:150]) > 0.85 * sum(by_rank)
        assert by_rank[300:].count(0) > 60
        assert min(by_rank[:20]) > 5


_acts = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(Regime), st.integers(-400_000, 900_000)),
        st.sampled_from([None, "KRW-BTC", "KRW-DOGE"]),
        st.sampled_from([None, *EXCHANGES]),
        st.integers(0, 1_500),
    ),
    max_size=6,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_acts, st.integers(1, 99))
def test_whatever_is_switched_no_book_crosses_and_the_same_acts_give_the_same_history(acts, seed):
    histories = []
    for _ in range(2):
        simulator = Simulator(SimConfig(seed=seed, markets=("KRW-BTC", "KRW-DOGE")), START_NS)
        market, now, seen = simulator.market, START_NS, []
        market.on_book = lambda exchange, name, at: seen.append((exchange, name, at, *market.shown(exchange, name)))  # noqa: B023
        market.on_print = lambda exchange, fresh: seen.append((exchange, fresh))  # noqa: B023
        for what, name, exchange, wait_ms in acts:
            if isinstance(what, Regime):
                market.set_regime(what, now, name)
            else:
                market.steer(name or "KRW-BTC", what, wait_ms * 1_000_000, now, exchange)
            now += wait_ms * 1_000_000
            simulator.advance(now)
        histories.append(seen)
    assert histories[0] == histories[1]
    for row in histories[0]:
        if len(row) == 5:
            _, _, _, bids, asks = row
            assert bids
            assert asks
            assert ladder_fault(*(tuple(Level(*level) for level in side) for side in (bids, asks))) is None
        else:
            assert row[1].best_bid < row[1].best_ask or 0 in (row[1].best_bid, row[1].best_ask)


def test_what_is_left_of_the_wait_for_a_burst_grows_and_shrinks_with_the_regime(make_world, monkeypatch):
    def first_burst_ms(*changes):
        seen = []
        monkeypatch.setattr(Market, "_burst", lambda self, name, at: seen.append(at))
        world = make_world(markets=("KRW-BTC",), seed=3)
        begun = world.now
        for after_ms, regime in changes:
            world.pass_ms(after_ms)
            world.simulator.market.set_regime(regime, world.now)
        world.pass_ms(120_000)
        assert len(seen) == 1
        return (seen[0] - begun) // 10**6

    usual = first_burst_ms()
    assert 1_000 < usual < 10_000
    assert first_burst_ms((0, Regime.QUIET)) == 10 * usual
    assert first_burst_ms((0, Regime.QUIET), (5 * usual, Regime.NORMAL)) == 5 * usual + usual // 2
