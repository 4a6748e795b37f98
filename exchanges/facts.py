"""What an exchange's `profile.py` says, as types: paths, limits, refusal words, frames."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from arbitrage.domain.frame_spec import FrameSpec
from arbitrage.domain.instrument import TickTable
from arbitrage.domain.ports import RefusalTable
from arbitrage.domain.units import Exchange, Krw, Ppm, Qty


class GroupLimit(msgspec.Struct, frozen=True):
    """One limit group of an exchange: a bucket of `capacity` requests that refills within `period_ns`."""

    name: str
    capacity: int
    period_ns: int = 1_000_000_000


class Paths(msgspec.Struct, frozen=True, kw_only=True):
    """Where things are, without host."""

    accounts: str
    chance: str
    order: str
    open_orders: str
    place: str
    cancel: str
    orderbook: str
    market_list: str
    api_keys: str
    public_stream: str
    private_stream: str
    wallets: str
    deposits: str
    withdraws: str
    withdraw_chance: str
    orders_by_ids: str
    closed_orders: str
    cancel_many: str
    cancel_all: str = ""
    """Empty here and below = the exchange has no such call."""
    replace: str = ""
    test: str = ""
    batch: str = ""
    instruments: str = ""
    market_warnings: str = ""
    notices: str = ""
    pending_orders: str = ""


class IdKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Names under which the two ids of an order travel in queries."""

    client_query: str
    client_cancel: str
    exchange_cancel: str
    client_many: str
    exchange_many: str
    most_read: int
    """Most ids one read may name."""
    most_canceled: int
    """Most ids one cancel may name."""


class Groups(msgspec.Struct, frozen=True, kw_only=True):
    """Limit group of each kind of request."""

    place: str
    cancel: str
    cancel_many: str
    cancel_all: str
    test: str
    batch: str
    private: str
    orderbook: str
    markets: str


class ListStyle(StrEnum):
    """How lists of orders by id and of ended ones are asked for and answered."""

    ROWS = "rows"
    """Ids in the query, an array of orders, no pages (upbit.md §1.7)."""
    PAGES = "pages"
    """Ids in a posted body, `{data, has_next, next_key}` (bithumb.md §3.5)."""


class RemainingIn(StrEnum):
    """Where an answer says how much of its group is left."""

    REMAINING_REQ = "remaining-req"
    X_RATELIMIT = "x-ratelimit-remaining"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one exchange that is data."""

    exchange: Exchange
    paths: Paths
    ids: IdKeys
    groups: Groups
    market_details_key: str
    """The flag that adds warnings to the market list."""
    limits: tuple[GroupLimit, ...]
    asset_calls_per_second: int | None
    """Orders and cancels together, per asset; None = no such limit is known."""
    remaining_in: RemainingIn
    refusals: RefusalTable
    """Error names of an order command that prove that nothing came of it."""
    unproven: frozenset[str]
    """Error names of an order command that prove nothing: ask by our own id."""
    limit_statuses: frozenset[int]
    """HTTP statuses that prove a refusal for too many requests."""
    auth_names: frozenset[str]
    address_names: frozenset[str]
    """Those of them that say the request came from an address the key does not allow."""
    not_found_names: frozenset[str]
    scope_names: frozenset[str]
    """Error names that prove the key lacks the right for this call."""
    scope_lookalikes: frozenset[str]
    """Names that prove it once another call of the same key has passed."""
    list_style: ListStyle
    stream_spec: FrameSpec
    rest_spec: FrameSpec
    ping_every_ns: int
    ticks: tuple[TickTable, ...]
    """Oldest first; one with a date to come may stand beside the present one."""
    lot_step: Qty
    min_notional: Krw
    max_notional: Krw
    fee_ppm: Ppm
    fee_step_dec: Decimal

    @property
    def known_names(self) -> frozenset[str]:
        """Return every error name that was documented or seen."""
        return self.unproven | self.auth_names | self.not_found_names | self.scope_names | self.refusals.keys()
