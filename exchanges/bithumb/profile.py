"""Bithumb (JWT generation, v1 reads + v2 orders) as data. Each with source and date.

What bithumb.md marks [?] is a named setting here, not a guess in code.
"""

from decimal import Decimal

from arbitrage.domain.frame_spec import FrameSpec, TimeUnit
from arbitrage.domain.instrument import TickBand, TickTable
from arbitrage.domain.order import RefusalReason
from arbitrage.domain.units import SCALE, Exchange, Krw, Ppm, Price, Qty, units_exact
from exchanges.facts import Facts, GroupLimit, Groups, IdKeys, ListStyle, Paths, RemainingIn

# bithumb.md §6.1, measured 2026-09: whole top 15 each frame, time in us (number or text). DEFAULT keys,
# because only there the unit of time was seen in 2026; SIMPLE frames recorded in November 2024 have ms.
STREAM_SPEC = FrameSpec(
    name="bithumb.orderbook.default",
    version=1,
    type_key="type",
    type_value="orderbook",
    market_key="code",
    time_key="timestamp",
    time_unit=TimeUnit.MICROSECONDS,
    units_key="orderbook_units",
    ask_price_key="ask_price",
    bid_price_key="bid_price",
    ask_qty_key="ask_size",
    bid_qty_key="bid_size",
)

