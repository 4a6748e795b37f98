"""ccxt, synchronous, on Bithumb's legacy generation: the same round in its older words."""

import time

import ccxt
from bithumb_ccxt import MARKET, client, ended, looked
from redirect import report


def main():
    """Go the round and report."""
    bithumb = client(1)
    seen = looked(bithumb)
    seen["start"] = bithumb.fetch_balance()["info"]["data"]
    seen["nothing_open"] = bithumb.fetch_open_orders(MARKET)
    bid = seen["book"]["bids"][0][0]
    low = round(bid * 0.9 / 1000) * 1000
    resting = bithumb.create_order(MARKET, "limit", "buy", 0.001, low)
    time.sleep(0.2)
    seen["open"] = [order["info"] for order in bithumb.fetch_open_orders(MARKET)]
    bithumb.cancel_order(resting["id"], MARKET, {"side": "buy"})
    orders = [ended(bithumb, resting["id"])]
    bought = bithumb.create_order(MARKET, "market", "buy", 0.002)
    orders.append(ended(bithumb, bought["id"]))
    sold = bithumb.create_order(MARKET, "market", "sell", 0.001)
    orders.append(ended(bithumb, sold["id"]))
    try:
        bithumb.create_order(MARKET, "limit", "buy", 5, low)
    except ccxt.ExchangeError as error:
        seen["too_much"] = str(error)
    seen["orders"] = [order["info"] for order in orders]
    seen["statuses"] = [order["status"] for order in orders]
    seen["end"] = bithumb.fetch_balance()["info"]["data"]
    report(seen)


if __name__ == "__main__":
    main()
