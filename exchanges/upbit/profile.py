"""Upbit as data: paths, limit groups, refusal words, tick table, frames. Each with source and date.

What upbit.md §9 calls "not established" is a named setting here, not a guess in code.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from arbitrage.domain.frame_spec import FrameSpec, TimeUnit
from arbitrage.domain.instrument import TickBand, TickTable
from arbitrage.domain.order import RefusalReason
from arbitrage.domain.units import SCALE, Exchange, Krw, Ppm, Price, Qty, units_exact
from exchanges.facts import Facts, GroupLimit, Groups, IdKeys, ListStyle, Paths, RemainingIn

# upbit.md §3.4 (docs of 2026): whole top 30 each frame, short keys, time in ms.
STREAM_SPEC = FrameSpec(
    name="upbit.orderbook.simple",
    version=1,
    type_key="ty",
    type_value="orderbook",
    market_key="cd",
    time_key="tms",
    time_unit=TimeUnit.MILLISECONDS,
    units_key="obu",
    ask_price_key="ap",
    bid_price_key="bp",
    ask_qty_key="as",
    bid_qty_key="bs",
)

# upbit.md §3.4: the same frame under its long keys.
DEFAULT_SPEC = FrameSpec(
    name="upbit.orderbook.default",
    version=1,
    type_key="type",
    type_value="orderbook",
    market_key="code",
    time_key="timestamp",
    time_unit=TimeUnit.MILLISECONDS,
    units_key="orderbook_units",
    ask_price_key="ask_price",
    bid_price_key="bid_price",
    ask_qty_key="ask_size",
    bid_qty_key="bid_size",
)


class BookStream(msgspec.Struct, frozen=True):
    """A way to be sent books: the format to ask for, and how its frames are laid out (upbit.md §3.2)."""

    format: str
    spec: FrameSpec


SIMPLE_STREAM = BookStream("SIMPLE", STREAM_SPEC)
STREAMS: dict[str, BookStream] = {"simple": SIMPLE_STREAM, "default": BookStream("DEFAULT", DEFAULT_SPEC)}
UNITS = (1, 5, 15, 30)
"""How many levels can be asked for, since 2025-07-02; anything else gives 30 (upbit.md §3.2)."""
MOST_UNITS = 30

# upbit.md §1.2: an array of these; time in ms.
REST_SPEC = FrameSpec(
    name="upbit.orderbook.rest",
    version=1,
    type_key=None,
    type_value=None,
    market_key="market",
    time_key="timestamp",
    time_unit=TimeUnit.MILLISECONDS,
    units_key="orderbook_units",
    ask_price_key="ask_price",
    bid_price_key="bid_price",
    ask_qty_key="ask_size",
    bid_qty_key="bid_size",
)

# upbit.md §5.1, in force since 2025-07-31 (KST).
_TICKS = (
    ("0", "0.00000001"),
    ("0.00001", "0.0000001"),
    ("0.0001", "0.000001"),
    ("0.001", "0.00001"),
    ("0.01", "0.0001"),
    ("0.1", "0.001"),
    ("1", "0.01"),
    ("10", "0.1"),
    ("100", "1"),
    ("1000", "1"),
    ("5000", "5"),
    ("10000", "10"),
    ("50000", "50"),
    ("100000", "100"),
    ("500000", "500"),
    ("1000000", "1000"),
)
TICKS = TickTable(
    valid_from="2025-07-31",
    bands=tuple(TickBand(Price(units_exact(Decimal(low))), Price(units_exact(Decimal(tick)))) for low, tick in _TICKS),
)
# Not established (upbit.md §9.10): whether USDT and USDC keep their 0.5 KRW step of 2025-03-21. At their
# prices the table's step of 1 KRW is a multiple of it, so that no price of ours is off either way.


class Smp(StrEnum):
    """What happens when an own order would meet an own order; the taker's word counts (upbit.md §6.1)."""

    CANCEL_TAKER = "cancel_taker"
    CANCEL_MAKER = "cancel_maker"
    REDUCE = "reduce"
    NONE = "none"
    """In the documents since 2026-11-09; not accepted before."""
    ACCOUNT = "account"
    """Left out of the order: the account's default, which changed on 2026-11-09."""


DEFAULT_SMP = Smp.CANCEL_TAKER
"""Named on every order, because the default flipped (upbit.md §6.1): the incoming one gives way, which is
what Bithumb always does (bithumb.md §3.6), and what rests, a person's order say, survives."""

