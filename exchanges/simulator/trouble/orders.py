"""What can go wrong with an order inside the exchange (peers.md §10)."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

import msgspec

from exchanges.simulator.kst import SECOND
from exchanges.simulator.trouble.fault import Fault, Place, Span
from exchanges.simulator.trouble.transport import Status

_MS = 1_000_000


class OrderRefused(Fault, frozen=True, kw_only=True, tag="order_refused"):
    """An order is refused with this status and error name instead of being looked at."""

    place: ClassVar[Place] = Place.ORDER
    status: Status
    name: Annotated[str, msgspec.Meta(max_length=100)]


class Rule(StrEnum):
    """Rules an order can break; the exchange's own words for them are used."""

    PRICE_OFF_TICK = "price_off_tick"
    UNDER_MINIMUM = "under_minimum"
    OVER_MAXIMUM = "over_maximum"
    FUNDS_SHORT = "funds_short"
    CLIENT_ID_BURNED = "client_id_burned"
    BEYOND_DEPTH = "beyond_depth"
    MARKET_OFFLINE = "market_offline"
    MARKET_BUSY = "market_busy"
    PRICE_UNDER_LIMIT = "price_under_limit"
    POST_ONLY_TAKES = "post_only_takes"
    FOK_SHORT = "fok_short"
    SELF_TRADE = "self_trade"


class RuleRefused(Fault, frozen=True, kw_only=True, tag="rule_refused"):
    """An order is refused as if it broke `rule`, in the exchange's own words."""

    place: ClassVar[Place] = Place.ORDER
    rule: Rule


class OrderLost(Fault, frozen=True, kw_only=True, tag="order_lost"):
    """A well-formed order request is dropped with its connection; no order comes of it."""

    place: ClassVar[Place] = Place.ORDER


class AnswerLost(Fault, frozen=True, kw_only=True, tag="answer_lost"):
    """An order is accepted and the connection cut instead of an answer; a refused order is answered."""

    place: ClassVar[Place] = Place.ORDER


class RepeatReturnsExisting(Fault, frozen=True, kw_only=True, tag="repeat_returns_existing"):
    """A repeated client order id gets the order it already names instead of a refusal (bithumb.md §3.6)."""

    place: ClassVar[Place] = Place.ORDER


class FillsDelayed(Fault, frozen=True, kw_only=True, tag="fills_delayed"):
    """An accepted order meets the book only after `delay_ns`."""

    place: ClassVar[Place] = Place.MATCH
    delay_ns: Span


class LiquidityGone(Fault, frozen=True, kw_only=True, tag="liquidity_gone"):
    """An order finds an empty book: someone took the level between decision and arrival."""

    place: ClassVar[Place] = Place.MATCH


class PartLabelled(Fault, frozen=True, kw_only=True, tag="part_labelled"):
    """A partly filled IOC order ends with this state, whatever the exchange says otherwise (bithumb.md §3.9)."""

    place: ClassVar[Place] = Place.MATCH
    state: Annotated[str, msgspec.Meta(pattern="^(done|cancel)$")] = "done"


class SelfTradeCancelled(Fault, frozen=True, kw_only=True, tag="self_trade_cancelled"):
    """An order that meets the book is cancelled by self-trade prevention, unfilled."""

    place: ClassVar[Place] = Place.MATCH


class FilledAfterCancel(Fault, frozen=True, kw_only=True, tag="filled_after_cancel"):
    """A cancel is acknowledged, and the order fills whole `after_ns` later instead of ending cancelled."""

    place: ClassVar[Place] = Place.MATCH
    after_ns: Span = 5 * _MS


class FilledAfterEnd(Fault, frozen=True, kw_only=True, tag="filled_after_end"):
    """An IOC order is told as cancelled, unfilled, on the stream and by REST; its fills come `after_ns` later."""

    place: ClassVar[Place] = Place.MATCH
    after_ns: Span = 500 * _MS


class CancelTooLate(Fault, frozen=True, kw_only=True, tag="cancel_too_late"):
    """The order fills whole just before its cancel arrives: the cancel is refused."""

    place: ClassVar[Place] = Place.LOOKUP


class LookupLags(Fault, frozen=True, kw_only=True, tag="lookup_lags"):
    """An accepted order cannot be found for `lag_ns`, then it can: 404, or 422 `order_not_ready`."""

    place: ClassVar[Place] = Place.LOOKUP
    usual_count: ClassVar[int] = 0
    lag_ns: Span = 2 * SECOND
    status: Literal[404, 422] = 404


class LookupOutdated(Fault, frozen=True, kw_only=True, tag="lookup_outdated"):
    """A look-up shows an order as it was taken, whatever became of it; streams, cancels and balances know better."""

    place: ClassVar[Place] = Place.LOOKUP
    usual_count: ClassVar[int] = 0


class MissingInLists(Fault, frozen=True, kw_only=True, tag="missing_in_lists"):
    """Orders are left out of every list, and found by their id."""

    usual_count: ClassVar[int] = 0
    exchange_order_id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """Empty = all of them."""


ORDERS: tuple[type[Fault], ...] = (
    OrderRefused,
    RuleRefused,
    OrderLost,
    AnswerLost,
    RepeatReturnsExisting,
    FillsDelayed,
    LiquidityGone,
    PartLabelled,
    SelfTradeCancelled,
    FilledAfterCancel,
    FilledAfterEnd,
    CancelTooLate,
    LookupLags,
    LookupOutdated,
    MissingInLists,
)
