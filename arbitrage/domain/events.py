"""The facts the journal keeps: one tagged union with a version.

An arb is journalled as its whole after-image: recovery is "the newest image of each arb", and
writing rows from an image twice gives the same rows.
"""

from decimal import Decimal

import msgspec

from arbitrage.domain.arb import Arb, ArbOn
from arbitrage.domain.units import Exchange, Ns, exact_sum

EVENTS_VERSION = 1
TRADER_STREAM = "trader"
"""The one stream there is: the trader writes it, the recorder reads it."""


class Holding(msgspec.Struct, frozen=True):
    """One asset's balance on one exchange, exactly as the exchange wrote it."""

    asset: str
    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        """Return free plus locked."""
        return exact_sum((self.free, self.locked))


class TraderStarted(msgspec.Struct, frozen=True, tag="trader_started"):
    """A trader took the lock. `run_id` is part of every id it mints; `fence` only ever rises."""

    run_id: str
    fence: int
    mode: str
    markets: tuple[str, ...]
    wall_ns: Ns


class BalancesRead(msgspec.Struct, frozen=True, tag="balances_read"):
    """All balances of one exchange at once. `settled` when no order of ours was open there."""

    exchange: Exchange
    holdings: tuple[Holding, ...]
    settled: bool
    wall_ns: Ns


class ArbStepped(msgspec.Struct, frozen=True, tag="arb_stepped"):
    """An arb after one step. Orders PLANNED in here have not left yet."""

    arb: Arb
    on: ArbOn | None
    """The arb's own transition in this step; None when only an order moved."""
    wall_ns: Ns


class TradingStateChanged(msgspec.Struct, frozen=True, tag="trading_state_changed"):
    """The trader lowered the trading state (level: reducing, halted), or saw that a person raised it (active)."""

    level: str
    reason: str
    wall_ns: Ns
    breaker: str = ""
    """The breaker that tripped, where one did."""


class StrangeOrderSeen(msgspec.Struct, frozen=True, tag="strange_order_seen"):
    """An open order on the exchange that this journal does not know (R2 reconciliation)."""

    exchange: Exchange
    market: str
    exchange_order_id: str
    client_order_id: str | None
    wall_ns: Ns


class MarketPaused(msgspec.Struct, frozen=True, tag="market_paused"):
    """The trader paused a market by itself: nothing is opened there for a while, hedges go on (R1.3, R3.2)."""

    market: str
    cause: str
    detail: str
    wall_ns: Ns


class PaceChanged(msgspec.Struct, frozen=True, tag="pace_changed"):
    """The trader slowed down, or sped up again, by how fast its machine is (R2.1); step 0 = as its parameters say."""

    step: int
    edge_raise_ppm: int
    markets_out: tuple[str, ...]
    why: str
    wall_ns: Ns


Event = TraderStarted | BalancesRead | ArbStepped | TradingStateChanged | StrangeOrderSeen | MarketPaused | PaceChanged


class Record(msgspec.Struct, frozen=True):
    """One journal record: `seq` counts from 1 without gaps within `stream`."""

    version: int
    stream: str
    seq: int
    event: Event


_ENCODER = msgspec.msgpack.Encoder(decimal_format="string")
_DECODER = msgspec.msgpack.Decoder(Record)


def record_to_bytes(record: Record) -> bytes:
    """Return the journal's form of a record."""
    return _ENCODER.encode(record)


def record_from_bytes(data: bytes) -> Record:
    """Return the record; msgspec.MsgspecError when `data` is not one."""
    return _DECODER.decode(data)
