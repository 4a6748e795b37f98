"""Bithumb with both its generations behind one feed and one gateway, against one simulator."""

from pathlib import Path
from typing import Any

from contract_bench import MARKETS, SECRET, Bench

from arbitrage.domain.units import Exchange, Ns
from arbitrage.domain.wire import SHIPPED_WIRE, Duty, ExchangeWire, Generation
from exchanges.bithumb.feed import BithumbFeed
from exchanges.bithumb.gateway import BithumbGateway
from exchanges.bithumb.legacy_feed import LegacyFeed
from exchanges.bithumb.legacy_gateway import LegacyGateway
from exchanges.bithumb.legacy_profile import LegacySettings
from exchanges.bithumb.switching_gateway import SwitchingGateway
from exchanges.credentials import Credentials
from exchanges.generation_log import GenerationLog
from exchanges.stream import StreamTiming
from exchanges.switching_feed import SwitchingFeed

SECOND = 1_000_000_000
LEGACY, JWT = Generation.LEGACY, Generation.JWT
SETTINGS = LegacySettings(
    unit_decimals=8,
    ioc_rest_ns=Ns(1_000_000),
    absent_after_ns=Ns(SECOND),
    poll_orders_ns=Ns(100_000_000),
    poll_balances_ns=Ns(500_000_000),
)


def wire(*compare: Duty, **generations: Generation) -> ExchangeWire:
    """Return settings: `wire(orders=LEGACY)`."""
    return ExchangeWire({Duty(name): generation for name, generation in generations.items()}, frozenset(compare))


def switching_feed(bench: Bench, settings: ExchangeWire = SHIPPED_WIRE) -> SwitchingFeed:
    """Return a feed that can be switched; quick to look and to come back."""
    addresses = (f"http://{bench.host}", f"ws://{bench.host}")
    timing = StreamTiming(ping_every_ns=SECOND, look_every_ns=SECOND // 20, backoff_ms=(50, 100))

    def make(generation: Generation) -> Any:
        make_one = LegacyFeed if generation is LEGACY else BithumbFeed
        return make_one(*addresses, bench.clock, timing)

    return SwitchingFeed(make, bench.clock, settings, compare_every_s=0.2)


def switching_gateway(bench: Bench, settings: ExchangeWire = SHIPPED_WIRE, log: Path | None = None) -> SwitchingGateway:
    """Return a gateway that can be switched; what it knows of generations is kept in `log`."""
    keys = Credentials(Exchange.BITHUMB, "bithumb-access", SECRET)
    rest_url = f"http://{bench.host}"
    made = SwitchingGateway(
        BithumbGateway(keys, rest_url, f"ws://{bench.host}", bench.clock),
        LegacyGateway(keys, rest_url, bench.clock, markets=MARKETS, settings=SETTINGS),
        GenerationLog(log),
        bench.clock,
        markets=MARKETS,
        wire=settings,
    )
    made._side_by_side.every_s = 0.2
    return made
