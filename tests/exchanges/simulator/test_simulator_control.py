"""The control endpoint over real sockets: arm, do, tell, look, and clear words for what is wrong."""

import json

import pytest
from fault_bench import talk

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Exchange
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.money import fine_of_text
from exchanges.simulator.server import start
from workers.simulate import asked_for, main

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB


@pytest.fixture
async def running():
    accounts = tuple(
        AccountSpec(exchange, "AK", "a-secret-that-is-told-to-nobody", {"KRW": fine_of_text("1000000")})
        for exchange in Exchange
    )
    simulator = await start(
        SimConfig(markets=("KRW-BTC", "KRW-ETH"), accounts=accounts, control=("127.0.0.1", 0)),
    )
    yield simulator
    await simulator.stop()


async def ask(running, method, path, words=None, content_type="application/json"):
    """Return status and decoded answer."""
    body = b"" if words is None else words if isinstance(words, bytes) else json.dumps(words).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    heard = await talk(running.control_address, head.encode() + body)
    assert heard.end == "closed"
    return heard.statuses[0], json.loads(heard.body)


async def test_armed_faults_strike_are_counted_and_can_be_taken_away(running):
    fault = {"fault": "status_answered", "status": 418, "exchange": "upbit", "count": 0}
    status, answer = await ask(running, "POST", "/faults", fault)
    assert (status, answer) == (201, {"armed": ["upbit-1"]})
    assert [(await talk(running.upbit_address)).statuses for _ in range(2)] == [[418], [418]]
    assert (await talk(running.bithumb_address)).statuses == [200]
    status, answer = await ask(running, "GET", "/faults")
    (row,) = answer["armed"]
    assert (status, row["id"], row["fault"], row["status"], row["hits"], row["is_over"]) == (
        200,
        "upbit-1",
        "status_answered",
        418,
        2,
        False,
    )
    assert answer["catalogue"]["answer_lost"]["place"] == "order"
    assert await ask(running, "DELETE", "/faults/upbit-1") == (200, {"disarmed": ["upbit-1"]})
    assert (await talk(running.upbit_address)).statuses == [200]
    assert await ask(running, "DELETE", "/faults/upbit-1") == (404, {"problems": ["no fault 'upbit-1' is armed"]})
    both = [{"fault": "answer_lost"}, {"fault": "cut_before", "exchange": "bithumb"}]
    assert (await ask(running, "POST", "/faults", both))[1] == {"armed": ["upbit-2", "bithumb-1", "bithumb-2"]}
    assert (await ask(running, "DELETE", "/faults"))[1] == {"disarmed": ["upbit-2", "bithumb-1", "bithumb-2"]}


async def test_nothing_is_armed_or_done_when_one_of_many_is_wrong(running):
    rows = [{"fault": "answer_lost"}, {"fault": "answer_truncated", "part": "x"}, {"fault": "nope"}]
    status, answer = await ask(running, "POST", "/faults", rows)
    assert status == 400
    assert answer["problems"][0] == "faults[1].part was 'x': Expected `int`, got `str`"
    assert answer["problems"][1].startswith("faults[2].fault was 'nope', must be one of ")
    assert running.faults(UPBIT).armed() == []
    rows = [{"act": "deposit", "asset": "KRW", "amount": "5"}, {"act": "deposit", "asset": "KRW"}]
    status, answer = await ask(running, "POST", "/account", rows)
    assert (status, answer) == (400, {"problems": ["account[1].amount is missing"]})
    state = (await ask(running, "GET", "/state"))[1]
    assert state["upbit"]["accounts"] == {"AK": {"KRW": {"free": "1000000", "locked": "0"}}}


async def test_acts_of_each_family_are_done_and_seen_in_the_state(running):
    deposit = {"act": "deposit", "exchange": "upbit", "asset": "BTC", "amount": "0.5"}
    assert await ask(running, "POST", "/account", deposit) == (200, {"done": 1})
    bid = {"act": "manual_trade", "exchange": "upbit", "market": "KRW-BTC", "side": "bid"}
    assert (await ask(running, "POST", "/account", bid | {"price": "1000000", "volume": "0.1"}))[0] == 200
    fee = {"act": "fee_changed", "exchange": "bithumb", "bid_fee_ppm": 2500, "ask_fee_ppm": 2500}
    assert (await ask(running, "POST", "/account", fee))[0] == 200
    assert (await ask(running, "POST", "/market", {"act": "regime_changed", "regime": "thin"}))[0] == 200
    begun = {"act": "maintenance_begun", "exchange": "bithumb", "markets": ["KRW-ETH"]}
    assert (await ask(running, "POST", "/maintenance", begun))[0] == 200
    state = (await ask(running, "GET", "/state"))[1]
    assert state["upbit"]["accounts"]["AK"]["BTC"] == {"free": "0.5", "locked": "0"}
    (order,) = state["upbit"]["open_orders"]
    assert (order["side"], order["market"], order["remaining_qty"]) == ("bid", "KRW-BTC", "0.1")
    assert (state["bithumb"]["closed_markets"], state["bithumb"]["bid_fee_ppm"]) == (["KRW-ETH"], 2500)
    assert "a-secret-that-is-told-to-nobody" not in json.dumps(state)
    wrong = {"act": "key_revoked", "access_key": "other", "exchange": "upbit"}
    assert await ask(running, "POST", "/account", wrong) == (409, {"problems": ["upbit: upbit has no key 'other'"]})
    assert (await ask(running, "POST", "/market", deposit))[1]["problems"][0].startswith("market[0].act was 'deposit'")
    assert (await ask(running, "GET", "/acts"))[1]["deposit"]["path"] == "/account"


