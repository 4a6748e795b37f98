"""What must be true of a desk at every moment and in the end, whatever goes wrong around it (R3.1, R4.1).

Each rule has a short name; a violation says which rule, when, and what was seen. The watch looks at the
world from outside: what reached the exchanges, what is in the journal, what the exchanges have.
"""

from arbitrage.domain.arb import Arb
from arbitrage.domain.events import ArbStepped, Event
from workers.virtual.life import Life
from workers.virtual.rules.as_it_happens import AsItHappens
from workers.virtual.rules.at_any_moment import AtAnyMoment
from workers.virtual.rules.at_opening import AtOpening
from workers.virtual.rules.findings import Findings
from workers.virtual.rules.in_the_end import InTheEnd
from workers.virtual.rules.in_time import InTime
from workers.virtual.rules.limits import Limits
from workers.virtual.rules.stock import Stock
from workers.virtual.rules.told import Told
from workers.virtual.world import Sent, World


class Watch:
    """Looks at one world; `found.violations` is empty as long as all is well."""

    def __init__(self, world: World) -> None:
        self.found = Findings(world)
        self._as_it_happens = AsItHappens(self.found)
        self._at_any_moment = AtAnyMoment(self.found)
        self._in_time = InTime(self.found)
        self._in_the_end = InTheEnd(self.found)
        self._stock = Stock(self.found)
        self._limits = Limits(self.found)
        self._at_opening = AtOpening(self.found)
        self._told = Told(self.found)
        world.on_send, world.on_event, world.on_trader = self.sent, self.event, self._told.listen_to

    def close(self) -> None:
        """Let go of shared memory."""
        self._at_opening.close()

    def event(self, event: Event) -> None:
        """Look at a journal record."""
        self._told.event(event)
        self._in_time.event(event)
        if isinstance(event, ArbStepped):
            self.journalled(event.arb)

    def journalled(self, arb: Arb) -> None:
        """Look at a new image of an arb."""
        self.found.take(arb)
        self._as_it_happens.journalled(arb)
        self._in_time.journalled(arb)
        self._stock.journalled(arb)
        self._limits.journalled(arb)
        self._at_opening.journalled(arb)

    def sent(self, life: Life, one: Sent) -> None:
        """Look at an order whose bytes leave now."""
        self._as_it_happens.sent(life, one)

    def look(self) -> None:
        """Look at what holds at any moment: every half second."""
        self._at_any_moment.look()
        self._in_time.look()
        self._told.look()

    def check_end(self) -> None:
        """Look at what every run must leave behind, once all is at rest."""
        self.look()
        self._in_the_end.check()
