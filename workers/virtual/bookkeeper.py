"""The recorder of a made-up desk: the journal folded into postings behind the trader, by the real tail and ledger.

What it keeps, it keeps a batch at a time, with its place: killed anywhere, it goes on where the last batch ended,
or further back, and books nothing twice. Tables are the only thing made up here.
"""

import asyncio
import contextvars
from decimal import Decimal
from typing import TYPE_CHECKING

from arbitrage.domain.errors import InvariantError, JournalCorrupt
from arbitrage.domain.events import ArbStepped, BalancesRead, Record
from arbitrage.domain.ledger import (
    AccountKind,
    Posting,
    balances,
    check_balanced,
    postings_for_fee,
    postings_for_fill,
    postings_for_opening,
)
from arbitrage.domain.order import Order
from arbitrage.domain.units import EXACT, Exchange
from fast_path.journal import JournalTail
from workers.virtual.owners import OWNER

if TYPE_CHECKING:
    from workers.virtual.world import World

BATCH = 50
EVERY_S = 0.7
DATABASE_S = 0.02
"""How long a batch is on its way to the tables: long enough to be killed inside."""
RESTART_AFTER_S = 1.0


class Bookkeeper:
    """Through all its lives; what is kept outlives each."""

    def __init__(self, world: "World") -> None:
        self.seq = 0
        self.offset = 0
        self.faults: list[str] = []
        """Why it had to give up: a gap or damage, for a person to look at."""
        self._world = world
        self._lives = 0
        self._postings: list[Posting] = []
        self._fees: dict[str, Decimal] = {}
        self._fills: set[tuple[str, str]] = set()
        self._opened: set[Exchange] = set()
        self._task: asyncio.Task[None] | None = None
        self.start()

    def start(self) -> None:
        """Start one more process; it has forgotten all but what is kept."""
        self._lives += 1
        space = contextvars.copy_context()
        space.run(OWNER.set, f"recorder-{self._lives}")
        self._task = asyncio.get_running_loop().create_task(self._run(), context=space)

    def die(self, *, from_start: bool) -> None:
        """Be killed, and begin again a moment later where the last batch ended, or from the journal's start."""
        if self._task is None or self._task.done():
            return
        self._world.note(f"recorder-{self._lives}", "killed")
        self._task.cancel()
        self.offset = 0 if from_start else self.offset
        self._world.loop.call_later(RESTART_AFTER_S, self.start)

    async def _run(self) -> None:
        tail = JournalTail(self._world.env.journal_path)
        try:
            while True:
                batch = tail.read(self.offset, BATCH)
                if batch:
                    tail.secure()
                    self._world.secured()
                    await asyncio.sleep(DATABASE_S)
                    self._keep(batch)
                if len(batch) < BATCH:
                    await asyncio.sleep(EVERY_S)
        except (InvariantError, JournalCorrupt) as error:
            self.faults.append(str(error))
        finally:
            tail.close()

    def catch_up(self) -> None:
        """Read what is left, once nobody writes any more."""
        tail = JournalTail(self._world.env.journal_path)
        try:
            while batch := tail.read(self.offset, BATCH):
                self._keep(batch)
        except (InvariantError, JournalCorrupt) as error:
            self.faults.append(str(error))
        finally:
            tail.close()

    def wallets(self) -> dict[tuple[Exchange, str], Decimal]:
        """Return what the ledger says is on each exchange, per asset."""
        check_balanced(self._postings)
        totals = balances(self._postings)
        return {
            (account.exchange, account.asset): amount
            for account, amount in totals.items()
            if account.kind is AccountKind.WALLET
        }

    def _keep(self, batch: list[tuple[Record, int]]) -> None:
        for record, offset in batch:
            if record.seq > self.seq + 1:
                raise InvariantError(f"seq was {record.seq}, must be {self.seq + 1}")
            if record.seq == self.seq + 1:
                self.seq = record.seq
                self._book(record)
            self.offset = offset

    def _book(self, record: Record) -> None:
        event = record.event
        if isinstance(event, BalancesRead) and event.exchange not in self._opened:
            self._opened.add(event.exchange)
            for holding in event.holdings:
                self._postings += postings_for_opening(event.exchange, holding)
        elif isinstance(event, ArbStepped):
            for order in event.arb.orders:
                self._book_order(order)

    def _book_order(self, order: Order) -> None:
        booked = self._fees.get(order.client_order_id, Decimal(0))
        if order.paid_fee != booked:
            self._postings += postings_for_fee(order, EXACT.subtract(order.paid_fee, booked))
            self._fees[order.client_order_id] = order.paid_fee
        for fill in order.fills:
            if (order.client_order_id, fill.trade_id) not in self._fills:
                self._fills.add((order.client_order_id, fill.trade_id))
                self._postings += postings_for_fill(order, fill)
