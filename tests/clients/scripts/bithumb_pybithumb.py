"""pybithumb, which knows the legacy generation alone: REST, and its stream process."""

import time

import pybithumb
from redirect import WORDS, redirect, report

BASE, STREAMS = f"http://{WORDS['bithumb']}", f"ws://{WORDS['bithumb']}"
redirect({"https://api.bithumb.com": BASE, "wss://pubwss.bithumb.com": STREAMS})


def listened(kind, count):
    """Return a few frames of one kind of its stream."""
    stream = pybithumb.WebSocketManager(kind, ["BTC_KRW"])
    frames = [stream.get() for _ in range(count)]
    stream.terminate()
    return frames


def main():
    """Go the round and report."""
    seen = {
        "coins": sorted(pybithumb.get_tickers()),
        "price": pybithumb.get_current_price("BTC"),
        "book": pybithumb.get_orderbook("BTC", limit=30),
        "detail": pybithumb.get_market_detail("BTC"),
        "trades": pybithumb.get_transaction_history("BTC", limit=5),
        "candles": len(pybithumb.get_candlestick("BTC", chart_intervals="1m")),
    }
    bithumb = pybithumb.Bithumb(WORDS["bithumb_key"], WORDS["secret"])
    seen["fee"] = bithumb.get_trading_fee("BTC")
    seen["start"] = bithumb.api.balance(currency="BTC")["data"]
    low = int(seen["price"] * 0.9 / 1000) * 1000
    resting = bithumb.buy_limit_order("BTC", low, 0.001)
    seen["outstanding"] = bithumb.get_outstanding_order(resting)
    seen["balance"] = bithumb.get_balance("BTC")
    seen["canceled"] = bithumb.cancel_order(resting)
    time.sleep(0.3)
    seen["outstanding_after"] = bithumb.get_outstanding_order(resting)
    seen["bought"] = bithumb.buy_market_order("BTC", 0.0021)
    time.sleep(0.3)
    seen["sold"] = bithumb.sell_market_order("BTC", 0.001)
    time.sleep(0.3)
    seen["too_much"] = bithumb.buy_limit_order("BTC", low, 5)
    seen["details"] = [
        bithumb.api.order_detail(order_id=order[2], order_currency="BTC", payment_currency="KRW")["data"]
        for order in (resting, seen["bought"], seen["sold"])
    ]
    seen["as_it_reads_it"] = bithumb.get_order_completed(seen["bought"])
    seen["end"] = bithumb.api.balance(currency="BTC")["data"]
    seen["frames"] = [*listened("orderbookdepth", 3), *listened("ticker", 1), *listened("transaction", 1)]
    report(seen)


if __name__ == "__main__":
    main()