_R = RefusalReason
# upbit.md §4.1 and §2: names of a 4xx answer to an order command. A refused order never exists (§1.6).
REFUSALS: dict[str, RefusalReason] = {
    "insufficient_funds_ask": _R.INSUFFICIENT_FUNDS,
    "insufficient_funds_bid": _R.INSUFFICIENT_FUNDS,
    "under_min_total_ask": _R.UNDER_MINIMUM,
    "under_min_total_bid": _R.UNDER_MINIMUM,
    "over_krw_funds_ask": _R.OVER_MAXIMUM,
    "over_krw_funds_bid": _R.OVER_MAXIMUM,
    "invalid_funds": _R.INVALID_REQUEST,
    "invalid_price_ask": _R.PRICE_INVALID,
    "invalid_price_bid": _R.PRICE_INVALID,
    "invalid_volume_ask": _R.QTY_INVALID,
    "invalid_volume_bid": _R.QTY_INVALID,
    "volume_too_large": _R.QTY_INVALID,
    "notfoundmarket": _R.MARKET_UNKNOWN,
    "market_offline": _R.MARKET_OFFLINE,
    "order_not_found": _R.ORDER_NOT_FOUND,
    "create_ask_error": _R.INVALID_REQUEST,
    "create_bid_error": _R.INVALID_REQUEST,
    "validation_error": _R.INVALID_REQUEST,
    "invalid_parameter": _R.INVALID_REQUEST,
    "invalid_time_in_force": _R.INVALID_REQUEST,
    "invalid_post_only": _R.INVALID_REQUEST,
    "bad_request": _R.INVALID_REQUEST,
    "QUERY_PARAMETER_NOT_SUPPORTED": _R.INVALID_REQUEST,
    # Of other calls; here so that they are known.
    "withdraw_address_not_registered": _R.OTHER,
    "withdraw_address_not_registerd": _R.OTHER,
    "deposit_not_found": _R.OTHER,
    "withdraw_not_found": _R.OTHER,
    "pocket_not_found": _R.OTHER,
    "currency_not_found": _R.OTHER,
}
# Not established (upbit.md §9.2): what an order burst ("order stabilisation") and a market order beyond the
# 30 levels shown are called. Any other name of a 4xx is a refusal too, for OTHER reasons.

# upbit.md §2, with the older spelling of the address refusal.
AUTH_NAMES = frozenset(
    {
        "invalid_query_payload",
        "jwt_verification",
        "expired_access_key",
        "nonce_used",
        "no_authorization_ip",
        "no_authorization_i_p",
        "no_authorization_token",
        "invalid_access_key",
        "out_of_scope",
        "thirdparty_agreement_required",
        "open_api_withdraw_locked",
    }
)


def _ten_a_window(group: str) -> GroupLimit:
    """Return a bucket of which no 1.05 s let more than 10 pass: quotation groups are counted in fixed seconds.

    A bucket of 10 a second lets 20 pass around the turn of a second (upbit.md §4).
    """
    return GroupLimit(group, 3, 450_000_000)


FACTS = Facts(
    exchange=Exchange.UPBIT,
    paths=Paths(  # upbit.md §1.2, §1.3, §3.1
        accounts="/v1/accounts",
        chance="/v1/orders/chance",
        order="/v1/order",
        open_orders="/v1/orders/open",
        place="/v1/orders",
        cancel="/v1/order",
        orderbook="/v1/orderbook",
        market_list="/v1/market/all",
        api_keys="/v1/api_keys",
        public_stream="/websocket/v1",
        private_stream="/websocket/v1/private",
        wallets="/v1/status/wallet",  # upbit.md §1.9
        deposits="/v1/deposits",
        withdraws="/v1/withdraws",
        withdraw_chance="/v1/withdraws/chance",
        orders_by_ids="/v1/orders/uuids",  # upbit.md §1.7
        closed_orders="/v1/orders/closed",
        cancel_many="/v1/orders/uuids",
        cancel_all="/v1/orders/open",
        replace="/v1/orders/cancel_and_new",  # upbit.md §1.8
        test="/v1/orders/test",
        instruments="/v1/orderbook/instruments",  # upbit.md §1.2
    ),
    ids=IdKeys(  # upbit.md §1.3, §1.7
        client_query="identifier",
        client_cancel="identifier",
        exchange_cancel="uuid",
        client_many="identifiers[]",
        exchange_many="uuids[]",
        most_read=100,
        most_canceled=20,
    ),
    groups=Groups(
        place="order",
        cancel="default",
        cancel_many="default",
        cancel_all="order-cancel-all",
        test="order-test",
        batch="",
        private="default",
        orderbook="orderbook",
        markets="market",
    ),
    market_details_key="is_details",  # upbit.md §1.2
    # upbit.md §4: order 12/s since 2026-08-21 (8/s before), the rest as of 2026.
    limits=(
        GroupLimit("order", 12),
        GroupLimit("order-test", 8),
        GroupLimit("order-cancel-all", 1, 2_000_000_000),
        GroupLimit("default", 30),
        _ten_a_window("orderbook"),
        _ten_a_window("market"),
    ),
    asset_calls_per_second=None,
    remaining_in=RemainingIn.REMAINING_REQ,
    refusals=REFUSALS,
    # A repeated id may have made an order the first time, or burned without one (upbit.md §1.4).
    unproven=frozenset({"duplicated_identifier", "too_many_requests"}),
    # Only clients say that a 429 or 418 comes before the order is made (upbit.md §4): ask by our own id.
    limit_statuses=frozenset(),
    auth_names=AUTH_NAMES,
    address_names=frozenset({"no_authorization_ip", "no_authorization_i_p"}),  # upbit.md §2, old and new spelling
    not_found_names=frozenset({"order_not_found"}),
    scope_names=frozenset({"out_of_scope"}),
    scope_lookalikes=frozenset(),  # upbit.md §2
    list_style=ListStyle.ROWS,
    stream_spec=STREAM_SPEC,
    rest_spec=REST_SPEC,
    ping_every_ns=30_000_000_000,  # upbit.md §3.9: idle close at 120 s; the official sample pings each 30 s
    ticks=(TICKS,),
    lot_step=Qty(1),  # upbit.md §5.2: 8 decimals
    min_notional=Krw(5_000 * SCALE),  # upbit.md §5.2, captured 2026-03
    max_notional=Krw(1_000_000_000 * SCALE),
    fee_ppm=Ppm(500),  # upbit.md §5.2: 0.05 %, maker = taker
    fee_step_dec=Decimal(0),  # upbit.md §1.6: fees are not rounded
)
