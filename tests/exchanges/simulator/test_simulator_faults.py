"""Who is struck, when and how often: scopes, counts, spans and seeded draws."""

import json
from decimal import Decimal

import pytest

from arbitrage.domain.units import Exchange, Side
from exchanges.simulator.trouble.answers import lane_of
from exchanges.simulator.trouble.catalogue import read_arm_order
from exchanges.simulator.trouble.fault import Lane, Scope
from exchanges.simulator.trouble.frames import (
    BookCrossed,
    FramesDoubled,
    FramesLost,
    FramesReordered,
    HandshakeRefused,
    LadderFrozen,
    OneSided,
    SlowDrain,
    SnapshotMissing,
    TimestampFrozen,
    WrongSymbol,
)
from exchanges.simulator.trouble.orders import OrderRefused
from exchanges.simulator.trouble.shapes import ArrayAsObject, TimestampShifted
from exchanges.simulator.trouble.transport import AnswerDelayed, CutBefore, StatusAnswered
from exchanges.simulator.wire import Request

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
GET = Request("GET", "/v1/market/all")


@pytest.fixture
def world(make_world):
    return make_world()


def status(world, path="/v1/market/all", query=""):
    return world.send(UPBIT, Request("GET", path, query)).status


def test_count_runs_out_and_zero_has_no_end(world):
    faults = world.simulator.faults(UPBIT)
    two = faults.arm(StatusAnswered(status=500), Scope(count=2))
    assert [status(world) for _ in range(3)] == [500, 500, 200]
    assert (two.hits, two.left) == (2, 0)
    faults.arm(StatusAnswered(status=501), Scope(count=0))
    assert [status(world) for _ in range(4)] == [501] * 4
    faults.clear()
    assert status(world) == 200


def test_a_span_of_time_begins_and_ends(world):
    scope = Scope(after_ns=500_000_000, lasts_ns=1_000_000_000)
    armed = world.simulator.faults(UPBIT).arm(StatusAnswered(status=500), scope)
    found = [status(world)]
    for ms in (499, 1, 999, 1):
        world.pass_ms(ms)
        found.append(status(world))
    assert found == [200, 200, 500, 500, 200]
    assert armed.is_over(world.now)


def test_disarmed_fault_strikes_no_more(world):
    faults = world.simulator.faults(UPBIT)
    armed = faults.arm(StatusAnswered(), Scope(count=0))
    assert status(world) == 503
    assert faults.disarm(armed.number) is True
    assert faults.disarm(armed.number) is False
    assert status(world) == 200


def test_scope_of_exchange_lane_path_market_and_account(world):
    faults = world.simulator.faults(UPBIT)
    for number, scope in enumerate(
        (
            Scope(lane=Lane.ACCOUNT, count=0),
            Scope(path="/v1/ticker", count=0),
            Scope(market="KRW-ETH", count=0),
            Scope(access_key="AK-U", lane=Lane.LOOKUP, count=0),
            Scope(access_key="AK-NOBODY", count=0),
        )
    ):
        faults.arm(StatusAnswered(status=500 + number), scope)
    assert world.ask(UPBIT, "GET", "/v1/accounts")[0] == 500
    assert status(world, "/v1/ticker", "markets=KRW-BTC") == 501
    assert status(world, "/v1/orderbook", "markets=KRW-BTC,KRW-ETH") == 502
    assert status(world, "/v1/orderbook", "markets=KRW-BTC") == 200
    body = {"market": "KRW-ETH", "side": "bid", "ord_type": "price", "price": "10000"}
    assert world.ask(UPBIT, "POST", "/v1/orders", body=body)[0] == 502
    assert world.ask(UPBIT, "GET", "/v1/orders/open")[0] == 503
    assert world.send(BITHUMB, Request("GET", "/v1/ticker", "markets=KRW-ETH")).status == 200, "the other exchange"


