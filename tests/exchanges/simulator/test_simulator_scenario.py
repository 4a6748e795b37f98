"""Stories: read with every problem at once, told by the agenda, the same each time."""

import hashlib
import json

import pytest
from fault_bench import BITHUMB, UPBIT, open_stream

from arbitrage.domain.errors import ConfigError
from exchanges.simulator.incidents import INCIDENTS
from exchanges.simulator.scenario import Telling, library, read_scenario, scenario_of
from exchanges.simulator.trouble.catalogue import ActOrder
from exchanges.simulator.wire import Request

SECOND = 1_000_000_000
MARKETS = ("KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-SOL", "KRW-DOGE")


def tell(world, *steps, **frame):
    return Telling(scenario_of("story", {"steps": list(steps), **frame}, "scenario"), world.simulator, world.now)


def status(world, exchange=UPBIT):
    return world.send(exchange, Request("GET", "/v1/market/all")).status


def test_steps_come_at_their_time_on_the_exchange_they_name_or_on_both(make_world):
    world = make_world()
    telling = tell(
        world,
        {"at_ns": 2 * SECOND, "fault": "status_answered", "status": 500, "exchange": "upbit"},
        {"at_ns": SECOND, "fault": "status_answered", "status": 502},
    )
    assert status(world) == 200
    world.pass_ms(1_000)
    assert [status(world), status(world, BITHUMB), status(world)] == [502, 502, 200]
    world.pass_ms(1_000)
    assert [status(world), status(world, BITHUMB)] == [500, 200]
    assert [(told.index, told.problems) for told in telling.told] == [(0, ()), (1, ())]


def test_what_cannot_be_done_is_told_and_the_story_goes_on(make_world):
    world = make_world()
    telling = tell(
        world,
        {"act": "key_revoked", "access_key": "AK-X", "exchange": "upbit"},
        {"at_ns": SECOND, "act": "deposit", "asset": "KRW", "amount": "5", "exchange": "upbit"},
    )
    world.pass_ms(1_000)
    assert [told.problems for told in telling.told] == [("upbit: upbit has no key 'AK-X'",), ()]
    assert world.balances(UPBIT)["KRW"] == ("100000005", "0")


def test_a_story_begins_again_until_it_is_stopped(make_world):
    world = make_world()
    step = {"at_ns": SECOND, "act": "deposit", "asset": "KRW", "amount": "1", "exchange": "upbit"}
    telling = tell(world, step, repeat_ns=10 * SECOND)
    world.pass_ms(25_000)
    assert world.balances(UPBIT)["KRW"][0] == "100000003"
    telling.stop()
    world.pass_ms(60_000)
    assert world.balances(UPBIT)["KRW"][0] == "100000003"


def test_every_problem_of_a_file_is_named_at_once():
    data = {
        "seed": "x",
        "markets": ["BTC"],
        "regime": "wild",
        "surprise": 1,
        "repeat_ns": -1,
        "steps": [
            {"at_ns": -1, "fault": "answer_lost"},
            {"fault": "nope"},
            {"act": "deposit", "asset": "KRW"},
            {"fault": "answer_lost", "act": "deposit"},
            7,
        ],
    }
    with pytest.raises(ConfigError) as caught:
        scenario_of("s", data, "scenario")
    found = [problem.partition(", must be one of answer_")[0] for problem in caught.value.problems]
    assert found == [
        "scenario.surprise is not known here",
        "scenario.seed was 'x': Expected `int | null`, got `str`",
        "scenario.regime was 'wild': Invalid enum value 'wild'",
        "scenario.repeat_ns was -1: Expected `int` >= 0",
        "scenario.steps[0].at_ns was -1: Expected `int` >= 0",
        "scenario.steps[1].fault was 'nope'",
        "scenario.steps[2].amount is missing",
        "scenario.steps[3] must be an object with either a fault or an act",
        "scenario.steps[4] must be an object with either a fault or an act",
    ]
    with pytest.raises(ConfigError) as caught:
        scenario_of("s", {"steps": [{"at_ns": 9, "fault": "answer_lost"}], "markets": ["BTC"], "repeat_ns": 5}, "s")
    assert caught.value.problems == (
        "s.markets has 'BTC', must look like KRW-BTC",
        "s.repeat_ns was 5, must be at least 9: the last step",
    )
    with pytest.raises(ConfigError, match=r"s\.steps must be a list of 1 to 10000 steps"):
        scenario_of("s", {"steps": []}, "s")