async def test_scenarios_are_told_by_name_or_as_sent_and_can_be_stopped(running):
    status, answer = await ask(running, "POST", "/scenario", {"name": "lost-answers"})
    assert (status, answer["name"], answer["steps"]) == (201, "lost-answers", 10)
    step = {"act": "deposit", "exchange": "upbit", "asset": "KRW", "amount": "1"}
    assert (await ask(running, "POST", "/scenario", {"name": "mine", "steps": [step]}))[0] == 201
    assert (await ask(running, "GET", "/state"))[1]["upbit"]["accounts"]["AK"]["KRW"]["free"] == "1000001"
    tellings = (await ask(running, "GET", "/scenario"))[1]["tellings"]
    assert [(one["name"], len(one["told"])) for one in tellings] == [("lost-answers", 0), ("mine", 1)]
    assert (await ask(running, "DELETE", "/scenario"))[1] == {"stopped": ["lost-answers", "mine"]}
    assert (await ask(running, "POST", "/scenario", {"name": "nope"}))[0] == 400
    told = await ask(running, "POST", "/scenario", {"name": "wallet-theft-2025", "faster": 10_000})
    assert (told[0], told[1]["name"]) == (201, "wallet-theft-2025")
    assert (await ask(running, "POST", "/scenario", {"name": "lost-answers", "faster": "x"}))[0] == 400
    sent = {"steps": [step], "markets": ["KRW-XRP"], "seed": 3}
    assert (await ask(running, "POST", "/scenario", sent)) == (
        400,
        {"problems": ["scenario.seed counts only for a simulator that is started with it (--scenario)"]},
    )
    sent.pop("seed")
    problem = "scenario.markets has KRW-XRP, which this simulator does not list"
    assert await ask(running, "POST", "/scenario", sent) == (400, {"problems": [problem]})


async def test_what_is_no_sensible_request_is_refused(running):
    assert (await ask(running, "POST", "/faults", b"{"))[0] == 400
    assert (await ask(running, "POST", "/faults", [])) == (
        400,
        {"problems": ["the list has 0 members, must have 1 to 1000"]},
    )
    assert (await ask(running, "POST", "/faults", {}, "text/plain"))[0] == 415, "no form in a browser can do anything"
    assert (await ask(running, "PUT", "/faults", {}))[0] == 405
    assert (await ask(running, "GET", "/nothing"))[0] == 404
    # Refused before it was read whole; the rest is read all the same, so that no reset takes the answer away.
    for size in (1_100_000, 9_000_000):
        assert (await ask(running, "POST", "/faults", b" " * size))[0] == 413
    heard = await talk(running.control_address, b"\x00nonsense\r\n\r\n")
    assert heard.statuses == [400]
    assert running.faults(UPBIT).armed() == []


def test_the_stories_that_come_along_are_listed(capsys):
    assert main(["--list-scenarios"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 14
    assert lines[0].startswith("account-trouble: Money comes and goes")


def test_the_command_line_names_every_problem_at_once():
    argv = ["--control", "0.0.0.0:7003", "--scenario", "nowhere", "--markets", "BTC", "--upbit", "x"]
    with pytest.raises(ConfigError) as caught:
        asked_for(argv)
    found = [problem.partition(" or one of")[0] for problem in caught.value.problems]
    assert found == [
        "--upbit was 'x', must be host:port with a port from 0 to 65535",
        "--control was '0.0.0.0:7003', must be on loopback unless --control-from-anywhere is given",
        "--markets has 'BTC', must look like KRW-BTC",
        "--scenario was 'nowhere', must be a file",
    ]


def test_a_scenario_brings_its_seed_and_markets_unless_the_command_line_says_otherwise(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"seed": 3, "markets": ["KRW-ETH"], "steps": [{"fault": "answer_lost"}]}))
    config, story = asked_for(["--scenario", str(path)])
    assert (config.seed, config.markets, story.scenario.name, config.control) == (3, ("KRW-ETH",), "mine", None)
    assert asked_for(["--scenario", "martial-law-2024", "--faster", "100"])[1].factor == 100
    with pytest.raises(ConfigError, match="--faster goes with --scenario"):
        asked_for(["--faster", "100"])
    config, _ = asked_for(["--scenario", str(path), "--seed", "9", "--markets", "KRW-ETH,KRW-BTC"])
    assert (config.seed, config.markets) == (9, ("KRW-ETH", "KRW-BTC"))
    with pytest.raises(ConfigError, match="--markets lacks KRW-ETH, which --scenario mine needs"):
        asked_for(["--scenario", str(path), "--markets", "KRW-BTC"])
    assert asked_for([])[0].seed == 7
