"""Rules for what a person must be told: that the desk lowered itself, that an arb is stuck, why nothing was sent."""

from typing import Any

from arbitrage.domain.arb import ArbState
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.events import ArbStepped, Event, TradingStateChanged
from arbitrage.domain.params import SECOND
from arbitrage.domain.units import PPM
from fast_path.engine import Decision
from workers.virtual.life import Life
from workers.virtual.rules.findings import Findings

_NAMES = ("arbs_opened", "confirmations", "denied.reservation_short", "denied.no_lease", "denied.confirming")
SURE_PPM = 3_000
"""A gap this much wider than what is wanted is one for whoever reckons it."""


class Told:
    """Looks at journal, kill switch and counters."""

    def __init__(self, found: Findings) -> None:
        self._found = found
        self._world = found.world
        self._broken = found.broken
        self._states: dict[str, ArbState] = {}
        self._lowered: list[TradingLevel] = []
        self._untold_since: int | None = None

    def event(self, event: Event) -> None:
        """Take note of a journal record: it is what alerts are made from."""
        if isinstance(event, TradingStateChanged):
            self._lowered.append(TradingLevel[event.level.upper()])
        if isinstance(event, ArbStepped):
            self._stepped(event)

    def _stepped(self, event: ArbStepped) -> None:
        arb, before = event.arb, self._states.get(event.arb.arb_id)
        self._states[arb.arb_id] = arb.state
        if arb.state is ArbState.STUCK and before is not ArbState.STUCK and event.on is None:
            self._broken("stuck_untold", f"{arb.arb_id} is stuck, and no record says that it came to be so")

    def look(self) -> None:
        """Look whether the desk is lower than anybody was told, for longer than a record takes."""
        control, now = self._world.control, self._world.loop.now_ns
        level = control.level()
        is_told = level is TradingLevel.ACTIVE or level in self._lowered or self._world.disk_is_full
        if is_told or control.latch().get("by") != "trader":
            self._untold_since = None
        elif self._untold_since is None:
            self._untold_since = now
        elif now - self._untold_since > SECOND:
            self._broken("lowered_untold", f"the trader set {level.name}, and no record says so")

    # Why nothing was sent

    def listen_to(self, life: Life) -> None:
        """Look at every decision of a trader and at what was counted for it."""
        trader: Any = life.trader
        acted, counters = trader._acted, life.context.counters

        def heard(decision: Decision) -> None:
            names = _NAMES if decision.denial is None else (f"denied.{decision.denial}",)
            before = [counters.get(name) for name in names] if decision.signal or decision.denial else []
            acted(decision)
            if not life.is_dead and before == [counters.get(name) for name in names if before]:
                self._silent(trader, decision)

        trader._acted = heard

    def _silent(self, trader: Any, decision: Decision) -> None:
        """Nothing was sent and nothing counted: then there must have been nothing to be had."""
        if trader._context.stopping.is_set() or trader._broken:
            return
        if decision.signal is not None or decision.denial is not None:
            self._broken(
                "no_reason", f"{decision.denial or 'a signal'} on {decision.market} was neither sent nor counted"
            )
            return
        views = [reader.read(decision.market_index) for reader in trader.engine._readers]
        if None in views or not decision.params_epoch:
            self._broken("no_reason", f"{decision.market} without books or parameters: not counted")
            return
        if views[0].best_bid <= views[1].best_ask and views[1].best_bid <= views[0].best_ask:
            return
        fees = sum(one.fee_ppm for one in trader.engine._instruments[decision.market_index])
        wanted = trader.engine.params.min_edge_ppm + fees + SURE_PPM
        for buy, sell in (views, views[::-1]):
            gap_ppm = (sell.best_bid - buy.best_ask) * PPM // max(buy.best_ask, 1)
            if gap_ppm > wanted:
                self._broken("no_reason", f"a gap of {gap_ppm} ppm on {decision.market} was not sent, and no word why")
