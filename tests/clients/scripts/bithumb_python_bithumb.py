"""python-bithumb, on the newer generation in its older version: /v1/orders with the whole order in the answer."""

import time

import python_bithumb
from redirect import WORDS, redirect, report

redirect({"https://api.bithumb.com": f"http://{WORDS['bithumb']}"})
MARKET = "KRW-BTC"


def ended(bithumb, order_id):
    """Return the order once it has ended."""
    for _ in range(50):
        try:
            order = bithumb.get_order(order_id)
        except python_bithumb.BithumbAPIException as error:
            if "order_not_ready" not in str(error):
                raise
        else:
            if order["state"] in ("done", "cancel"):
                return order
        time.sleep(0.1)
    raise RuntimeError(f"{order_id} did not end")


def main():
    """Go the round and report."""
    bithumb = python_bithumb.Bithumb(WORDS["bithumb_key"], WORDS["secret"])
    seen = {
        "markets": sorted(row["market"] for row in python_bithumb.get_market_all()),
        "price": python_bithumb.get_current_price(MARKET),
        "book": python_bithumb.get_orderbook(MARKET),
        "trades": len(python_bithumb.get_trades_ticks(MARKET, count=5)),
        "warnings": python_bithumb.get_virtual_asset_warning(),
        "candles": len(python_bithumb.get_ohlcv(MARKET, "minute1", count=5)),
        "chance": bithumb.get_order_chance(MARKET),
        "start": bithumb.get_balances(),
    }
    low = int(seen["price"] * 0.9 / 1000) * 1000
    placed = bithumb.buy_limit_order(MARKET, low, 0.001)
    time.sleep(0.2)
    seen["placed"] = placed
    seen["open"] = bithumb.get_orders(market=MARKET, state="wait")
    seen["several"] = bithumb.get_orders(uuids=[placed["uuid"]], states=["wait", "done"])
    seen["cancel"] = bithumb.cancel_order(placed["uuid"])
    orders = [ended(bithumb, placed["uuid"])]
    for order in (bithumb.buy_market_order(MARKET, 100000), bithumb.sell_market_order(MARKET, 0.0005)):
        orders.append(ended(bithumb, order["uuid"]))
    try:
        bithumb.buy_limit_order(MARKET, low, 5)
    except python_bithumb.BithumbAPIException as error:
        seen["too_much"] = str(error)
    seen["orders"] = orders
    seen["end"] = bithumb.get_balances()
    report(seen)


if __name__ == "__main__":
    main()
