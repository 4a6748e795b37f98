"""Names that no document gives are settings; each is answered where its rule strikes (upbit.md §9)."""

import pytest

from arbitrage.domain.units import Exchange
from exchanges.simulator.dialects.upbit_errors import STATUS
from exchanges.simulator.dialects.upbit_quirks import UpbitQuirks
from exchanges.simulator.kst import SECOND
from exchanges.simulator.rules import Burst, OnUnfit

UPBIT = Exchange.UPBIT
ASKS = [("100000000", "0.001"), ("100001000", "0.001")]
BIDS = [("99999000", "5"), ("99998000", "5")]
TAKING = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "100000000", "volume": "0.002"}


@pytest.fixture
def still(make_world, frame):
    """Return a maker of worlds with one market that stands still."""

    def make(**quirks):
        return make_world([frame(UPBIT, "KRW-BTC", ASKS, BIDS)], upbit_quirks=UpbitQuirks(**quirks))

    return make


@pytest.mark.parametrize(
    ("setting", "tif", "rule", "default"),
    [
        ("post_only_taking_name", "post_only", "on_post_only_taking", "invalid_post_only"),
        ("fok_short_name", "fok", "on_fok_short", "create_bid_error"),
    ],
)
def test_time_in_force_that_cannot_be_kept_ends_cancel_or_is_refused_by_a_name_of_choice(
    still, setting, tif, rule, default
):
    world = still()
    world.order(UPBIT, **TAKING, time_in_force=tif, identifier="taken")
    world.pass_ms(100)
    assert (world.find(UPBIT, "taken")["state"], world.find(UPBIT, "taken")["executed_volume"]) == ("cancel", "0")
    for name, expected in (
        (None, default),
        ("validation_error", "validation_error"),
        ("something_new", "something_new"),
    ):
        world = still(**({} if name is None else {setting: name}))
        world.simulator.exchange(UPBIT).set_rules(**{rule: OnUnfit.REFUSE})
        status, answer = world.ask(UPBIT, "POST", "/v1/orders", body=TAKING | {"time_in_force": tif})
        assert (status, answer["error"]["name"]) == (STATUS.get(expected, 400), expected)
        assert world.balances(UPBIT)["KRW"] == ("100000000", "0")


def test_order_stabilisation_answers_by_a_name_of_choice_and_passes(still):
    world = still(market_busy_name="internal_server_error")
    world.simulator.exchange(UPBIT).set_rules(burst=Burst(most=2, within_ns=SECOND, rest_ns=3 * SECOND))
    order = TAKING | {"price": "90000000"}
    answers = [world.ask(UPBIT, "POST", "/v1/orders", body=order)[0] for _ in range(3)]
    assert answers == [201, 201, 500]
    world.pass_ms(3_000)
    assert world.ask(UPBIT, "POST", "/v1/orders", body=order)[0] == 201
    assert len(world.simulator.exchange(UPBIT).matching.orders) == 3
