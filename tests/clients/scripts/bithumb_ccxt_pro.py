"""ccxt.pro on both of Bithumb's generations: public streams of each, and the private one while an order is filled."""

import asyncio

import ccxt.pro
from redirect import WORDS, report

MARKET = "BTC/KRW"


def client(generation):
    """Return ccxt.pro's Bithumb with the simulator's addresses."""
    base, streams = f"http://{WORDS['bithumb']}", f"ws://{WORDS['bithumb']}"
    addresses = {
        "public": base,
        "private": base,
        "ws": {
            "public": f"{streams}/pub/ws",
            "publicGen2": f"{streams}/websocket/v1",
            "privateGen2": f"{streams}/websocket/v2/private",
        },
    }
    return ccxt.pro.bithumb(
        {
            "apiKey": WORDS["bithumb_key"],
            "secret": WORDS["secret"],
            "urls": {"api": addresses},
            "options": {
                "generation": generation,
                **{name: {"generation": generation} for name in ("watchOrderBook", "watchTicker", "watchTrades")},
            },
        }
    )


async def watched(bithumb):
    """Return what the public streams of one generation say."""
    await bithumb.load_markets()
    ticker = await bithumb.watch_ticker(MARKET)
    trades = await bithumb.watch_trades(MARKET)
    for _ in range(5):
        book = await bithumb.watch_order_book(MARKET)
    seen = {
        "book": {"bids": list(book["bids"])[:5], "asks": list(book["asks"])[:5], "depth": len(book["bids"])},
        "ticker": ticker["last"],
        "trade": [trades[-1]["price"], trades[-1]["side"], trades[-1]["timestamp"]],
        "now": bithumb.milliseconds(),
    }
    return seen


async def heard(bithumb):
    """Return what the private stream says of a bought coin."""
    orders = asyncio.ensure_future(bithumb.watch_orders(MARKET))
    balance = asyncio.ensure_future(bithumb.watch_balance())
    await asyncio.sleep(1)
    await bithumb.create_market_buy_order_with_cost(MARKET, 50000)
    told = await orders
    return {"order": told[-1]["info"], "balance": (await balance)["info"]}


async def main():
    """Listen and report."""
    newer, older = client(2), client(1)
    try:
        seen = {"newer": await watched(newer), "older": await watched(older), "private": await heard(newer)}
        seen["end"] = (await newer.fetch_balance())["info"]
    finally:
        await newer.close()
        await older.close()
    report(seen)


if __name__ == "__main__":
    asyncio.run(main())