@pytest.mark.parametrize(
    ("method", "path", "lane"),
    [
        ("POST", "/v1/orders", Lane.ORDER),
        ("POST", "/v2/orders/batch", Lane.ORDER),
        ("POST", "/trade/place", Lane.ORDER),
        ("POST", "/trade/market_buy", Lane.ORDER),
        ("DELETE", "/v2/order", Lane.CANCEL),
        ("POST", "/v2/orders/cancel", Lane.CANCEL),
        ("POST", "/trade/cancel", Lane.CANCEL),
        ("GET", "/v1/orders/closed", Lane.LOOKUP),
        ("POST", "/info/order_detail", Lane.LOOKUP),
        ("GET", "/v1/orders/chance", Lane.ACCOUNT),
        ("POST", "/info/balance", Lane.ACCOUNT),
        ("GET", "/v1/orderbook", Lane.PUBLIC),
        ("GET", "/public/orderbook/BTC_KRW", Lane.PUBLIC),
    ],
)
def test_every_path_is_on_one_lane(method, path, lane):
    assert lane_of(method, path) is lane


def test_what_a_fault_could_not_change_is_not_struck(world):
    faults = world.simulator.faults(UPBIT)
    lost, renamed = (
        faults.arm(FramesLost(), Scope(count=1)),
        faults.arm(ArrayAsObject(object="accounts"), Scope(count=1)),
    )
    session = world.simulator.exchange(UPBIT).connect(Request("GET", "/websocket/v1"), world.now)
    session.receive(b"PING", world.now)
    assert (len(session.outbox), lost.hits, status(world), renamed.hits) == (1, 0, 200, 0)
    session.receive(b'[{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"]}]', world.now)
    assert (len(session.outbox), lost.hits, renamed.hits) == (1, 1, 0)
    assert list(world.ask(UPBIT, "GET", "/v1/accounts")[1]) == ["KRW", "BTC", "ETH"]
    assert renamed.hits == 1


def test_chance_is_drawn_from_the_seed_and_no_fault_disturbs_another(make_world):
    def strikes(*before):
        world = make_world(seed=3)
        faults = world.simulator.faults(UPBIT)
        faults.arm(StatusAnswered(status=500), Scope(chance_ppm=300_000, count=0))
        for fault in before:
            faults.arm(fault, Scope(chance_ppm=300_000, count=0, path="/v1/ticker"))
        return [status(world) for _ in range(9)]

    first = strikes()
    assert first == strikes() == strikes(CutBefore(), StatusAnswered(status=501))
    assert set(first) == {200, 500}


def test_delays_are_drawn_around_the_typical_one_inside_the_bounds(world):
    fault = AnswerDelayed(least_ns=10_000_000, typical_ns=40_000_000, most_ns=90_000_000)
    world.simulator.faults(UPBIT).arm(fault, Scope(path="/v1/market/all"))
    drawn = []
    for _ in range(60):
        drawn.append(world.send(UPBIT, GET).delay_ns)
        world.pass_ms(200)
    assert 10_000_000 <= min(drawn) < 30_000_000
    assert 60_000_000 < max(drawn) <= 90_000_000
    assert 30_000_000 < sorted(drawn)[30] < 50_000_000


def test_events_of_an_account_come_double_late_out_of_order_or_not_at_all(make_world, frame, sign):
    def states(*faults):
        world = make_world([frame(UPBIT, "KRW-BTC", [("100000000", "1")], [("99000000", "1")])])
        exchange = world.simulator.exchange(UPBIT)
        headers = {"authorization": sign("AK-U", exchange.accounts["AK-U"].secret.decode(), "")}
        session = exchange.connect(Request("GET", "/websocket/v1/private", "", headers), world.now)
        session.receive(json.dumps([{"ticket": "t"}, {"type": "myOrder"}]).encode(), world.now)
        for fault in faults:
            exchange.faults.arm(fault, Scope(lane=Lane.EVENTS))
        world.order(UPBIT, market="KRW-BTC", side="bid", ord_type="price", price="10000")
        world.pass_ms(100)
        early = [json.loads(out.data, parse_float=Decimal)["state"] for out in session.outbox]
        session.outbox.clear()
        world.pass_ms(2_000)
        return early, [json.loads(out.data, parse_float=Decimal)["state"] for out in session.outbox]

    assert states() == (["wait", "trade", "done"], [])
    assert states(FramesDoubled()) == (["wait", "wait", "trade", "trade", "done", "done"], [])
    assert states(SlowDrain(delay_ns=1_000_000_000)) == ([], ["wait", "trade", "done"])
    assert states(FramesReordered()) == (["trade", "wait"], []), "the last one waits for one that never comes"
    assert states(FramesLost()) == ([], [])


