"""ccxt, asynchronous, on both of Bithumb's generations: orders side by side, each asked for until it ended."""

import asyncio

import ccxt.async_support as ccxt
from redirect import WORDS, report

MARKET = "BTC/KRW"


def client(generation):
    """Return ccxt's asynchronous Bithumb with the simulator's addresses."""
    base = f"http://{WORDS['bithumb']}"
    return ccxt.bithumb(
        {
            "apiKey": WORDS["bithumb_key"],
            "secret": WORDS["secret"],
            "urls": {"api": {"public": base, "private": base}},
            "options": {"generation": generation},
        }
    )


async def ended(bithumb, order_id):
    """Return the order once it has ended."""
    for _ in range(50):
        try:
            order = await bithumb.fetch_order(order_id, MARKET)
        except ccxt.ExchangeError as error:
            if "아직" not in str(error):
                raise
        else:
            if order["status"] in ("closed", "canceled"):
                return order
        await asyncio.sleep(0.1)
    raise RuntimeError(f"{order_id} did not end")


async def rounds(bithumb, generation):
    """Go the round in one generation's words and return what was seen."""
    seen = {"markets": sorted(await bithumb.load_markets())}
    seen["start"] = (await bithumb.fetch_balance())["info"]
    book = await bithumb.fetch_order_book(MARKET)
    seen["depth"] = [len(book["bids"]), len(book["asks"])]
    low = round(book["bids"][0][0] * 0.9 / 1000) * 1000
    resting = await asyncio.gather(
        *(bithumb.create_order(MARKET, "limit", "buy", 0.001, low - 1000 * step) for step in range(3))
    )
    await asyncio.sleep(0.2)
    seen["open"] = len(await bithumb.fetch_open_orders(MARKET))
    await asyncio.gather(*(bithumb.cancel_order(order["id"], MARKET, {"side": "buy"}) for order in resting))
    # A market buy is given in KRW in the newer words, in coins in the older ones.
    buys = [
        bithumb.create_market_buy_order_with_cost(MARKET, 200000)
        if generation == 2
        else bithumb.create_order(MARKET, "market", "buy", 0.002)
        for _ in range(2)
    ]
    bought = await asyncio.gather(*buys)
    orders = [await ended(bithumb, order["id"]) for order in (*resting, *bought)]
    sold = await bithumb.create_order(MARKET, "market", "sell", 0.001)
    orders.append(await ended(bithumb, sold["id"]))
    seen["statuses"] = [order["status"] for order in orders]
    seen["orders"] = [order["info"] for order in orders]
    seen["end"] = (await bithumb.fetch_balance())["info"]
    return seen


async def main():
    """Go both rounds, one after the other, and report."""
    seen = {}
    for name, generation in (("newer", 2), ("older", 1)):
        bithumb = client(generation)
        try:
            seen[name] = await rounds(bithumb, generation)
        finally:
            await bithumb.close()
    report(seen)


if __name__ == "__main__":
    asyncio.run(main())
