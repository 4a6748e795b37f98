"""Maintenance and halts: what is refused, what stands still, what survives (upbit.md §6.2)."""

import json

import pytest

from arbitrage.domain.units import SCALE, Exchange
from exchanges.simulator.closing import Streams
from exchanges.simulator.kst import SECOND
from exchanges.simulator.wallets import WalletState
from exchanges.simulator.wire import Request

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
HIGH = [("101000000", "5")], [("100000000", "5")]
LOW = [("91000000", "5")], [("90000000", "5")]
ORDER = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "95000000", "volume": "0.01"}


@pytest.fixture
def worlds(make_world, frame, tmp_path):
    def make():
        later = frame(UPBIT, "KRW-BTC", *LOW).replace("1790134742106", "1790134743106")
        frames = [frame(UPBIT, "KRW-BTC", *HIGH), later, frame(BITHUMB, "KRW-BTC", *HIGH)]
        return make_world(frames, markets=("KRW-BTC", "KRW-ETH"), state_dir=tmp_path)

    return make


@pytest.fixture
def world(worlds):
    return worlds()


def test_order_calls_are_refused_and_reads_go_on(world):
    world.order(UPBIT, **ORDER, identifier="a")
    world.pass_ms(100)
    sim = world.simulator.exchange(UPBIT)
    sim.closing.begin(world.now)
    for method, path, query, body in (
        ("POST", "/v1/orders", "", ORDER | {"identifier": "b"}),
        ("POST", "/v1/orders/test", "", ORDER),
        ("DELETE", "/v1/order", "identifier=a", None),
        ("DELETE", "/v1/orders/open", "", None),
    ):
        status, answer = world.ask(UPBIT, method, path, query, body)
        assert (status, answer["error"]["name"]) == (403, "market_offline")
    assert world.find(UPBIT, "a")["state"] == "wait"
    assert len(sim.matching.orders) == 1
    assert world.balances(UPBIT)["KRW"][1] == "950475"
    assert world.ask(BITHUMB, "GET", "/v1/accounts")[0] == 200
    sim.closing.end(world.now)
    assert world.ask(UPBIT, "POST", "/v1/orders", body=ORDER | {"identifier": "b"})[0] == 201


def test_bithumb_may_answer_in_other_words(world):
    sim = world.simulator.exchange(BITHUMB)
    sim.set_rules(offline_answer=(503, "server_error"))
    sim.closing.begin(world.now)
    words = {key: value for key, value in ORDER.items() if key != "ord_type"} | {"order_type": "limit"}
    status, answer = world.ask(BITHUMB, "POST", "/v2/orders", body=words)
    assert (status, answer["error"]["name"]) == (503, "server_error")


