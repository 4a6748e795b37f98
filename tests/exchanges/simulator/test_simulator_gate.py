"""Too many requests: 429, blocks that grow, categories, assets, browsers (upbit.md §4, bithumb.md §4)."""

import json

import msgspec
import pytest

from arbitrage.domain.units import Exchange
from exchanges.simulator.gate import UPBIT_GATE
from exchanges.simulator.kst import SECOND, parse_time
from exchanges.simulator.limits import NEVER_ENDS, Block, Blocks, Limit, Limiter
from exchanges.simulator.stream import Session
from exchanges.simulator.wire import Request

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
GET = Request("GET", "/v1/market/all")
OTHER = msgspec.structs.replace(GET, peer="10.0.0.2")


@pytest.fixture
def world(make_world):
    return make_world()


def statuses(world, exchange, count, request=GET):
    return [world.send(exchange, request).status for _ in range(count)]


def test_upbit_answers_429_and_blocks_with_418_longer_each_time_for_those_who_keep_pushing(world):
    assert statuses(world, UPBIT, 22) == [200] * 10 + [429] * 10 + [418] * 2
    blocked = world.send(UPBIT, GET)
    assert blocked.body == b"Too many API requests. Blocked for 10 seconds."
    assert dict(blocked.headers)["Retry-After"] == "10"
    assert statuses(world, UPBIT, 1, OTHER) == [200], "per IP"
    assert statuses(world, UPBIT, 1, Request("GET", "/v1/ticker", "markets=KRW-BTC")) == [418], "the whole IP"
    assert world.ask(UPBIT, "GET", "/v1/accounts")[0] == 200, "accounts count apart"
    world.pass_ms(9_999)
    assert statuses(world, UPBIT, 1) == [418]
    world.pass_ms(1)
    assert statuses(world, UPBIT, 21) == [200] * 10 + [429] * 10 + [418]
    world.pass_ms(10_000)
    assert dict(world.send(UPBIT, GET).headers)["Retry-After"] == "10", "the second block lasts twice as long"
    world.pass_ms(10_000)
    assert statuses(world, UPBIT, 1) == [200]


def test_upbit_429_waits_for_the_next_second_and_tells_what_is_left(world):
    assert statuses(world, UPBIT, 11) == [200] * 10 + [429]
    over = world.send(UPBIT, GET)
    assert (over.body, dict(over.headers)["Remaining-Req"]) == (
        b"Too many API requests.",
        "group=market; min=600; sec=0",
    )
    world.pass_ms(1_000)
    assert dict(world.send(UPBIT, GET).headers)["Remaining-Req"] == "group=market; min=600; sec=9"


def test_browsers_may_ask_once_in_ten_seconds(world):
    browser = msgspec.structs.replace(GET, headers={"origin": "https://desk.example"})
    assert statuses(world, UPBIT, 2, browser) == [200, 429]
    assert statuses(world, UPBIT, 1) == [200]
    stream = Request("GET", "/websocket/v1", "", {"origin": "https://desk.example"})
    assert world.simulator.exchange(UPBIT).connect(stream, world.now).status == 429
    world.pass_ms(10_000)
    assert isinstance(world.simulator.exchange(UPBIT).connect(stream, world.now), Session)
    assert statuses(world, BITHUMB, 3, browser) == [200] * 3


def test_orders_were_eight_a_second_until_the_summer_of_2026():
    limiter = Limiter({"order": Limit(12, earlier=(parse_time("2026-08-21T21:00:00+09:00"), 8))})

    def passed(text):
        return sum(limiter.take("order", "me", parse_time(text)).is_allowed for _ in range(20))

    assert passed("2026-08-21T20:59:59+09:00") == 8
    assert passed("2026-08-21T21:00:59+09:00") == 12


def test_bithumb_blocks_a_category_for_its_ip_at_once_and_other_categories_go_on(world):
    assert statuses(world, BITHUMB, 152) == [200] * 150 + [429] * 2
    assert statuses(world, BITHUMB, 1, Request("GET", "/v1/orderbook", "markets=KRW-BTC")) == [200]
    assert statuses(world, BITHUMB, 1, OTHER) == [200]
    world.pass_ms(59_999)
    assert statuses(world, BITHUMB, 1) == [429]
    world.pass_ms(1)
    assert statuses(world, BITHUMB, 1) == [200]


