"""An exchange's own history of our account, read for reconciliation: ended and resting orders, deposits, withdrawals.

Reads only. What belongs to an order of ours is told apart by both ids; the rest is somebody else's.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from arbitrage import books
from arbitrage.domain.errors import AuthRefused
from arbitrage.domain.events import Holding
from arbitrage.domain.history import ForeignOrder, Transfer, progress_of
from arbitrage.domain.ports import Lookup, OpenOrder
from arbitrage.domain.units import Exchange, Ns, Side
from arbitrage.services import adjustments
from exchanges.reads import ENDED_WORDS
from exchanges.records import OrderRecord, TransferRecord

SECOND_NS = 1_000_000_000
ASKED_AT_MOST = 20
"""How many orders that are not ours are asked for one by one in a run."""


class Reader(Protocol):
    """The part of `exchanges.reader.SyncReader` that is used here: reads, no orders."""

    exchange: Exchange

    def balances(self) -> tuple[Holding, ...]:
        """Return every holding."""

    def order(self, client_order_id: str, exchange_order_id: str | None = None) -> Lookup:
        """Return what the exchange says of one order, by either id."""

    def order_record(self, exchange_order_id: str) -> OrderRecord | None:
        """Return one order by the exchange's own id, ours or not; None when it cannot be had."""

    def open_orders(self) -> tuple[OpenOrder, ...]:
        """Return all resting orders."""

    def closed_orders(self, start_ns: Ns, end_ns: Ns, market: str | None = None) -> tuple[OrderRecord, ...]:
        """Return the orders made in this time that have ended."""

    def deposits(self) -> tuple[TransferRecord, ...]:
        """Return the newest deposits."""

    def withdrawals(self) -> tuple[TransferRecord, ...]:
        """Return the newest withdrawals."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What the exchange tells of a time, ours apart from what is not."""

    ours: tuple[OrderRecord, ...]
    foreign: tuple[ForeignOrder, ...]
    strange: tuple[OpenOrder, ...]
    """Resting orders that are not ours."""
    transfers: tuple[Transfer, ...]
    unseen: tuple[str, ...] = ()
    """Lists this key may not see: a desk's key has no right to withdrawals, nor to look at them (R5.1)."""


def read_history(reader: Reader, since_ns: Ns, until_ns: Ns, opened_ns: Ns) -> History:
    """Return the history since `since_ns`; what is older than `opened_ns` is in the opening balance and left out.

    Raises what the reader raises.
    """
    rows = reader.closed_orders(since_ns, until_ns)
    resting = reader.open_orders()
    named: list[OrderRecord | OpenOrder] = [*rows, *resting]
    mine, theirs = books.known_orders(
        reader.exchange,
        [each.client_order_id for each in named if each.client_order_id],
        [each.exchange_order_id for each in named],
    )

    def is_ours(each: OrderRecord | OpenOrder) -> bool:
        return each.client_order_id in mine or each.exchange_order_id in theirs

    def is_told(at_ns: int) -> bool:
        # Whole seconds: what happened within the second of the opening was in it.
        return at_ns // SECOND_NS > opened_ns // SECOND_NS

    strange = tuple(each for each in resting if not is_ours(each))
    ended = [row for row in rows if not is_ours(row)]
    asked = _ask(reader, strange, {row.exchange_order_id: row for row in ended})
    foreign = {row.exchange_order_id: row for row in (*ended, *asked)}.values()
    transfers: list[Transfer] = []
    unseen: list[str] = []
    for what, ask in (("deposits", reader.deposits), ("withdrawals", reader.withdrawals)):
        try:
            transfers += [_transfer(row, is_deposit=what == "deposits") for row in ask()]
        except AuthRefused:
            # The same key was believed a moment ago: it is the right that is missing.
            unseen.append(what)
    return History(
        ours=tuple(row for row in rows if is_ours(row)),
        foreign=tuple(_foreign(row) for row in foreign if is_told(row.created_wall_ns) and _has_money(row)),
        strange=strange,
        transfers=tuple(one for one in transfers if one.transfer_id and is_told(one.at_wall_ns)),
        unseen=tuple(unseen),
    )


def _ask(reader: Reader, strange: Sequence[OpenOrder], ended: Mapping[str, OrderRecord]) -> list[OrderRecord]:
    # What rests, or rested when it was last seen, and what a list tells without its funds.
    wanted = {each.exchange_order_id for each in strange}
    waiting = (row.ref.partition(":") for row in adjustments.still_open(reader.exchange))
    wanted |= {order_id for head, _, order_id in waiting if head == "foreign" and order_id not in ended}
    wanted |= {row.exchange_order_id for row in ended.values() if row.executed_qty and row.executed_funds is None}
    found = (reader.order_record(order_id) for order_id in sorted(wanted)[:ASKED_AT_MOST])
    return [row for row in found if row is not None]


def _has_money(row: OrderRecord) -> bool:
    # What executed for nobody knows how much is a difference without an explanation, not an entry.
    return not row.executed_qty or (row.executed_funds is not None and row.paid_fee is not None)


def _foreign(row: OrderRecord) -> ForeignOrder:
    return ForeignOrder(
        exchange_order_id=row.exchange_order_id,
        market=row.market,
        side=Side(row.side),
        executed_qty=row.executed_qty,
        executed_funds=row.executed_funds or Decimal(0),
        paid_fee=row.paid_fee or Decimal(0),
        is_open=row.state not in ENDED_WORDS,
        at_wall_ns=row.created_wall_ns,
        client_order_id=row.client_order_id,
    )


def _transfer(row: TransferRecord, *, is_deposit: bool) -> Transfer:
    return Transfer(
        transfer_id=row.transfer_id,
        is_deposit=is_deposit,
        asset=row.asset,
        progress=progress_of(row.state),
        qty=row.qty,
        fee=row.fee,
        at_wall_ns=row.done_wall_ns or row.created_wall_ns or Ns(0),
    )
