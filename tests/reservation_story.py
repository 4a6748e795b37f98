"""Two hundred signals at once on shared balances, while deposits, withdrawals and the owner's own orders come between.

`lived` lives through many of them and says what came of all.
"""

from collections import Counter, defaultdict
from decimal import Decimal
from random import Random

import msgspec
from desk_builders import opened

from arbitrage.domain.balances import Wallets
from arbitrage.domain.events import Holding
from arbitrage.domain.order import Fill, Order, OrderOn, OrderReport, RefusalReason, advance
from arbitrage.domain.units import EXACT, EXCHANGES, PPM, QUOTE, SCALE, Exchange, Ns, Price, Qty, Side, base_of

SIGNALS = 200
FEES = {Exchange.UPBIT: 500, Exchange.BITHUMB: 400}
RESERVE_PPM = 50_000
PRICES = {"KRW-BTC": 90_000_000, "KRW-ETH": 4_000_000, "KRW-XRP": 3_000}
OPENING_KRW = 9_000_000
FINE = 10**14
"""One unit of 10^-8 in the exchanges' 10^-22."""
LEGS = opened().orders
Key = tuple[Exchange, str]


class Bank:
    """The exchanges' own books, in 10^-22: holds at acceptance, moves at a fill, knows nothing of reservations."""

    def __init__(self, random: Random) -> None:
        self.free: dict[Key, int] = {}
        for exchange in EXCHANGES:
            self.free[exchange, QUOTE] = OPENING_KRW * SCALE * FINE
            for market, price in PRICES.items():
                self.free[exchange, base_of(market)] = random.randrange(OPENING_KRW * SCALE) // price * FINE
        self.locked = dict.fromkeys(self.free, 0)
        self.taken: dict[Key, list[tuple[int, int]]] = defaultdict(list)
        """(when, how much) others took out of what was free."""

    def take(self, key: Key, amount: int, now: int) -> bool:
        """Let somebody else take from what is free; False when it is not there."""
        if amount > self.free[key]:
            return False
        self.free[key] -= amount
        self.taken[key].append((now, amount))
        return True

    def taken_since(self, key: Key, moment: int) -> int:
        """Return what others took after `moment`."""
        return sum(amount for when, amount in self.taken[key] if when > moment)

    def read(self, exchange: Exchange) -> list[Holding]:
        """Return one exchange's balances, to the last digit."""
        return [
            Holding(asset, _exact(free), _exact(self.locked[where, asset]))
            for (where, asset), free in self.free.items()
            if where is exchange
        ]


def _exact(fine: int) -> Decimal:
    return Decimal(fine).scaleb(-22, EXACT)


def locks(order: Order) -> tuple[Key, int]:
    """Return what an exchange takes out of what is free when it accepts `order`, in 10^-22."""
    if order.side is Side.ASK:
        return (order.exchange, base_of(order.market)), order.qty * FINE
    return (order.exchange, QUOTE), order.price * order.qty * (PPM + FEES[order.exchange])


