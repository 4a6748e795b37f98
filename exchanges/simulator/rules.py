"""What each simulated exchange demands and charges, as data with its source.

Written apart from the adapters' profiles on purpose: a wrong table there must show against this one.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from arbitrage.domain.instrument import TickBand, TickTable
from arbitrage.domain.units import SCALE, Exchange, Price, Side, units_exact
from exchanges.simulator.auth import AuthFault
from exchanges.simulator.kst import parse_time
from exchanges.simulator.money import FINE, Fine


class State(StrEnum):
    """An order's state. WATCH waits for a price, on Bithumb only.

    ACCEPTED is inside the exchange only: `wait` on Upbit's wire, not yet ready on Bithumb's.
    """

    ACCEPTED = "accepted"
    WAIT = "wait"
    WATCH = "watch"
    DONE = "done"
    CANCEL = "cancel"


class Smp(StrEnum):
    """What keeps an account from trading with itself, in Upbit's words (upbit.md §6.1); the taker's word counts."""

    CANCEL_MAKER = "cancel_maker"
    CANCEL_TAKER = "cancel_taker"
    REDUCE = "reduce"
    NONE = "none"


class SmpEra(msgspec.Struct, frozen=True):
    """What holds for an order that says nothing of self-trades, from a moment on.

    `default` None: a limit order that would meet its own account's orders is refused at entry (bithumb.md §3.9).
    """

    from_ns: int
    default: Smp | None


class OnUnfit(StrEnum):
    """What becomes of an order whose time in force cannot be kept: the wire's choice is unknown (upbit.md §9.3)."""

    REFUSE = "refuse"
    END_CANCEL = "end_cancel"


class Burst(msgspec.Struct, frozen=True):
    """Order stabilisation: more orders than `most` within `within_ns` on a market rest it (upbit.md §1.4)."""

    most: int
    within_ns: int
    rest_ns: int


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange's rules for KRW markets. Totals in 10^-22 KRW, fees in ppm.

    What no source establishes is a member here with a default, so that it can be set the day it is seen.
    """

    exchange: Exchange
    ticks: TickTable
    bid_fee_ppm: int
    ask_fee_ppm: int
    fee_step: Fine
    """Each order's fee is cut down to this; 0 = never rounded."""
    min_total: Fine
    max_limit_total: Fine
    max_market_total: Fine
    market_depth: int | None
    """A market order may not be larger than this many levels show; None = no such rule."""
    ioc_part_state: State
    """How an IOC order ends that filled in part."""
    market_rest_state: State
    """How a market buy ends whose KRW do not divide into whole 10^-8 of the coin."""
    client_id_pattern: str
    depth: int
    """Most levels a side anything shows."""
    smp_eras: tuple[SmpEra, ...]
    """By date, oldest first."""
    smp_is_selectable: bool
    """Whether an order may say how it meets its own account's orders."""
    smp_cancel_type: str | None
    """How an order ends that prevention cancelled; None = the prevented amounts say it (upbit.md §6.1)."""
    on_post_only_taking: OnUnfit = OnUnfit.END_CANCEL
    on_fok_short: OnUnfit = OnUnfit.END_CANCEL
    refused_ids_burn: bool = True
    """Whether a refused order's client id is spent: it is on Upbit (upbit.md §1.4); Bithumb does not say (§7 #23)."""
    burst: Burst | None = None
    """Off until a burst rule is wanted: its size is not published (upbit.md §9.2)."""
    lowest_price_ppm: int | None = None
    """No limit price below this part of the best bid; off: the formula was not found (bithumb.md §5.3)."""
    meet_delay_ms: tuple[int, int] = (2, 60)
    """Shortest and longest time until an accepted order meets the book; not established (upbit.md §9.4)."""
    cancel_delay_ms: tuple[int, int] = (2, 12)
    offline_answer: tuple[int, str] = (403, "market_offline")
    """What order calls get while the whole exchange is closed; Bithumb's words are unknown (bithumb.md §9)."""
    missing_scope: AuthFault = AuthFault.OUT_OF_SCOPE
    """What a key without the right is told; Bithumb was also seen to say `jwt_verification` (bithumb.md §3.2)."""

    def smp_at(self, asked: Smp | None, now: int, *, is_post_only: bool) -> Smp | None:
        """Return how an order taken at `now` meets its own account's; None: it is refused if it would."""
        if self.smp_is_selectable and (asked is not None or is_post_only):
            return asked or Smp.NONE
        return next((era.default for era in reversed(self.smp_eras) if era.from_ns <= now), Smp.NONE)

    def fee_ppm(self, side: Side) -> int:
        """Return the fee of `side`."""
        return self.bid_fee_ppm if side is Side.BID else self.ask_fee_ppm


