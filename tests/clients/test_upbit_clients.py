"""Other people's Upbit clients against the simulated Upbit, unmodified."""

from decimal import Decimal

import pytest
from clients.client_bench import serving

from arbitrage.domain.units import Exchange
from exchanges.simulator.dialects.upbit_quirks import OldList, StrayBody, UpbitQuirks


def held(rows):
    """Return asset -> free + locked of /v1/accounts rows."""
    return {row["currency"]: Decimal(row["balance"]) + Decimal(row["locked"]) for row in rows}


def settled(start, orders):
    """Return what must be held after these orders, each told by the client as the exchange wrote it."""
    total = dict(start)
    for order in orders:
        sign = 1 if order["side"] == "bid" else -1
        base = order["market"].split("-")[1]
        funds = sum(Decimal(trade["funds"]) for trade in order["trades"])
        volume = sum(Decimal(trade["volume"]) for trade in order["trades"])
        assert volume == Decimal(order["executed_volume"])
        total["KRW"] -= sign * funds + Decimal(order["paid_fee"])
        total[base] += sign * volume
    return total


def check_round(bench, seen):
    """Assert that balances add up to the last digit, and that the client and the exchange agree."""
    expected = settled(held(seen["start"]), seen["orders"])
    assert held(seen["end"]) == expected
    theirs = bench.balances(Exchange.UPBIT)
    assert {asset: free + locked for asset, (free, locked) in theirs.items()} == expected
    assert all(locked == 0 for _, locked in theirs.values())
    filled = [order for order in seen["orders"] if order["trades"]]
    assert {order["side"] for order in filled} == {"bid", "ask"}
    assert expected["KRW"] < held(seen["start"])["KRW"]


async def test_ccxt_goes_a_whole_round_and_balances_add_up(bench):
    seen = await bench.run("upbit_ccxt.py")
    check_round(bench, seen)
    assert seen["markets"] == sorted(f"{market[4:]}/KRW" for market in bench.simulator.markets)
    assert (len(seen["book"]["bids"]), len(seen["book"]["asks"])) == (30, 30)
    assert seen["book"]["bids"][0][0] < seen["book"]["asks"][0][0]
    assert seen["books"] == ["BTC/KRW", "ETH/KRW"]
    assert seen["ticker"] == pytest.approx(seen["book"]["bids"][0][0], rel=0.02)
    assert seen["fee"] == 0.0005
    assert (seen["placed"]["state"], seen["placed"]["executed_volume"]) == ("wait", "0")
    assert [row["identifier"] for row in seen["open"]] == ["ccxt-1"]
    assert seen["statuses"] == ["canceled", "closed", "canceled", "closed"], "a filled market buy ends in cancel"
    assert (seen["canceled_twice"], seen["too_much"]) == ("OrderNotFound", "InsufficientFunds")
    assert len(seen["closed"]) == 2
    assert len(seen["canceled"]) == 2


async def test_ccxt_async_places_side_by_side_replaces_and_reads_the_market(bench):
    seen = await bench.run("upbit_ccxt_async.py")
    check_round(bench, seen)
    assert seen["depth"] == 5
    assert seen["tickers"] == sorted(f"{market[4:]}/KRW" for market in bench.simulator.markets)
    stamps = [stamp for *_, stamp in seen["trades"]]
    assert len(seen["trades"]) == 20
    assert stamps == sorted(stamps)
    assert all(price % 1000 == 0 and amount > 0 for _, price, amount, _ in seen["trades"])
    assert len(seen["candles"]) == 5
    assert all(low <= min(opening, closing) for _, opening, _, low, closing, _ in seen["candles"])
    assert len(seen["days"]) == 3
    assert (seen["open"], seen["open_after"]) == (3, 3), "a replaced order stands where the old one was"
    assert [order["state"] for order in seen["orders"]] == ["cancel"] * 4 + ["done"] * 2
    assert seen["orders"][2]["volume"] == "0.002"


async def test_ccxt_pro_hears_books_trades_tickers_and_its_own_order(bench):
    seen = await bench.run("upbit_ccxt_pro.py")
    expected = settled(held(seen["start"]), seen["orders"])
    assert held(seen["end"]) == expected
    assert all(bid[0] < ask[0] for bid, ask, _ in seen["books"])
    assert seen["books"][3][0][0] < seen["books"][0][0][0] / 10, "the second market joined the first on one connection"
    assert seen["ticker"] == pytest.approx(seen["books"][0][0][0], rel=0.02)
    assert {side for *_, side in seen["trades"]} <= {"buy", "sell"}
    order = seen["orders"][0]
    last = seen["heard"][-1]
    assert last[:3] == [order["uuid"], "canceled", "cancel"]
    assert Decimal(str(last[3])) == Decimal(order["executed_volume"])
    assert Decimal(last[4]["cost"]) == Decimal(order["paid_fee"])
    assert {fill[0] for fill in seen["fills"]} == {order["uuid"]}
    assert {asset: Decimal(str(free)) for asset, (free, _) in seen["streamed"].items()} == {
        asset: pytest.approx(expected[asset], abs=Decimal("1e-8")) for asset in ("KRW", "BTC")
    }


