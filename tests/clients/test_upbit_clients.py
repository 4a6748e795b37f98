"""Other people's Upbit clients against the simulated Upbit, unmodified."""

from decimal import Decimal

import pytest

from arbitrage.domain.units import Exchange


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
