"""The only door of the jobs to an exchange: reads. There is no order call behind it."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from arbitrage.domain.units import Exchange
from arbitrage.domain.wire import wire_from_bytes
from arbitrage.services import drift, wire
from exchanges.reader import SyncReader
from exchanges.registry import sync_reader
from karb_project import logs
from karb_project.env import Env
from workers.process import Clock

JOBS = "jobs"
_log = logs.get("tasks.readers")


@contextmanager
def reading(exchange: Exchange, env: Env) -> Iterator[SyncReader]:
    """Lend a reader of `exchange` by the wire settings in force; what it could not read becomes rows.

    ConfigError when its address or keys are missing or unsafe.
    """
    reader = sync_reader(exchange, env, Clock())
    try:
        epoch, data = wire.active()
        settings, found = wire_from_bytes(data, wire.shipped())
        if settings is None:
            _log.error("wire_refused", epoch=epoch, findings=found)
        else:
            reader.use_wire(settings.of(exchange))
        yield reader
    finally:
        reader.close()
        if reader.drift.total():
            drift.keep(JOBS, uuid4().hex, reader.drift.seen(exchange))
