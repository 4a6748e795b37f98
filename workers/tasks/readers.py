"""The only door of the jobs to an exchange: reads. There is no order call behind it."""

from arbitrage.domain.units import Exchange
from exchanges.reader import SyncReader
from exchanges.registry import sync_reader
from karb_project.env import Env
from workers.process import Clock


def open_reader(exchange: Exchange, env: Env) -> SyncReader:
    """Return a reader of `exchange`. ConfigError when its address or keys are missing or unsafe."""
    return sync_reader(exchange, env, Clock())
