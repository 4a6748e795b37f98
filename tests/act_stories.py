"""One story per act of the simulator's catalogue: what a client sees once it is done."""

from collections.abc import Callable
from typing import Any

from fault_bench import BITHUMB, UPBIT, asked, heard, open_stream

from exchanges.simulator.stream import Session
from exchanges.simulator.trouble.catalogue import read_act_order
from exchanges.simulator.wire import Request

ACT_STORIES: dict[str, Callable[..., Any]] = {}


def act_story(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register an act's story; each name has one."""

    def register(tell: Callable[..., Any]) -> Callable[..., Any]:
        assert name not in ACT_STORIES, name
        ACT_STORIES[name] = tell
        return tell

    return register


def do(world: Any, act: str, exchange: Any = UPBIT, **members: Any) -> list[str]:
    """Do an act as JSON asks for it; return why it could not be done."""
    problems: list[str] = []
    order = read_act_order({"act": act, "exchange": exchange.value, **members}, "act", problems)
    assert problems == []
    return order.problems(world.simulator, world.now)


@act_story("deposit")
def deposit(bench):
    world = bench.book()
    assert do(world, "deposit", asset="KRW", amount="1000.5", delay_ns=1_000_000_000) == []
    assert world.balances(UPBIT)["KRW"] == ("100000000", "0")
    world.pass_ms(1_000)
    assert world.balances(UPBIT)["KRW"] == ("100001000.5", "0")


@act_story("withdraw")
def withdraw(bench):
    world = bench.book()
    assert do(world, "withdraw", asset="BTC", amount="0.25", delay_ns=1_000_000_000) == []
    assert world.balances(UPBIT)["BTC"] == ("0.75", "0.25")
    world.pass_ms(1_000)
    assert world.balances(UPBIT)["BTC"] == ("0.75", "0")
    assert do(world, "withdraw", asset="BTC", amount="9") == ["upbit: withdraw 9 BTC was refused: funds_short"]


@act_story("wallet_changed")
def wallet_changed(bench):
    world = bench.book()
    assert do(world, "wallet_changed", currency="BTC", state="withdraw_only") == []
    assert do(world, "wallet_changed", currency="NOPE") == ["upbit: upbit has no wallet NOPE"]
    assert do(world, "withdraw", asset="BTC", amount="0.1") == []
    do(world, "wallet_changed")
    assert do(world, "withdraw", asset="BTC", amount="0.1") == ["upbit: withdraw 0.1 BTC was refused: wallet_closed"]


@act_story("fee_changed")
def fee_changed(bench):
    world = bench.book()
    do(world, "fee_changed", bid_fee_ppm=1_000, ask_fee_ppm=700, after_ns=5_000_000_000)
    assert world.ask(UPBIT, "GET", "/v1/orders/chance", "market=KRW-BTC")[1]["bid_fee"] == "0.0005"
    world.pass_ms(5_000)
    chance = world.ask(UPBIT, "GET", "/v1/orders/chance", "market=KRW-BTC")[1]
    assert (chance["bid_fee"], chance["ask_fee"]) == ("0.001", "0.0007")


@act_story("coupon_expired")
def coupon_expired(bench):
    world = bench.book(BITHUMB)
    do(world, "coupon_expired", BITHUMB)
    assert world.ask(BITHUMB, "GET", "/v1/orders/chance", "market=KRW-BTC")[1]["bid_fee"] == "0.0025"


@act_story("key_revoked")
def key_revoked(bench):
    world = bench.book()
    assert do(world, "key_revoked", access_key="AK-U") == []
    status, answer = world.ask(UPBIT, "GET", "/v1/accounts")
    assert (status, answer["error"]["name"]) == (401, "invalid_access_key")
    assert do(world, "key_revoked", access_key="AK-X") == ["upbit: upbit has no key 'AK-X'"]


@act_story("key_expired")
def key_expired(bench):
    world = bench.book()
    do(world, "key_expired")
    status, answer = world.ask(UPBIT, "GET", "/v1/accounts")
    assert (status, answer["error"]["name"]) == (401, "expired_access_key")


@act_story("key_limited")
def key_limited(bench):
    world = bench.book()
    do(world, "key_limited", scopes=["view_assets"])
    assert world.ask(UPBIT, "GET", "/v1/accounts")[0] == 200
    assert world.ask(UPBIT, "GET", "/v1/orders/open")[1]["error"]["name"] == "out_of_scope"
    do(world, "key_limited", ips=["10.1.1.1"])
    assert world.ask(UPBIT, "GET", "/v1/accounts")[1]["error"]["name"] == "no_authorization_ip"


@act_story("manual_trade")
def manual_trade(bench):
    world = bench.book()
    assert do(world, "manual_trade", market="KRW-BTC", side="bid", price="100000") == []
    assert do(world, "manual_trade", market="KRW-BTC", side="ask", volume="0.5") == []
    assert do(world, "manual_trade", market="KRW-BTC", side="bid", price="90000000", volume="0.01") == []
    world.pass_ms(200)
    assert world.balances(UPBIT)["BTC"] == ("0.501", "0")
    assert [row["price"] for row in world.ask(UPBIT, "GET", "/v1/orders/open")[1]] == ["90000000"]
    assert do(world, "manual_trade", market="KRW-BTC", side="ask") == [
        "upbit: a bid needs a price or both, an ask a volume or both"
    ]
    assert do(world, "manual_trade", market="KRW-BTC", side="ask", volume="1.5") == [
        "upbit: order on KRW-BTC was refused: funds_short"
    ]


@act_story("second_bot")
def second_bot(bench):
    world = bench.book()
    do(world, "second_bot", market="KRW-BTC", side="ask", volume="0.1", count=3, every_ns=1_000_000_000)
    found = []
    for _ in range(4):
        world.pass_ms(900)
        found.append(world.balances(UPBIT)["BTC"][0])
        world.pass_ms(100)
    assert found == ["0.9", "0.8", "0.7", "0.7"]


@act_story("trade_reversed")
def trade_reversed(bench):
    world = bench.book()
    before = world.balances(UPBIT)
    assert do(world, "trade_reversed") == ["upbit: trade last was not reversed: not_found"]
    world.order(UPBIT, market="KRW-BTC", side="bid", ord_type="price", price="100000")
    world.pass_ms(200)
    assert world.balances(UPBIT) != before
    assert do(world, "trade_reversed") == []
    assert world.balances(UPBIT) == before


@act_story("trades_reversed")
def trades_reversed(bench):
    world = bench.book()
    bid = {"market": "KRW-BTC", "side": "bid", "ord_type": "price", "price": "100000"}
    world.order(UPBIT, **bid)
    world.pass_ms(10_000)
    before = world.balances(UPBIT)
    world.order(UPBIT, **bid)
    world.order(UPBIT, **bid)
    world.pass_ms(1_000)
    assert do(world, "trades_reversed", market="KRW-BTC", within_ns=5_000_000_000) == []
    assert world.balances(UPBIT) == before, "the first one is older"
    assert do(world, "trades_reversed", market="KRW-BTC", within_ns=5_000_000_000) == []
    assert world.balances(UPBIT) == before, "what was taken back is not taken back again"


@act_story("regime_changed")
def regime_changed(bench):
    found = {}
    for regime in ("normal", "thin"):
        world = bench.make_world()
        assert do(world, "regime_changed", regime=regime) == []
        world.pass_ms(5_000)
        units = asked(world, "/v1/orderbook", "markets=KRW-BTC")[0]["orderbook_units"]
        found[regime] = sum(unit["ask_size"] for unit in units)
    assert found["thin"] < found["normal"] / 4
    assert do(world, "regime_changed", regime="thin", market="KRW-NOPE")[0].startswith("upbit: market was 'KRW-NOPE'")


@act_story("price_steered")
def price_steered(bench):
    world = bench.make_world()
    do(world, "price_steered", target_ppm=-300_000, market="KRW-BTC")
    world.pass_ms(1_000)
    prices = {
        exchange: asked(world, "/v1/orderbook", "markets=KRW-BTC", exchange)[0]["orderbook_units"][0]["ask_price"]
        for exchange in (UPBIT, BITHUMB)
    }
    assert 0.65 < prices[UPBIT] / prices[BITHUMB] < 0.75


@act_story("books_shaped")
def books_shaped(bench):
    world = bench.book()
    do(world, "books_shaped", levels=1)
    assert len(asked(world, "/v1/orderbook", "markets=KRW-BTC")[0]["orderbook_units"]) == 1
    do(world, "books_shaped")
    assert len(asked(world, "/v1/orderbook", "markets=KRW-BTC")[0]["orderbook_units"]) == 2


@act_story("listing_changed")
def listing_changed(bench):
    world = bench.make_world()
    session = world.simulator.exchange(UPBIT).connect(Request("GET", "/websocket/v1"), world.now)
    do(world, "listing_changed", market="KRW-BTC", has_warning=True, is_suspended=True, state="DELISTED")
    world.pass_ms(5_000)
    session.receive(b'[{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC"]}]', world.now)
    row = heard(session)[0]
    assert (row["market_state"], row["is_trading_suspended"], row["market_warning"]) == ("DELISTED", True, "CAUTION")


@act_story("ticks_changed")
def ticks_changed(bench):
    world = bench.book()
    words = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "90001000", "volume": "0.001"}
    assert world.ask(UPBIT, "POST", "/v1/orders", body=words)[0] == 201
    do(world, "ticks_changed", factor=10)
    assert world.ask(UPBIT, "POST", "/v1/orders", body=words)[1]["error"]["name"] == "invalid_price_bid"
    rows = asked(world, "/v1/orderbook/instruments", "markets=KRW-BTC")
    assert rows[0]["tick_size"] == "10000"


