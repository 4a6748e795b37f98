"""Automatic orders: they hold at once, count only when their price was traded, and survive a restart (§1.5, §3.9)."""

import pytest
from legacy_client import LegacyClient

from arbitrage.domain.units import Exchange, Side

BITHUMB = Exchange.BITHUMB
PAIR = {"order_currency": "BTC", "payment_currency": "KRW"}
STOP = {**PAIR, "type": "ask", "watch_price": "98000000", "price": "97000000", "units": "0.01"}


@pytest.fixture
def frames(frame):
    asks, bids = [("100000000", "5"), ("100001000", "5")], [("99000000", "5"), ("98999000", "5")]
    return [frame(exchange, "KRW-BTC", asks, bids) for exchange in Exchange]


def traded(world, price):
    """Let someone trade one hundredth of a coin at `price`, whatever the book says."""
    world.simulator.market.printed(BITHUMB, "KRW-BTC", price * 10**8, 10**6, Side.ASK, world.now)
    world.pass_ms(100)


def test_waits_until_its_price_is_traded_and_then_sells(make_world, frames):
    world = make_world(frames)
    client = LegacyClient(world)
    order_id = client.ask("/trade/stop_limit", **STOP)["order_id"]
    world.pass_ms(100)
    (row,) = client.ask("/info/orders", **PAIR)["data"]
    assert (row["order_id"], row["watch_price"], row["price"]) == (order_id, "98000000", "97000000")
    assert client.balance()["in_use_btc"] == "0.01"
    assert [row["uuid"] for row in world.ask(BITHUMB, "GET", "/v1/orders", "state=watch")[1]] == [order_id]
    assert world.ask(BITHUMB, "GET", "/v1/orders")[1] == []
    assert world.ask(BITHUMB, "GET", "/v1/order", f"uuid={order_id}")[1]["state"] == "watch"
    traded(world, 98_001_000)
    assert client.detail(order_id)["order_status"] == "Pending"
    traded(world, 98_000_000)
    detail = client.detail(order_id)
    assert (detail["order_status"], detail["contract"][0]["price"]) == ("Completed", "99000000")
    assert (client.balance()["total_btc"], client.balance()["in_use_btc"]) == ("0.99", "0")


def test_watched_price_above_the_last_trade_is_waited_for_from_below(make_world, frames):
    world = make_world(frames)
    client = LegacyClient(world)
    words = STOP | {"type": "bid", "watch_price": "130000000", "price": "100000000"}
    order_id = client.ask("/trade/stop_limit", **words)["order_id"]
    world.pass_ms(100)
    traded(world, 90_000_000)
    assert client.detail(order_id)["order_status"] == "Pending"
    traded(world, 130_000_000)
    assert client.detail(order_id)["order_status"] == "Completed"


def test_can_be_cancelled_in_either_generation_and_gives_its_hold_back(make_world, frames):
    world = make_world(frames)
    client = LegacyClient(world)
    one, two = (client.ask("/trade/stop_limit", **STOP)["order_id"] for _ in range(2))
    world.pass_ms(100)
    assert client.ask("/trade/cancel", **PAIR, type="ask", order_id=one) == {"status": "0000"}
    assert world.ask(BITHUMB, "DELETE", "/v2/order", f"order_id={two}")[0] == 200
    world.pass_ms(100)
    assert [client.detail(order_id)["order_status"] for order_id in (one, two)] == ["Cancel", "Cancel"]
    assert client.balance()["in_use_btc"] == "0"
    traded(world, 97_500_000)
    assert client.balance()["total_btc"] == "1"


def test_goes_on_watching_after_a_restart(make_world, frames, tmp_path):
    world = make_world(frames, state_dir=tmp_path / "state")
    order_id = LegacyClient(world).ask("/trade/stop_limit", **STOP)["order_id"]
    world.pass_ms(100)
    world.simulator.close()
    again = make_world(frames, state_dir=tmp_path / "state")
    client = LegacyClient(again)
    again.pass_ms(100)
    assert client.detail(order_id)["order_status"] == "Pending"
    traded(again, 97_900_000)
    assert client.detail(order_id)["order_status"] == "Completed"


@pytest.mark.parametrize("change", [{"watch_price": ""}, {"watch_price": "98000500"}, {"watch_price": "98000000.0"}])
def test_watched_price_must_be_one_that_can_be_traded(make_world, frames, change):
    client = LegacyClient(make_world(frames))
    assert client.ask("/trade/stop_limit", **STOP | change)["status"] == "5500"
    assert client.balance()["in_use_btc"] == "0"
