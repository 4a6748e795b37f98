"""An exchange as its books would tell it: balances, orders with their matches, transfers; the truth of a simulation.

It keeps its own arithmetic, and answers the reads of a reconciliation. What the desk heard of it is made apart.
"""

from decimal import Decimal

import msgspec

from arbitrage.domain.events import Holding
from arbitrage.domain.order import Fill, OrderOn, OrderReport
from arbitrage.domain.ports import Found, NotFound
from arbitrage.domain.units import EXACT, Exchange, Ns, Price, Qty, Side, base_of, exact_product, exact_sum, to_decimal
from exchanges.records import OrderRecord, TransferRecord

SECOND = 10**9


class WrittenOrder(msgspec.Struct):
    """One order as the exchange has it."""

    record: OrderRecord
    fills: tuple[Fill, ...]


class WrittenExchange:
    """The part of a `workers.history.Reader` that is asked, over books of its own."""

    def __init__(self, exchange: Exchange, fee_ppm: int, fee_step: str, balances: dict[str, str]) -> None:
        self.exchange = exchange
        self.fee_ppm = fee_ppm
        self.fee_step = Decimal(fee_step)
        self.held = {asset: Decimal(text) for asset, text in balances.items()}
        self.orders: dict[str, WrittenOrder] = {}
        self.came: list[TransferRecord] = []
        self.left: list[TransferRecord] = []

    def move(self, asset: str, amount: Decimal) -> None:
        """Change a balance, whatever the cause."""
        self.held[asset] = EXACT.add(self.held.get(asset, Decimal(0)), amount)

    def trade(
        self, market: str, side: Side, price: int, parts: list[int], at_ns: int, client_order_id: str | None
    ) -> WrittenOrder:
        """Return an order that filled in `parts` (10^-8) at a price in whole KRW; balances move, the fee is cut."""
        order_id = f"{self.exchange}-{len(self.orders)}"
        fills = tuple(
            Fill(
                f"{order_id}-t{number}",
                Price(price * 10**8),
                Qty(part),
                exact_product(Price(price * 10**8), Qty(part)),
                Ns(at_ns + number),
            )
            for number, part in enumerate(parts)
        )
        funds = exact_sum(fill.funds for fill in fills)
        fee = EXACT.multiply(funds, Decimal(self.fee_ppm).scaleb(-6))
        if self.fee_step:
            fee = EXACT.subtract(fee, EXACT.remainder(fee, self.fee_step))
        record = OrderRecord(
            exchange=self.exchange,
            market=market,
            exchange_order_id=order_id,
            client_order_id=client_order_id,
            side=side.value,
            kind="limit",
            state="done",
            qty=Qty(sum(parts)),
            executed_qty=Qty(sum(parts)),
            executed_funds=funds,
            paid_fee=fee,
            created_wall_ns=Ns(at_ns // SECOND * SECOND),
        )
        made = self.orders[order_id] = WrittenOrder(record, fills)
        self.move(base_of(market), to_decimal(side.sign * sum(parts)))
        self.move("KRW", EXACT.subtract(funds if side is Side.ASK else funds.copy_negate(), fee))
        return made

    # What a reconciliation asks

    def balances(self):
        return tuple(Holding(asset, total, Decimal(0)) for asset, total in self.held.items())

    def open_orders(self):
        return ()

    def closed_orders(self, start_ns, end_ns, market=None):
        records = (each.record for each in self.orders.values())
        return tuple(row for row in records if start_ns // SECOND * SECOND <= row.created_wall_ns < end_ns)

    def order(self, client_order_id, exchange_order_id=None):
        known = self.orders.get(exchange_order_id or "")
        if known is None:
            return NotFound()
        record = known.record
        return Found(
            OrderReport(
                OrderOn.FULL_FILL,
                exchange_order_id=exchange_order_id,
                executed_qty=record.executed_qty,
                executed_funds=record.executed_funds,
                paid_fee=record.paid_fee,
                fills=known.fills,
            )
        )

    def order_record(self, exchange_order_id):
        return self.orders[exchange_order_id].record

    def deposits(self):
        return tuple(reversed(self.came[-100:]))

    def withdrawals(self):
        return tuple(reversed(self.left[-100:]))
