"""Orders as the desk would send them, held against both simulated exchanges' own rules: ticks, totals, decimals.

`PYTHONPATH=tests python -m tests.sizing_orders --orders 100000` looks at more than the suite does.
"""

import argparse
import json
from random import Random

from arbitrage.domain.arb import Moment
from arbitrage.domain.arb_step import open_arb
from arbitrage.domain.book import Book, Level
from arbitrage.domain.instrument import Instrument
from arbitrage.domain.order import Order
from arbitrage.domain.params import Params
from arbitrage.domain.signal import Caps, Signal, find_signal
from arbitrage.domain.units import EXCHANGES, PPM, SCALE, Exchange, Krw, Ns, Price, Qty
from exchanges import registry
from exchanges.bithumb import codec as bithumb
from exchanges.simulator.admission import id_fault, rule_fault
from exchanges.simulator.money import units_of_text
from exchanges.simulator.orders import Draft, OrdType, Tif
from exchanges.simulator.rules import bithumb_rules, upbit_rules
from exchanges.upbit import codec as upbit

MARKET = "KRW-ETH"
RULES = {Exchange.UPBIT: upbit_rules(500), Exchange.BITHUMB: bithumb_rules(400)}
INSTRUMENTS = {exchange: registry.instrument(exchange, MARKET, None) for exchange in EXCHANGES}


def _ladder(random: Random, instrument: Instrument, start: int, sign: int) -> tuple[Level, ...]:
    levels, price = [], start
    value = 10 ** random.randint(3, 8) * SCALE
    for _ in range(random.choice((1, 5, 15, 30))):
        if price <= 0:
            break
        levels.append(Level(Price(price), Qty(1 + random.randrange(2 * value) * SCALE // price)))
        tick = instrument.ticks.tick_at(Price(max(price + min(sign, 0), 1)))
        price = price - price % tick + sign * tick
    return tuple(levels)


def random_signal(random: Random) -> Signal | None:
    """Return a signal between random books at a price of a random size, or None when there is none."""
    buys, sells = random.sample(EXCHANGES, 2)
    buy, sell = INSTRUMENTS[buys], INSTRUMENTS[sells]
    middle = int(10 ** random.uniform(5.0, 16.5))
    ask = buy.price_up(Price(middle))
    bid = sell.price_up(Price(ask + ask * random.randint(2_000, 30_000) // PPM))
    ask_book = Book(buys, MARKET, (), _ladder(random, buy, ask, 1), Ns(0), Ns(0), Ns(0))
    bid_book = Book(sells, MARKET, _ladder(random, sell, bid, -1), (), Ns(0), Ns(0), Ns(0))
    params = Params(
        book_share_ppm=random.choice((100_000, PPM)),
        max_slippage_ppm=random.choice((1_000, 50_000)),
        max_notional_krw=random.choice((6_000, 3_000_000, 900_000_000)) * SCALE,
    )
    caps = Caps(Krw(random.randrange(10**9 * SCALE)), Qty(random.randrange(10**9 * SCALE) * SCALE // middle))
    found = find_signal(bid_book, ask_book, buy, sell, params, caps, Ns(1))
    return found if isinstance(found, Signal) else None


def draft_of(order: Order) -> Draft:
    """Return what an exchange reads in the order's body."""
    is_upbit = order.exchange is Exchange.UPBIT
    body = json.loads((upbit if is_upbit else bithumb).order_body(order)[0])
    return Draft(
        market=body["market"],
        side=order.side,
        ord_type=OrdType(body["ord_type" if is_upbit else "order_type"]),
        price=units_of_text(body["price"]),
        volume=units_of_text(body["volume"]),
        tif=Tif(body["time_in_force"]),
        client_order_id=body["identifier" if is_upbit else "client_order_id"],
    )


def faults_of(signal: Signal) -> list[str]:
    """Return what either exchange would refuse either leg of a signal for, and whether the legs differ in size."""
    arb, _ = open_arb(signal, arb_id="k1a2b3c-17", params=Params(), params_epoch=1, now=Moment(Ns(1), Ns(1)))
    found = []
    drafts = [draft_of(order) for order in arb.orders]
    for order, draft in zip(arb.orders, drafts, strict=True):
        rules = RULES[order.exchange]
        fault = rule_fault(rules, draft, lambda _side: ()) or id_fault(rules, draft.client_order_id, is_burned=False)
        if fault is not None:
            found.append(f"{order.exchange} {order.side} {draft.price} x {draft.volume}: {fault}")
    if drafts[0].volume != drafts[1].volume:
        found.append(f"{drafts[0].volume} bought, {drafts[1].volume} sold")
    return found


def looked_at(seed: int, orders: int) -> list[str]:
    """Return every fault of `orders` random orders."""
    random, found, seen = Random(seed), [], 0
    while seen < orders:
        signal = random_signal(random)
        if signal is not None:
            seen += 2
            found += faults_of(signal)
    return found


def main() -> None:
    """Look at as many orders as asked for."""
    parser = argparse.ArgumentParser(description="Hold the desk's orders against both exchanges' rules.")
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    found = looked_at(asked.seed, asked.orders)
    print(f"{len(found)} faults in {asked.orders} orders", *found[:5], sep="\n")


if __name__ == "__main__":
    main()
