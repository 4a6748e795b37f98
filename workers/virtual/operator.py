"""The operator of a made-up desk, and the bridge that carries what they want into shared memory."""

import asyncio
from typing import TYPE_CHECKING

import msgspec

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.params import Params, params_to_bytes
from arbitrage.domain.units import EXCHANGES, Exchange, Ns
from arbitrage.domain.wire import Wire, wire_to_bytes
from fast_path.control import ControlBlock
from workers.process import Context
from workers.virtual.part import RHYTHM
from workers.virtual.torn import die_writing_params, die_writing_wire

if TYPE_CHECKING:
    from workers.virtual.world import World

BRIDGE_EVERY_S = 0.25
STEP_S = 1.0
"""How long after its first step a person takes the second one out of a halt."""


class Operator:
    """Everything a person can do to the desk while it runs."""

    def __init__(self, world: "World", params: Params) -> None:
        self.params = params
        """The newest set that can be used."""
        self.times_let_trade = 0
        """How often somebody let the desk trade."""
        self.bridge_beats = True
        self.usable_epoch = 0
        """Of the newest set that can be used and came through whole."""
        self.beaten_mono_ns = 0
        """When the bridge last said that the operator's word gets through."""
        self._world = world
        self._context = Context("bridge", world.env, world.clock, RHYTHM)
        self._epoch = self._wire_epoch = 0
        self._sets: dict[int, Params] = {}
        self._asked = b""
        """The newest set in the database, usable or not."""
        self._wire = Wire()
        self.change_params(params)

    @property
    def control(self) -> ControlBlock:
        """Return the operator's view of the control block."""
        return self._context.control

    def params_of(self, epoch: int) -> Params:
        """Return the parameters of one epoch."""
        return self._sets[epoch]

    def close(self) -> None:
        """Let go of shared memory."""
        self._context.close()

    def set_level(self, level: TradingLevel, by: str = "operator") -> None:
        """Move the kill switch."""
        self.control.set_level(level, "campaign", by)
        self.times_let_trade += level is TradingLevel.ACTIVE
        self._world.note(by, "level", level.name)

    def resume(self) -> None:
        """Let the desk trade again, as an operator who looked at everything does: a halted one in two steps."""
        if self.control.level() is TradingLevel.HALTED:
            self.set_level(TradingLevel.REDUCING)
            self._world.loop.call_later(STEP_S, self._let_trade)
        else:
            self._let_trade()
        for exchange in EXCHANGES:
            if since := self.control.monitor_only_since(exchange):
                self.control.lift_monitor_only(exchange, since)
                self._world.note("operator", "lifts monitor-only", exchange.value)

    def _let_trade(self) -> None:
        if self.control.level() is TradingLevel.REDUCING:
            self.set_level(TradingLevel.ACTIVE)

    def set_exchange_level(self, exchange: Exchange, level: TradingLevel) -> None:
        """Hold back one exchange, or let it go."""
        self.control.set_exchange_level(exchange, level)
        self._world.note("operator", f"level of {exchange}", level.name)

    def set_market_level(self, market: str, level: TradingLevel) -> None:
        """Hold back one market, or let it go."""
        self.control.set_market_level(market, level)
        self._world.note("operator", f"level of {market}", level.name)

    def pause(self, market: str, lasts_ns: int) -> None:
        """Let a market rest for a while."""
        self.control.pause_market(market, Ns(self._world.clock.mono_ns() + lasts_ns))
        self._world.note("operator", "pauses", f"{market} for {lasts_ns} ns")

    def change_params(self, params: Params) -> None:
        """Hand on new parameters, as the bridge does."""
        self._wants(params)
        self.control.write_params(self._epoch, self._asked)
        self.usable_epoch = self._epoch
        self._world.note("operator", "params", f"epoch {self._epoch}")
        self._world.person.cover()

    def _wants(self, params: Params) -> None:
        self._epoch += 1
        self.params = self._sets[self._epoch] = params
        self._asked = params_to_bytes(params)

    def die_in_write(self, params: Params, *, lived: int, share: float) -> None:
        """Let the bridge die inside of handing on new parameters; started again, it finds them in the database."""
        self._wants(params)
        die_writing_params(self.control, self._epoch, self._asked, lived=lived, share=share)
        self._died_writing(f"params {self._epoch}")

    def die_in_wire_write(self, wire: Wire, *, lived: int, share: float) -> None:
        """Let the bridge die inside of handing on new wire settings."""
        self._wire_epoch += 1
        self._wire = wire
        die_writing_wire(self.control, self._wire_epoch, wire_to_bytes(wire), lived=lived, share=share)
        self._died_writing(f"wire settings {self._wire_epoch}")

    def _died_writing(self, what: str) -> None:
        self.bridge_beats = False
        self._world.note("bridge", "killed", f"inside of its write of {what}")

    def offer_params(self, **bad: object) -> None:
        """Hand on parameters that cannot be used: whoever checks must go on with the set before."""
        self._epoch += 1
        self._asked = params_to_bytes(msgspec.structs.replace(self.params, **bad))
        self.control.write_params(self._epoch, self._asked)
        self._world.note("operator", "params that cannot be used", f"epoch {self._epoch}")

    def change_wire(self, wire: Wire) -> None:
        """Hand on new wire settings, as the bridge does."""
        self._wire_epoch += 1
        self._wire = wire
        self.control.write_wire(self._wire_epoch, wire_to_bytes(wire))
        self._world.note("operator", "wire settings", f"epoch {self._wire_epoch}")

    def restart_bridge(self) -> None:
        """Let the bridge beat again; it writes what it finds in the database once more."""
        self.bridge_beats = True
        self.control.write_params(self._epoch, self._asked)
        if self._epoch in self._sets:
            self.usable_epoch = self._epoch
        if self._wire_epoch:
            self.control.write_wire(self._wire_epoch, wire_to_bytes(self._wire))
        self._world.note("bridge", "started")
        self._world.person.cover()

    async def run_bridge(self) -> None:
        """Beat until cancelled."""
        while True:
            if self.bridge_beats:
                self._context.beat()
                self.beaten_mono_ns = self._world.clock.mono_ns()
            await asyncio.sleep(BRIDGE_EVERY_S)
