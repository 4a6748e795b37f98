"""Fees, holds and end states, as exact values seen on the wire (upbit.md §1.6, bithumb.md §3.9)."""

import pytest

from arbitrage.domain.units import Exchange
from exchanges.simulator.money import double_text, fine_of_text, fine_text, units_of_text

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB


def one_level(frame, exchange, ask, bid, qty="5", market="KRW-BTC"):
    return frame(exchange, market, [(ask, qty)], [(bid, qty)])


def test_upbit_market_buy_as_captured_ends_cancel_with_the_rest_given_back(make_world, frame):
    world = make_world([one_level(frame, UPBIT, "102945000", "102902000")])
    words = {"market": "KRW-BTC", "side": "bid", "ord_type": "price", "price": "10000", "identifier": "m1"}
    placed = world.order(UPBIT, **words)
    assert placed["state"] == "wait"
    assert placed["locked"] == "10005"
    assert placed["reserved_fee"] == "5"
    assert placed["executed_volume"] == "0"
    assert "volume" not in placed
    assert "remaining_volume" not in placed
    assert world.balances(UPBIT)["KRW"] == ("99989995", "10005")
    world.pass_ms(100)
    order = world.find(UPBIT, "m1")
    assert order["state"] == "cancel"
    assert order["executed_volume"] == "0.00009713"
    assert order["paid_fee"] == "4.999523925"
    assert order["remaining_fee"] == "0.000476075"
    assert order["locked"] == "0.952626075"
    assert order["trades"][0]["funds"] == "9999.04785"
    assert order["trades"][0]["trend"] == "up"
    assert world.balances(UPBIT)["KRW"] == ("99989995.952626075", "0")
    assert world.balances(UPBIT)["BTC"] == ("1.00009713", "0")


def test_upbit_market_buy_of_the_worked_example(make_world, frame):
    world = make_world([one_level(frame, UPBIT, "4321000", "4320000", market="KRW-ETH")])
    world.order(UPBIT, market="KRW-ETH", side="bid", ord_type="price", price="20000", identifier="m2")
    world.pass_ms(100)
    order = world.find(UPBIT, "m2")
    shown = {key: order[key] for key in ("state", "reserved_fee", "remaining_fee", "paid_fee", "locked")}
    assert shown == {
        "state": "cancel",
        "reserved_fee": "10",
        "remaining_fee": "0.000017725",
        "paid_fee": "9.999982275",
        "locked": "0.035467725",
    }
    assert order["executed_volume"] == "0.00462855"


def test_upbit_market_buy_that_divides_exactly_ends_done(make_world, frame):
    world = make_world([one_level(frame, UPBIT, "100000000", "99000000")])
    world.order(UPBIT, market="KRW-BTC", side="bid", ord_type="price", price="10000", identifier="m3")
    world.pass_ms(100)
    order = world.find(UPBIT, "m3")
    assert (order["state"], order["executed_volume"], order["locked"]) == ("done", "0.0001", "0")


def test_upbit_market_sell_as_captured(make_world, frame):
    world = make_world([one_level(frame, UPBIT, "102945000", "102902000")])
    placed = world.order(UPBIT, market="KRW-BTC", side="ask", ord_type="market", volume="0.00009713", identifier="s1")
    assert placed["locked"] == "0.00009713"
    assert placed["reserved_fee"] == "0"
    assert "price" not in placed
    world.pass_ms(100)
    order = world.find(UPBIT, "s1")
    assert (order["state"], order["paid_fee"], order["locked"]) == ("done", "4.99743563", "0")
    assert order["trades"][0]["funds"] == "9994.87126"
    assert world.balances(UPBIT)["KRW"] == ("100009989.87382437", "0")
    assert world.balances(UPBIT)["BTC"] == ("0.99990287", "0")


