"""What an exchange's dialect must provide, so that one `SimExchange` can speak either.

A dialect is words only: paths, names, spellings, limits. It decides nothing about money.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import msgspec

from arbitrage.domain.errors import InvariantError
from arbitrage.domain.units import Exchange
from exchanges.simulator.account import Account
from exchanges.simulator.announcements import Announcement
from exchanges.simulator.auth import AuthFault
from exchanges.simulator.ladder import Ladder
from exchanges.simulator.limits import Block, Limit, Verdict
from exchanges.simulator.listing import Listing
from exchanges.simulator.steps import OrderStep
from exchanges.simulator.tape import Print, Tape
from exchanges.simulator.wire import Params, Request, Response, WireRefusal

if TYPE_CHECKING:
    from exchanges.simulator.agenda import Agenda
    from exchanges.simulator.conversation import Conversation
    from exchanges.simulator.sim_exchange import SimExchange


class Access(StrEnum):
    """Who may ask."""

    PUBLIC = "public"
    PRIVATE = "private"


class Call(msgspec.Struct, frozen=True):
    """One request on its way through a route, with what is known of it."""

    request: Request
    params: Params
    now: int
    account: Account | None = None

    @property
    def owner(self) -> Account:
        """Return the account of a private call."""
        if self.account is None:
            raise InvariantError(f"{self.request.path} is public: it has no account")
        return self.account


class Route(msgspec.Struct, frozen=True):
    """Who may ask, which limit counts, and what answers. `answer` may raise WireRefusal."""

    access: Access
    group: str
    answer: Callable[[SimExchange, Call], Response]


class BookView(msgspec.Struct, frozen=True):
    """One market's book at one moment. Ladders in 10^-8, best first, at most 30 levels."""

    market: str
    bids: Ladder
    asks: Ladder
    at_ns: int
    shown: int | None = None
    """Levels that go out whatever was asked for; None = as asked."""
    level: int = 0
    """The price step the book is grouped in, in 10^-8; 0 = as it is (upbit.md §1.2)."""

    def cut(self, depth: int) -> tuple[Ladder, Ladder]:
        """Return bids and asks, `depth` levels of each."""
        most = depth if self.shown is None else self.shown
        return self.bids[:most], self.asks[:most]


class News(msgspec.Struct, frozen=True):
    """A print with all a trade, ticker or candle frame tells about its market at that moment."""

    tape: Tape
    last: Print
    listing: Listing
    at_ns: int


class StreamType(StrEnum):
    """Both exchanges' words for the first frame and the later ones."""

    SNAPSHOT = "SNAPSHOT"
    REALTIME = "REALTIME"


class Format(StrEnum):
    """Frame formats (upbit.md §3.2)."""

    DEFAULT = "DEFAULT"
    SIMPLE = "SIMPLE"
    JSON_LIST = "JSON_LIST"
    SIMPLE_LIST = "SIMPLE_LIST"

    @property
    def is_simple(self) -> bool:
        """Return whether keys are short."""
        return self in (Format.SIMPLE, Format.SIMPLE_LIST)

    @property
    def is_list(self) -> bool:
        """Return whether messages come wrapped in an array."""
        return self in (Format.JSON_LIST, Format.SIMPLE_LIST)


class AfterError(StrEnum):
    """What a stream does after an error frame."""

    STAYS_OPEN = "stays_open"
    CLOSES = "closes"


