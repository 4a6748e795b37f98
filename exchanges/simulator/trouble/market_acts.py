"""What is done to the market, to the rules, and to an exchange as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec

from arbitrage.domain.instrument import TickBand, TickTable
from arbitrage.domain.units import PPM, Price
from exchanges.simulator.closing import Streams
from exchanges.simulator.conversation import ABNORMAL
from exchanges.simulator.listing import Listing, MarketState
from exchanges.simulator.publication import BookShape, Stamp
from exchanges.simulator.regimes import Regime
from exchanges.simulator.rules import Smp, SmpEra, State
from exchanges.simulator.trouble.act import Act, Market, market_named
from exchanges.simulator.trouble.fault import LONGEST_NS, Span

if TYPE_CHECKING:
    from exchanges.simulator.sim_exchange import SimExchange
    from exchanges.simulator.simulator import Simulator

Markets = Annotated[tuple[Market, ...], msgspec.Meta(max_length=1_000)]


class RegimeChanged(Act, frozen=True, kw_only=True, tag="regime_changed"):
    """A market, or all of them, behaves otherwise, on both exchanges."""

    family: ClassVar[str] = "market"
    is_shared: ClassVar[bool] = True
    regime: Regime
    market: Market = ""

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on both exchanges."""
        simulator.market.set_regime(self.regime, now, market_named(simulator, self.market) if self.market else None)


class PriceSteered(Act, frozen=True, kw_only=True, tag="price_steered"):
    """The price of a market, or of all, moves off its usual place within `over_ns`; 0 = back."""

    family: ClassVar[str] = "market"
    market: Market = ""
    target_ppm: Annotated[int, msgspec.Meta(ge=-990_000, le=10 * PPM)]
    over_ns: Span = 0

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        names = (market_named(simulator, self.market),) if self.market else simulator.markets
        for name in names:
            simulator.market.steer(name, self.target_ppm, self.over_ns, now, sim.exchange)


class BooksShaped(Act, frozen=True, kw_only=True, tag="books_shaped"):
    """Books are written otherwise, on one market or on all; without anything, as they are."""

    family: ClassVar[str] = "market"
    market: Market = ""
    levels: Annotated[int, msgspec.Meta(ge=0, le=31)] | None = None
    padded_to: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    zero_size_every: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    off_tick_ppm: Annotated[int, msgspec.Meta(ge=0, lt=PPM)] = 0
    stamp: Stamp = Stamp.TRUE
    stamp_step_ns: Annotated[int, msgspec.Meta(ge=-LONGEST_NS, le=LONGEST_NS)] = 0

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        shape = BookShape(
            self.levels, self.padded_to, self.zero_size_every, self.off_tick_ppm, self.stamp, self.stamp_step_ns
        )
        sim.publication.use_shape(shape, market_named(simulator, self.market) if self.market else None)


class ListingChanged(Act, frozen=True, kw_only=True, tag="listing_changed"):
    """The exchange says something else about a market: suspended, to be delisted, under a warning."""

    family: ClassVar[str] = "market"
    market: Market
    state: MarketState = MarketState.ACTIVE
    is_suspended: bool = False
    delisting_date: Annotated[str, msgspec.Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")] | None = None
    has_warning: bool = False

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        fresh = Listing(self.state, self.is_suspended, self.delisting_date, self.has_warning)
        sim.listings[market_named(simulator, self.market)] = fresh


class TicksChanged(Act, frozen=True, kw_only=True, tag="ticks_changed"):
    """Every price step is `factor` times what it was: books stand off the new ticks (upbit.md §6 idea 9)."""

    family: ClassVar[str] = "market"
    factor: Annotated[int, msgspec.Meta(ge=2, le=1_000)] = 10

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        old = sim.rules.ticks
        bands = tuple(TickBand(band.from_price, Price(band.tick * self.factor)) for band in old.bands)
        sim.set_rules(ticks=TickTable(old.valid_from, bands))


class SelfTradeDefault(Act, frozen=True, kw_only=True, tag="self_trade_default"):
    """What an order that says nothing of self-trades does from now on (upbit.md §6 idea 12, §6.1)."""

    family: ClassVar[str] = "market"
    default: Smp | None = Smp.CANCEL_MAKER
    """null = such an order is refused at entry (bithumb.md §3.9)."""

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        sim.set_rules(smp_eras=(SmpEra(0, self.default),))


class PartStateChanged(Act, frozen=True, kw_only=True, tag="part_state_changed"):
    """Partly filled IOC orders end with another state from now on (bithumb.md §3.9)."""

    family: ClassVar[str] = "market"
    state: Annotated[str, msgspec.Meta(pattern="^(done|cancel)$")]

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        sim.set_rules(ioc_part_state=State(self.state))


class LimitsScaled(Act, frozen=True, kw_only=True, tag="limits_scaled"):
    """Every request limit becomes this part of what is documented, without notice (bithumb.md §4)."""

    family: ClassVar[str] = "maintenance"
    to_ppm: Annotated[int, msgspec.Meta(ge=1, le=10 * PPM)] = PPM // 2

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        sim.gate.scale(self.to_ppm)


class Announced(Act, frozen=True, kw_only=True, tag="announced"):
    """The exchange posts a notice, on its stream and in its lists; nothing else happens (upbit.md §3.8)."""

    family: ClassVar[str] = "maintenance"
    category: Literal[
        "notice",
        "trade",
        "wallet",
        "maintenance",
        "digital_asset",
        "service",
        "event",
        "disclosure",
    ] = "notice"
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    body: Annotated[str, msgspec.Meta(max_length=10_000)] = ""

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        sim.board.post(self.category, self.title, self.body, now)


class MaintenanceBegun(Act, frozen=True, kw_only=True, tag="maintenance_begun"):
    """Trading stops, on these markets or on all with every wallet; streams stand still or are cut (upbit.md §6.2)."""

    family: ClassVar[str] = "maintenance"
    markets: Markets = ()
    streams: Streams = Streams.FREEZE

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        for market in self.markets:
            market_named(simulator, market)
        sim.closing.streams = self.streams
        sim.closing.begin(now, *self.markets)


class MaintenanceEnded(Act, frozen=True, kw_only=True, tag="maintenance_ended"):
    """Trading goes on; orders priced through the last trade are cancelled, wallets open later."""

    family: ClassVar[str] = "maintenance"
    markets: Markets = ()
    wallets_after_ns: Span | None = None
    """None = as set before."""

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        if self.wallets_after_ns is not None:
            sim.closing.wallets_after_ns = self.wallets_after_ns
        sim.closing.end(now, *self.markets)


class StreamsEnded(Act, frozen=True, kw_only=True, tag="streams_ended"):
    """Every open stream ends: with this Close code, or with 1006 without a Close frame."""

    family: ClassVar[str] = "maintenance"
    close_code: Annotated[int, msgspec.Meta(ge=1000, le=4999)] = ABNORMAL

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        for session in sim.sessions:
            session.close_code = session.close_code or self.close_code


class FaultsCleared(Act, frozen=True, kw_only=True, tag="faults_cleared"):
    """Everything that is armed is taken away."""

    family: ClassVar[str] = "maintenance"

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        sim.faults.clear()


MARKET_ACTS: tuple[type[Act], ...] = (
    RegimeChanged,
    PriceSteered,
    BooksShaped,
    ListingChanged,
    TicksChanged,
    SelfTradeDefault,
    PartStateChanged,
    LimitsScaled,
    Announced,
    MaintenanceBegun,
    MaintenanceEnded,
    StreamsEnded,
    FaultsCleared,
)
