"""pyupbit: its quotation calls, its exchange calls, its two WebSocket classes."""

import multiprocessing
import time

from redirect import WORDS, redirect, report

redirect({"https://api.upbit.com": f"http://{WORDS['upbit']}", "wss://api.upbit.com": f"ws://{WORDS['upbit']}"})

import pyupbit  # noqa: E402  after its addresses are redirected
from pyupbit.websocket_api import WebSocketClient  # noqa: E402

MARKET = "KRW-BTC"


def ended(upbit, order_id):
    """Return the order once it has ended."""
    for _ in range(50):
        order = upbit.get_individual_order(order_id)
        if order["state"] in ("done", "cancel"):
            return order
        time.sleep(0.1)
    raise RuntimeError(f"{order_id} did not end")


def streamed():
    """Return what both WebSocket classes hear."""
    manager = pyupbit.WebSocketManager("orderbook", [MARKET, "KRW-ETH"])
    frames = [manager.get() for _ in range(6)]
    manager.terminate()
    heard = multiprocessing.Queue()
    client = multiprocessing.Process(target=WebSocketClient, args=("orderbook", ["KRW-ETH"], heard), daemon=True)
    client.start()
    frames += [heard.get(timeout=20) for _ in range(3)]
    client.terminate()
    for kind in ("ticker", "trade"):
        manager = pyupbit.WebSocketManager(kind, [MARKET, "KRW-ETH"])
        frames += [manager.get() for _ in range(2)]
        manager.terminate()
    return frames


def main():
    """Go the round and report."""
    upbit = pyupbit.Upbit(WORDS["upbit_key"], WORDS["secret"])
    seen = {"markets": sorted(pyupbit.get_tickers(fiat="KRW")), "start": upbit.get_balances()}
    book = pyupbit.get_orderbook(MARKET)
    ask, bid = book["orderbook_units"][0]["ask_price"], book["orderbook_units"][0]["bid_price"]
    seen["depth"] = len(book["orderbook_units"])
    seen["price"] = pyupbit.get_current_price(MARKET)
    seen["touch"] = [bid, ask]
    seen["candles"] = len(pyupbit.get_ohlcv(MARKET, interval="minute1", count=5))
    seen["days"] = len(pyupbit.get_ohlcv(MARKET, interval="day", count=3))
    seen["free"] = upbit.get_balance("KRW")
    seen["chance"] = upbit.get_chance(MARKET)
    low, high = round(bid * 0.9 / 1000) * 1000, round(ask * 1.01 / 1000) * 1000
    resting = upbit.buy_limit_order(MARKET, low, 0.001)
    seen["placed"] = resting
    time.sleep(0.2)
    seen["locked"] = upbit.get_balance_t("KRW")
    seen["open"] = upbit.get_order(MARKET)
    seen["cancel_answer"] = upbit.cancel_order(resting["uuid"])
    orders = [ended(upbit, resting["uuid"])]
    orders.append(ended(upbit, upbit.buy_limit_order(MARKET, high, 0.001)["uuid"]))
    orders.append(ended(upbit, upbit.buy_market_order(MARKET, 100000)["uuid"]))
    orders.append(ended(upbit, upbit.sell_market_order(MARKET, orders[-1]["executed_volume"])["uuid"]))
    seen["too_little"] = upbit.buy_market_order(MARKET, 4999)
    seen["orders"] = orders
    seen["keys"] = upbit.get_api_key_list()
    seen["wallets"] = upbit.get_deposit_withdraw_status()
    seen["end"] = upbit.get_balances()
    seen["frames"] = streamed()
    report(seen)


if __name__ == "__main__":
    main()
