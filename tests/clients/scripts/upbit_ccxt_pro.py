"""ccxt.pro: public streams on one connection, own orders, fills and balances on another."""

import asyncio
import contextlib

import ccxt.pro as ccxt
from redirect import WORDS, report

MARKET = "BTC/KRW"


async def several(watch, count):
    """Return what `watch` gives, `count` times."""
    return [await asyncio.wait_for(watch(), 30) for _ in range(count)]


async def until_ended(upbit, seen):
    """Follow own orders until the last one ended.

    ccxt drops what comes while nobody awaits, but keeps each order as it was last told: that is looked at.
    """
    for _ in range(20):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(upbit.watch_orders(), 3)
        for order in upbit.orders or []:
            seen.append([order["id"], order["status"], order["info"]["state"], order["filled"], order["fee"]])
            if order["info"]["state"] in ("done", "cancel"):
                return


async def rounds(upbit):
    """Go the round and return what was seen."""
    await upbit.load_markets()
    seen = {"start": (await upbit.fetch_balance())["info"]}
    books, tickers = await asyncio.gather(
        several(lambda: upbit.watch_order_book(MARKET), 3), several(lambda: upbit.watch_ticker(MARKET), 1)
    )
    other = await asyncio.wait_for(upbit.watch_order_book("ETH/KRW"), 30)
    again = await asyncio.wait_for(upbit.watch_order_book(MARKET), 30)
    seen["books"] = [[book["bids"][0], book["asks"][0], len(book["bids"])] for book in (*books, other, again)]
    seen["ticker"] = tickers[0]["last"]
    trades = await asyncio.wait_for(upbit.watch_trades(MARKET), 30)
    seen["trades"] = [[trade["price"], trade["amount"], trade["side"]] for trade in trades]
    heard = []
    following = asyncio.create_task(until_ended(upbit, heard))
    balance = asyncio.create_task(upbit.watch_balance())
    fills = asyncio.create_task(upbit.watch_my_trades())
    await asyncio.sleep(1)
    await asyncio.wait_for(upbit.client(f"{upbit.urls['api']['ws']}/private").connected, 30)
    await asyncio.sleep(1)
    order = await upbit.create_order(MARKET, "market", "buy", 1, None, {"cost": 50000})
    await following
    seen["heard"] = heard
    seen["fills"] = [[fill["order"], fill["price"], fill["amount"], fill["fee"]] for fill in await fills]
    await balance
    await asyncio.sleep(0.5)
    seen["streamed"] = {name: [upbit.balance[name]["free"], upbit.balance[name]["used"]] for name in ("KRW", "BTC")}
    seen["orders"] = [(await upbit.fetch_order(order["id"]))["info"]]
    seen["end"] = (await upbit.fetch_balance())["info"]
    return seen


async def main():
    """Report the round; close the client whatever comes."""
    base = f"http://{WORDS['upbit']}"
    upbit = ccxt.upbit(
        {
            "apiKey": WORDS["upbit_key"],
            "secret": WORDS["secret"],
            "urls": {"api": {"public": base, "private": base, "ws": f"ws://{WORDS['upbit']}/websocket/v1"}},
        }
    )
    try:
        report(await rounds(upbit))
    finally:
        await upbit.close()


if __name__ == "__main__":
    asyncio.run(main())
