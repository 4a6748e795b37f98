"""What an exchange must do for us, said from the inside: `Feed` and `Gateway`.

An order command ends in one of three answers. Accepted: the exchange has it. Refused: it proves
that it does not have it. Unknown: bytes left and no proof came back; ask by our own id, never send
again (R3.1).
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import msgspec

from arbitrage.domain.arming import OrderDoor
from arbitrage.domain.drift import DriftSeen
from arbitrage.domain.events import Holding
from arbitrage.domain.frame_spec import DecodedBook, FrameSpec
from arbitrage.domain.instrument import TickTable
from arbitrage.domain.order import Order, OrderReport, RefusalReason
from arbitrage.domain.units import Exchange, Ns, Qty, Side
from arbitrage.domain.wire import ExchangeWire


class Accepted(msgspec.Struct, frozen=True):
    """The exchange has the command. `report` says what the answer said of the order."""

    report: OrderReport
    sent_mono_ns: Ns
    answered_mono_ns: Ns


class Refused(msgspec.Struct, frozen=True):
    """The exchange (or our own last check) said no, and nothing came of it."""

    reason: RefusalReason
    detail: str = ""


class Unknown(msgspec.Struct, frozen=True):
    """Bytes left; what came of them is not known."""

    cause: str
    is_fault: bool = True
    """False where the exchange did nothing wrong: it was not asked yet, or its answer proves nothing yet."""


Answer = Accepted | Refused | Unknown


class Found(msgspec.Struct, frozen=True):
    """The exchange knows the order."""

    report: OrderReport


class NotFound(msgspec.Struct, frozen=True):
    """The exchange says it does not know the order: proof only after the grace time."""


Lookup = Found | NotFound | Unknown


class OpenOrder(msgspec.Struct, frozen=True):
    """An order resting on the exchange, ours or not."""

    exchange: Exchange
    market: str
    exchange_order_id: str
    client_order_id: str | None


class CancelScope(msgspec.Struct, frozen=True):
    """Which resting orders a sweep takes; empty `markets` = every KRW market (upbit.md §1.7)."""

    markets: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    side: Side | None = None
    """None = both."""
    count: int = 300


class Swept(msgspec.Struct, frozen=True):
    """What a sweep reached: cancels acknowledged, and orders it could not cancel. Ends are told elsewhere."""

    asked: tuple[OpenOrder, ...]
    failed: tuple[OpenOrder, ...]


class Replaced(msgspec.Struct, frozen=True):
    """Cancel-and-new is under way. The new order exists only once the old one is cancelled, perhaps never."""

    new_exchange_order_id: str
    sent_mono_ns: Ns
    answered_mono_ns: Ns


class NewSize(StrEnum):
    """How much the order that takes another's place is for."""

    GIVEN = "given"
    """Its own `qty`."""
    REMAINDER = "remainder"
    """What the old one had left when it was cancelled; `qty` is only the most that can be."""


class MarketRules(msgspec.Struct, frozen=True):
    """What the exchange says of one market right now: fee rate and bounds, Decimal KRW."""

    market: str
    bid_fee: Decimal
    ask_fee: Decimal
    min_total: Decimal
    max_total: Decimal | None
    is_active: bool
    lot_step: Qty | None = None
    """Smallest step of a quantity, where it differs from the profile's: the legacy generation's."""
    ticks: TickTable | None = None
    """The price steps in force when this was asked; None = not said."""
    tick_fault: str = ""
    """Why the price step is not known, not empty = do not trade this market."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """Bytes off the wire with both receive clocks, taken before anything looks at them."""

    data: bytes
    recv_wall_ns: Ns
    recv_mono_ns: Ns


class StreamState(StrEnum):
    """Where a stream stands. DEGRADED: down for so many attempts that a person should look (R1.2)."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    DEGRADED = "degraded"


class OrderNews(msgspec.Struct, frozen=True):
    """The private stream said something of an order, named by either id."""

    client_order_id: str | None
    exchange_order_id: str | None
    report: OrderReport


class BalanceNews(msgspec.Struct, frozen=True):
    """The private stream said these balances changed; only the changed ones."""

    holdings: tuple[Holding, ...]


class StreamNews(msgspec.Struct, frozen=True):
    """The private stream itself changed: after UP, what it missed must be asked for."""

    state: StreamState


PrivateNews = OrderNews | BalanceNews | StreamNews


class AnnouncementNews(msgspec.Struct, frozen=True):
    """The exchange announced something, in its own words: maintenance, a wallet stop (upbit.md §3.8)."""

    announcement_id: str
    event: str
    """CREATED or UPDATED."""
    category: str
    title: str
    url: str
    listed_at: str
    body: str = ""


class RequestBudget(msgspec.Struct, frozen=True):
    """How many more requests this second each lane may send."""

    orders: int
    queries: int