def legacy_frames(make_world, fault, kind, ms=1_500):
    """Return what a legacy stream of one kind told under a fault, and the world it did so in."""
    world = make_world(markets=("KRW-BTC",))
    world.simulator.faults(BITHUMB).arm(fault)
    session = world.simulator.exchange(BITHUMB).connect(Request("GET", "/pub/ws"), world.now)
    session.receive(json.dumps({"type": kind, "symbols": ["BTC_KRW"]}).encode(), world.now)
    world.pass_ms(ms)
    rows = [json.loads(out.data) for out in session.outbox]
    assert [row["status"] for row in rows[:2]] == ["0000", "0000"]
    return [row["content"] for row in rows[2:]]


def test_the_legacy_stream_lies_in_the_same_ways(make_world):
    frozen = legacy_frames(make_world, TimestampFrozen(), "orderbooksnapshot")
    assert len({row["datetime"] for row in frozen}) == 1 < len(frozen)
    still = legacy_frames(make_world, LadderFrozen(), "orderbooksnapshot")
    assert len({json.dumps(row["asks"]) for row in still}) == 1 < len({row["datetime"] for row in still})
    for row in legacy_frames(make_world, OneSided(empty=Side.BID), "orderbooksnapshot"):
        assert (row["bids"], len(row["asks"])) == ([], 30)
    for row in legacy_frames(make_world, BookCrossed(), "orderbooksnapshot"):
        assert int(row["bids"][0][0]) > int(row["asks"][0][0])
    assert legacy_frames(make_world, SnapshotMissing(), "orderbooksnapshot") == []
    assert legacy_frames(make_world, FramesLost(), "orderbookdepth") == []
    bids = legacy_frames(make_world, OneSided(empty=Side.ASK), "orderbookdepth")
    assert {level["orderType"] for row in bids for level in row["list"]} == {"bid"}
    wrong = legacy_frames(make_world, WrongSymbol(code="KRW-ETH"), "orderbookdepth")
    assert {level["symbol"] for row in wrong for level in row["list"]} == {"ETH_KRW"}
    late = legacy_frames(make_world, TimestampShifted(by_ns=-5_000_000_000), "orderbooksnapshot", 0)
    assert [row["datetime"] for row in late] == ["1795399995000000"]


def test_legacy_calls_are_struck_like_the_others(make_world):
    world = make_world()
    world.simulator.faults(BITHUMB).arm(StatusAnswered(status=500), Scope(market="KRW-ETH"))
    assert world.send(BITHUMB, Request("GET", "/public/orderbook/BTC_KRW")).status == 200
    assert world.send(BITHUMB, Request("GET", "/public/orderbook/ETH_KRW")).status == 500
    world.simulator.faults(BITHUMB).arm(HandshakeRefused(status=503))
    assert world.simulator.exchange(BITHUMB).connect(Request("GET", "/pub/ws"), world.now).status == 503


def test_what_is_to_be_armed_is_read_from_json_with_every_problem_at_once():
    problems = []
    row = {"fault": "answer_truncated", "part": -1, "exchange": "binance", "lane": "fast", "chance_ppm": 0, "spam": 1}
    assert read_arm_order(row, "faults[0]", problems) is None
    assert problems == [
        "faults[0].spam is not known here",
        "faults[0].exchange was 'binance', must be one of upbit, bithumb",
        "faults[0].part was -1: Expected `int` >= 0",
        "faults[0].lane was 'fast': Invalid enum value 'fast'",
        "faults[0].chance_ppm was 0: Expected `int` >= 1",
    ]
    problems = []
    assert read_arm_order({"fault": "order_refused", "name": 7}, "x", problems) is None
    assert problems == ["x.status is missing", "x.name was 7: Expected `str`, got `int`"]
    assert read_arm_order({"fault": "nope"}, "x", problems) is None
    assert problems[-1].startswith("x.fault was 'nope', must be one of answer_delayed, answer_doubled, ")
    assert read_arm_order([], "x", problems) is None
    assert problems[-1] == "x must be an object"
    order = read_arm_order({"fault": "order_refused", "status": 400, "name": "n", "lane": "order", "count": 3}, "x", [])
    assert (order.exchange, order.fault, order.scope) == (
        None,
        OrderRefused(status=400, name="n"),
        Scope(lane=Lane.ORDER, count=3),
    )