def test_book_streams_and_fills_stand_still_and_go_on_afterwards(world):
    world.order(UPBIT, **ORDER, identifier="a")
    world.pass_ms(100)
    sim = world.simulator.exchange(UPBIT)
    session = sim.connect(Request("GET", "/websocket/v1"), world.now)
    session.receive(json.dumps([{"ticket": "t"}, {"type": "orderbook", "codes": ["KRW-BTC"]}]).encode(), world.now)
    before = sim.view("KRW-BTC", world.now)
    assert before.bids[1] == (95_000_000 * SCALE, SCALE // 100)
    sim.closing.begin(world.now)
    prints = len(world.simulator.market.tape(UPBIT, "KRW-BTC").prints())
    session.outbox.clear()
    world.pass_ms(1_500)
    assert session.outbox == []
    assert session.close_code is None
    assert (sim.view("KRW-BTC", world.now).bids, sim.view("KRW-BTC", world.now).asks) == (before.bids, before.asks)
    assert world.find(UPBIT, "a")["executed_volume"] == "0"
    assert len(world.simulator.market.tape(UPBIT, "KRW-BTC").prints()) == prints
    assert sim.listing("KRW-BTC").is_suspended
    sim.closing.end(world.now)
    world.pass_ms(10)
    assert session.outbox != []
    assert not sim.listing("KRW-BTC").is_suspended


def test_streams_can_be_cut_instead(world):
    sim = world.simulator.exchange(UPBIT)
    session = sim.connect(Request("GET", "/websocket/v1"), world.now)
    sim.closing.streams = Streams.CUT
    sim.closing.begin(world.now)
    assert session.close_code == 1006


def test_reopening_cancels_what_is_priced_through_the_last_trade_and_keeps_the_rest(world):
    for name, side, price in (
        ("low", "bid", "95000000"),
        ("high", "bid", "99000000"),
        ("ask", "ask", "110000000"),
        ("cheap", "ask", "101500000"),
    ):
        world.order(UPBIT, **ORDER | {"side": side, "price": price, "identifier": name})
    world.pass_ms(100)
    sim = world.simulator.exchange(UPBIT)
    sim.closing.begin(world.now)
    shut = sim.closing.shut("KRW-BTC")
    assert shut is not None
    sim.closing._shut["KRW-BTC"] = type(shut)(shut.bids, shut.asks, 98_000_000 * SCALE, shut.since_ns)
    sim.closing.end(world.now)
    states = {name: world.find(UPBIT, name)["state"] for name in ("low", "high", "ask", "cheap")}
    assert states == {"low": "wait", "high": "cancel", "ask": "wait", "cheap": "wait"}
    assert world.balances(UPBIT)["KRW"] == ("99049525", "950475")


def test_accepted_order_and_cancel_wait_for_the_reopening(world):
    sim = world.simulator.exchange(UPBIT)
    world.order(UPBIT, **ORDER, identifier="resting")
    world.pass_ms(100)
    world.order(UPBIT, **ORDER, identifier="accepted")
    world.ask(UPBIT, "DELETE", "/v1/order", "identifier=resting")
    sim.closing.begin(world.now, "KRW-BTC")
    world.pass_ms(500)
    assert world.find(UPBIT, "resting")["state"] == "wait"
    assert sim.own_order(sim.accounts["AK-U"], None, "accepted").state.value == "accepted"
    sim.closing.end(world.now)
    world.pass_ms(100)
    assert world.find(UPBIT, "resting")["state"] == "cancel"
    assert sim.own_order(sim.accounts["AK-U"], None, "accepted").state.value == "wait"


def test_one_halted_market_leaves_the_others_and_the_wallets_alone(world):
    sim = world.simulator.exchange(UPBIT)
    sim.closing.begin(world.now, "KRW-BTC")
    status, answer = world.ask(UPBIT, "POST", "/v1/orders", body=ORDER)
    assert (status, answer["error"]["name"]) == (403, "market_offline")
    other = ORDER | {"market": "KRW-ETH", "price": "3000000"}
    assert world.ask(UPBIT, "POST", "/v1/orders", body=other)[0] == 201
    assert sim.wallets.real("BTC").state is WalletState.WORKING


def test_wallets_open_later_than_the_exchange(world):
    sim = world.simulator.exchange(UPBIT)
    sim.closing.begin(world.now)
    assert sim.wallets.real("ETH").state is WalletState.PAUSED
    sim.closing.end(world.now, "KRW-BTC")
    sim.closing.end(world.now, "KRW-ETH")
    world.pass_ms(1_799_000)
    assert sim.wallets.real("ETH").state is WalletState.PAUSED
    world.pass_ms(1_000)
    assert sim.wallets.real("ETH").state is WalletState.WORKING


def test_closed_exchange_is_closed_after_a_restart(world, worlds):
    world.order(UPBIT, **ORDER, identifier="a")
    world.pass_ms(100)
    world.simulator.exchange(UPBIT).closing.begin(world.now)
    world.simulator.close()
    again = worlds()
    assert again.ask(UPBIT, "POST", "/v1/orders", body=ORDER)[1]["error"]["name"] == "market_offline"
    sim = again.simulator.exchange(UPBIT)
    sim.closing.end(again.now)
    again.pass_ms(int(1_801 * SECOND // 1_000_000))
    assert sim.wallets.real("BTC").state is WalletState.WORKING
    again.simulator.close()
    assert worlds().ask(UPBIT, "POST", "/v1/orders", body=ORDER)[0] == 201


def test_exchange_may_end_every_open_order_of_a_market_without_a_request(world):
    sim = world.simulator.exchange(UPBIT)
    world.order(UPBIT, **ORDER, identifier="resting")
    world.pass_ms(100)
    world.order(UPBIT, **ORDER, identifier="accepted")
    world.order(UPBIT, **ORDER | {"market": "KRW-ETH", "price": "3000000"}, identifier="other")
    sim.closing.sweep(world.now, "KRW-BTC")
    world.pass_ms(100)
    states = [world.find(UPBIT, name)["state"] for name in ("resting", "accepted", "other")]
    assert states == ["cancel", "cancel", "wait"]
    assert world.balances(UPBIT)["KRW"] == ("99969985", "30015")
    assert sim.view("KRW-BTC", world.now).bids[0] == (100_000_000 * SCALE, 5 * SCALE)
