"""Other people's Bithumb clients against the simulated Bithumb, unmodified, on both generations."""

from decimal import Decimal

import pytest

from arbitrage.domain.units import Exchange

BITHUMB = Exchange.BITHUMB


def held(rows):
    """Return asset -> free + locked of /v1/accounts rows."""
    return {row["currency"]: Decimal(row["balance"]) + Decimal(row["locked"]) for row in rows}


def settled(start, orders):
    """Return what must be held after these orders, each told by the client as /v1/order wrote it."""
    total = dict(start)
    for order in orders:
        sign = 1 if order["side"] == "bid" else -1
        volume = sum(Decimal(trade["volume"]) for trade in order["trades"])
        funds = sum(Decimal(trade["funds"]) for trade in order["trades"])
        assert (volume, funds) == (Decimal(order["executed_volume"]), Decimal(order["executed_funds"]))
        assert Decimal(order["paid_fee"]) == (funds * Decimal("0.0004")).quantize(Decimal("0.01"), "ROUND_DOWN")
        total["KRW"] -= sign * funds + Decimal(order["paid_fee"])
        total[order["market"].split("-")[1]] += sign * volume
    return total


def legacy_settled(start, details):
    """Return (KRW, BTC) that must be held after these orders, each told as /info/order_detail wrote it."""
    krw, btc = Decimal(start["total_krw"]), Decimal(start["total_btc"])
    for detail in details:
        sign = 1 if detail["type"] == "bid" else -1
        for fill in detail["contract"]:
            krw -= sign * Decimal(fill["total"]) + Decimal(fill["fee"])
            btc += sign * Decimal(fill["units"])
    return krw, btc


def check_held(bench, expected):
    """Assert that the exchange holds exactly this, and nothing locked."""
    theirs = bench.balances(BITHUMB)
    assert {asset: free + locked for asset, (free, locked) in theirs.items()} == expected
    assert all(locked == 0 for _, locked in theirs.values())


def check_public(bench, seen):
    """Assert that markets, book, ticker, trades and candles are those of the exchange."""
    markets = [f"{market[4:]}/KRW" for market in bench.simulator.markets]
    assert seen["markets"] == seen["tickers"] == sorted(markets)
    assert (len(seen["book"]["bids"]), len(seen["book"]["asks"])) == (30, 30)
    assert seen["book"]["bids"][0][0] < seen["book"]["asks"][0][0]
    assert seen["ticker"] == pytest.approx(seen["book"]["bids"][0][0], rel=0.02)
    assert len(seen["trades"]) == 20
    assert {side for _, side, _ in seen["trades"]} == {"buy", "sell"}
    tape = bench.simulator.simulator.market.tape(BITHUMB, "KRW-BTC")
    assert {price for _, _, price in seen["trades"]} <= {one.price / 10**8 for one in tape.prints()}
    for _, opening, high, low, closing, _ in seen["candles"]:
        assert low <= min(opening, closing)
        assert high >= max(opening, closing)


async def test_ccxt_goes_a_whole_round_on_the_newer_generation(bench):
    seen = await bench.run("bithumb_ccxt.py")
    check_public(bench, seen)
    assert set(seen["placed"]) == {
        "order_id",
        "market",
        "side",
        "order_type",
        "created_at",
        "stp_type",
        "client_order_id",
    }
    assert [row["client_order_id"] for row in seen["open"]] == ["ccxt-1"]
    assert seen["cancel"]["order_id"] == seen["placed"]["order_id"]
    assert "찾지 못했습니다" in seen["canceled_twice"], "ccxt has no name for order_not_found here"
    assert seen["statuses"] == ["canceled", "closed", "closed", "closed", "canceled", "canceled"]
    assert seen["batch"] == 2
    expected = settled(held(seen["start"]), seen["orders"])
    assert held(seen["end"]) == expected
    check_held(bench, expected)


async def test_ccxt_goes_the_same_round_on_the_legacy_generation(bench):
    seen = await bench.run("bithumb_ccxt_legacy.py")
    check_public(bench, seen)
    assert seen["nothing_open"] == [], "an error 5600 on the wire"
    assert [row["units_remaining"] for row in seen["open"]] == ["0.001"]
    assert seen["statuses"] == ["canceled", "closed", "closed"]
    assert "초과하였습니다" in seen["too_much"]
    krw, btc = legacy_settled(seen["start"], seen["orders"])
    assert (Decimal(seen["end"]["total_krw"]), Decimal(seen["end"]["total_btc"])) == (krw, btc)
    check_held(bench, {"KRW": krw, "BTC": btc, "ETH": Decimal(3)})