class SeenDrift(Protocol):
    """What an adapter has met that no longer has the shape we know."""

    def total(self) -> int:
        """Return how many findings were noted: it moves when there is something new."""

    def seen(self, exchange: Exchange) -> tuple[DriftSeen, ...]:
        """Return one row per place and finding, as of `exchange`."""


class Feed(Protocol):
    """Public order books of one exchange. Never raises for what the network does."""

    exchange: Exchange

    @property
    def spec(self) -> FrameSpec:
        """Return how the frames handed on are laid out right now."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Return what was counted since the start: connects, disconnects, resyncs, markets found dead and the like."""

    @property
    def drift(self) -> SeenDrift:
        """Return what could not be read beside the frames."""

    def use_wire(self, wire: ExchangeWire) -> None:
        """Use these settings from the next frame and request on; `spec` is the new one at once."""

    async def run(
        self,
        markets: Sequence[str],
        on_frame: Callable[[Frame], DecodedBook | None],
        on_state: Callable[[StreamState, str], None],
        on_snapshot: Callable[[DecodedBook, Ns, Ns], None],
        on_dead: Callable[[str, str], None] | None = None,
    ) -> None:
        """Connect, subscribe, and hand on each book frame until cancelled; reconnect with back-off.

        `on_frame` returns the book it read by `spec`, so that nobody reads the frame again, or None.
        Books the feed made itself go to `on_snapshot` with both receive clocks, wall, then monotonic:
        polled by REST while the stream is down (R1.2), or folded from diffs. `on_dead` is told a
        market and a cause when its book is no longer to be believed until the next one.
        `spec` may change right before `on_state` is told UP: another generation of words begins then.
        """

    def request_resync(self) -> None:
        """Subscribe anew on the present connection, so that whole books follow."""

    async def snapshot(self, market: str) -> DecodedBook:
        """Return the book by REST. ReadFailed or NotSent when it cannot be had."""

    async def close(self) -> None:
        """Close the REST connections; `run` does so at its end."""


class Gateway(Protocol):
    """Orders and private reads of one exchange."""

    exchange: Exchange

    @property
    def drift(self) -> SeenDrift:
        """Return what could not be read."""

    @property
    def doors(self) -> tuple[OrderDoor, ...]:
        """Return every way by which an order can leave through here, as its transport knows it."""

    def use_wire(self, wire: ExchangeWire) -> None:
        """Use these settings from the next request and answer on."""

    def remember(self, orders: Iterable[Order]) -> None:
        """Take over what the journal kept of orders of an earlier run, before anything is asked."""

    async def open(self) -> None:
        """Open the connections orders will use, ahead of time."""

    async def close(self) -> None:
        """Close all connections."""

    async def place(self, order: Order) -> Answer:
        """Send one order. At most one request leaves, ever, for one client order id."""

    async def cancel(self, order: Order) -> Answer:
        """Ask for a cancel. Accepted is an acknowledgement, not an end."""

    async def cancel_many(self, orders: Sequence[Order]) -> tuple[Answer, ...]:
        """Ask for the cancel of each order; one answer each, in their order. Unknown where nothing was said."""

    async def cancel_all(self, scope: CancelScope) -> Swept | Refused | Unknown:
        """Ask for the cancel of all that rests in `scope`, in one request. UNSUPPORTED where there is none."""

    async def replace(self, order: Order, new: Order, size: NewSize = NewSize.GIVEN) -> Replaced | Refused | Unknown:
        """Cancel `order` and place `new` once it is cancelled. As `place`, at most one request per new id."""

    async def test(self, order: Order) -> Answer:
        """Ask whether `order` would be taken; no order comes of it. UNSUPPORTED where that cannot be asked."""

    async def query(self, order: Order) -> Lookup:
        """Ask for one order by its client order id."""

    async def open_orders(self) -> tuple[OpenOrder, ...]:
        """Return all resting orders of the account. ReadFailed, NotSent, AuthRefused."""

    async def balances(self) -> tuple[Holding, ...]:
        """Return every holding. ReadFailed, NotSent, AuthRefused."""

    async def market_rules(self, market: str) -> MarketRules:
        """Return fees and bounds. ReadFailed, NotSent, AuthRefused."""

    def private_news(self) -> AsyncIterator[PrivateNews]:
        """Yield what the private stream says until cancelled; reconnects by itself."""

    def budget(self) -> RequestBudget:
        """Return the request budget left right now."""


class RefusedWire(msgspec.Struct, frozen=True):
    """An error body's own words: `name` can be text or a number on the wire."""

    name: str
    message: str
    http_status: int


RefusalTable = dict[str, RefusalReason]
"""Wire error name -> our reason; names not in it are `OTHER`."""