# bithumb.md §3.3: an array of these; time in ms, true epoch.
REST_SPEC = FrameSpec(
    name="bithumb.orderbook.rest",
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

# bithumb.md §5.1: the exchange's own kit of 2026; no start date is published there.
_TICKS = (
    ("0", "0.0001"),
    ("1", "0.001"),
    ("10", "0.01"),
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
    valid_from="2026-01-01",
    bands=tuple(TickBand(Price(units_exact(Decimal(low))), Price(units_exact(Decimal(tick)))) for low, tick in _TICKS),
)

_R = RefusalReason
# bithumb.md §3.10, official list of 2026-10-27.
_DOCUMENTED: dict[str, RefusalReason] = {
    "invalid_parameter": _R.INVALID_REQUEST,
    "invalid_price": _R.PRICE_INVALID,
    "invalid_price_bid": _R.PRICE_INVALID,
    "invalid_price_ask": _R.PRICE_INVALID,
    "under_price_limit_bid": _R.PRICE_INVALID,
    "under_price_limit_ask": _R.PRICE_INVALID,
    "cross_trading": _R.OTHER,
    "bank_account_required": _R.OTHER,
    "two_factor_auth_required": _R.OTHER,
    "order_not_found": _R.ORDER_NOT_FOUND,
    # Of other calls; here so that they are known. One name is a sentence.
    "deposit_not_found": _R.OTHER,
    "withdraw_not_found": _R.OTHER,
    "withdraw_insufficient_balance": _R.OTHER,
    "travel_rule_consent_required": _R.OTHER,
    "currency does not have a valid value": _R.OTHER,
}
# Not in the official list (bithumb.md §3.10): names that clients file or that Upbit has. To be
# corrected after the first live refusal; a 400 with a name we do not know is a refusal anyway.
_GUESSED: dict[str, RefusalReason] = {
    "insufficient_funds_bid": _R.INSUFFICIENT_FUNDS,
    "insufficient_funds_ask": _R.INSUFFICIENT_FUNDS,
    "insufficient_funds": _R.INSUFFICIENT_FUNDS,
    "under_min_total": _R.UNDER_MINIMUM,
    "under_min_total_bid": _R.UNDER_MINIMUM,
    "under_min_total_ask": _R.UNDER_MINIMUM,
    "over_max_total": _R.OVER_MAXIMUM,
    "invalid_volume": _R.QTY_INVALID,
    "invalid_volume_bid": _R.QTY_INVALID,
    "invalid_volume_ask": _R.QTY_INVALID,
    "notfoundmarket": _R.MARKET_UNKNOWN,
    "market_not_found": _R.MARKET_UNKNOWN,
    "market_offline": _R.MARKET_OFFLINE,
    "too_many_orders": _R.OTHER,
    "cancel_not_allowed": _R.ORDER_NOT_FOUND,
}
REFUSALS: dict[str, RefusalReason] = _GUESSED | _DOCUMENTED

# bithumb.md §3.2 and §3.10; mixed case as on the wire. A missing scope can show as jwt_verification.
AUTH_NAMES = frozenset(
    {
        "invalid_query_payload",
        "jwt_verification",
        "expired_jwt",
        "NotAllowIP",
        "out_of_scope",
        "blocked_member_id",
        "invalid_access_key",
    }
)

FACTS = Facts(
    exchange=Exchange.BITHUMB,
    paths=Paths(  # bithumb.md §3.1, §6
        accounts="/v1/accounts",
        chance="/v1/orders/chance",
        order="/v1/order",
        open_orders="/v1/orders",
        place="/v2/orders",
        cancel="/v2/order",
        orderbook="/v1/orderbook",
        market_list="/v1/market/all",
        api_keys="/v1/api_keys",
        public_stream="/websocket/v1",
        private_stream="/websocket/v2/private",
        wallets="/v1/status/wallet",  # bithumb.md §3.5
        deposits="/v1/deposits",  # bithumb.md §3.8a
        withdraws="/v1/withdraws",
        withdraw_chance="/v1/withdraws/chance",
        orders_by_ids="/v2/orders/search",  # bithumb.md §3.5, since 2026-07-09
        closed_orders="/v2/orders/history",
        pending_orders="/v2/orders/pending",
        cancel_many="/v2/orders/cancel",  # bithumb.md §3.8
        batch="/v2/orders/batch",
        market_warnings="/v1/market/virtual_asset_warning",  # bithumb.md §3.3
        notices="/v1/notices",
    ),
    ids=IdKeys(  # bithumb.md §3.5, §3.7
        client_query="client_order_id",
        client_cancel="client_order_id",
        exchange_cancel="order_id",
        client_many="client_order_ids",
        exchange_many="order_ids",
        most_read=100,
        most_canceled=30,  # since 2026-08-20
    ),
    groups=Groups(
        place="order",
        cancel="cancel",
        cancel_many="batch",
        cancel_all="",
        test="",
        batch="batch",
        private="private",
        orderbook="orderbook",
        markets="other",
    ),
    market_details_key="isDetails",  # bithumb.md §3.3
    # bithumb.md §4, page of 2026-10-27.
    limits=(
        GroupLimit("order", 140),
        GroupLimit("cancel", 140),
        GroupLimit("batch", 20),
        GroupLimit("private", 140),
        GroupLimit("orderbook", 150),
        GroupLimit("other", 150),
    ),
    asset_calls_per_second=20,  # bithumb.md §4: more may be throttled
    remaining_in=RemainingIn.X_RATELIMIT,
    refusals=REFUSALS,
    # Sources disagree on a repeated id (bithumb.md §3.6); not ready = accepted but not yet there (§3.6).
    unproven=frozenset({"duplicate_client_order_id", "id_conflict", "order_not_ready", "too_many_requests"}),
    # What an overrun answers was never seen (bithumb.md §4): no status proves a refusal.
    limit_statuses=frozenset(),
    auth_names=AUTH_NAMES,
    address_names=frozenset({"NotAllowIP"}),  # bithumb.md §3.10
    not_found_names=frozenset({"order_not_found"}),
    scope_names=frozenset({"out_of_scope"}),
    scope_lookalikes=frozenset({"jwt_verification"}),  # bithumb.md §3.2: seen instead of out_of_scope
    list_style=ListStyle.PAGES,
    stream_spec=STREAM_SPEC,
    rest_spec=REST_SPEC,
    ping_every_ns=25_000_000_000,  # bithumb.md §6.2: idle close measured at 60 s, documented as 120 s
    ticks=(TICKS,),
    lot_step=Qty(1),  # bithumb.md §5.2: 8 decimals filled live, April 2026
    min_notional=Krw(5_000 * SCALE),  # bithumb.md §5.2, 2026-08-11
    max_notional=Krw(1_000_000_000 * SCALE),  # the lower of two figures (bithumb.md §5.2)
    # bithumb.md §5.4: 0.04 % with the free 30-day application, which can lapse without a word; so the
    # dear fee counts until `orders/chance` says otherwise.
    fee_ppm=Ppm(2_500),
    fee_step_dec=Decimal("0.01"),  # bithumb.md §3.9: cut down to 0.01 KRW per order
)