async def test_pyupbit_goes_a_whole_round_where_its_bodies_are_read_and_its_old_list_is_served():
    quirks = UpbitQuirks(stray_body=StrayBody.READ, old_list=OldList.SERVED)
    async with serving(upbit_quirks=quirks) as bench:
        seen = await bench.run("upbit_pyupbit.py")
        check_round(bench, seen)
        assert seen["markets"] == sorted(bench.simulator.markets)
        assert seen["depth"] == 30
        assert (seen["candles"], seen["days"]) == (5, 3)
        assert seen["price"] == pytest.approx(seen["touch"][0], rel=0.02)
        assert [seen["free"], seen["locked"]] == pytest.approx([10000000.47088291] * 2), "free before, all of it after"
        assert [row["uuid"] for row in seen["open"]] == [seen["placed"]["uuid"]] == [seen["cancel_answer"]["uuid"]]
        assert seen["cancel_answer"]["state"] == "wait", "the answer is the order as it was"
        assert [order["state"] for order in seen["orders"]] == ["cancel", "done", "cancel", "done"]
        assert seen["too_little"] is None, "pyupbit prints UnderMinTotalBid and returns None"
        assert seen["chance"]["market"]["id"] == "KRW-BTC"
        assert [row["access_key"] for row in seen["keys"]] == ["upbit-access"]
        assert {row["currency"] for row in seen["wallets"]} >= {"BTC", "ETH"}
        assert {frame["code"] for frame in seen["frames"]} <= {"KRW-BTC", "KRW-ETH"}
        assert {frame["stream_type"] for frame in seen["frames"]} == {"REALTIME"}
        assert {len(frame["orderbook_units"]) for frame in seen["frames"] if frame["type"] == "orderbook"} == {30}
        assert [frame["type"] for frame in seen["frames"][-4:]] == ["ticker", "ticker", "trade", "trade"]


async def test_official_sdk_goes_a_whole_round_and_streams_in_both_spellings(bench):
    seen = await bench.run("upbit_sdk.py")
    check_round(bench, seen)
    assert [row["market"] for row in seen["markets"]] == list(bench.simulator.markets)
    assert seen["markets"][0]["market_event"]["warning"] is False
    assert len(seen["book"][0]["orderbook_units"]) == 5
    assert (seen["grouped"][0]["level"], len(seen["trades"]), len(seen["candles"])) == ("10000", 3, 2)
    assert all(int(unit["bid_price"]) % 10000 == 0 for unit in seen["grouped"][0]["orderbook_units"])
    assert seen["instruments"][0]["tick_size"] == "1000"
    assert len(seen["tickers"]) == len(seen["markets"])
    assert [row["identifier"] for row in seen["open"]] == ["sdk-1"]
    assert (seen["tested"]["state"], seen["open"][0]["smp_type"]) == ("wait", "reduce")
    assert (seen["replaced"]["identifier"], seen["replaced"]["new_order_identifier"]) == ("sdk-1", "sdk-2")
    assert [row["identifier"] for row in seen["batch"]["success"]["orders"]] == ["sdk-2"]
    assert seen["batch"]["failed"] == {"count": 1, "orders": [{"identifier": "nobody"}]}
    assert [order["state"] for order in seen["orders"]] == ["cancel", "cancel", "done", "done", "cancel"]
    assert {row["uuid"] for row in seen["by_ids"]} == {order["uuid"] for order in seen["orders"][:4]}
    assert {row["uuid"] for row in seen["closed"]} >= {order["uuid"] for order in seen["orders"][:4]}
    states = [frame["state"] for frame in seen["frames"]]
    assert (states[0], set(states[1:-1]), states[-1]) == ("wait", {"trade"}, "cancel")
    assert sum(Decimal(frame["trade_fee"]) for frame in seen["frames"][1:-1]) == Decimal(seen["orders"][4]["paid_fee"])
    assert seen["listed"]["result"] == [{"type": "myOrder", "codes": ["KRW-BTC"]}]
    assert [frame[0]["st"] for frame in seen["books"]] == ["SNAPSHOT", "REALTIME", "REALTIME"]
    assert {len(frame[0]["obu"]) for frame in seen["books"]} == {5}
