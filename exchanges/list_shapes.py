"""Objects of answers about many orders, and of what stands around trading: wallets, notices, transfers.

As `shapes.py`; apart only because no single order depends on them.
"""

from decimal import Decimal
from typing import Any, ClassVar

from exchanges.fields import Shape
from exchanges.shapes import Id, WireOrderRowV2


class WireReplaced(Shape, kw_only=True):
    """Cancel-and-new: the old order, and the id of one that may never come to be (upbit.md §1.8)."""

    object_name: ClassVar[str] = "replaced"
    exchange_order_id: str | int
    new_exchange_order_id: str | int
    new_client_order_id: Id = None


class WireCancelsRow(Shape, kw_only=True):
    """One order of a cancel of several; `error` only where it failed (upbit.md §1.7, bithumb.md §3.8)."""

    object_name: ClassVar[str] = "cancels_row"
    exchange_order_id: Id = None
    client_order_id: Id = None
    market: str | None = None
    error: dict[str, Any] | None = None


class WireCancelsPart(Shape, kw_only=True):
    """Upbit counts and wraps each half of the answer (upbit.md §1.7)."""

    object_name: ClassVar[str] = "cancels_part"
    count: int | None = None
    orders: list[WireCancelsRow]


class WireCancels(Shape, kw_only=True):
    """The answer to a cancel of several, either exchange's form."""

    object_name: ClassVar[str] = "cancels"
    done: list[WireCancelsRow] | WireCancelsPart
    failed: list[WireCancelsRow] | WireCancelsPart


class WireBatchRow(Shape, kw_only=True):
    """One order of a batch: an acceptance, or a refusal's name (bithumb.md §3.8)."""

    object_name: ClassVar[str] = "batch_row"
    exchange_order_id: Id = None
    client_order_id: Id = None
    name: Id = None
    message: str | None = None


class WireBatch(Shape, kw_only=True):
    """The answer to a batch: HTTP 200 even when items fail (bithumb.md §3.8)."""

    object_name: ClassVar[str] = "batch"
    rows: list[WireBatchRow]


class WireOrderPage(Shape, kw_only=True):
    """A page of a /v2 list (bithumb.md §3.5)."""

    object_name: ClassVar[str] = "order_page"
    usual: ClassVar[tuple[str, ...]] = ("has_next",)
    rows: list[WireOrderRowV2]
    has_next: bool | None = None
    next_key: Id = None


class WireInstrument(Shape, kw_only=True):
    """What the exchange itself says of a market's price step (upbit.md §1.2)."""

    object_name: ClassVar[str] = "instrument"
    market: str
    quote: str | None = None
    tick: Decimal
    levels: list[str | int | float] | None = None


class WireWallet(Shape, kw_only=True):
    """Deposits and withdrawals of one asset on one network (upbit.md §1.9, bithumb.md §3.5)."""

    object_name: ClassVar[str] = "wallet"
    asset: str
    state: str
    block_state: str | None = None
    block_minutes: int | None = None
    network: str | None = None
    network_name: str | None = None


class WireTransfer(Shape, kw_only=True):
    """One deposit or withdrawal (upbit.md §1.9, bithumb.md §3.8a)."""

    object_name: ClassVar[str] = "transfer"
    usual: ClassVar[tuple[str, ...]] = ("transfer_id", "created_at")
    transfer_id: Id = None
    kind: str | None = None
    asset: str
    network: str | None = None
    tx_id: Id = None
    state: str
    qty: Decimal
    fee: Decimal | None = None
    created_at: str | None = None
    done_at: str | None = None


class WireMarketWarning(Shape, kw_only=True):
    """One warning of one market (bithumb.md §3.3)."""

    object_name: ClassVar[str] = "market_warning"
    market: str
    kind: str
    step: str | None = None
    ends: str | None = None


class WireNotice(Shape, kw_only=True):
    """One notice; times are KST text without a zone (bithumb.md §3.3)."""

    object_name: ClassVar[str] = "notice"
    usual: ClassVar[tuple[str, ...]] = ("listed_at",)
    categories: list[str] | None = None
    title: str
    url: str | None = None
    listed_at: str | None = None
    modified_at: str | None = None


class WireAnnouncement(Shape, kw_only=True):
    """One announcement of the private stream (upbit.md §3.8)."""

    object_name: ClassVar[str] = "announcement"
    usual: ClassVar[tuple[str, ...]] = ("listed_at", "category")
    event: str | None = None
    announcement_id: Id = None
    category: str | None = None
    title: str
    url: str | None = None
    first_listed_at: str | None = None
    listed_at: str | None = None
    body: str | None = None