async def test_ccxt_async_places_side_by_side_on_both_generations_and_balances_add_up(bench):
    seen = await bench.run("bithumb_ccxt_async.py")
    newer, older = seen["newer"], seen["older"]
    for told in (newer, older):
        assert told["markets"] == sorted(f"{market[4:]}/KRW" for market in bench.simulator.markets)
        assert (told["depth"], told["open"]) == ([30, 30], 3)
        assert told["statuses"] == [*["canceled"] * 3, *["closed"] * 3]
    expected = settled(held(newer["start"]), newer["orders"])
    assert held(newer["end"]) == expected
    start, end = older["start"]["data"], older["end"]["data"]
    assert (Decimal(start["total_krw"]), Decimal(start["total_btc"])) == (expected["KRW"], expected["BTC"])
    krw, btc = legacy_settled(start, older["orders"])
    assert (Decimal(end["total_krw"]), Decimal(end["total_btc"])) == (krw, btc)
    check_held(bench, {"KRW": krw, "BTC": btc, "ETH": Decimal(3)})


async def test_ccxt_pro_hears_both_generations_and_its_own_order(bench):
    seen = await bench.run("bithumb_ccxt_pro.py")
    for generation in ("newer", "older"):
        told = seen[generation]
        assert told["book"]["bids"][0][0] < told["book"]["asks"][0][0]
        assert told["ticker"] == pytest.approx(told["book"]["bids"][0][0], rel=0.02)
        assert told["trade"][1] in ("buy", "sell")
    # ccxt's own side of the trade is turned round on the older stream; its clock there is not.
    assert seen["newer"]["book"]["depth"] in (13, 14, 15), "levels of size 0 fall out in the client"
    order = seen["private"]["order"]
    assert (order["side"], order["order_type"], order["order_amount"]) == ("buy", "price", 50000)
    assert seen["private"]["balance"]["assets"][0]["currency"] == "KRW"
    assert isinstance(seen["private"]["balance"]["assets"][0]["balance"], str)
    check_held(bench, held(seen["end"]))


async def test_pybithumb_goes_a_round_and_reads_its_stream(bench):
    seen = await bench.run("bithumb_pybithumb.py")
    assert seen["coins"] == sorted(market[4:] for market in bench.simulator.markets)
    assert (len(seen["book"]["bids"]), len(seen["book"]["asks"])) == (30, 30)
    assert len(seen["detail"]) == 5
    assert (len(seen["trades"]), seen["fee"]) == (5, 0.0004)
    assert seen["candles"] >= 1
    assert seen["outstanding"] == "0.001"
    assert seen["canceled"] is True
    assert seen["outstanding_after"] is None
    assert seen["too_much"]["status"] == "5600"
    assert [detail["order_status"] for detail in seen["details"]] == ["Cancel", "Completed", "Completed"]
    assert seen["as_it_reads_it"]["status"] == "0000", "it looks for an array and hands the whole answer on"
    krw, btc = legacy_settled(seen["start"], seen["details"])
    assert (Decimal(seen["end"]["total_krw"]), Decimal(seen["end"]["total_btc"])) == (krw, btc)
    check_held(bench, {"KRW": krw, "BTC": btc, "ETH": Decimal(3)})
    assert [frame["type"] for frame in seen["frames"]] == [*["orderbookdepth"] * 3, "ticker", "transaction"]


async def test_python_bithumb_goes_a_round_on_the_first_version_of_the_newer_generation(bench):
    seen = await bench.run("bithumb_python_bithumb.py")
    assert seen["markets"] == sorted(bench.simulator.markets)
    assert len(seen["book"]["orderbook_units"]) == 30
    assert (seen["trades"], seen["warnings"]) == (5, [])
    assert seen["candles"] >= 1
    assert seen["chance"]["bid_fee"] == "0.0004"
    assert (seen["placed"]["state"], seen["placed"]["ord_type"]) == ("wait", "limit")
    assert [row["uuid"] for row in seen["open"]] == [seen["placed"]["uuid"]]
    assert [row["uuid"] for row in seen["several"]] == [seen["placed"]["uuid"]]
    assert [order["state"] for order in seen["orders"]] == ["cancel", "done", "done"]
    assert "insufficient_funds_bid" in seen["too_much"]
    expected = settled(held(seen["start"]), seen["orders"])
    assert held(seen["end"]) == expected
    check_held(bench, expected)
