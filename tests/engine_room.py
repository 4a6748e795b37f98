"""The engine among real books and a real control block, for its tests."""

from pathlib import Path

import msgspec
from desk_builders import MS, SECOND, book, e8, instrument

from arbitrage.domain.balances import Wallets
from arbitrage.domain.book import Book
from arbitrage.domain.events import Holding
from arbitrage.domain.exposure import Exposure
from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder, FrameSpec, TimeUnit
from arbitrage.domain.inventory import Strain, shadow_ppm, strain_of
from arbitrage.domain.params import Params
from arbitrage.domain.signal import Signal
from arbitrage.domain.units import EXCHANGES, Exchange, Krw, Ns, Ppm, Qty, base_of, to_decimal
from fast_path.books import BookReader, BookWriter
from fast_path.control import ControlBlock
from fast_path.engine import Engine

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
MARKETS = ("KRW-BTC", "KRW-ETH")
ETH = 1
NOW = Ns(1_000 * SECOND)
PARAMS = Params(max_qty={}, book_share_ppm=1_000_000)
SPEC = FrameSpec("unused", 1, None, None, "m", "t", TimeUnit.MILLISECONDS, "u", "ap", "bp", "as", "bs")
CHEAP = ([(3_998_000, "2")], [(4_000_000, "2")])
DEAR = ([(4_010_000, "0.5")], [(4_014_000, "2")])

CALM = Exposure(
    open_arbs=0,
    open_arbs_market=0,
    unresolved_legs=0,
    orders_last_second=0,
    daily_pnl=Krw(0),
    daily_notional=Krw(0),
    breakers_tripped=0,
    exchange_net=Krw(0),
    krw_spendable=Krw(e8(90_000_000)),
    base_spendable=Qty(e8(90)),
    balances_read_ns=NOW,
    strain_ppm=0,
    strain_shadow_ppm=0,
    discount_left=Krw(0),
    legging_gain_ppm=1,
    legging_risk_ppm=0,
    buy_fee_ppm=Ppm(500),
    buy_min_notional=Krw(e8(5_000)),
    sell_min_notional=Krw(e8(5_000)),
    exchange_rest_until_ns=Ns(0),
    market_pause_until_ns=Ns(0),
    market_rest_until_ns=Ns(0),
    streams_down=0,
    buy_request_budget=8,
    sell_request_budget=8,
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
"""A desk with nothing open and ample balances, at NOW."""


class Room:
    """The engine among real books and a real control block; counts how often exposure is asked for."""

    def __init__(self, directory: Path) -> None:
        self.control = ControlBlock(directory, MARKETS, directory / "latch.json")
        self.writers = {
            ex: BookWriter(directory, ex, MARKETS, FrameDecoder(SPEC), mono_ns=lambda: 77) for ex in EXCHANGES
        }
        self.wallets = Wallets()
        for exchange in EXCHANGES:
            rich = [Holding(asset, to_decimal(e8(100_000_000)), to_decimal(0)) for asset in ("KRW", "ETH", "BTC")]
            self.wallets.replace_all(exchange, rich, Ns(1))
        self.asked: list[Signal] = []
        self.strains: list[Strain] = []
        self.discount_left = Krw(e8(1_000))
        self.part_ppm = 1_000_000
        self.engine = Engine(
            markets=MARKETS,
            readers={exchange: BookReader(directory, exchange, MARKETS) for exchange in EXCHANGES},
            instruments={(ex, market): instrument(ex, market=market) for ex in EXCHANGES for market in MARKETS},
            control=self.control,
            wallets=self.wallets,
            exposure=self.exposure,
            discount_left=lambda: self.discount_left,
            part=lambda signal: self.part_ppm,
        )

    def exposure(self, signal: Signal, now: Ns, strain: Strain) -> Exposure:
        assert now == NOW
        self.asked.append(signal)
        self.strains.append(strain)
        params, left = self.engine.params, self.discount_left
        way = base_of(signal.market), signal.buy_exchange, signal.sell_exchange
        assert strain == strain_of(self.wallets, *way, params)
        return msgspec.structs.replace(
            CALM,
            strain_ppm=strain.ppm,
            strain_shadow_ppm=shadow_ppm(strain, params, fees_ppm=1_000, discount_left=left),
            discount_left=left,
        )

    def publish(self, exchange: Exchange, rows, *, market: str = "KRW-ETH", age_ns: int = 10 * MS) -> None:
        made: Book = book(exchange, *rows, market=market)
        decoded = DecodedBook(market, Ns(1), made.bids, made.asks)
        assert self.writers[exchange].publish_book(decoded, Ns(1), Ns(NOW - age_ns)) is None

    def step(self, index: int = ETH):
        return self.engine.step(index, NOW)
