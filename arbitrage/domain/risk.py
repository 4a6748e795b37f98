"""The gate every signal passes: small ordered checks, the first no wins, `observe_only` and `not_armed` the last.

Fails closed: a figure that is absurd (negative count, future time, not an int, such as a NaN) denies.
The gate holds no state and no clock, so a restart can neither reset nor fool it.
"""

from collections.abc import Callable
from enum import StrEnum
from operator import attrgetter

import msgspec

from arbitrage.domain.controls import Controls, TradingLevel
from arbitrage.domain.exposure import Exposure
from arbitrage.domain.params import MS, GateMode, Params, WalletPolicy
from arbitrage.domain.signal import Signal
from arbitrage.domain.units import PPM, Ns, Qty, notional_floor

CLOCK_SLACK_NS = 20 * MS
"""Another process may stamp a time just after our `now` was taken; more than this is a broken clock."""
ORDERS_PER_ARB = 2
BUDGET_PER_EXCHANGE = 2
"""Order requests that must be left on each exchange: its leg, and a hedge that may go to either."""


class DenyReason(StrEnum):
    """Why we do not send, in the order in which it is asked."""

    TRADING_STATE = "trading_state"
    INPUT_INVALID = "input_invalid"
    MARKET_PAUSED = "market_paused"
    CONTROL_STALE = "control_stale"
    MARKET_NOT_ALLOWED = "market_not_allowed"
    BOOK_STALE = "book_stale"
    BOOKS_APART = "books_apart"
    BOOK_DELAYED = "book_delayed"
    SPREAD_ABNORMAL = "spread_abnormal"
    PRICE_JUMPED = "price_jumped"
    LADDER_FROZEN = "ladder_frozen"
    EXCHANGE_RESTING = "exchange_resting"
    EXCHANGE_UNSTABLE = "exchange_unstable"
    STREAM_DOWN = "stream_down"
    MARKET_RESTING = "market_resting"
    MARKET_WARNED = "market_warned"
    WALLET_SUSPENDED = "wallet_suspended"
    ROUTE_UNRESOLVED = "route_unresolved"
    MARKET_BUSY = "market_busy"
    OPEN_ARBS = "open_arbs"
    ORDER_RATE = "order_rate"
    DAILY_LOSS = "daily_loss"
    DAILY_NOTIONAL = "daily_notional"
    BREAKER = "breaker"
    EXCHANGE_EXPOSURE = "exchange_exposure"
    BALANCE_STALE = "balance_stale"
    KRW_SHORT = "krw_short"
    BASE_SHORT = "base_short"
    UNDER_MINIMUM = "under_minimum"
    EDGE_TOO_GOOD = "edge_too_good"
    EDGE_TOO_SMALL = "edge_too_small"
    LEGGING_RISK = "legging_risk"
    STOCK_LOPSIDED = "stock_lopsided"
    DISCOUNT_SPENT = "discount_spent"
    REQUEST_BUDGET = "request_budget"
    LOOP_LAG = "loop_lag"
    OBSERVE_ONLY = "observe_only"
    NOT_ARMED = "not_armed"


class Approved(msgspec.Struct, frozen=True):
    """Send it, with this quantity on both legs (10^-8)."""

    qty: Qty


class Denied(msgspec.Struct, frozen=True):
    """Do not send; counted as `denied.<reason>`."""

    reason: DenyReason


class Question(msgspec.Struct, frozen=True):
    """All that one check may look at."""

    signal: Signal
    exposure: Exposure
    controls: Controls
    params: Params
    now: Ns


_EXPOSURE_SIGNED = ("daily_pnl", "strain_ppm", "strain_shadow_ppm", "legging_gain_ppm")
_EXPOSURE_COUNTS = tuple(name for name in Exposure.__struct_fields__ if name not in _EXPOSURE_SIGNED)
_SIGNAL_COUNTS = ("buy_cost", "sell_proceeds", "fees", "buy_book_mono_ns", "sell_book_mono_ns", "discount")
_SIGNAL_SIZES = ("qty", "buy_limit", "sell_limit")
_exposure_counts, _signal_counts = attrgetter(*_EXPOSURE_COUNTS), attrgetter(*_SIGNAL_COUNTS)
_signal_sizes = attrgetter(*_SIGNAL_SIZES)


