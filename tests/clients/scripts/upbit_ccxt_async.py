"""ccxt, asynchronous: orders side by side, a replaced order, market data."""

import asyncio

import ccxt.async_support as ccxt
from redirect import WORDS, report

MARKET = "BTC/KRW"


async def ended(upbit, order_id):
    """Return the order once it has ended."""
    for _ in range(50):
        order = await upbit.fetch_order(order_id)
        if order["status"] in ("closed", "canceled"):
            return order["info"]
        await asyncio.sleep(0.1)
    raise RuntimeError(f"{order_id} did not end")


async def rounds(upbit):
    """Go the round and return what was seen."""
    await upbit.load_markets()
    seen = {"start": (await upbit.fetch_balance())["info"]}
    book = await upbit.fetch_order_book(MARKET, 5)
    trades = await upbit.fetch_trades(MARKET, limit=20)
    seen["trades"] = [[trade["side"], trade["price"], trade["amount"], trade["timestamp"]] for trade in trades]
    seen["candles"] = await upbit.fetch_ohlcv(MARKET, "1m", limit=5)
    seen["days"] = await upbit.fetch_ohlcv(MARKET, "1d", limit=3)
    seen["tickers"] = sorted(await upbit.fetch_tickers())
    seen["depth"] = len(book["bids"])
    low = round(book["bids"][0][0] * 0.9 / 1000) * 1000
    high = round(book["asks"][0][0] * 1.01 / 1000) * 1000
    placed = await asyncio.gather(
        *(upbit.create_order(MARKET, "limit", "buy", 0.001, low - 1000 * step) for step in range(3))
    )
    await asyncio.sleep(0.2)
    seen["open"] = len(await upbit.fetch_open_orders(MARKET))
    replaced = await upbit.edit_order(placed[0]["id"], MARKET, "limit", "buy", 0.002, low)
    await asyncio.sleep(0.2)
    seen["open_after"] = len(await upbit.fetch_open_orders(MARKET))
    ids = [placed[1]["id"], placed[2]["id"], replaced["id"]]
    await asyncio.gather(*(upbit.cancel_order(one) for one in ids))
    fok = await upbit.create_order(MARKET, "limit", "buy", 0.001, high, {"timeInForce": "FOK"})
    ids += [placed[0]["id"], fok["id"]]
    bought = await ended(upbit, fok["id"])
    sold = await upbit.create_order(MARKET, "market", "sell", float(bought["executed_volume"]))
    ids.append(sold["id"])
    seen["orders"] = [await ended(upbit, one) for one in ids]
    seen["end"] = (await upbit.fetch_balance())["info"]
    return seen


async def main():
    """Report the round; close the client whatever comes."""
    base = f"http://{WORDS['upbit']}"
    upbit = ccxt.upbit(
        {"apiKey": WORDS["upbit_key"], "secret": WORDS["secret"], "urls": {"api": {"public": base, "private": base}}}
    )
    try:
        report(await rounds(upbit))
    finally:
        await upbit.close()


if __name__ == "__main__":
    asyncio.run(main())
