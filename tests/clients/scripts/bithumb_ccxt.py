"""ccxt, synchronous, on Bithumb's newer generation: one round of everything a desk does."""

import time

import ccxt
from redirect import WORDS, report

MARKET = "BTC/KRW"


def client(generation):
    """Return ccxt's Bithumb with the simulator's addresses."""
    base = f"http://{WORDS['bithumb']}"
    return ccxt.bithumb(
        {
            "apiKey": WORDS["bithumb_key"],
            "secret": WORDS["secret"],
            "urls": {"api": {"public": base, "private": base}},
            "options": {"generation": generation},
        }
    )


def ended(bithumb, order_id):
    """Return the order once it has ended."""
    for _ in range(50):
        try:
            order = bithumb.fetch_order(order_id, MARKET)
        except ccxt.ExchangeError as error:
            if "아직" not in str(error):
                raise
        else:
            if order["status"] in ("closed", "canceled"):
                return order
        time.sleep(0.1)
    raise RuntimeError(f"{order_id} did not end")


def looked(bithumb):
    """Return what the public paths say."""
    seen = {"markets": sorted(bithumb.load_markets())}
    book = bithumb.fetch_order_book(MARKET)
    seen["book"] = {"bids": book["bids"], "asks": book["asks"]}
    seen["ticker"] = bithumb.fetch_ticker(MARKET)["last"]
    seen["tickers"] = sorted(bithumb.fetch_tickers())
    trades = bithumb.fetch_trades(MARKET, limit=20)
    seen["trades"] = [[trade["timestamp"], trade["side"], trade["price"]] for trade in trades]
    seen["candles"] = bithumb.fetch_ohlcv(MARKET, "1m")[-3:]
    return seen


def main():
    """Go the round and report."""
    bithumb = client(2)
    seen = looked(bithumb)
    seen["start"] = bithumb.fetch_balance()["info"]
    ask, bid = seen["book"]["asks"][0][0], seen["book"]["bids"][0][0]
    low = round(bid * 0.9 / 1000) * 1000
    resting = bithumb.create_order(MARKET, "limit", "buy", 0.001, low, {"clientOrderId": "ccxt-1"})
    seen["placed"] = resting["info"]
    time.sleep(0.2)
    seen["open"] = [order["info"] for order in bithumb.fetch_open_orders(MARKET)]
    seen["cancel"] = bithumb.cancel_order(resting["id"])["info"]
    orders = [ended(bithumb, resting["id"])]
    try:
        bithumb.cancel_order(resting["id"])
    except ccxt.ExchangeError as error:
        seen["canceled_twice"] = str(error)
    high = round(ask * 1.01 / 1000) * 1000
    ioc = bithumb.create_order(MARKET, "limit", "buy", 0.001, high, {"timeInForce": "IOC"})
    orders.append(ended(bithumb, ioc["id"]))
    bought = bithumb.create_market_buy_order_with_cost(MARKET, 100000)
    orders.append(ended(bithumb, bought["id"]))
    # ccxt makes nothing of executed_volume, so its own `filled` of a market buy is 0.
    sold = bithumb.create_order(MARKET, "market", "sell", float(orders[-1]["info"]["executed_volume"]))
    orders.append(ended(bithumb, sold["id"]))
    words = {"symbol": MARKET, "type": "limit", "side": "buy", "amount": 0.001, "price": low}
    batch = [order["id"] for order in bithumb.create_orders([words, words])]
    time.sleep(0.2)
    seen["batch"] = len(batch)
    bithumb.cancel_orders(batch, MARKET)
    orders += [ended(bithumb, order_id) for order_id in batch]
    seen["orders"] = [order["info"] for order in orders]
    seen["statuses"] = [order["status"] for order in orders]
    seen["end"] = bithumb.fetch_balance()["info"]
    report(seen)


if __name__ == "__main__":
    main()
