"""ccxt, synchronous: one round of everything a desk does."""

import time

import ccxt
from redirect import WORDS, report

MARKET = "BTC/KRW"


def client():
    """Return ccxt's Upbit with the simulator's addresses."""
    base = f"http://{WORDS['upbit']}"
    return ccxt.upbit(
        {"apiKey": WORDS["upbit_key"], "secret": WORDS["secret"], "urls": {"api": {"public": base, "private": base}}}
    )


def ended(upbit, order_id):
    """Return the order once it has ended."""
    for _ in range(50):
        order = upbit.fetch_order(order_id)
        if order["status"] in ("closed", "canceled"):
            return order
        time.sleep(0.1)
    raise RuntimeError(f"{order_id} did not end")


def main():
    """Go the round and report."""
    upbit = client()
    seen = {"markets": sorted(upbit.load_markets())}
    seen["start"] = upbit.fetch_balance()["info"]
    book = upbit.fetch_order_book(MARKET)
    seen["book"] = {"bids": book["bids"], "asks": book["asks"]}
    seen["books"] = sorted(upbit.fetch_order_books(["BTC/KRW", "ETH/KRW"]))
    seen["ticker"] = upbit.fetch_ticker(MARKET)["last"]
    seen["fee"] = upbit.fetch_trading_fee(MARKET)["taker"]
    ask, bid = book["asks"][0][0], book["bids"][0][0]
    low = round(bid * 0.9 / 1000) * 1000
    resting = upbit.create_order(MARKET, "limit", "buy", 0.001, low, {"clientOrderId": "ccxt-1"})
    seen["placed"] = resting["info"]
    time.sleep(0.2)
    seen["open"] = [order["info"] for order in upbit.fetch_open_orders(MARKET)]
    upbit.cancel_order(resting["id"])
    orders = [ended(upbit, resting["id"])]
    try:
        upbit.cancel_order(resting["id"])
    except ccxt.OrderNotFound as error:
        seen["canceled_twice"] = type(error).__name__
    high = round(ask * 1.01 / 1000) * 1000
    ioc = upbit.create_order(MARKET, "limit", "buy", 0.001, high, {"timeInForce": "IOC"})
    orders.append(ended(upbit, ioc["id"]))
    bought = upbit.create_order(MARKET, "market", "buy", 1, None, {"cost": 100000})
    orders.append(ended(upbit, bought["id"]))
    sold = upbit.create_order(MARKET, "market", "sell", orders[-1]["filled"])
    orders.append(ended(upbit, sold["id"]))
    try:
        upbit.create_order(MARKET, "limit", "buy", 5, low)
    except ccxt.InsufficientFunds as error:
        seen["too_much"] = type(error).__name__
    seen["orders"] = [order["info"] for order in orders]
    seen["statuses"] = [order["status"] for order in orders]
    seen["closed"] = [order["id"] for order in upbit.fetch_closed_orders(MARKET)]
    seen["canceled"] = [order["id"] for order in upbit.fetch_canceled_orders(MARKET)]
    seen["end"] = upbit.fetch_balance()["info"]
    report(seen)


if __name__ == "__main__":
    main()