def test_a_file_is_read_and_a_broken_one_named(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"seed": 3, "steps": [{"fault": "answer_lost"}]}))
    scenario = read_scenario(str(path), MARKETS)
    assert (scenario.name, scenario.seed, len(scenario.steps)) == ("mine", 3, 1)
    path.write_text("{")
    with pytest.raises(ConfigError, match="not JSON"):
        read_scenario(str(path), MARKETS)
    with pytest.raises(ConfigError, match=r"--faster was 9, must be 1 to 10000 and goes with martial-law-2024, "):
        read_scenario("lost-answers", MARKETS, 9)
    with pytest.raises(ConfigError, match=r"must be a file or one of account-trouble, "):
        read_scenario("nowhere", MARKETS)


@pytest.mark.parametrize("name", library())
def test_each_shipped_story_can_be_told_to_its_end(name, make_world):
    # Incidents at a pace at which the whole of them passes in virtual minutes.
    scenario = read_scenario(name, MARKETS, 1_000 if name in INCIDENTS else None)
    world = make_world()
    telling = Telling(scenario, world.simulator, world.now)
    world.pass_ms(scenario.steps[-1].at_ns // 1_000_000 + 1)
    undone = [told for told in telling.told if told.problems]
    assert len(telling.told) == len(scenario.steps)
    allowed = {"trade_reversed"}
    for told in undone:
        what = scenario.steps[told.index].what
        assert isinstance(what, ActOrder)
        assert what.act.act_name() in allowed, told.problems
    assert scenario.about


def test_an_incident_stops_transfers_moves_one_price_and_takes_fills_back(make_world):
    world = make_world()
    Telling(read_scenario("credit-error-2026", MARKETS, 60), world.simulator, world.now)
    world.pass_ms(36_000)
    mid = {exchange: world.simulator.market.shown(exchange, "KRW-BTC")[0][0][0] for exchange in (UPBIT, BITHUMB)}
    assert 0.81 < mid[BITHUMB] / mid[UPBIT] < 0.85
    before = world.balances(BITHUMB)
    world.order(BITHUMB, market="KRW-BTC", side="bid", order_type="price", price="1000000")
    world.pass_ms(1_000)
    assert world.balances(BITHUMB) != before, "the bargain of the year"
    world.pass_ms(25_000)
    assert world.balances(BITHUMB) == before
    status, answer = world.ask(
        BITHUMB,
        "POST",
        "/v2/orders",
        body={"market": "KRW-BTC", "side": "ask", "order_type": "market", "volume": "0.1"},
    )
    assert (status, answer["error"]["name"]) == (403, "market_offline")


def bytes_of(make_world, name, seed):
    """Return a digest of all that two streams and a fixed run of requests heard in a story."""
    world = make_world(seed=seed)
    sessions = [open_stream(world, exchange, "KRW-BTC", "KRW-ETH") for exchange in (UPBIT, BITHUMB)]
    Telling(read_scenario(name, MARKETS), world.simulator, world.now)
    digest = hashlib.sha256()
    for turn in range(120):
        world.pass_ms(500)
        for exchange, session in zip((UPBIT, BITHUMB), sessions, strict=True):
            path, query = (("/v1/orderbook", "markets=KRW-BTC"), ("/v1/market/all", ""))[turn % 2]
            response = world.send(exchange, Request("GET", path, query))
            digest.update(f"{response.status} {response.delivery} {response.delay_ns}".encode() + response.body)
            digest.update(b"".join(out.data for out in session.outbox))
            session.outbox.clear()
    return digest.hexdigest()


@pytest.mark.parametrize("name", ["rate-limits", "stale-books", "shape-drift", "martial-law-2024"])
def test_same_seed_and_same_story_give_the_same_bytes(name, make_world):
    first = bytes_of(make_world, name, 7)
    assert bytes_of(make_world, name, 7) == first
    assert bytes_of(make_world, name, 8) != first
