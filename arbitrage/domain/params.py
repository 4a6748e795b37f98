"""What an operator may tune: one frozen set, checked as a whole before anything uses it (R4.2).

Money in 10^-8 KRW, quantities in 10^-8, ratios in ppm, times in ns: the unit is in the name.
"""

from enum import StrEnum

import msgspec

from arbitrage.domain.units import PPM, SCALE

MS = 1_000_000
SECOND = 1_000_000_000


class GateMode(StrEnum):
    """Whether an approved signal is sent. OBSERVE_ONLY is the dry run: the gate's last check says no."""

    TRADE = "trade"
    OBSERVE_ONLY = "observe_only"


class WalletPolicy(StrEnum):
    """What may be opened in a coin that cannot come in or go out on an exchange: nothing, what evens stock out, all."""

    DENY = "deny"
    REPAIR = "repair"
    TRADE = "trade"


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version of the desk's settings. `problems` says whether it may be used."""

    gate_mode: GateMode = GateMode.TRADE
    markets: tuple[str, ...] = ()
    """Markets that may be traded; empty = every market the desk watches."""

    min_edge_ppm: int = 300
    """Net of both fees, of the bought notional (R2.1, R6.1)."""
    max_edge_ppm: int = 50_000
    """An edge above this pauses the market and asks for a resync (R1.3)."""
    book_share_ppm: int = 100_000
    """Largest part of the best ten levels' quantity one order may take (R3.2)."""
    max_slippage_ppm: int = 1_000
    """Largest distance of the last level taken from the best one (R3.2)."""
    max_qty: dict[str, int] = msgspec.field(default_factory=lambda: {"BTC": SCALE // 10})
    """Largest order per base asset, in 10^-8; an asset not named is bound by the notional alone (R3.2)."""
    max_notional_krw: int = 3_000_000 * SCALE
    reserve_ppm: int = 50_000
    """Part of each balance that is never used for new arbs (R3.3)."""

    upbit_share_ppm: int = 500_000
    """Part of every coin and of the KRW that should lie on Upbit, the rest on Bithumb (R3.3)."""
    soft_band_ppm: int = 400_000
    """How lopsided stock may lie before arbs are priced by it: 0 as wanted, 1_000_000 a side is empty."""
    hard_band_ppm: int = 900_000
    """From here on only arbs open that bring it back."""
    surcharge_ppm: int = 600
    """Added to the edge wanted at the hard band, in the direction that makes it worse."""
    max_discount_ppm: int = 400
    """Taken off at the hard band, in the direction that repairs: more than `min_edge_ppm` may lose on purpose."""
    discount_budget_krw: int = 50_000 * SCALE
    """What repairing may cost a day (KST), measured against arbs of the least edge."""
    max_balance_age_ns: int = 15 * SECOND
    """Nothing opens on balances read longer ago than this (R3.3)."""

    max_book_age_ns: int = 700 * MS
    max_book_skew_ns: int = 300 * MS
    max_ladder_still_ns: int = 2 * SECOND
    """How long a book may stand still to the last digit while its frames go on and the other exchange moves (R1.3)."""
    max_control_age_ns: int = 3 * SECOND
    max_loop_lag_ns: int = 200 * MS
    max_frame_to_order_ns: int = 50 * MS
    """The p99 from frame to both orders above which the desk slows down (R2.1)."""
    pace_window_ns: int = 30 * SECOND
    pace_max_steps: int = 4
    """How often it may slow down; 0 = never."""
    pace_edge_step_ppm: int = 100
    """How much more edge each step wants."""
    max_open_arbs: int = 4
    max_orders_per_s: int = 16
    rest_after_arb_ns: int = 200 * MS
    """How long a market rests after its arb ended."""
    max_price_jump_ppm: int = 20_000
    """How far the gap between both exchanges may be from its median of the last five minutes (R1.3)."""
    max_spread_ppm: int = 30_000
    max_trouble_points: int = 100
    """What an exchange may do wrong; `stability.py` has the points (R1.1)."""
    suspended_wallets: WalletPolicy = WalletPolicy.DENY
    pause_ns: int = 30 * SECOND
    """How long a market is paused after an edge that is too good."""
    max_daily_loss_krw: int = 500_000 * SCALE
    max_daily_notional_krw: int = 20_000_000_000 * SCALE
    max_exchange_net_krw: int = 1_000_000_000 * SCALE
    """How much more may be bought than sold on one exchange, or sold than bought, within an hour."""
    max_slippage_alert_ppm: int = 5_000
    """An arb whose prices were off by more is told of, and its market pauses (R1.3, R3.2)."""

    max_session_loss_krw: int = 1_000_000 * SCALE
    """This, the next five and the daily loss are breakers: reached, the desk lowers itself until a person looked."""
    max_arb_loss_krw: int = 250_000 * SCALE
    max_unhedged_krw: int = 10_000_000 * SCALE
    max_failures_in_a_row: int = 10
    max_refused_ppm: int = 300_000
    max_orders_per_minute: int = 600

    query_after_ns: int = 500 * MS
    """An order with no news for this long is asked for by its own id (R3.1)."""
    cancel_after_ns: int = 10 * SECOND
    """An order still open after this long is cancelled (R3.1)."""
    not_found_grace_ns: int = 5 * SECOND
    """`not found` proves absence only when it is said again this long after the send."""
    unresolved_deadline_ns: int = 60 * SECOND
    hedge_patience_ns: int = 200 * MS
    """How long a hedge waits for a book younger than the order that missed on it, before it goes elsewhere.

    The rest of a split waits as long for a word of the other exchange; a hedge is split only between books no older."""
    hedge_limit_ns: int = 10 * SECOND
    """An uneven fill not evened out by then makes the arb STUCK."""
    hedge_max_attempts: int = 8
    """Hedges of an arb in a row that met nothing; past `hedge_limit_ns` every hedge counts."""
    hedge_slippage_ppm: int = 3_000
    """How far past the touch a hedge may reach; grows by as much with each attempt."""
    hedge_max_loss_krw: int = 200_000 * SCALE
    """What an arb may lose by being evened out, all its hedges together."""
    hedge_hold_ns: int = 800 * MS
    """How long a lone leg may wait for a spread wider than usual to close, where waiting costs less; 0 = never.
    At most half of `hedge_limit_ns`."""
    confirm_above_krw: int = 10_000_000 * SCALE
    """An arb that buys for more than this is sent only when both REST books support its prices too (R1.3)."""
    confirm_within_ns: int = 500 * MS
    """How long both answers may take together."""
    confirm_slack_ppm: int = 500
    """How far past a leg's limit the other source's best price may lie."""
    hard_leg_fill_ppm: int = 600_000
    """An exchange whose legs fill less than this on average goes first, the other leg follows its fill; 0 = never."""
    hard_leg_trouble_ppm: int = 300_000
    """The same where more of its orders than this are refused or get no answer."""
    hard_leg_latency_ns: int = 2 * SECOND
    """The same where its answers take longer than this on average."""
    legging_weight_ppm: int = PPM
    """What a lone leg's expected cost is weighed with when an arb's expected gain is held against it; 0 = never."""
    reaction_ns: int = 300 * MS
    """How long it takes to even out a lone leg."""
    risk_kappa_ppm: int = PPM
    """What the swing of the price while something is uneven is weighed with."""
    risk_sigma_ppm: int = 300
    """The swing in the square root of a second to reckon with until the desk has seen its own."""


DEFAULT_PARAMS = Params()

_BOUNDS: dict[str, tuple[int, int]] = {
    "min_edge_ppm": (0, 100_000),
    "max_edge_ppm": (100, 200_000),
    "book_share_ppm": (1_000, PPM),
    "max_slippage_ppm": (0, 50_000),
    "max_notional_krw": (5_000 * SCALE, 1_000_000_000 * SCALE),
    "reserve_ppm": (0, 500_000),
    "upbit_share_ppm": (50_000, 950_000),
    "soft_band_ppm": (0, PPM - 1),
    "hard_band_ppm": (1, PPM),
    "surcharge_ppm": (0, 100_000),
    "max_discount_ppm": (0, 100_000),
    "discount_budget_krw": (0, 1_000_000_000 * SCALE),
    "max_balance_age_ns": (1 * SECOND, 600 * SECOND),
    "max_book_age_ns": (10 * MS, 10 * SECOND),
    "max_book_skew_ns": (10 * MS, 10 * SECOND),
    "max_ladder_still_ns": (200 * MS, 3600 * SECOND),
    "max_control_age_ns": (200 * MS, 60 * SECOND),
    "max_loop_lag_ns": (1 * MS, 5 * SECOND),
    "max_frame_to_order_ns": (1 * MS, 5 * SECOND),
    "pace_window_ns": (1 * SECOND, 3600 * SECOND),
    "pace_max_steps": (0, 20),
    "pace_edge_step_ppm": (0, 5_000),
    "max_open_arbs": (1, 64),
    "max_orders_per_s": (2, 200),
    "rest_after_arb_ns": (0, 3600 * SECOND),
    "max_price_jump_ppm": (1_000, 500_000),
    "max_spread_ppm": (100, 100_000),
    "max_trouble_points": (1, 1_000),
    "pause_ns": (1 * SECOND, 86_400 * SECOND),
    "max_daily_loss_krw": (1_000 * SCALE, 1_000_000_000 * SCALE),
    "max_daily_notional_krw": (10_000 * SCALE, 90_000_000_000 * SCALE),
    "max_exchange_net_krw": (10_000 * SCALE, 90_000_000_000 * SCALE),
    "max_slippage_alert_ppm": (100, 200_000),
    "max_session_loss_krw": (1_000 * SCALE, 1_000_000_000 * SCALE),
    "max_arb_loss_krw": (100 * SCALE, 1_000_000_000 * SCALE),
    "max_unhedged_krw": (10_000 * SCALE, 10_000_000_000 * SCALE),
    "max_failures_in_a_row": (1, 1_000),
    "max_refused_ppm": (1_000, PPM),
    "max_orders_per_minute": (2, 12_000),
    "query_after_ns": (50 * MS, 10 * SECOND),
    "cancel_after_ns": (200 * MS, 120 * SECOND),
    "not_found_grace_ns": (500 * MS, 120 * SECOND),
    "unresolved_deadline_ns": (1 * SECOND, 3600 * SECOND),
    "hedge_patience_ns": (0, 5 * SECOND),
    "hedge_limit_ns": (500 * MS, 600 * SECOND),
    "hedge_max_attempts": (1, 50),
    "hedge_slippage_ppm": (0, 50_000),
    "hedge_max_loss_krw": (1_000 * SCALE, 1_000_000_000 * SCALE),
    "hedge_hold_ns": (0, 10 * SECOND),
    "confirm_above_krw": (0, 1_000_000_000 * SCALE),
    "confirm_within_ns": (50 * MS, 5 * SECOND),
    "confirm_slack_ppm": (0, 50_000),
    "hard_leg_fill_ppm": (0, PPM),
    "hard_leg_trouble_ppm": (0, PPM),
    "hard_leg_latency_ns": (1 * MS, 60 * SECOND),
    "legging_weight_ppm": (0, 10 * PPM),
    "reaction_ns": (1 * MS, 60 * SECOND),
    "risk_kappa_ppm": (0, 10 * PPM),
    "risk_sigma_ppm": (0, 100_000),
}


def problems(params: Params) -> list[str]:
    """Return every finding about `params`, each with field, value found and bound; empty = usable."""
    found = []
    for name, (low, high) in _BOUNDS.items():
        value = getattr(params, name)
        if not low <= value <= high:
            found.append(f"{name} was {value}, must be between {low} and {high}")
    if params.max_edge_ppm <= params.min_edge_ppm:
        found.append(f"max_edge_ppm was {params.max_edge_ppm}, must be above min_edge_ppm {params.min_edge_ppm}")
    if params.hard_band_ppm <= params.soft_band_ppm:
        found.append(f"hard_band_ppm was {params.hard_band_ppm}, must be above soft_band_ppm {params.soft_band_ppm}")
    if params.max_book_skew_ns > params.max_book_age_ns:
        found.append(
            f"max_book_skew_ns was {params.max_book_skew_ns}, must be at most max_book_age_ns {params.max_book_age_ns}"
        )
    if params.hedge_patience_ns >= params.hedge_limit_ns:
        found.append(
            f"hedge_patience_ns was {params.hedge_patience_ns}, must be below hedge_limit_ns {params.hedge_limit_ns}"
        )
    for market in params.markets:
        if not is_market(market):
            found.append(f"markets has {market!r}, must look like KRW-BTC")
    for asset, qty in params.max_qty.items():
        if qty <= 0:
            found.append(f"max_qty.{asset} was {qty}, must be above 0")
    return found


def is_market(text: str) -> bool:
    """Return whether `text` is a market code we accept: `^[A-Z0-9]{1,10}-[A-Z0-9]{1,15}$` (R5.2)."""
    quote, dash, base = text.partition("-")
    return dash == "-" and _is_code(quote, 10) and _is_code(base, 15)


def _is_code(text: str, longest: int) -> bool:
    return 1 <= len(text) <= longest and text.isascii() and text.isalnum() and text == text.upper()


def params_to_bytes(params: Params) -> bytes:
    """Return the form that travels: JSON, keys in order of definition."""
    return msgspec.json.encode(params)


def params_from_bytes(data: bytes) -> tuple[Params | None, list[str]]:
    """Return `(params, [])`, or `(None, findings)` when `data` is malformed or out of bounds."""
    try:
        params = msgspec.json.decode(data, type=Params)
    except msgspec.MsgspecError as error:
        return None, [str(error)]
    found = problems(params)
    return (None, found) if found else (params, [])
