"""Seeded order-book frames of the sizes the exchanges send, and the desk that decides on them."""

import random
from pathlib import Path

import msgspec

from arbitrage.domain.balances import Wallets
from arbitrage.domain.book import MAX_LEVELS
from arbitrage.domain.events import Holding
from arbitrage.domain.exposure import Exposure
from arbitrage.domain.frame_spec import FrameSpec, TimeUnit
from arbitrage.domain.inventory import Strain
from arbitrage.domain.params import DEFAULT_PARAMS, SECOND, params_to_bytes
from arbitrage.domain.signal import Signal
from arbitrage.domain.units import EXCHANGES, PPM, SCALE, Exchange, Krw, Ns, Ppm, Qty, to_decimal
from exchanges import registry
from fast_path.books import BookReader
from fast_path.control import BRIDGE, ControlBlock
from fast_path.engine import Engine

MARKET = "KRW-BTC"
MID_KRW = 137_000_000
STEP_KRW = 1000
GAP_PPM = 9_000
"""How far Bithumb stands above Upbit: every Upbit tick is a signal."""
_AT_NS = 1_795_000_000_000_000_000

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
"""The long names (upbit.md §3.4); the desk itself subscribes to the short ones."""


def frames(seed: int, count: int, spec: FrameSpec, mid_krw: int = MID_KRW) -> list[bytes]:
    """Return whole-book frames of 30 levels around a random walk; one seed, one answer, whatever the spec."""
    chance = random.Random(seed)  # noqa: S311  # nosec B311: made-up books
    made = []
    mid = mid_krw
    for _ in range(count):
        mid += chance.randint(-3, 3) * STEP_KRW
        rows = []
        for level in range(MAX_LEVELS):
            ask = f"{mid + (level + 1) * STEP_KRW}.0"
            bid = f"{mid - level * STEP_KRW}.0"
            sizes = [f"{chance.randint(1, 90)}.{chance.randint(0, 99_999_999):08d}" for _ in range(2)]
            rows.append(
                f'{{"{spec.ask_price_key}":{ask},"{spec.bid_price_key}":{bid},'
                f'"{spec.ask_qty_key}":{sizes[0]},"{spec.bid_qty_key}":{sizes[1]}}}'
            )
        made.append(_frame(spec, rows))
    return made


def _frame(spec: FrameSpec, rows: list[str]) -> bytes:
    per = 1_000_000 if spec.time_unit is TimeUnit.MILLISECONDS else 1_000
    short = len(spec.units_key) == len("obu")
    names = ("tas", "tbs", "lv", "st") if short else ("total_ask_size", "total_bid_size", "level", "stream_type")
    text = (
        f'{{"{spec.type_key}":"{spec.type_value}","{spec.market_key}":"{MARKET}","{spec.time_key}":{_AT_NS // per},'
        f'"{names[0]}":14.83312045,"{names[1]}":9.71820364,"{spec.units_key}":[{",".join(rows)}],'
        f'"{names[2]}":0,"{names[3]}":"REALTIME"}}'
    )
    return text.encode()


def stream_frames(exchange: Exchange, seed: int, count: int) -> list[bytes]:
    """Return frames as the desk's own feed of `exchange` gets them; Bithumb's stand above Upbit's by the gap."""
    mid = MID_KRW if exchange is Exchange.UPBIT else MID_KRW * (1_000_000 + GAP_PPM) // 1_000_000
    return frames(seed, count, registry.frame_decoder(exchange).spec, mid - mid % STEP_KRW)


def open_control(directory: Path) -> ControlBlock:
    """Return a control block with params that let books be ten seconds old: the bench's only leniency."""
    params = msgspec.structs.replace(DEFAULT_PARAMS, max_book_age_ns=10 * SECOND, max_book_skew_ns=10 * SECOND)
    control = ControlBlock(directory, (MARKET,), directory / "latch.json")
    if not control.params_epoch():
        control.write_params(1, params_to_bytes(params))
    return control


def open_engine(directory: Path, control: ControlBlock) -> Engine:
    """Return the real engine over the books in `directory`, with ample balances and nothing open."""
    wallets = Wallets()
    ample = [
        Holding("KRW", to_decimal(10**12 * SCALE), to_decimal(0)),
        Holding("BTC", to_decimal(SCALE * 100), to_decimal(0)),
    ]
    for exchange in EXCHANGES:
        wallets.replace_all(exchange, ample, Ns(1))
    return Engine(
        markets=(MARKET,),
        readers={exchange: BookReader(directory, exchange, (MARKET,)) for exchange in EXCHANGES},
        instruments={(exchange, MARKET): registry.instrument(exchange, MARKET, None) for exchange in EXCHANGES},
        control=control,
        wallets=wallets,
        exposure=_nothing_open,
        discount_left=lambda: Krw(0),
        part=lambda signal: PPM,
    )


def beat(control: ControlBlock, mono_ns: int, wall_ns: int) -> None:
    """Stand in for the bridge, without whose sign of life the gate says no."""
    control.beat(BRIDGE, Ns(mono_ns), Ns(wall_ns))


def _nothing_open(signal: Signal, now: Ns, strain: Strain) -> Exposure:
    return Exposure(
        open_arbs=0,
        open_arbs_market=0,
        unresolved_legs=0,
        orders_last_second=0,
        daily_pnl=Krw(0),
        daily_notional=Krw(0),
        breakers_tripped=0,
        exchange_net=Krw(0),
        krw_spendable=Krw(10**12 * SCALE),
        base_spendable=Qty(100 * SCALE),
        balances_read_ns=now,
        strain_ppm=0,
        strain_shadow_ppm=0,
        discount_left=Krw(0),
        legging_gain_ppm=1,
        legging_risk_ppm=0,
        buy_fee_ppm=Ppm(2500),
        buy_min_notional=Krw(5000 * SCALE),
        sell_min_notional=Krw(5000 * SCALE),
        exchange_rest_until_ns=Ns(0),
        market_pause_until_ns=Ns(0),
        market_rest_until_ns=Ns(0),
        streams_down=0,
        buy_request_budget=100,
        sell_request_budget=100,
        book_delay_ns=0,
        widest_spread_ppm=Ppm(0),
        price_jump_ppm=Ppm(0),
        ladder_still_ns=0,
        trouble_points=0,
        market_warnings=0,
        wallets_suspended=0,
        loop_lag_ns=Ns(0),
        locks_closed=0,
    )
