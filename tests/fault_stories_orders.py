"""Faults inside the exchange, in memory on virtual time."""

from fault_bench import BITHUMB, UPBIT, story

from exchanges.simulator.trouble import orders
from exchanges.simulator.trouble.fault import Scope
from exchanges.simulator.trouble.keys import TokenVoid
from exchanges.simulator.wire import Request

LIMIT = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "100001000", "volume": "0.001"}
RESTING = LIMIT | {"price": "90000000"}


def arm(world, fault, exchange=UPBIT, **scope):
    world.simulator.faults(exchange).arm(fault, Scope(**scope))


def place(world, client_order_id, words=LIMIT, exchange=UPBIT):
    words = words | {"identifier": client_order_id}
    if exchange is BITHUMB:
        names = {"ord_type": "order_type", "identifier": "client_order_id"}
        words = {names.get(key, key): value for key, value in words.items()}
    return world.ask(exchange, "POST", "/v1/orders" if exchange is UPBIT else "/v2/orders", body=words)


@story("order_refused")
def order_refused(bench):
    world = bench.book()
    arm(world, orders.OrderRefused(status=403, name="market_offline"))
    status, answer = place(world, "a")
    assert (status, answer["error"]["name"]) == (403, "market_offline")
    assert place(world, "a")[0] == 201, "it was not looked at, so its id is not burned"


@story("rule_refused")
def rule_refused(bench):
    world = bench.book()
    found = []
    for rule in orders.Rule:
        arm(world, orders.RuleRefused(rule=rule))
        status, answer = place(world, "a")
        found.append((status, answer["error"]["name"].removesuffix("_bid")))
    assert found[0] == (400, "invalid_price")
    assert (400, "insufficient_funds") in found
    assert (400, "under_min_total") in found
    assert world.simulator.exchange(UPBIT).matching.orders == {}


@story("order_lost")
def order_lost(bench):
    world = bench.book()
    arm(world, orders.OrderLost())
    assert place(world, "a")[0] == 0
    assert world.ask(UPBIT, "GET", "/v1/order", "identifier=a")[0] == 404


@story("answer_lost")
def answer_lost(bench):
    world = bench.book()
    arm(world, orders.AnswerLost())
    assert place(world, "a")[0] == 0
    assert world.find(UPBIT, "a")["state"] == "wait"


@story("repeat_returns_existing")
def repeat_returns_existing(bench):
    for exchange, word in ((UPBIT, "uuid"), (BITHUMB, "order_id")):
        world = bench.book(exchange)
        first = place(world, "a", exchange=exchange)[1]
        world.pass_ms(100)
        assert place(world, "a", exchange=exchange)[0] == 400
        arm(world, orders.RepeatReturnsExisting(), exchange)
        status, answer = place(world, "a", exchange=exchange)
        assert (status, answer[word]) == (201, first[word])
        assert len(world.simulator.exchange(exchange).matching.orders) == 1


@story("fills_delayed")
def fills_delayed(bench):
    world = bench.book()
    arm(world, orders.FillsDelayed(delay_ns=3_000_000_000), market="KRW-BTC")
    place(world, "a")
    world.pass_ms(2_999)
    assert world.find(UPBIT, "a")["executed_volume"] == "0"
    world.pass_ms(2)
    assert world.find(UPBIT, "a")["state"] == "done"


@story("liquidity_gone")
def liquidity_gone(bench):
    world = bench.book()
    arm(world, orders.LiquidityGone())
    place(world, "a", LIMIT | {"time_in_force": "ioc"})
    world.pass_ms(100)
    found = world.find(UPBIT, "a")
    assert (found["state"], found["executed_volume"]) == ("cancel", "0")


@story("part_labelled")
def part_labelled(bench):
    world = bench.book(qty="0.001")
    for client_order_id, state in (("a", "done"), ("b", "cancel")):
        if state == "done":
            arm(world, orders.PartLabelled())
        place(world, client_order_id, LIMIT | {"volume": "0.003", "time_in_force": "ioc"})
        world.pass_ms(100)
        found = world.find(UPBIT, client_order_id)
        assert (found["state"], found["executed_volume"]) == (state, "0.002")
        world.pass_ms(3_000)


@story("self_trade_cancelled")
def self_trade_cancelled(bench):
    world = bench.book(BITHUMB)
    arm(world, orders.SelfTradeCancelled(), BITHUMB)
    place(world, "a", exchange=BITHUMB)
    world.pass_ms(100)
    found = world.find(BITHUMB, "a")
    assert (found["state"], found["executed_volume"], found["cancel_type"]) == ("cancel", "0", "stp_cancel")
    assert world.balances(BITHUMB)["KRW"] == ("100000000", "0")


