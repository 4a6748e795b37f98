"""The official SDK: its synchronous and asynchronous client, its private stream."""

import asyncio
import time

from redirect import WORDS, report
from upbit import AsyncUpbit, Upbit

MARKET = "KRW-BTC"
KEYS = {"access_key": WORDS["upbit_key"], "secret_key": WORDS["secret"], "base_url": f"http://{WORDS['upbit']}"}


def plain(model):
    """Return a model, or a list of them, as it came over the wire."""
    if isinstance(model, list):
        return [plain(one) for one in model]
    return model.model_dump(mode="json", exclude_unset=True)


def ended(upbit, order_id):
    """Return the order once it has ended."""
    for _ in range(50):
        order = upbit.orders.retrieve(uuid=order_id)
        if order.state in ("done", "cancel"):
            return plain(order)
        time.sleep(0.1)
    raise RuntimeError(f"{order_id} did not end")


async def streamed():
    """Return what the streams of the asynchronous client tell: own orders, books, the list of subscriptions."""
    upbit = AsyncUpbit(**KEYS, websocket_base_url=f"ws://{WORDS['upbit']}")
    frames = []
    async with upbit.ws_stream.my_order([MARKET]) as stream:
        await asyncio.sleep(0.3)
        order = await upbit.orders.create(market=MARKET, side="bid", ord_type="price", price="50000")
        async for frame in stream:
            frames.append(plain(frame))
            if frames[-1]["state"] in ("done", "cancel"):
                break
        listed = plain(await stream.list_subscriptions())
    books = []
    async with upbit.ws_stream.orderbook([f"{MARKET}.5"], format="SIMPLE_LIST") as stream:
        async for frame in stream:
            books.append(plain(frame))
            if len(books) == 3:
                break
    ended_order = plain(await upbit.orders.retrieve(uuid=order.uuid))
    await upbit.close()
    return {"frames": frames, "listed": listed, "books": books, "order": ended_order}


def main():
    """Go the round and report."""
    upbit = Upbit(**KEYS)
    seen = {"markets": plain(upbit.trading_pairs.list(is_details=True)), "start": plain(upbit.accounts.list())}
    seen["book"] = plain(upbit.orderbooks.list(markets=MARKET, count=5))
    seen["grouped"] = plain(upbit.orderbooks.list(markets=MARKET, level="10000"))
    seen["instruments"] = plain(upbit.orderbooks.list_instruments(markets=f"{MARKET},KRW-ETH"))
    seen["trades"] = plain(upbit.trades.list(market=MARKET, count=3))
    seen["candles"] = plain(upbit.candles.list_minutes(unit=1, market=MARKET, count=2))
    seen["tickers"] = plain(upbit.tickers.list_by_quote_currencies(quote_currencies="KRW"))
    seen["chance"] = plain(upbit.orders.retrieve_chance(market=MARKET))
    unit = upbit.orderbooks.list(markets=MARKET)[0].orderbook_units[0]
    low = str(round(float(unit.bid_price) * 0.9 / 1000) * 1000)
    high = str(round(float(unit.ask_price) * 1.01 / 1000) * 1000)
    words = {"market": MARKET, "side": "bid", "ord_type": "limit", "volume": "0.001"}
    resting = upbit.orders.create(**words, price=low, identifier="sdk-1", smp_type="reduce")
    seen["tested"] = plain(upbit.orders.test_create(**words, price=low))
    time.sleep(0.2)
    seen["open"] = plain(upbit.orders.list_open(market=MARKET, states=["wait", "watch"]).items)
    replaced = upbit.orders.cancel_and_new(
        prev_order_uuid=resting.uuid,
        new_ord_type="limit",
        new_volume="remain_only",
        new_price=low,
        new_identifier="sdk-2",
    )
    seen["replaced"] = plain(replaced)
    time.sleep(0.2)
    batch = upbit.orders.cancel_by_uuids(identifiers=["sdk-2", "nobody"])
    seen["batch"] = plain(batch)
    orders = [ended(upbit, resting.uuid), ended(upbit, replaced.new_order_uuid)]
    ioc = upbit.orders.create(**words, price=high, time_in_force="ioc")
    orders.append(ended(upbit, ioc.uuid))
    sold = upbit.orders.create(market=MARKET, side="ask", ord_type="market", volume=orders[-1]["executed_volume"])
    orders.append(ended(upbit, sold.uuid))
    seen["by_ids"] = plain(upbit.orders.list_by_uuids(uuids=[order["uuid"] for order in orders]))
    seen["closed"] = plain(upbit.orders.list_closed(market=MARKET, states=["done", "cancel"]))
    seen["keys"] = plain(upbit.api_keys.list())
    seen["wallets"] = plain(upbit.wallet_status.list())
    live = asyncio.run(streamed())
    seen |= {"frames": live["frames"], "listed": live["listed"], "books": live["books"]}
    seen["orders"] = [*orders, live["order"]]
    seen["end"] = plain(upbit.accounts.list())
    report(seen)


if __name__ == "__main__":
    main()