def test_upbit_resting_bid_as_captured_keeps_its_figures_once_cancelled(make_world, frame):
    world = make_world([one_level(frame, UPBIT, "102945000", "102902000")])
    words = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "10000000", "volume": "0.0005"}
    placed = world.order(UPBIT, **words, identifier="r1")
    assert (placed["locked"], placed["reserved_fee"], placed["remaining_fee"]) == ("5002.5", "2.5", "2.5")
    world.pass_ms(100)
    assert world.find(UPBIT, "r1")["state"] == "wait"
    status, answer = world.ask(UPBIT, "DELETE", "/v1/order", "identifier=r1")
    assert (status, answer["state"]) == (200, "wait")
    assert world.balances(UPBIT)["KRW"] == ("99994997.5", "5002.5")
    world.pass_ms(50)
    order = world.find(UPBIT, "r1")
    assert (order["state"], order["locked"], order["remaining_fee"]) == ("cancel", "5002.5", "2.5")
    assert world.balances(UPBIT)["KRW"] == ("100000000", "0")
    assert world.ask(UPBIT, "DELETE", "/v1/order", "identifier=r1")[1]["error"]["name"] == "order_not_found"


def test_upbit_ioc_filled_in_part_ends_cancel_and_gives_back_the_better_price(make_world, frame):
    levels = [("100000000", "0.01"), ("100001000", "0.01"), ("100002000", "9")]
    world = make_world([frame(UPBIT, "KRW-BTC", levels, [("99000000", "1"), ("98999000", "1"), ("98998000", "1")])])
    words = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "100001000", "volume": "0.05"}
    world.order(UPBIT, **words, time_in_force="ioc", identifier="i1")
    world.pass_ms(100)
    order = world.find(UPBIT, "i1")
    assert (order["state"], order["executed_volume"], order["remaining_volume"]) == ("cancel", "0.02", "0.03")
    assert [(trade["price"], trade["volume"]) for trade in order["trades"]] == [
        ("100000000", "0.01"),
        ("100001000", "0.01"),
    ]
    assert order["paid_fee"] == "1000.005"
    assert world.balances(UPBIT)["KRW"] == ("97998989.995", "0")


def test_bithumb_market_buy_floors_volume_and_truncates_the_fee_to_a_hundredth(make_world, frame):
    world = make_world([one_level(frame, BITHUMB, "116110000", "116100000")])
    words = {"market": "KRW-BTC", "side": "bid", "order_type": "price", "price": "69665.9", "client_order_id": "b1"}
    answer = world.order(BITHUMB, **words)
    assert set(answer) == {"order_id", "market", "side", "order_type", "created_at", "stp_type", "client_order_id"}
    world.pass_ms(100)
    order = world.find(BITHUMB, "b1")
    assert order["executed_volume"] == "0.00059999"
    assert order["executed_funds"] == "69664.8389"
    assert order["paid_fee"] == "27.86"
    assert world.balances(BITHUMB)["KRW"] == ("99930307.3011", "0")


def test_bithumb_sell_over_two_levels_as_captured(make_world, frame):
    bids = [("114325000", "0.00004374"), ("114304000", "0.00055623")]
    world = make_world([frame(BITHUMB, "KRW-BTC", [("114400000", "1"), ("114401000", "1")], bids)])
    world.order(BITHUMB, market="KRW-BTC", side="ask", order_type="market", volume="0.00059997", client_order_id="b2")
    world.pass_ms(100)
    order = world.find(BITHUMB, "b2")
    assert (order["state"], order["executed_funds"], order["paid_fee"]) == ("done", "68579.88942", "27.43")
    assert world.balances(BITHUMB)["KRW"] == ("100068552.45942", "0")


def test_bithumb_ioc_filled_in_part_is_done_with_a_remainder(make_world, frame):
    world = make_world([one_level(frame, BITHUMB, "100000000", "99000000", qty="0.01")])
    words = {"market": "KRW-BTC", "side": "bid", "order_type": "limit", "price": "100000000", "volume": "0.03"}
    world.order(BITHUMB, **words, time_in_force="ioc", client_order_id="b3")
    world.pass_ms(100)
    order = world.find(BITHUMB, "b3")
    assert (order["state"], order["executed_volume"], order["remaining_volume"]) == ("done", "0.01", "0.02")
    assert "cancel_type" not in order
    assert world.balances(BITHUMB)["KRW"] == ("98999600", "0")


