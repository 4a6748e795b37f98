"""Many arbs on shared balances, readings late and out of order: no order is ever short of funds."""

from decimal import Decimal
from random import Random

import msgspec
from desk_builders import opened

from arbitrage.domain.balances import Wallets
from arbitrage.domain.events import Holding
from arbitrage.domain.order import Fill, Order, OrderOn, OrderReport, OrderState, advance
from arbitrage.domain.units import (
    EXCHANGES,
    SCALE,
    Exchange,
    Ns,
    Qty,
    Side,
    exact_product,
    fee_ceil,
    notional_ceil,
    to_decimal,
)

FEES = {Exchange.UPBIT: 500, Exchange.BITHUMB: 400}
LEGS = opened().orders


class Bank:
    """The exchanges' own books: holds at acceptance, moves at a fill, knows nothing of reservations."""

    def __init__(self) -> None:
        self.free = {
            (ex, asset): Decimal(amount) for ex in EXCHANGES for asset, amount in (("KRW", 9_000_000), ("ETH", 2))
        }
        self.locked = dict.fromkeys(self.free, Decimal(0))

    def accept(self, order: Order) -> None:
        key, amount = held(order)
        assert self.free[key] >= amount, f"{order.client_order_id} would be refused: insufficient funds"
        self.free[key] -= amount
        self.locked[key] += amount

    def end(self, order: Order, qty: int) -> Order:
        """Fill `qty`, give back the rest, and return the order as we shall hear it."""
        key, amount = held(order)
        self.locked[key] -= amount
        self.free[key] += amount
        if not qty:
            return ended(order, OrderReport(OrderOn.CANCELED, executed_qty=Qty(0)))
        funds = exact_product(order.price, Qty(qty))
        fee = funds * FEES[order.exchange] / 1_000_000
        krw, eth = (order.exchange, "KRW"), (order.exchange, "ETH")
        self.free[krw] += -order.side.sign * funds - fee
        self.free[eth] += order.side.sign * to_decimal(qty)
        fill = Fill(order.client_order_id, order.price, Qty(qty), funds, Ns(1))
        return ended(order, OrderReport(OrderOn.CANCELED, paid_fee=fee, fills=(fill,)))

    def read(self, exchange: Exchange) -> list[Holding]:
        return [
            Holding(asset, free, self.locked[ex, asset]) for (ex, asset), free in self.free.items() if ex is exchange
        ]


def held(order: Order) -> tuple[tuple[Exchange, str], Decimal]:
    if order.side is Side.ASK:
        return (order.exchange, "ETH"), to_decimal(order.qty)
    notional = notional_ceil(order.price, order.qty)
    return (order.exchange, "KRW"), to_decimal(notional + fee_ceil(notional, FEES[order.exchange]))


def ended(order: Order, report: OrderReport) -> Order:
    return advance(advance(order, OrderReport(OrderOn.SENT), Ns(0)), report, Ns(0))


def legs_of(number: int, random: Random) -> list[Order]:
    buy, sell = random.sample(EXCHANGES, 2)
    qty = Qty(random.randint(1, SCALE))
    return [
        msgspec.structs.replace(leg, client_order_id=f"{number}-{leg.side}", arb_id=str(number), exchange=ex, qty=qty)
        for leg, ex in zip(LEGS, (buy, sell), strict=True)
    ]


def story(seed: int) -> tuple[int, int]:
    """Run one random day; return how many arbs were reserved and how many were short."""
    random, bank, wallets, now = Random(seed), Bank(), Wallets(), 0
    planned: list[Order] = []
    working: list[Order] = []
    heard_later: list[Order] = []
    asked: list[tuple[Exchange, int]] = []
    answers: list[tuple[Exchange, int, list[Holding]]] = []
    reserved = short = 0
    for exchange in EXCHANGES:
        wallets.replace_all(exchange, bank.read(exchange), Ns(0))
    for number in range(600):
        now += 1
        step = random.randrange(7 if number < 450 else 6)
        if step == 0 and planned:
            bank.accept(order := planned.pop(random.randrange(len(planned))))
            working.append(order)
        elif step == 1 and working:
            order = working.pop(random.randrange(len(working)))
            heard_later.append(bank.end(order, random.choice([0, order.qty, random.randint(0, order.qty)])))
        elif step == 2 and heard_later:
            wallets.settle(heard_later.pop(random.randrange(len(heard_later))), Ns(now))
        elif step == 3:
            asked.append((random.choice(EXCHANGES), now))
        elif step == 4 and asked:
            exchange, when = asked.pop(random.randrange(len(asked)))
            answers.append((exchange, when, bank.read(exchange)))
        elif step == 5 and answers:
            exchange, when, holdings = answers.pop(random.randrange(len(answers)))
            wallets.replace_all(exchange, holdings, Ns(when))
        elif step == 6:
            legs = legs_of(number, random)
            if wallets.reserve(legs, FEES, 0) is None:
                reserved += 1
                planned += legs
            else:
                short += 1
        for key, free in bank.free.items():
            on_the_way = sum((amount for where, amount in map(held, planned) if where == key), Decimal(0))
            assert on_the_way <= free, "all that is on the way can be held at once"
    finish(bank, wallets, planned, working, heard_later, now)
    return reserved, short


def finish(bank, wallets, planned, working, heard_later, now) -> None:
    for order in planned:
        bank.accept(order)
    for order in heard_later + [bank.end(order, order.qty) for order in working + planned]:
        wallets.settle(order, Ns(now + 1))
    assert wallets.reservations() == ()
    for exchange in EXCHANGES:
        wallets.replace_all(exchange, bank.read(exchange), Ns(now + 2))
        for asset in ("KRW", "ETH"):
            assert wallets.reserved(exchange, asset) == 0
            floor = int(bank.free[exchange, asset] * SCALE)
            assert wallets.spendable(exchange, asset, 0) == wallets.free(exchange, asset) == floor


def test_no_order_we_reserved_for_is_ever_short_of_funds():
    totals = [story(seed) for seed in range(60)]
    assert sum(reserved for reserved, _ in totals) > 500
    assert sum(short for _, short in totals) > 500


def test_a_settled_order_is_an_ended_one():
    bank, order = Bank(), LEGS[0]
    bank.accept(order)
    assert bank.end(order, order.qty).state is OrderState.FILLED
