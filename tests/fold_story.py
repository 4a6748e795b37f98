"""One arb and two made-up exchanges that tell of its orders late, doubled, out of order, in part, or not at all.

The exchanges know the truth: what was taken, filled, ended. Everything the arb hears is drawn from it, and what the
arb asks is answered from it; only a question's answer is never lost for ever. Nothing is waited for: time jumps.
"""

import heapq
from decimal import Decimal
from itertools import count
from random import Random

import msgspec
from desk_builders import book, moment, opened, quotes

from arbitrage.domain.arb import Arb, ArbState, Cancel, Halt, OrderHeard, Place, Query, Tick
from arbitrage.domain.arb_step import advance, recovered
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.order import Fill, Order, OrderOn, OrderReport, RefusalReason
from arbitrage.domain.params import DEFAULT_PARAMS
from arbitrage.domain.units import SCALE, Exchange, Ns, Price, Qty, exact_product, exact_sum

FEES = {Exchange.UPBIT: Decimal("0.0005"), Exchange.BITHUMB: Decimal("0.0004")}
TICK_MS = 100
LATE_FILL_MS = 30_000
ENDS_MS = 2_000_000
EVERY_LIFE = -1
PARAMS = msgspec.structs.replace(DEFAULT_PARAMS, hedge_max_attempts=30, hedge_limit_ns=60_000_000_000)


class Truth:
    """One order as its exchange knows it: fills with their times, in ms, and when it ended."""

    def __init__(self, order: Order, at_ms: int, rng: Random) -> None:
        self.order = order
        self.fills: list[tuple[int, Fill]] = []
        kind = rng.random()
        share = 1.0 if kind < 0.45 else 0.0 if kind < 0.6 else rng.random()
        left = qty = int(order.qty * share) // 1_000 * 1_000 if share < 1 else order.qty
        when = at_ms
        for index in range(rng.randint(1, 4)):
            part = left if index == 3 or left < 10_000 else rng.randint(1, left)
            if part:
                price = Price(order.price - order.side.sign * rng.randint(0, 3) * 1_000 * SCALE)
                fill = Fill(
                    f"{order.client_order_id}/{index}", price, Qty(part), exact_product(price, Qty(part)), Ns(1)
                )
                self.fills.append((when, fill))
            left -= part
            when += rng.randint(0, 1_500)
        self.ended_ms = when
        if self.fills and qty < order.qty and rng.random() < 0.15:
            # A match that becomes known only after the order was told to be over.
            when, last = self.fills[-1]
            self.fills[-1] = (self.ended_ms + rng.randint(1, LATE_FILL_MS), last)

    def report(self, at_ms: int, *, names_fills: bool = True) -> OrderReport:
        """Return what the exchange says at one moment."""
        fills = tuple(fill for when, fill in self.fills if when <= at_ms)
        qty = sum(fill.qty for fill in fills)
        if at_ms < self.ended_ms:
            on = OrderOn.PART_FILL if qty else OrderOn.ACKED
        else:
            on = OrderOn.FULL_FILL if qty == self.order.qty else OrderOn.CANCELED
        return OrderReport(
            on,
            exchange_order_id=f"X{self.order.client_order_id}",
            executed_qty=Qty(qty),
            executed_funds=exact_sum(fill.funds for fill in fills),
            paid_fee=exact_sum(self.fee(fill) for fill in fills),
            fills=fills if names_fills else (),
        )

    def fee(self, fill: Fill) -> Decimal:
        """Return what one fill costs."""
        return fill.funds * FEES[self.order.exchange]

    def moments(self) -> list[int]:
        """Return when there is something new to tell."""
        return sorted({when for when, _ in self.fills} | {self.ended_ms})


