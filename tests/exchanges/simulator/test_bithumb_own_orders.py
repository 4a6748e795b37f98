"""Self-trade prevention in Bithumb's words, on the REST of both generations (bithumb.md §1.4, §3.9)."""

import pytest
from legacy_client import LegacyClient

from arbitrage.domain.units import Exchange

BITHUMB = Exchange.BITHUMB
BOOK = [("100000000", "5"), ("100001000", "5")], [("90000000", "5"), ("89999000", "5")]
WORDS = {"market": "KRW-BTC", "order_type": "limit", "price": "99000000"}


@pytest.fixture
def world(make_world, frame):
    return make_world([frame(BITHUMB, "KRW-BTC", *BOOK)])


def test_newer_order_is_cancelled_and_names_the_older(world):
    older = world.order(BITHUMB, **WORDS, side="ask", volume="0.001", client_order_id="older")
    assert older["stp_type"] == "cancel_taker"
    world.pass_ms(100)
    world.order(BITHUMB, **WORDS, side="bid", volume="0.003", client_order_id="newer")
    world.pass_ms(100)
    newer = world.find(BITHUMB, "newer")
    shown = {name: newer[name] for name in ("state", "cancel_type", "canceling_uuid", "executed_volume", "stp_type")}
    assert shown == {
        "state": "cancel",
        "cancel_type": "stp_cancel",
        "canceling_uuid": older["order_id"],
        "executed_volume": "0",
        "stp_type": "cancel_taker",
    }
    assert world.find(BITHUMB, "older")["state"] == "wait"
    assert world.balances(BITHUMB)["KRW"] == ("100000000", "0")


def test_orders_from_before_the_change_have_no_stp_type_in_either_generation(world):
    sim = world.simulator.exchange(BITHUMB)
    sim.set_rules(smp_eras=sim.rules.smp_eras[:1])
    assert "stp_type" not in world.order(BITHUMB, **WORDS, side="ask", volume="0.001", client_order_id="older")
    world.pass_ms(100)
    assert "stp_type" not in world.find(BITHUMB, "older")
    pair = {"order_currency": "BTC", "payment_currency": "KRW"}
    (row,) = LegacyClient(world).ask("/info/orders", **pair)["data"]
    assert (row["units"], "stp_type" in row) == ("0.001", False)