@pytest.mark.parametrize(
    ("tif", "price", "state"),
    [("ioc", "90000000", "cancel"), ("fok", "100000000", "cancel"), ("post_only", "100000000", "cancel")],
)
def test_bithumb_order_that_may_not_execute_ends_cancel_with_tif_cancel(make_world, frame, tif, price, state):
    world = make_world([one_level(frame, BITHUMB, "100000000", "89000000", qty="0.01")])
    words = {"market": "KRW-BTC", "side": "bid", "order_type": "limit", "price": price, "volume": "0.03"}
    world.order(BITHUMB, **words, time_in_force=tif, client_order_id="b4")
    world.pass_ms(100)
    order = world.find(BITHUMB, "b4")
    assert (order["state"], order["executed_volume"], order["cancel_type"]) == (state, "0", "tif_cancel")
    assert world.balances(BITHUMB) == {"KRW": ("100000000", "0"), "BTC": ("1", "0"), "ETH": ("10", "0")}


def test_best_takes_only_the_first_level(make_world, frame):
    asks = [("100000000", "0.001"), ("100001000", "5")]
    world = make_world([frame(UPBIT, "KRW-BTC", asks, [("99000000", "1"), ("98999000", "1")])])
    words = {"market": "KRW-BTC", "side": "bid", "ord_type": "best", "price": "500000", "time_in_force": "ioc"}
    world.order(UPBIT, **words, identifier="t1")
    world.pass_ms(100)
    order = world.find(UPBIT, "t1")
    assert (order["state"], order["executed_volume"], len(order["trades"])) == ("cancel", "0.001", 1)


def test_resting_bid_is_filled_at_its_own_price_once_the_market_comes_to_it(make_world, frame):
    high = one_level(frame, UPBIT, "101000000", "100000000")
    low = one_level(frame, UPBIT, "99000000", "98000000").replace("1790134742106", "1790134743106")
    world = make_world([high, low])
    words = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "100500000", "volume": "0.01"}
    world.order(UPBIT, **words, identifier="r2")
    world.pass_ms(500)
    assert world.find(UPBIT, "r2")["state"] == "wait"
    world.pass_ms(1000)
    order = world.find(UPBIT, "r2")
    assert (order["state"], order["trades"][0]["price"], order["trades"][0]["trend"]) == ("done", "100500000", "down")
    assert order["paid_fee"] == "502.5"


def test_taken_liquidity_is_gone_until_it_is_refilled(make_world, frame):
    world = make_world([one_level(frame, UPBIT, "100000000", "99000000", qty="0.01")])
    words = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "100000000", "volume": "0.01"}
    world.order(UPBIT, **words, time_in_force="ioc", identifier="t1")
    world.pass_ms(100)
    world.order(UPBIT, **words, time_in_force="ioc", identifier="t2")
    world.pass_ms(100)
    assert world.find(UPBIT, "t1")["executed_volume"] == "0.01"
    assert world.find(UPBIT, "t2")["executed_volume"] == "0"
    assert world.ask(UPBIT, "GET", "/v1/orderbook", "markets=KRW-BTC")[1][0]["orderbook_units"][0]["ask_size"] == 0
    world.pass_ms(2_000)
    world.order(UPBIT, **words, time_in_force="ioc", identifier="t3")
    world.pass_ms(100)
    assert world.find(UPBIT, "t3")["executed_volume"] == "0.01"


@pytest.mark.parametrize("text", ["", "-1", "1e5", "NaN", "1.", ".5", "1,000", " 1", "١"])
def test_amount_that_is_not_a_plain_decimal_is_refused(text):
    with pytest.raises(ValueError):
        fine_of_text(text)


def test_amounts_keep_every_digit():
    assert fine_text(fine_of_text("1386929.3723106677134821")) == "1386929.3723106677134821"
    with pytest.raises(ValueError, match="more than 8 decimals"):
        units_of_text("0.123456789")


@pytest.mark.parametrize(
    ("units", "text"),
    [
        (11_653_900_000_000_000, "1.16539E8"),
        (79_276, "7.9276E-4"),
        (50_000, "5.0E-4"),
        (2_054_761, "0.02054761"),
        (432_200_000_000_000, "4322000.0"),
        (224_034_130, "2.2403413"),
        (0, "0.0"),
        (99_999, "9.9999E-4"),
        (100_000, "0.001"),
        (100_001, "0.00100001"),
        (10**15 - 1, "9999999.99999999"),
        (10**15, "1.0E7"),
        (-(10**8), "-1.0"),
    ],
)
def test_doubles_are_spelled_as_in_the_frames_of_2026(units, text):
    assert double_text(units) == text