class FoldStory:
    """One arb to its end. `arb` is what we believe, `truths` what is so, `placed` every order that was sent."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.now_ms = 0
        self.arb: Arb = opened(PARAMS, qty=str(self.rng.choice(["0.5", "0.01234567", "1.7"])))
        self.truths: dict[str, Truth] = {}
        self.placed: list[Order] = []
        self.halts: list[Halt] = []
        self.refused: set[str] = set()
        self._due: list[tuple[int, int, OrderHeard, int]] = []
        self._number = count()
        self._life = 0
        for order in self.arb.orders:
            self._place(order)

    def live(self) -> None:
        """Let time pass until everything was told and the arb is over."""
        dies_ms = self.rng.choice([None, None, self.rng.randint(0, 5_000)])
        while self.now_ms < ENDS_MS:
            if dies_ms is not None and self.now_ms >= dies_ms:
                dies_ms = None
                self._restart()
            while self._due and self._due[0][0] <= self.now_ms:
                _, _, event, life = heapq.heappop(self._due)
                if life in (self._life, EVERY_LIFE):
                    self._feed(event)
            # Books are looked at only where something is to be evened out.
            legged = self.arb.state is ArbState.LEGGED
            self._feed(Tick(self._quotes() if legged else {}, TradingLevel.ACTIVE))
            if self.arb.is_closed or self.is_stuck:
                # Nothing to do but to hear what is still on its way.
                if not self._due:
                    return
                self.now_ms = max(self._due[0][0] // TICK_MS * TICK_MS, self.now_ms)
            self.now_ms += TICK_MS

    def _quotes(self):
        base = self.rng.randint(3_990, 4_030) * 1_000
        made = [
            msgspec.structs.replace(
                book(exchange, [(base - 1_000, "40")], [(base + 1_000, "40")]), recv_mono_ns=moment(self.now_ms).mono_ns
            )
            for exchange in (Exchange.UPBIT, Exchange.BITHUMB)
        ]
        return quotes(*made)

    def _feed(self, event: object) -> None:
        if self.arb.is_closed and isinstance(event, Tick):
            return
        before = self.arb.imbalance
        self.arb, actions = advance(self.arb, event, moment(self.now_ms))
        for action in actions:
            match action:
                case Place(order):
                    assert order.side.sign * before < 0, "a hedge evens out"
                    assert order.qty <= abs(before), "and never more than there is"
                    self._place(order)
                case Query(order):
                    self._ask(order)
                case Cancel():
                    pass  # The exchanges end every order by themselves here; a cancel comes too late.
                case Halt():
                    self.halts.append(action)

    def _place(self, order: Order) -> None:
        self.placed.append(order)
        self._hear(order, OrderReport(OrderOn.SENT), 0)
        kind = self.rng.random()
        if kind < 0.1:
            self.refused.add(order.client_order_id)
            answer = OrderReport(OrderOn.REFUSED, refusal=RefusalReason.OTHER)
            lost = OrderReport(OrderOn.OUTCOME_LOST)
            self._hear(order, answer if self.rng.random() < 0.5 else lost, self.rng.randint(1, 900))
            return
        truth = self.truths[order.client_order_id] = Truth(order, self.now_ms + self.rng.randint(0, 50), self.rng)
        said = OrderReport(OrderOn.OUTCOME_LOST) if self.rng.random() < 0.25 else None
        self._hear(order, said or truth.report(self.now_ms), self.rng.randint(1, 900))
        for when in truth.moments():
            self._tell(truth, when)

    def _tell(self, truth: Truth, when: int) -> None:
        """Put what the stream says of one moment on its way: or not, or twice, or long after the next one."""
        is_late = when > truth.ended_ms
        for _ in range(1 if is_late else self.rng.choice([0, 1, 1, 1, 2])):
            # Nobody asks for an order that is over: what comes to light then is told, with its fills.
            names = is_late or self.rng.random() < 0.8
            self._hear(
                truth.order,
                truth.report(when, names_fills=names),
                when - self.now_ms + self.rng.randint(0, 3_000),
                life=EVERY_LIFE if is_late else None,
            )

    def _ask(self, order: Order) -> None:
        if self.rng.random() < 0.3:
            return
        asked, takes = moment(self.now_ms).mono_ns, self.rng.randint(1, 700)
        truth = self.truths.get(order.client_order_id)
        lags = self.now_ms < 3_000 and self.rng.random() < 0.2
        if truth is None or lags:
            self._hear(order, OrderReport(OrderOn.NOT_FOUND), takes, asked)
        else:
            self._hear(order, truth.report(self.now_ms + takes // 2), takes, asked)

    def _hear(
        self, order: Order, report: OrderReport, after_ms: int, asked: Ns | None = None, life: int | None = None
    ) -> None:
        event = OrderHeard(order.client_order_id, report, asked)
        heard_by = self._life if life is None else life
        if after_ms <= 0:
            self._feed(event)
        else:
            heapq.heappush(self._due, (self.now_ms + after_ms, next(self._number), event, heard_by))

    def _restart(self) -> None:
        """Die and read the journal back: what was on its way to the old process is lost."""
        self._life += 1
        self.arb, actions = recovered(self.arb, moment(self.now_ms))
        for action in actions:
            if isinstance(action, Query):
                self._ask(action.order)

    @property
    def is_stuck(self) -> bool:
        """Return whether a person was called."""
        return self.arb.state is ArbState.STUCK