@story("filled_after_cancel")
def filled_after_cancel(bench):
    world = bench.book()
    place(world, "a", RESTING)
    world.pass_ms(100)
    arm(world, orders.FilledAfterCancel(after_ns=200_000_000))
    status, answer = world.ask(UPBIT, "DELETE", "/v1/order", "identifier=a")
    assert (status, answer["state"], answer["executed_volume"]) == (200, "wait", "0")
    world.pass_ms(199)
    assert world.find(UPBIT, "a")["state"] == "wait"
    world.pass_ms(2)
    found = world.find(UPBIT, "a")
    assert (found["state"], found["executed_volume"], found["paid_fee"]) == ("done", "0.001", "45")
    assert world.balances(UPBIT)["BTC"] == ("1.001", "0")


@story("filled_after_end")
def filled_after_end(bench):
    world = bench.book()
    arm(world, orders.FilledAfterEnd(after_ns=200_000_000))
    place(world, "a", LIMIT | {"time_in_force": "ioc"})
    world.pass_ms(100)
    found = world.find(UPBIT, "a")
    assert (found["state"], found["executed_volume"], found["paid_fee"]) == ("cancel", "0", "0")
    world.pass_ms(200)
    found = world.find(UPBIT, "a")
    assert (found["state"], found["executed_volume"]) == ("done", "0.001")
    assert world.balances(UPBIT)["BTC"] == ("1.001", "0")


@story("cancel_too_late")
def cancel_too_late(bench):
    world = bench.book()
    place(world, "a", RESTING)
    world.pass_ms(100)
    arm(world, orders.CancelTooLate())
    assert world.find(UPBIT, "a")["state"] == "wait", "a look-up does not fill it"
    status, answer = world.ask(UPBIT, "DELETE", "/v1/order", "identifier=a")
    assert (status, answer["error"]["name"]) == (404, "order_not_found")
    assert world.find(UPBIT, "a")["state"] == "done"


@story("lookup_lags")
def lookup_lags(bench):
    world = bench.book()
    arm(world, orders.LookupLags(lag_ns=2_000_000_000))
    place(world, "a")
    world.pass_ms(1_999)
    assert world.ask(UPBIT, "GET", "/v1/order", "identifier=a")[0] == 404
    world.pass_ms(1)
    assert world.find(UPBIT, "a")["state"] == "done"
    world = bench.book(BITHUMB)
    arm(world, orders.LookupLags(status=422), BITHUMB)
    place(world, "a", exchange=BITHUMB)
    world.pass_ms(1_000)
    status, answer = world.ask(BITHUMB, "GET", "/v1/order", "client_order_id=a")
    assert (status, answer["error"]["name"]) == (422, "order_not_ready")


@story("lookup_outdated")
def lookup_outdated(bench):
    world = bench.book()
    assert place(world, "a")[0] == 201
    world.pass_ms(100)
    arm(world, orders.LookupOutdated())
    shown = world.find(UPBIT, "a")
    assert (shown["state"], shown["executed_volume"], shown["trades"]) == ("wait", "0", [])
    world.simulator.faults(UPBIT).clear()
    assert world.find(UPBIT, "a")["executed_volume"] == "0.001"


@story("missing_in_lists")
def missing_in_lists(bench):
    world = bench.book()
    order_ids = [place(world, name, RESTING)[1]["uuid"] for name in ("a", "b")]
    world.pass_ms(100)
    arm(world, orders.MissingInLists(exchange_order_id=order_ids[0]))
    assert [row["uuid"] for row in world.ask(UPBIT, "GET", "/v1/orders/open")[1]] == order_ids[1:]
    assert world.find(UPBIT, "a")["uuid"] == order_ids[0]
    arm(world, orders.MissingInLists())
    assert world.ask(UPBIT, "GET", "/v1/orders/open") == (200, [])


@story("token_void")
def token_void(bench):
    world = bench.book()
    arm(world, TokenVoid(), count=1)
    status, answer = world.ask(UPBIT, "GET", "/v1/accounts")
    assert (status, answer["error"]["name"]) == (401, "jwt_verification")
    assert world.ask(UPBIT, "GET", "/v1/accounts")[0] == 200
    arm(world, TokenVoid())
    headers = {
        "authorization": bench.sign("AK-U", world.simulator.exchange(UPBIT).accounts["AK-U"].secret.decode(), "")
    }
    stream = Request("GET", "/websocket/v1/private", "", headers)
    assert world.simulator.exchange(UPBIT).connect(stream, world.now).status == 401