def _table(valid_from: str, *bands: tuple[str, str]) -> TickTable:
    rows = (TickBand(Price(units_exact(Decimal(low))), Price(units_exact(Decimal(tick)))) for low, tick in bands)
    return TickTable(valid_from, tuple(sorted(rows, key=lambda band: band.from_price)))


_FROM_100 = (
    ("1000000", "1000"),
    ("500000", "500"),
    ("100000", "100"),
    ("50000", "50"),
    ("10000", "10"),
    ("5000", "5"),
    ("100", "1"),
)
"""The same on both exchanges from 100 KRW up (bithumb.md §5.1)."""

UPBIT_TICKS = _table(
    "2025-07-31",
    *_FROM_100,
    ("10", "0.1"),
    ("1", "0.01"),
    ("0.1", "0.001"),
    ("0.01", "0.0001"),
    ("0.001", "0.00001"),
    ("0.0001", "0.000001"),
    ("0.00001", "0.0000001"),
    ("0", "0.00000001"),
)
"""upbit.md §5.1."""

BITHUMB_TICKS = _table("2026-01-01", *_FROM_100, ("10", "0.01"), ("1", "0.001"), ("0", "0.0001"))
"""bithumb.md §5.1."""

UPBIT_SMP = (SmpEra(0, Smp.NONE), SmpEra(parse_time("2026-11-09T00:00:00+09:00"), Smp.CANCEL_MAKER))
"""upbit.md §6.1: announced for the day; the hour, and that it went live, are not established (§9.9)."""

BITHUMB_STP = (SmpEra(0, None), SmpEra(parse_time("2026-05-07T12:00:00+09:00"), Smp.CANCEL_TAKER))
"""bithumb.md §3.9."""


def upbit_rules(fee_ppm: int) -> Rules:
    """Return Upbit's rules (upbit.md §1.4, §1.6, §5)."""
    return Rules(
        exchange=Exchange.UPBIT,
        ticks=UPBIT_TICKS,
        bid_fee_ppm=fee_ppm,
        ask_fee_ppm=fee_ppm,
        fee_step=Fine(0),
        min_total=Fine(5_000 * FINE),
        max_limit_total=Fine(1_000_000_000 * FINE),
        max_market_total=Fine(1_000_000_000 * FINE),
        market_depth=30,
        ioc_part_state=State.CANCEL,
        market_rest_state=State.CANCEL,
        client_id_pattern=r".{1,64}",
        depth=30,
        smp_eras=UPBIT_SMP,
        smp_is_selectable=True,
        smp_cancel_type=None,
    )


def bithumb_rules(fee_ppm: int) -> Rules:
    """Return Bithumb's rules (bithumb.md §3.6, §3.9, §5): fees per order cut to 0.01 KRW, a part-filled IOC is done."""
    return Rules(
        exchange=Exchange.BITHUMB,
        ticks=BITHUMB_TICKS,
        bid_fee_ppm=fee_ppm,
        ask_fee_ppm=fee_ppm,
        fee_step=Fine(FINE // 100),
        min_total=Fine(5_000 * FINE),
        max_limit_total=Fine(5_000_000_000 * FINE),
        max_market_total=Fine(1_000_000_000 * FINE),
        market_depth=None,
        ioc_part_state=State.DONE,
        market_rest_state=State.DONE,
        client_id_pattern=r"[A-Za-z0-9_-]{1,36}",
        depth=30,
        smp_eras=BITHUMB_STP,
        smp_is_selectable=False,
        smp_cancel_type="stp_cancel",
    )


_START_KRW = {"KRW-BTC": 116_500_000, "KRW-ETH": 3_715_000, "KRW-XRP": 3_200, "KRW-SOL": 205_000, "KRW-DOGE": 250}


def start_price(market: str) -> Price:
    """Return where a seeded market begins; a market without a figure here gets one from its name, 10 to 100,000 KRW."""
    known = _START_KRW.get(market)
    if known is None:
        mark = sum((index + 1) * ord(letter) for index, letter in enumerate(market)) * 2_654_435_761 % 2**32
        known = 10 * 10 ** (mark % 4) * (1 + mark // 4 % 9)
    return Price(known * SCALE)
