"""The only door of the jobs to an exchange: reads. There is no order call behind it."""

from arbitrage.domain.units import Exchange
from arbitrage.domain.wire import wire_from_bytes
from arbitrage.services import wire
from exchanges.reader import SyncReader
from exchanges.registry import sync_reader
from karb_project import logs
from karb_project.env import Env
from workers.process import Clock

_log = logs.get("tasks.readers")


def open_reader(exchange: Exchange, env: Env) -> SyncReader:
    """Return a reader of `exchange` by the wire settings in force. ConfigError when its address or keys are missing
    or unsafe."""
    reader = sync_reader(exchange, env, Clock())
    epoch, data = wire.active()
    settings, found = wire_from_bytes(data, wire.shipped())
    if settings is None:
        _log.error("wire_refused", epoch=epoch, findings=found)
    else:
        reader.use_wire(settings.of(exchange))
    return reader