class Story:
    """One random day of a desk; `counted` says what happened. AssertionError when a promise is broken."""

    def __init__(self, seed: int, signals: int = SIGNALS) -> None:
        self.counted: Counter[str] = Counter()
        self._random = Random(seed)
        self._bank = Bank(self._random)
        self.wallets = Wallets()
        self._now = 0
        self._signals_left = signals
        self._planned: list[Order] = []
        self._working: list[Order] = []
        self._on_their_way: list[Order] = []
        """Ended at the exchange; the desk has not heard."""
        self._heard: dict[str, list[Order]] = defaultdict(list)
        self._answers: list[tuple[Exchange, int, int, list[Holding]]] = []
        self._known: dict[Exchange, tuple[int, int]] = {}
        """When the newest reading was asked for, and when the exchange took it."""
        self._reserved_at: dict[str, int] = {}
        """What moment of its exchange's books each order was reserved on."""
        self._alive: Counter[Key] = Counter()
        """What orders on their way to the exchange will take there, 10^-22."""
        self._looked_at: dict[Key, tuple[int, int]] = {}
        self._own_locks: list[tuple[Key, int]] = []

    def live(self) -> Counter[str]:
        """Live until every signal came and every order ended, then look at what is left."""
        for exchange in EXCHANGES:
            self._ask(exchange)
        while self._answers:
            self._hear_reading()
        steps = (*[self._signal] * 6, self._accept, self._accept, self._end, self._end, self._hear, self._hear)
        others = (self._reading, self._reading, self._hear_reading, self._hear_reading, self._somebody_else)
        while self._signals_left or self._planned or self._working or self._on_their_way:
            self._now += 1
            self._random.choice(steps + others)()
            self._look()
        self._at_rest()
        return self.counted

    # What the desk does

    def _signal(self) -> None:
        if not self._signals_left:
            return
        self._signals_left -= 1
        buy, sell = self._random.sample(EXCHANGES, 2)
        market = self._random.choice(tuple(PRICES))
        price = Price(PRICES[market] * SCALE)
        caps = self.wallets.caps(buy, sell, base_of(market), RESERVE_PPM)
        fits = min(caps.base_to_sell, caps.krw_to_spend * SCALE // price)
        qty = Qty(fits * self._random.randint(5, 110) // 100 or 1)
        arb_id = str(self._signals_left)
        legs = [
            msgspec.structs.replace(
                leg,
                client_order_id=f"{arb_id}-{leg.side}",
                arb_id=arb_id,
                exchange=at,
                market=market,
                price=price,
                qty=qty,
            )
            for leg, at in zip(LEGS, (buy, sell), strict=True)
        ]
        if self.wallets.reserve(legs, FEES, RESERVE_PPM) is not None:
            self.counted["short"] += 1
            return
        self.counted["reserved"] += 1
        self._plan(legs)

    def _plan(self, orders: list[Order]) -> None:
        for order in orders:
            self._reserved_at[order.client_order_id] = self._known[order.exchange][1]
            key, amount = locks(order)
            self._alive[key] += amount
        self._planned += orders

    def _hear(self) -> None:
        if not self._on_their_way:
            return
        order = self._on_their_way.pop(self._random.randrange(len(self._on_their_way)))
        self.wallets.settle(order, Ns(self._now))
        heard = self._heard[order.arb_id]
        heard.append(order)
        uneven = sum(one.side.sign * one.executed_qty for one in heard)
        if len(heard) == 2 and uneven:
            self._hedge(order, uneven)
        elif len(heard) > 1:
            self.wallets.release_arb(order.arb_id)

    def _hedge(self, like: Order, uneven: int) -> None:
        side = Side.ASK if uneven > 0 else Side.BID
        exchange = self._random.choice(EXCHANGES)
        if side is Side.ASK:
            most = self.wallets.spendable(exchange, base_of(like.market), 0)
        else:
            krw = self.wallets.spendable(exchange, QUOTE, 0)
            most = max(0, krw - 2) * PPM * SCALE // (like.price * (PPM + FEES[exchange]))
        qty = Qty(min(abs(uneven), most))
        if not qty:
            return
        name = f"{like.arb_id}-hedge"
        fresh = msgspec.structs.replace(
            LEGS[0], client_order_id=name, arb_id=like.arb_id, market=like.market, price=like.price
        )
        hedge = msgspec.structs.replace(fresh, exchange=exchange, side=side, qty=qty)
        self.wallets.hold(hedge, FEES)
        self.counted["hedges"] += 1
        self._plan([hedge])

    def _reading(self) -> None:
        self._ask(self._random.choice(EXCHANGES))

    def _ask(self, exchange: Exchange) -> None:
        # The question leaves now; the exchange looks a little later, others' moves between them included.
        asked = self._now
        if self._random.random() < 0.3 and self._known:
            self._somebody_else()
        self._answers.append((exchange, asked, self._now, self._bank.read(exchange)))

    def _hear_reading(self) -> None:
        if not self._answers:
            return
        exchange, asked, looked, holdings = self._answers.pop(self._random.randrange(len(self._answers)))
        self.wallets.replace_all(exchange, holdings, Ns(asked))
        if asked >= self._known.get(exchange, (0, 0))[0]:
            self._known[exchange] = (asked, looked)

    # What the exchanges do

    def _accept(self) -> None:
        if not self._planned:
            return
        order = self._planned.pop(self._random.randrange(len(self._planned)))
        key, amount = locks(order)
        self._alive[key] -= amount
        missing = amount - self._bank.free[key]
        if missing > 0:
            by_others = self._bank.taken_since(key, self._reserved_at[order.client_order_id])
            assert missing <= by_others, f"{order.client_order_id}: refused for want of funds, and nobody took them"
            self.counted["refused_for_others"] += 1
            report = OrderReport(OrderOn.REFUSED, refusal=RefusalReason.INSUFFICIENT_FUNDS)
            self._on_their_way.append(_ended(order, report))
            return
        self._bank.free[key] -= amount
        self._bank.locked[key] += amount
        self._working.append(order)

    def _end(self) -> None:
        if not self._working:
            return
        order = self._working.pop(self._random.randrange(len(self._working)))
        key, amount = locks(order)
        self._bank.locked[key] -= amount
        self._bank.free[key] += amount
        qty = Qty(self._random.choice([0, order.qty, order.qty, self._random.randint(0, order.qty)]))
        funds, sign = order.price * qty, order.side.sign
        fee = funds * FEES[order.exchange]
        self._bank.free[order.exchange, QUOTE] += -sign * funds * PPM - fee
        self._bank.free[order.exchange, base_of(order.market)] += sign * qty * FINE
        fills = (
            (Fill(order.client_order_id, order.price, qty, Decimal(funds).scaleb(-16, EXACT), Ns(1)),) if qty else ()
        )
        report = OrderReport(OrderOn.CANCELED, executed_qty=qty, paid_fee=_exact(fee), fills=fills)
        self._on_their_way.append(_ended(order, report))

    def _somebody_else(self) -> None:
        """Let the owner pay in, pay out, trade by hand, or let an order of his own rest and end."""
        key = self._random.choice(tuple(self._bank.free))
        amount = self._bank.free[key] * self._random.randint(1, 30) // 100
        what = self._random.choice(("deposit", "withdrawal", "by_hand", "rests", "ends"))
        if what == "deposit":
            self._bank.free[key] += amount
        elif what == "ends" and self._own_locks:
            where, locked = self._own_locks.pop()
            self._bank.locked[where] -= locked
            self._bank.free[where] += locked
        elif what != "ends" and self._bank.take(key, amount, self._now):
            if what == "rests":
                self._bank.locked[key] += amount
                self._own_locks.append((key, amount))
            elif what == "by_hand":
                self._bank.free[key[0], "ETH" if key[1] == QUOTE else QUOTE] += amount
        self.counted[what] += 1

    # What must be true

    def _look(self) -> None:
        """Look whether all that is on its way can be held at once, but for what others took since."""
        for key, amount in self._alive.items():
            free = self._bank.free[key]
            if amount > free and self._looked_at.get(key) != (amount, free):
                self._looked_at[key] = (amount, free)
                mine = [self._reserved_at[order.client_order_id] for order in self._planned if locks(order)[0] == key]
                there = free + self._bank.taken_since(key, min(mine))
                assert amount <= there, f"{key}: {amount} reserved, {there} there"

    def _at_rest(self) -> None:
        assert self.wallets.reservations() == ()
        for exchange in EXCHANGES:
            self.wallets.replace_all(exchange, self._bank.read(exchange), Ns(self._now + 1))
        for (exchange, asset), free in self._bank.free.items():
            assert self.wallets.reserved(exchange, asset) == 0
            assert self.wallets.spendable(exchange, asset, 0) == free // FINE


def _ended(order: Order, report: OrderReport) -> Order:
    return advance(advance(order, OrderReport(OrderOn.SENT), Ns(0)), report, Ns(0))


def lived(stories: int, first_seed: int = 1) -> Counter[str]:
    """Return what came of so many stories in all."""
    total: Counter[str] = Counter()
    for seed in range(first_seed, first_seed + stories):
        total += Story(seed).live()
    return total
