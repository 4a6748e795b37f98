"""What each simulated exchange demands and charges, as data with its source.

Written apart from the adapters' profiles on purpose: a wrong table there must show against this one.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from arbitrage.domain.instrument import TickBand, TickTable
from arbitrage.domain.units import SCALE, Exchange, Price, Side, units_exact
from exchanges.simulator.money import FINE, Fine


class State(StrEnum):
    """An order's state. ACCEPTED is inside the exchange only: `wait` on Upbit's wire, not yet ready on Bithumb's."""

    ACCEPTED = "accepted"
    WAIT = "wait"
    DONE = "done"
    CANCEL = "cancel"


class Rules(msgspec.Struct, frozen=True):
    """One exchange's rules for KRW markets. Totals in 10^-22 KRW, fees in ppm."""

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
    )


_START_KRW = {"KRW-BTC": 116_500_000, "KRW-ETH": 3_715_000, "KRW-XRP": 3_200, "KRW-SOL": 205_000, "KRW-DOGE": 250}


def start_price(market: str) -> Price:
    """Return where a seeded market begins; a market without a figure here gets one from its name, 10 to 100,000 KRW."""
    known = _START_KRW.get(market)
    if known is None:
        mark = sum((index + 1) * ord(letter) for index, letter in enumerate(market)) * 2_654_435_761 % 2**32
        known = 10 * 10 ** (mark % 4) * (1 + mark // 4 % 9)
    return Price(known * SCALE)