def is_input_invalid(q: Question) -> bool:
    """Return whether any figure is not an int, or is negative where that means nothing."""
    exposure, signal = q.exposure, q.signal
    signed = (
        exposure.daily_pnl,
        exposure.strain_ppm,
        exposure.strain_shadow_ppm,
        exposure.legging_gain_ppm,
        signal.net_edge_ppm,
        signal.shadow_ppm,
    )
    for value in (*signed, q.controls.beat_mono_ns, q.now):
        if type(value) is not int:
            return True
    for value in (*_exposure_counts(exposure), *_signal_counts(signal)):
        if type(value) is not int or value < 0:
            return True
    for value in _signal_sizes(signal):
        if type(value) is not int or value < 1:
            return True
    if (
        abs(exposure.strain_ppm) > PPM
        or not -q.params.max_discount_ppm <= exposure.strain_shadow_ppm <= q.params.surcharge_ppm
    ):
        return True
    return signal.buy_exchange == signal.sell_exchange


def is_trading_state_against(q: Question) -> bool:
    """Return whether the worst of global, exchange and market levels is anything but ACTIVE."""
    return q.controls.level != TradingLevel.ACTIVE


def is_control_stale(q: Question) -> bool:
    """Return whether an operator's change might not have reached us; never beaten counts as stale."""
    return not q.controls.beat_mono_ns or _is_old(q.controls.beat_mono_ns, q.now, q.params.max_control_age_ns)


def is_market_not_allowed(q: Question) -> bool:
    """Return whether the parameters name markets and this is none of them."""
    return bool(q.params.markets) and q.signal.market not in q.params.markets


def is_book_stale(q: Question) -> bool:
    """Return whether either book is older than allowed, or from the future."""
    limit = q.params.max_book_age_ns
    return _is_old(q.signal.buy_book_mono_ns, q.now, limit) or _is_old(q.signal.sell_book_mono_ns, q.now, limit)


def are_books_apart(q: Question) -> bool:
    """Return whether the two books are not of like age: a gap between two moments is no gap."""
    return abs(q.signal.buy_book_mono_ns - q.signal.sell_book_mono_ns) > q.params.max_book_skew_ns


def is_book_delayed(q: Question) -> bool:
    """Return whether a book comes later than it usually does by more than it may be old: its stream drains slowly."""
    return q.exposure.book_delay_ns > q.params.max_book_age_ns


def is_spread_abnormal(q: Question) -> bool:
    """Return whether a book is too empty in its middle to say what a price is (R1.3)."""
    return q.exposure.widest_spread_ppm > q.params.max_spread_ppm


def has_price_jumped(q: Question) -> bool:
    """Return whether one exchange alone left for another price: more likely its fault than a chance (R1.3)."""
    return q.exposure.price_jump_ppm > q.params.max_price_jump_ppm


def is_ladder_frozen(q: Question) -> bool:
    """Return whether a book stands still under new times while the other exchange moves: a chance that is none."""
    return q.exposure.ladder_still_ns > q.params.max_ladder_still_ns


def is_exchange_resting(q: Question) -> bool:
    """Return whether either exchange is being rested."""
    return q.exposure.exchange_rest_until_ns > q.now


def is_exchange_unstable(q: Question) -> bool:
    """Return whether an exchange refused, lost or dropped too much of late (R1.1)."""
    return q.exposure.trouble_points > q.params.max_trouble_points


def is_stream_down(q: Question) -> bool:
    """Return whether a private stream is not up: fills would be seen late."""
    return q.exposure.streams_down > 0


def is_market_paused(q: Question) -> bool:
    """Return whether the market is paused by our own doubt of its prices, or by a person, for a while (R1.3, R3.2)."""
    return q.exposure.market_pause_until_ns > q.now


def is_market_resting(q: Question) -> bool:
    """Return whether the market rests after its last arb."""
    return q.exposure.market_rest_until_ns > q.now


def is_market_warned(q: Question) -> bool:
    """Return whether an exchange warns of this market: caution, maintenance, the end of its trading (R1.1, R6.2)."""
    return q.exposure.market_warnings > 0


def is_wallet_suspended(q: Question) -> bool:
    """Return whether its coins are locked in on an exchange, and this arb is not one that may be made then."""
    if not q.exposure.wallets_suspended or q.params.suspended_wallets is WalletPolicy.TRADE:
        return False
    return q.params.suspended_wallets is not WalletPolicy.REPAIR or q.exposure.strain_ppm >= 0