class StreamWords(msgspec.Struct, frozen=True):
    """How one exchange's WebSocket listens and keeps alive."""

    paths: dict[str, Access]
    live_kinds: frozenset[str]
    """Public types besides orderbook: trade, ticker, candles."""
    snapshot_flags: tuple[str, ...]
    realtime_flags: tuple[str, ...]
    depths: tuple[int, ...]
    """Depths a code suffix may ask for, smallest first; the last is the default."""
    formats: tuple[Format, ...]
    unknown_format: str | None
    """Error name for any other format; None = it is ignored."""
    plain_levels: tuple[int, ...]
    """`level` values that mean an ungrouped book."""
    unknown_level: str | None
    """Error name for any other level; None = nothing comes and nothing is said."""
    after_error: AfterError
    idle_ns: int
    status_ns: int
    connect_limit: Limit
    message_limits: tuple[Limit, ...]
    message_block: Block | None = None
    """What follows for a connection that keeps sending too many; None = nothing more than the error each time."""
    order_frames: dict[str, Callable[[OrderStep, Format], bytes]] = {}
    """Paths on which own orders are told in other words than the dialect's."""
    retired: dict[str, int] = {}
    """Paths that can no longer be opened from a moment on."""
    types: dict[str, frozenset[str]] = {}
    """What may be asked for on a path, where that is not what its access says."""
    misplaced_private: str = "INVALID_PARAM"
    """Error name for a private type on a public path."""
    levels_of: Callable[[BookView], tuple[int, ...]] | None = None
    """The price steps a book can be grouped in, in 10^-8; None = no grouping."""
    notice_frame: Callable[[Announcement, Format, str | None], bytes] | None = None
    """How an announcement is told, with its body or without; None = there is no such stream."""
    first_assets_ns: int = 0
    """How long after an account's first subscription to its balances they begin to come."""
    data_is_binary: bool = True
    control_is_binary: bool = False
    """Of status and error frames."""
    connections_most: int | None = None
    codes_most: int | None = None
    life_ns: int | None = None
    """Longest life of a connection; None = no end."""


class Dialect(Protocol):
    """One exchange's wire words."""

    @property
    def exchange(self) -> Exchange:
        """Return whose words these are."""

    @property
    def algs(self) -> tuple[str, ...]:
        """Return the token algorithms accepted."""

    @property
    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return what answers each (method, path)."""

    @property
    def limits(self) -> Mapping[str, Limit]:
        """Return the request limits by group."""

    @property
    def stream(self) -> StreamWords:
        """Return how the WebSocket listens."""

    def read_params(self, request: Request) -> Params:
        """Return what a request asks for, or raise WireRefusal."""

    def signed_texts(self, params: Params) -> tuple[str, ...]:
        """Return the texts whose hash a token may carry for these parameters; usually one."""

    def token_claims_fault(self, claims: Mapping[str, object], now: int) -> AuthFault | None:
        """Return why these claims are not enough here, or None."""

    def auth_refusal(self, fault: AuthFault) -> WireRefusal:
        """Return the wire's words for a token that is not accepted."""

    def refused(self, refusal: WireRefusal, access: Access) -> Response:
        """Return the error answer."""

    def path_unknown(self) -> Response:
        """Return the answer for a path that does not exist."""

    def over_limit(self) -> Response:
        """Return the answer for one request too many."""

    def limit_headers(self, group: str, limit: Limit, verdict: Verdict) -> tuple[tuple[str, str], ...]:
        """Return the headers that say what is left."""

    def book_frame(self, view: BookView, stream_type: StreamType, fmt: Format, depth: int) -> bytes:
        """Return one order-book frame."""

    def live_frame(self, kind: str, news: News, stream_type: StreamType, fmt: Format) -> bytes:
        """Return one trade, ticker or candle frame."""

    def order_frame(self, step: OrderStep, fmt: Format) -> bytes:
        """Return one myOrder frame."""

    def asset_frame(self, account: Account, assets: tuple[str, ...], at_ns: int, fmt: Format) -> bytes:
        """Return one myAsset frame with these assets' balances as they are."""


class Older(Protocol):
    """An older generation's words for the same orders and accounts, on paths of its own (bithumb.md §8 #1)."""

    def owns(self, path: str) -> bool:
        """Return whether a path is spoken in these words."""

    def streams(self, path: str) -> bool:
        """Return whether a path is this generation's WebSocket."""

    def route(self, request: Request) -> Route | None:
        """Return what answers a request, or None for a path that does not exist."""

    def call(self, sim: SimExchange, request: Request, access: Access, now: int) -> Call:
        """Return a request read and believed. Raises WireRefusal."""

    def refused(self, refusal: WireRefusal, access: Access) -> Response:
        """Return the error answer."""

    def path_unknown(self) -> Response:
        """Return the answer for a path that does not exist."""

    def over_limit(self) -> Response:
        """Return the answer for one request too many."""

    def open(self, sim: SimExchange, agenda: Agenda, now: int) -> Conversation:
        """Return a new WebSocket connection."""


class Ids(Protocol):
    """Mints one exchange's order and trade ids; each kind counts for itself."""

    def order_id(self, market: str) -> str:
        """Return a new order id."""

    def trade_id(self, market: str) -> str:
        """Return a new trade id."""