@act_story("self_trade_default")
def self_trade_default(bench):
    found = {}
    for word in ("none", "cancel_taker", "cancel_maker"):
        world = bench.book()
        do(world, "self_trade_default", default=word)
        limit = {"market": "KRW-BTC", "ord_type": "limit", "price": "99500000", "volume": "0.001"}
        world.order(UPBIT, side="ask", identifier="maker", **limit)
        world.pass_ms(200)
        world.order(UPBIT, side="bid", identifier="taker", **limit)
        world.pass_ms(200)
        found[word] = tuple(world.find(UPBIT, one)["state"] for one in ("maker", "taker"))
    assert found == {
        "none": ("done", "done"),
        "cancel_taker": ("wait", "cancel"),
        "cancel_maker": ("cancel", "wait"),
    }


@act_story("part_state_changed")
def part_state_changed(bench):
    world = bench.book(qty="0.001")
    do(world, "part_state_changed", state="done")
    words = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "100001000", "volume": "0.003"}
    world.order(UPBIT, identifier="a", time_in_force="ioc", **words)
    world.pass_ms(200)
    found = world.find(UPBIT, "a")
    assert (found["state"], found["executed_volume"]) == ("done", "0.002")


@act_story("limits_scaled")
def limits_scaled(bench):
    world = bench.book(BITHUMB)
    do(world, "limits_scaled", BITHUMB, to_ppm=20_000)
    answers = [world.send(BITHUMB, Request("GET", "/v1/market/all")) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert dict(answers[0].headers)["x-ratelimit-burst-capacity"] == "3"


@act_story("announced")
def announced(bench):
    world = bench.book(BITHUMB)
    do(world, "announced", BITHUMB, category="maintenance", title="점검 예정")
    assert [row["title"] for row in asked(world, "/v1/notices", "count=1", BITHUMB)] == ["점검 예정"]
    assert world.simulator.exchange(UPBIT).board.notices == []


@act_story("maintenance_begun")
def maintenance_begun(bench):
    world = bench.make_world()
    session = open_stream(world)
    world.pass_ms(1_000)
    heard(session)
    do(world, "maintenance_begun", streams="freeze")
    world.pass_ms(2_000)
    assert heard(session) == []
    body = {"market": "KRW-BTC", "side": "bid", "ord_type": "price", "price": "10000"}
    assert world.ask(UPBIT, "POST", "/v1/orders", body=body)[0] == 403
    assert do(world, "maintenance_begun", BITHUMB, markets=["KRW-NOPE"])[0].startswith("bithumb: market was 'KRW-NOPE'")


@act_story("maintenance_ended")
def maintenance_ended(bench):
    world = bench.make_world()
    session = open_stream(world)
    do(world, "maintenance_begun")
    do(world, "maintenance_ended", wallets_after_ns=1_000_000_000)
    assert do(world, "withdraw", asset="BTC", amount="0.1") != []
    world.pass_ms(1_100)
    assert len(heard(session)) > 3
    assert do(world, "withdraw", asset="BTC", amount="0.1") == []


@act_story("streams_ended")
def streams_ended(bench):
    world = bench.make_world()
    sessions = [open_stream(world), open_stream(world)]
    do(world, "streams_ended", close_code=1001)
    assert [session.close_code for session in sessions] == [1001, 1001]
    assert isinstance(world.simulator.exchange(UPBIT).connect(Request("GET", "/websocket/v1"), world.now), Session)


@act_story("faults_cleared")
def faults_cleared(bench):
    world = bench.book()
    world.simulator.faults(UPBIT).refuse_next(500, "n", 10)
    do(world, "faults_cleared")
    assert world.simulator.faults(UPBIT).armed() == []