def is_route_unresolved(q: Question) -> bool:
    """Return whether an order of unknown outcome is on the route: nothing new beside it (R3.1)."""
    return q.exposure.unresolved_legs > 0


def is_market_busy(q: Question) -> bool:
    """Return whether the market already has an open arb."""
    return q.exposure.open_arbs_market > 0


def are_open_arbs_too_many(q: Question) -> bool:
    """Return whether one more arb would be too many."""
    return q.exposure.open_arbs >= q.params.max_open_arbs


def is_order_rate_too_high(q: Question) -> bool:
    """Return whether this arb's two orders would pass the order rate."""
    return q.exposure.orders_last_second + ORDERS_PER_ARB > q.params.max_orders_per_s


def is_daily_loss_reached(q: Question) -> bool:
    """Return whether today's loss has reached its limit."""
    return -q.exposure.daily_pnl >= q.params.max_daily_loss_krw


def is_daily_notional_spent(q: Question) -> bool:
    """Return whether this arb would pass today's bought notional."""
    return q.exposure.daily_notional + q.signal.buy_cost > q.params.max_daily_notional_krw


def is_breaker_tripped(q: Question) -> bool:
    """Return whether the desk's own conduct says stop; the trader lowers the trading state for it."""
    return q.exposure.breakers_tripped > 0


def is_exchange_exposure_spent(q: Question) -> bool:
    """Return whether this arb would put more into one exchange than may be stuck there."""
    return q.exposure.exchange_net + q.signal.buy_cost > q.params.max_exchange_net_krw


def is_balance_stale(q: Question) -> bool:
    """Return whether either exchange's balances were read too long ago, or never (R3.3)."""
    return not q.exposure.balances_read_ns or _is_old(q.exposure.balances_read_ns, q.now, q.params.max_balance_age_ns)


def is_krw_short(q: Question) -> bool:
    """Return whether the buying exchange cannot lock the limit notional and its fee (R3.3)."""
    return q.signal.krw_needed(q.exposure.buy_fee_ppm) > q.exposure.krw_spendable


def is_base_short(q: Question) -> bool:
    """Return whether the selling exchange has too little of the coin (R3.3)."""
    return q.signal.qty > q.exposure.base_spendable


def is_under_minimum(q: Question) -> bool:
    """Return whether either leg is below its exchange's smallest order."""
    buy = notional_floor(q.signal.buy_limit, q.signal.qty)
    sell = notional_floor(q.signal.sell_limit, q.signal.qty)
    return buy < q.exposure.buy_min_notional or sell < q.exposure.sell_min_notional


def is_edge_too_good(q: Question) -> bool:
    """Return whether the edge is more likely a broken price than a chance (R1.3)."""
    return q.signal.net_edge_ppm > q.params.max_edge_ppm


def is_edge_too_small(q: Question) -> bool:
    """Return whether the edge is below the least wanted, or the arb would not earn and repairs nothing."""
    wanted = q.params.min_edge_ppm + q.exposure.strain_shadow_ppm
    return q.signal.net_edge_ppm < wanted or (q.signal.expected_krw <= 0 and wanted >= 0)


def is_legging_risky(q: Question) -> bool:
    """Return whether one leg filling alone is expected to cost as much as both filling brings (R3.1)."""
    return q.params.legging_weight_ppm > 0 and q.exposure.legging_gain_ppm <= q.exposure.legging_risk_ppm


def is_stock_lopsided(q: Question) -> bool:
    """Return whether the arb takes from a side that is nearly empty: only what fills it may open (R3.3)."""
    return q.exposure.strain_ppm >= q.params.hard_band_ppm


