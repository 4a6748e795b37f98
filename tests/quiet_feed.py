"""A feed that says nothing, and Upbit's frames to hand to the worker in its place."""

from contract_bench import MARKET

from arbitrage.domain.ports import Frame
from arbitrage.domain.units import Exchange, Ns
from arbitrage.domain.wire import ExchangeWire
from exchanges import registry
from exchanges.drift import DriftLog


class QuietFeed:
    """A feed that says nothing: frames are handed to the worker by the test."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.spec = registry.frame_decoder(exchange).spec
        self.counts: dict[str, int] = {}
        self.resyncs = 0
        self.drift = DriftLog()

    def request_resync(self) -> None:
        """Count it."""
        self.resyncs += 1

    def use_wire(self, wire: ExchangeWire) -> None:
        """Say the spec of these settings."""
        self.spec = wire.spec(registry.frame_decoder(self.exchange).spec)


BOOK = (
    '{{"ty":"orderbook","cd":"{market}","tms":{at},"tas":1,"tbs":1,"obu":[{{"ap":{ask},"bp":4321000,"as":3.1,"bs":0.84}}],'
    '"st":"REALTIME","lv":0}}'
)


def frame(at: int, ask: int = 4_322_000, market: str = MARKET, mono: int = 1) -> Frame:
    """Return one book of a level a side; `at` is its exchange time in ms."""
    return Frame(BOOK.format(market=market, at=at, ask=ask).encode(), Ns(at * 1_000_000), Ns(mono))
