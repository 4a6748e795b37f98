"""The wire settings one process works with: the newest good ones in shared memory, else as shipped (R1.1)."""

from collections.abc import Callable, Sequence

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.wire import Wire, wire_from_bytes
from exchanges.shipped import shipped
from workers.process import Context


class WireUse:
    """Looks whether there are new settings. Bad ones are counted and said; the ones in use stay."""

    def __init__(self, context: Context) -> None:
        self.wire = Wire()
        """The settings in use."""
        self.epoch = 0
        self._context = context
        self._seen = 0
        context.control.set_applied_wire(context.name, 0)

    def heed(self, use: Callable[[Wire], None]) -> bool:
        """Hand newer settings to `use` and return True when it took them; a ConfigError of its is a refusal.

        After a refusal `use` is handed the settings before, in case it had taken a part.
        """
        control = self._context.control
        if control.wire_epoch() == self._seen:
            return False
        epoch, data = control.read_wire()
        if not data or epoch == self._seen:
            return False
        self._seen = epoch
        wire, found = wire_from_bytes(data, shipped())
        if wire is None:
            self._refused(found)
            return False
        try:
            use(wire)
        except ConfigError as error:
            use(self.wire)
            self._refused(error.problems)
            return False
        self.wire, self.epoch = wire, epoch
        control.set_applied_wire(self._context.name, epoch)
        self._context.log.info("wire_applied", epoch=epoch)
        return True

    def _refused(self, found: Sequence[str]) -> None:
        self._context.counters.add("wire_refused")
        self._context.log.error("wire_refused", epoch=self._seen, kept_epoch=self.epoch, findings=list(found))
