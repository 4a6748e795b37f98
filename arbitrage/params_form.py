"""The form of a parameter set: each field in the unit a person thinks in, converted without loss.

KRW and quantities are typed as decimals, ratios in percent, times in milliseconds; stored are the
whole numbers of `Params`. What cannot be converted exactly is refused, not rounded.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from arbitrage.display import exact
from arbitrage.domain.params import DEFAULT_PARAMS
from arbitrage.domain.units import to_decimal


class Unit(StrEnum):
    """What a person types."""

    KRW = "KRW"
    PERCENT = "%"
    MS = "ms"
    COUNT = ""
    MODE = "mode"
    MARKETS = "markets"
    QTYS = "qtys"


class FieldWords(msgspec.Struct, frozen=True):
    """How one field reads."""

    name: str
    label: str
    unit: Unit
    help: str


def _f(name: str, label: str, unit: Unit, help_text: str) -> FieldWords:
    return FieldWords(name, label, unit, help_text)


GROUPS: tuple[tuple[str, tuple[FieldWords, ...]], ...] = (
    (
        "Gate",
        (
            _f("gate_mode", "Gate mode", Unit.MODE, "Observe only: everything runs, the gate's last check says no."),
            _f("markets", "Markets", Unit.MARKETS, "One per line, such as KRW-BTC; empty = every market watched."),
        ),
    ),
    (
        "Edge",
        (
            _f(
                "min_edge_ppm", "Least net edge", Unit.PERCENT, "Net of both fees, of the bought notional (R2.1, R6.1)."
            ),
            _f("max_edge_ppm", "Edge too good", Unit.PERCENT, "Above this the market pauses and resyncs (R1.3)."),
        ),
    ),
    (
        "Size",
        (
            _f("max_notional_krw", "Largest order", Unit.KRW, "Notional of one leg."),
            _f("max_qty", "Largest qty per asset", Unit.QTYS, "One per line, such as BTC 0.1 (R3.2)."),
            _f("book_share_ppm", "Share of the book", Unit.PERCENT, "Of the best ten levels' quantity (R3.2)."),
            _f("max_slippage_ppm", "Slippage", Unit.PERCENT, "From the best level to the last one taken (R3.2)."),
            _f("reserve_ppm", "Reserve", Unit.PERCENT, "Part of each balance that is never used (R3.3)."),
        ),
    ),
    (
        "Stock",
        (
            _f("upbit_share_ppm", "Share on Upbit", Unit.PERCENT, "Of each coin and of the KRW; the rest on Bithumb."),
            _f(
                "soft_band_ppm",
                "Soft band",
                Unit.PERCENT,
                "0 = lies as wanted, 100 = a side is empty; edges move here.",
            ),
            _f("hard_band_ppm", "Hard band", Unit.PERCENT, "From here on only arbs open that bring stock back (R3.3)."),
            _f("surcharge_ppm", "Surcharge", Unit.PERCENT, "On the least edge at the hard band, the way that empties."),
            _f("max_discount_ppm", "Discount", Unit.PERCENT, "Off the least edge at the hard band, the way back."),
            _f("discount_budget_krw", "Discount budget", Unit.KRW, "What discounts may cost a day (KST)."),
            _f("max_balance_age_ns", "Oldest balances", Unit.MS, "Read longer ago, nothing new opens."),
        ),
    ),
    (
        "Freshness",
        (
            _f("max_book_age_ns", "Oldest book", Unit.MS, "Both books must be younger."),
            _f("max_book_skew_ns", "Age apart", Unit.MS, "How far the two books' ages may lie apart."),
            _f("max_ladder_still_ns", "Book stands still", Unit.MS, "Though its frames go on and the other one moves."),
            _f("max_control_age_ns", "Oldest control block", Unit.MS, "An older one opens nothing new."),
            _f("max_loop_lag_ns", "Loop lag", Unit.MS, "A trader that lags more opens nothing new."),
        ),
    ),
    (
        "Limits",
        (
            _f("max_open_arbs", "Open arbs", Unit.COUNT, "At the same time."),
            _f("max_orders_per_s", "Orders per second", Unit.COUNT, "Over both exchanges."),
            _f("rest_after_arb_ns", "Rest after an arb", Unit.MS, "How long its market rests."),
            _f(
                "max_price_jump_ppm",
                "Price jump",
                Unit.PERCENT,
                "From the usual gap of five minutes; beyond it: a pause.",
            ),
            _f("max_spread_ppm", "Widest spread", Unit.PERCENT, "Of either book (R1.3)."),
            _f("max_trouble_points", "Trouble", Unit.COUNT, "Points for an exchange's lost answers, refusals, falls."),
            _f("suspended_wallets", "Suspended wallets", Unit.MODE, "What may be opened while coins are locked in."),
            _f("pause_ns", "Pause", Unit.MS, "How long a market pauses after an edge too good."),
            _f("max_daily_loss_krw", "Daily loss", Unit.KRW, "Beyond it nothing new opens that day."),
            _f("max_daily_notional_krw", "Daily notional", Unit.KRW, "Beyond it nothing new opens that day."),
            _f(
                "max_exchange_net_krw",
                "Net on one exchange",
                Unit.KRW,
                "Bought more than sold there, or less, an hour.",
            ),
            _f("max_slippage_alert_ppm", "Slippage told", Unit.PERCENT, "An arb off by more pauses its market (R3.2)."),
        ),
    ),
    (
        "Pace",
        (
            _f(
                "max_frame_to_order_ns",
                "Slowest frame to orders",
                Unit.MS,
                "p99 of a window; above it the desk slows down.",
            ),
            _f("pace_window_ns", "Window", Unit.MS, "How long is measured before each step (R2.1)."),
            _f("pace_max_steps", "Steps", Unit.COUNT, "How often it may slow down; 0 = never."),
            _f("pace_edge_step_ppm", "Edge a step", Unit.PERCENT, "How much more edge each step wants."),
        ),
    ),
    (
        "Breakers",
        (
            _f(
                "max_session_loss_krw",
                "Loss since let trade",
                Unit.KRW,
                "Then the desk stops opening until a person looked.",
            ),
            _f("max_arb_loss_krw", "Loss of one arb", Unit.KRW, "Likewise."),
            _f("max_unhedged_krw", "Unhedged", Unit.KRW, "Uneven at any one moment, over all arbs; likewise."),
            _f(
                "max_failures_in_a_row",
                "Failures in a row",
                Unit.COUNT,
                "Arbs with a lone leg or a lost order; likewise.",
            ),
            _f("max_refused_ppm", "Refused orders", Unit.PERCENT, "Of the last 50 orders, lost ones too; likewise."),
            _f("max_orders_per_minute", "Orders per minute", Unit.COUNT, "Over both exchanges; likewise."),
        ),
    ),
    (
        "Orders and hedges",
        (
            _f("query_after_ns", "Ask after", Unit.MS, "An order without news is asked for by its own id (R3.1)."),
            _f("cancel_after_ns", "Cancel after", Unit.MS, "An order still open is cancelled (R3.1)."),
            _f("not_found_grace_ns", "Grace of 'not found'", Unit.MS, "Said again after this, it proves absence."),
            _f("unresolved_deadline_ns", "Unresolved deadline", Unit.MS, "Then the arb is stuck."),
            _f(
                "hedge_patience_ns",
                "Hedge patience",
                Unit.MS,
                "How long a hedge waits for a younger book before it goes.",
            ),
            _f("hedge_limit_ns", "Hedge deadline", Unit.MS, "Uneven for longer, the arb is stuck."),
            _f(
                "hedge_max_attempts",
                "Hedge attempts",
                Unit.COUNT,
                "After so many in a row that met nothing the arb is stuck.",
            ),
            _f("hedge_slippage_ppm", "Hedge reach", Unit.PERCENT, "Past the touch, growing with each attempt."),
            _f("hedge_max_loss_krw", "Hedge loss", Unit.KRW, "The most all hedges of one arb may cost."),
            _f("hedge_hold_ns", "Hold", Unit.MS, "How long a lone leg may wait for a wide spread to close; 0 = never."),
            _f("confirm_above_krw", "Confirm above", Unit.KRW, "A larger arb waits for both REST books (R1.3)."),
            _f("confirm_within_ns", "Confirm within", Unit.MS, "How long both answers may take; else nothing is sent."),
            _f("confirm_slack_ppm", "Confirm slack", Unit.PERCENT, "How far past a limit the REST price may lie."),
            _f("hard_leg_fill_ppm", "Hard leg: fills", Unit.PERCENT, "Fills less on average: its leg goes first."),
            _f("hard_leg_trouble_ppm", "Hard leg: trouble", Unit.PERCENT, "More refused or lost: its leg goes first."),
            _f("hard_leg_latency_ns", "Hard leg: answers", Unit.MS, "Slower on average: its leg goes first."),
            _f(
                "legging_weight_ppm",
                "Weight of lone legs",
                Unit.PERCENT,
                "Cost held against gain; 0 = never asked.",
            ),
            _f("reaction_ns", "Reaction", Unit.MS, "How long evening out a lone leg takes."),
            _f("risk_kappa_ppm", "Weight of swings", Unit.PERCENT, "What the price's swing while uneven counts for."),
            _f("risk_sigma_ppm", "Usual swing", Unit.PERCENT, "In the root of a second, until the desk saw its own."),
        ),
    ),
)
FIELDS = {words.name: words for _, group in GROUPS for words in group}
_FACTORS = {Unit.PERCENT: 10_000, Unit.MS: 1_000_000}


def to_text(words: FieldWords, value: Any) -> str:
    """Return what a person reads and types for a stored value; one of a wrong type comes as it is."""
    kinds: dict[Unit, type | tuple[type, ...]] = {Unit.MARKETS: (list, tuple), Unit.QTYS: dict, Unit.MODE: str}
    is_right_type = isinstance(value, kinds.get(words.unit, int))
    if not is_right_type:
        return str(value)
    match words.unit:
        case Unit.KRW:
            return exact(to_decimal(value))
        case Unit.PERCENT | Unit.MS:
            return f"{(Decimal(value) / _FACTORS[words.unit]).normalize():f}"
        case Unit.MARKETS:
            return "\n".join(value)
        case Unit.QTYS:
            return "\n".join(f"{asset} {exact(to_decimal(qty))}" for asset, qty in value.items())
        case _:
            return str(value)


def from_text(words: FieldWords, text: str) -> Any:
    """Return the value to store; ValidationError names what is wrong."""
    text = text.strip()
    try:
        match words.unit:
            case Unit.KRW:
                return _scaled(text, 10**8)
            case Unit.PERCENT | Unit.MS:
                return _scaled(text, _FACTORS[words.unit])
            case Unit.COUNT:
                return _scaled(text, 1)
            case Unit.MARKETS:
                return text.replace(",", " ").split()
            case Unit.QTYS:
                return _qtys(text)
            case _:
                return text
    except (ValueError, ArithmeticError) as error:
        raise ValidationError(str(error) or f"{text!r} is not a number") from error


def _scaled(text: str, factor: int) -> int:
    plain = text.replace(",", "").replace("_", "")
    if not plain or not plain.isascii() or any(each not in "0123456789.-" for each in plain):
        raise ValueError(f"{text!r} is not a plain decimal number")
    scaled = Decimal(plain) * factor
    if len(plain) > 26 or scaled != int(scaled):
        raise ValueError(f"{text} has more decimals than can be kept")
    return int(scaled)


def _qtys(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in text.splitlines():
        parts = line.replace(":", " ").split()
        if not parts:
            continue
        if len(parts) != 2:
            raise ValueError(f"{line!r} is not an asset and a qty, such as BTC 0.1")
        if parts[0] in found:
            raise ValueError(f"{parts[0]} stands twice")
        found[parts[0]] = _scaled(parts[1], 10**8)
    return found


def form_field(words: FieldWords) -> forms.Field:
    """Return the form field of one parameter."""
    label = f"{words.label} ({words.unit})" if words.unit in (Unit.KRW, Unit.PERCENT, Unit.MS) else words.label
    match words.unit:
        case Unit.MODE:
            modes = type(getattr(DEFAULT_PARAMS, words.name))
            choices = [(mode.value, mode.value.replace("_", " ")) for mode in modes]
            return forms.ChoiceField(
                label=label, help_text=words.help, choices=choices, widget=UnfoldAdminSelectWidget(choices=choices)
            )
        case Unit.MARKETS | Unit.QTYS:
            return forms.CharField(
                label=label, help_text=words.help, required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
            )
        case _:
            return forms.CharField(label=label, help_text=words.help, widget=UnfoldAdminTextInputWidget())
