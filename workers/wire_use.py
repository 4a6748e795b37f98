"""The wire settings one process works with: the newest good ones in shared memory, else as shipped (R1.1)."""

from arbitrage.domain.wire import Wire, wire_from_bytes
from exchanges.shipped import shipped
from workers.process import Context


class WireUse:
    """Looks whether there are new settings. Bad ones are counted and said; the ones in use stay."""

    def __init__(self, context: Context) -> None:
        self.wire = Wire()
        self.epoch = 0
        self._context = context
        self._seen = 0
        context.control.set_applied_wire(context.name, 0)

    def newer(self) -> Wire | None:
        """Return settings to use from now on, None when there are none newer than those in use."""
        control = self._context.control
        if control.wire_epoch() == self._seen:
            return None
        epoch, data = control.read_wire()
        if not data or epoch == self._seen:
            return None
        self._seen = epoch
        wire, found = wire_from_bytes(data, shipped())
        if wire is None:
            self._context.counters.add("wire_refused")
            self._context.log.error("wire_refused", epoch=epoch, kept_epoch=self.epoch, findings=found)
            return None
        self.wire = wire
        return wire

    def applied(self) -> None:
        """Say that the newest good settings are in use now."""
        self.epoch = self._seen
        self._context.control.set_applied_wire(self._context.name, self.epoch)
        self._context.log.info("wire_applied", epoch=self.epoch)
