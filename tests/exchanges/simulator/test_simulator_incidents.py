"""The incidents told fast: prices as far as they went, disturbances as long as they took, wallets, halts, ends."""

import pytest

from arbitrage.domain.units import EXCHANGES, Exchange
from exchanges.simulator.incidents import INCIDENTS, SOLANA_THEFT, scenario_words
from exchanges.simulator.listing import ACTIVE
from exchanges.simulator.rules import start_price
from exchanges.simulator.scenario import Telling, scenario_of
from exchanges.simulator.trouble.fault import Place
from exchanges.simulator.wallets import WalletState
from exchanges.simulator.wire import Request

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB


def told(world, name, factor):
    """Begin an incident; return its telling and what lets `minutes` of it pass."""
    scenario = scenario_of(name, scenario_words(INCIDENTS[name], world.simulator.markets, factor), name)
    telling = Telling(scenario, world.simulator, world.now)
    return telling, lambda minutes: world.pass_ms(minutes * 60_000 // factor)


def off_start(world, exchange, market="KRW-BTC"):
    """Return how far the middle stands from the start price, in per cent."""
    bids, asks = world.simulator.market.shown(exchange, market)
    return (bids[0][0] + asks[0][0]) / 2 / start_price(market) * 100 - 100


def failures(world):
    """Return how many of 25 public requests to each exchange get no good answer; three minutes pass at factor 60."""
    bad = dict.fromkeys(EXCHANGES, 0)
    for _ in range(25):
        world.pass_ms(120)
        for exchange in EXCHANGES:
            answer = world.send(exchange, Request("GET", "/v1/orderbook", "markets=KRW-BTC"))
            bad[exchange] += answer.status != 200 or answer.delivery.value != "send"
    return bad


def test_in_martial_law_both_fall_upbit_further_and_is_disturbed_longer(make_world):
    world = make_world(seed=5)
    telling, pass_minutes = told(world, "martial-law-2024", 60)
    pass_minutes(13)
    assert failures(world) == {UPBIT: 0, BITHUMB: 0}
    pass_minutes(9)
    hit = failures(world)
    assert hit[UPBIT] > 8
    assert hit[BITHUMB] > 2
    pass_minutes(3)
    low = {exchange: off_start(world, exchange) for exchange in EXCHANGES}
    assert -36 < low[UPBIT] < -28
    assert low[BITHUMB] - low[UPBIT] > 3, "a huge edge"
    pass_minutes(17 + 62 - 28 + 1)
    hit = failures(world)
    assert hit[BITHUMB] == 0, "after 62 minutes"
    assert hit[UPBIT] > 8
    pass_minutes(99 - 62)
    assert failures(world) == {UPBIT: 0, BITHUMB: 0}, "after 99 minutes"
    pass_minutes(40)
    assert abs(off_start(world, UPBIT)) < 4
    assert [one.problems for one in telling.told if one.problems] == []
    assert len(telling.told) == len(INCIDENTS["martial-law-2024"].steps)


def test_the_mispayout_moves_bithumb_alone_halts_it_and_takes_fills_back(make_world):
    world = make_world(seed=5)
    before = world.simulator.totals()
    _, pass_minutes = told(world, "credit-error-2026", 60)
    pass_minutes(36)
    assert -19 < off_start(world, BITHUMB) < -15
    assert abs(off_start(world, UPBIT)) < 2
    rich = world.balances(BITHUMB)
    world.order(BITHUMB, market="KRW-BTC", side="bid", order_type="price", price="1000000")
    pass_minutes(5)
    assert float(world.balances(BITHUMB)["BTC"][0]) > float(rich["BTC"][0])
    assert all(wallet.state is WalletState.PAUSED for wallet in world.simulator.exchange(BITHUMB).wallets.all_real())
    assert all(wallet.state is WalletState.WORKING for wallet in world.simulator.exchange(UPBIT).wallets.all_real())
    pass_minutes(11)
    assert world.simulator.exchange(BITHUMB).closing.is_closed("KRW-BTC")
    assert not world.simulator.exchange(UPBIT).closing.is_closed("KRW-BTC")
    pass_minutes(5)
    assert world.balances(BITHUMB) == rich, "to the last digit"
    pass_minutes(40)
    assert not world.simulator.exchange(BITHUMB).closing.is_closed("KRW-BTC")
    assert abs(off_start(world, BITHUMB)) < 2
    assert world.simulator.totals() == before


def test_the_theft_cages_small_coins_while_trading_goes_on(make_world):
    world = make_world(markets=("KRW-BTC", "KRW-MET", "KRW-ORCA"), seed=5)
    telling, pass_minutes = told(world, "wallet-theft-2025", 600)
    sim = world.simulator.exchange(UPBIT)
    pass_minutes(5)
    assert [sim.wallets.real(coin).state.value for coin in ("BTC", "MET", "ORCA")] == ["working", "paused", "paused"]
    pass_minutes(200)
    for market, premium in (("KRW-ORCA", 95.6), ("KRW-MET", 82.0)):
        assert abs(off_start(world, UPBIT, market) - premium) < 8
        assert abs(off_start(world, BITHUMB, market)) < 4
        assert sim.listing(market).has_warning
    assert abs(off_start(world, UPBIT)) < 4
    assert not any(sim.closing.is_closed(market) for market in world.simulator.markets)
    pass_minutes(60)
    assert all(wallet.state is WalletState.PAUSED for wallet in sim.wallets.all_real())
    pass_minutes(20 * 60)
    assert abs(off_start(world, UPBIT, "KRW-ORCA")) < 6
    assert sim.listing("KRW-ORCA") == ACTIVE
    assert all(wallet.state is WalletState.WORKING for wallet in sim.wallets.all_real())
    assert [one.problems for one in telling.told if one.problems] == []


def test_a_coin_that_is_not_listed_is_played_by_the_smallest_that_are():
    words = scenario_words(SOLANA_THEFT, ("KRW-BTC", "KRW-ETH", "KRW-XRP"), 60)
    assert {step["market"] for step in words["steps"] if "market" in step} == {"KRW-ETH", "KRW-XRP"}
    assert [step["currency"] for step in words["steps"] if "currency" in step] == ["XRP", "ETH"]


@pytest.mark.parametrize("name", INCIDENTS)
def test_a_factor_shortens_times_and_not_the_waits_of_the_wire(name):
    slow, fast = (scenario_words(INCIDENTS[name], ("KRW-BTC", "KRW-ETH"), factor)["steps"] for factor in (1, 100))
    for one, other in zip(slow, fast, strict=True):
        for member in one:
            scaled = member in ("at_ns", "over_ns", "lasts_ns", "within_ns")
            assert one[member] == (other[member] * 100 if scaled else other[member]), member
    assert [step["at_ns"] for step in slow] == sorted(step["at_ns"] for step in slow)
    assert scenario_of(name, {"about": "", "steps": slow}, name).steps[-1].at_ns <= 86_400 * 10**9


def test_streams_are_disturbed_as_long_as_the_interfaces(make_world):
    world = make_world(markets=("KRW-BTC",), seed=5)
    _, pass_minutes = told(world, "martial-law-2024", 600)
    pass_minutes(20)
    assert all(world.simulator.faults(exchange).is_armed(Place.FRAME) for exchange in EXCHANGES)
    pass_minutes(60)
    assert [world.simulator.faults(exchange).is_armed(Place.FRAME) for exchange in EXCHANGES] == [True, False]
    pass_minutes(40)
    assert not any(world.simulator.faults(exchange).is_armed(Place.FRAME) for exchange in EXCHANGES)
