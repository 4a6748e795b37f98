"""Objects of the exchanges' answers as we read them, in our words; their words are in `field_maps.py`.

Tolerant of members added, absent or null and of numbers as text or not; a member without a default is
one whose absence would mean guessing money or an order's fate (upbit.md §1.3 to §1.9, bithumb.md §3).
"""

from decimal import Decimal
from typing import Any, ClassVar

from exchanges.fields import Shape

Id = str | int | None
"""An id, whatever the wire made it."""


def id_text(value: Id) -> str | None:
    """Return an id as text."""
    return None if value is None or value == "" else str(value)


class WireTrade(Shape, kw_only=True):
    """One fill of an order (upbit.md §1.5, bithumb.md §3.5)."""

    object_name: ClassVar[str] = "trade"
    usual: ClassVar[tuple[str, ...]] = ("funds",)
    trade_id: str | int
    price: Decimal
    qty: Decimal
    funds: Decimal | None = None
    at: str


class WireAccepted(Shape, kw_only=True):
    """The answer to placing or cancelling: an acknowledgement (upbit.md §1.6, bithumb.md §3.6)."""

    object_name: ClassVar[str] = "accepted"
    exchange_order_id: str | int
    client_order_id: Id = None
    state: str | None = None
    qty: Decimal | None = None
    executed_qty: Decimal | None = None


class WireOrderRow(Shape, kw_only=True):
    """One order of a list: no fills in it (upbit.md §1.5, bithumb.md §3.5)."""

    object_name: ClassVar[str] = "order_row"
    usual: ClassVar[tuple[str, ...]] = ("market", "side", "kind", "paid_fee", "created_at")
    exchange_order_id: str | int
    client_order_id: Id = None
    market: str | None = None
    side: str | None = None
    kind: str | None = None
    state: str
    price: Decimal | None = None
    qty: Decimal | None = None
    """Absent for orders given by funds (upbit.md §1.5)."""
    executed_qty: Decimal
    executed_funds: Decimal | None = None
    paid_fee: Decimal | None = None
    prevented_qty: Decimal | None = None
    tif: str | None = None
    smp: str | None = None
    cancel_type: str | None = None
    crossed_order_id: Id = None
    created_at: str | None = None


class WireOrderRowV2(WireOrderRow, kw_only=True):
    """The same under the names of Bithumb's /v2 lists (bithumb.md §3.5)."""

    object_name: ClassVar[str] = "order_row_v2"


class WireOrder(WireOrderRow, kw_only=True):
    """One order asked for by id, with its fills."""

    object_name: ClassVar[str] = "order"
    usual: ClassVar[tuple[str, ...]] = (*WireOrderRow.usual, "trades")
    trades: list[WireTrade] | None = None


class WireBalance(Shape, kw_only=True):
    """One row of the accounts: `free` excludes `locked` (upbit.md §1.3, bithumb.md §3.5)."""

    object_name: ClassVar[str] = "balance"
    asset: str
    free: Decimal
    locked: Decimal


class WireChanceSide(Shape, kw_only=True):
    """One side's bounds."""

    object_name: ClassVar[str] = "chance_side"
    asset: str | None = None
    min_total: Decimal | None = None


class WireChanceMarket(Shape, kw_only=True):
    """The market of `orders/chance`."""

    object_name: ClassVar[str] = "chance_market"
    usual: ClassVar[tuple[str, ...]] = ("max_total", "state")
    market: str
    bid: WireChanceSide
    ask: WireChanceSide
    bid_types: list[str] | None = None
    ask_types: list[str] | None = None
    max_total: Decimal | None = None
    state: str | None = None


class WireChance(Shape, kw_only=True):
    """`orders/chance` (upbit.md §1.3, bithumb.md §3.5)."""

    object_name: ClassVar[str] = "chance"
    bid_fee: Decimal
    ask_fee: Decimal
    maker_bid_fee: Decimal | None = None
    maker_ask_fee: Decimal | None = None
    market: WireChanceMarket


class WireMarketEvent(Shape, kw_only=True):
    """Upbit's warnings: 유의 and the caution flags (upbit.md §1.2, §5.3)."""

    object_name: ClassVar[str] = "market_event"
    is_warned: bool
    cautions: dict[str, Any] | None = None


class WireMarket(Shape, kw_only=True):
    """One row of the market list; warnings differ by exchange (upbit.md §1.2, bithumb.md §3.3)."""

    object_name: ClassVar[str] = "market"
    market: str
    event: WireMarketEvent | None = None
    warning: str | None = None


def is_warned(row: WireMarket) -> bool:
    """Return whether the exchange warns of this market."""
    return (row.event is not None and row.event.is_warned) or row.warning not in (None, "NONE")


class WireKey(Shape, kw_only=True):
    """One row of the list of API keys (upbit.md §1.9, bithumb.md §3.2)."""

    object_name: ClassVar[str] = "key"
    access_key: str
    expires: str