def is_discount_spent(q: Question) -> bool:
    """Return whether the arb would cost more than is left of today's budget for bringing stock back."""
    short_of_least = -(-q.signal.buy_cost * q.params.min_edge_ppm // PPM) - q.signal.expected_krw
    return max(q.signal.discount, short_of_least) > q.exposure.discount_left


def is_request_budget_short(q: Question) -> bool:
    """Return whether an exchange might refuse a leg or its hedge for too many requests."""
    return min(q.exposure.buy_request_budget, q.exposure.sell_request_budget) < BUDGET_PER_EXCHANGE


def is_loop_lagging(q: Question) -> bool:
    """Return whether our own event loop is late: we could not react to what we send."""
    return q.exposure.loop_lag_ns > q.params.max_loop_lag_ns


def is_observe_only(q: Question) -> bool:
    """Return whether this set only watches: the dry run walks the very same path (R4.2)."""
    return q.params.gate_mode != GateMode.TRADE


def is_not_armed(q: Question) -> bool:
    """Return whether any lock on real orders is closed (domain/arming.py)."""
    return q.exposure.locks_closed > 0


CHECKS: tuple[tuple[DenyReason, Callable[[Question], bool]], ...] = (
    (DenyReason.TRADING_STATE, is_trading_state_against),
    (DenyReason.INPUT_INVALID, is_input_invalid),
    (DenyReason.MARKET_PAUSED, is_market_paused),
    (DenyReason.CONTROL_STALE, is_control_stale),
    (DenyReason.MARKET_NOT_ALLOWED, is_market_not_allowed),
    (DenyReason.BOOK_STALE, is_book_stale),
    (DenyReason.BOOKS_APART, are_books_apart),
    (DenyReason.BOOK_DELAYED, is_book_delayed),
    (DenyReason.SPREAD_ABNORMAL, is_spread_abnormal),
    (DenyReason.PRICE_JUMPED, has_price_jumped),
    (DenyReason.LADDER_FROZEN, is_ladder_frozen),
    (DenyReason.EXCHANGE_RESTING, is_exchange_resting),
    (DenyReason.EXCHANGE_UNSTABLE, is_exchange_unstable),
    (DenyReason.STREAM_DOWN, is_stream_down),
    (DenyReason.MARKET_RESTING, is_market_resting),
    (DenyReason.MARKET_WARNED, is_market_warned),
    (DenyReason.WALLET_SUSPENDED, is_wallet_suspended),
    (DenyReason.ROUTE_UNRESOLVED, is_route_unresolved),
    (DenyReason.MARKET_BUSY, is_market_busy),
    (DenyReason.OPEN_ARBS, are_open_arbs_too_many),
    (DenyReason.ORDER_RATE, is_order_rate_too_high),
    (DenyReason.DAILY_LOSS, is_daily_loss_reached),
    (DenyReason.DAILY_NOTIONAL, is_daily_notional_spent),
    (DenyReason.BREAKER, is_breaker_tripped),
    (DenyReason.EXCHANGE_EXPOSURE, is_exchange_exposure_spent),
    (DenyReason.BALANCE_STALE, is_balance_stale),
    (DenyReason.KRW_SHORT, is_krw_short),
    (DenyReason.BASE_SHORT, is_base_short),
    (DenyReason.UNDER_MINIMUM, is_under_minimum),
    (DenyReason.EDGE_TOO_GOOD, is_edge_too_good),
    (DenyReason.EDGE_TOO_SMALL, is_edge_too_small),
    (DenyReason.LEGGING_RISK, is_legging_risky),
    (DenyReason.STOCK_LOPSIDED, is_stock_lopsided),
    (DenyReason.DISCOUNT_SPENT, is_discount_spent),
    (DenyReason.REQUEST_BUDGET, is_request_budget_short),
    (DenyReason.LOOP_LAG, is_loop_lagging),
    (DenyReason.OBSERVE_ONLY, is_observe_only),
    (DenyReason.NOT_ARMED, is_not_armed),
)


def denied_unasked(controls: Controls) -> Denied | None:
    """Return the first check's no, for which nothing needs to be known of ourselves; None = ask all of them."""
    return Denied(DenyReason.TRADING_STATE) if controls.level != TradingLevel.ACTIVE else None


def check(signal: Signal, exposure: Exposure, controls: Controls, params: Params, now: Ns) -> Approved | Denied:
    """Return whether `signal` may be sent at `now` (our monotonic clock), or the first reason why not."""
    question = Question(signal, exposure, controls, params, now)
    for reason, says_no in CHECKS:
        if says_no(question):
            return Denied(reason)
    return Approved(signal.qty)


def _is_old(then: Ns, now: Ns, max_age_ns: int) -> bool:
    age = now - then
    return age > max_age_ns or age < -CLOCK_SLACK_NS