def test_bithumb_private_calls_count_by_ip_also_those_with_a_bad_token(world):
    bad = Request("GET", "/v1/accounts")
    assert set(statuses(world, BITHUMB, 141, bad)) == {401}
    assert world.ask(BITHUMB, "GET", "/v1/accounts")[0] == 429
    world.pass_ms(299_000)
    assert world.ask(BITHUMB, "GET", "/v1/accounts")[0] == 429
    world.pass_ms(1_001)
    assert world.ask(BITHUMB, "GET", "/v1/accounts")[0] == 200


def test_bithumb_throttles_an_asset_with_more_than_twenty_orders_and_cancels_a_second(world):
    words = {"market": "KRW-BTC", "side": "bid", "order_type": "price", "price": "10000"}
    found = [world.ask(BITHUMB, "POST", "/v2/orders", body=words) for _ in range(20)]
    assert {status for status, _ in found} == {201}
    order_id = found[0][1]["order_id"]
    assert world.ask(BITHUMB, "DELETE", "/v2/order", f"order_id={order_id}")[0] == 429
    assert world.ask(BITHUMB, "POST", "/v2/orders", body=words)[0] == 429
    assert world.ask(BITHUMB, "POST", "/v2/orders", body=words | {"market": "KRW-ETH"})[0] == 201
    world.pass_ms(1_000)
    assert world.ask(BITHUMB, "POST", "/v2/orders", body=words)[0] == 201


def test_bithumb_blocks_an_ip_that_keeps_opening_streams_for_ten_minutes(world):
    exchange = world.simulator.exchange(BITHUMB)

    def opened():
        return isinstance(exchange.connect(Request("GET", "/websocket/v1"), world.now), Session)

    assert [opened() for _ in range(21)] == [True] * 10 + [False] * 11
    world.pass_ms(599_000)
    assert not opened()
    world.pass_ms(1_000)
    assert opened()


def test_upbit_calls_a_connection_that_keeps_asking_a_teapot_for_a_while(world):
    session = world.simulator.exchange(UPBIT).connect(Request("GET", "/websocket/v1"), world.now)

    def asked(count):
        for _ in range(count):
            session.receive(b'[{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC.1"]}]', world.now)
        found = [json.loads(out.data).get("error", {}).get("name") for out in session.outbox]
        session.outbox.clear()
        return found

    assert asked(17) == [None] * 5 + ["Too Many Requests"] * 10 + ["I'm a teapot"] * 2
    world.pass_ms(9_999)
    assert asked(1)[-1] == "I'm a teapot"
    world.pass_ms(1)
    assert asked(1)[-1] is None


def test_a_block_is_forgotten_after_a_while_and_may_end_never():
    blocks = Blocks()
    rule = Block(tolerated=1, first_ns=SECOND, factor=3, most_ns=5 * SECOND, forget_ns=60 * SECOND, most_blocks=3)

    def block(now):
        assert blocks.refused("g", "me", rule, now) == 0
        return blocks.refused("g", "me", rule, now)

    assert block(0) == SECOND
    assert block(2 * SECOND) == 3 * SECOND
    assert block(100 * SECOND) == SECOND, "forgotten"
    assert block(102 * SECOND) == 3 * SECOND
    assert block(106 * SECOND) == 5 * SECOND, "never longer than the longest"
    block(112 * SECOND)
    assert blocks.left_ns("g", "me", 10**18) == NEVER_ENDS - 10**18
    assert blocks.left_ns("g", "you", 112 * SECOND) == 0


def test_what_too_many_requests_lead_to_is_a_setting_also_while_running(make_world):
    plain = msgspec.structs.replace(UPBIT_GATE, blocks={})
    world = make_world(upbit_gate=plain)
    assert statuses(world, UPBIT, 40) == [200] * 10 + [429] * 30
    harsh = {"*": Block(tolerated=0, first_ns=SECOND)}
    world.simulator.exchange(UPBIT).use_gate(msgspec.structs.replace(plain, blocks=harsh, block_text="{seconds}"))
    assert statuses(world, UPBIT, 11) == [200] * 10 + [418]
    assert world.send(UPBIT, GET).body == b"1"
