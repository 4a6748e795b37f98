"""Thirty random `kill -9` and SIGSTOP of real processes during one run: nothing is lost, the ledger is equal (R4.1)."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
from own_postgres import OwnPostgres, programs

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.events import TRADER_STREAM, ArbStepped
from fast_path.journal import Journal

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

SEED = 20261126
PARTS = {
    "trader": (r"workers trader", 8),
    "feed.upbit": (r"workers feed upbit", 5),
    "feed.bithumb": (r"workers feed bithumb", 5),
    "recorder": (r"workers recorder", 4),
    "bridge": (r"workers bridge", 3),
    "redis": (r"redis-server|valkey-server", 5),
}
DATABASE = "database"
DATABASE_TIMES = 4


@pytest.fixture
def database():
    """Return a PostgreSQL that may be killed, None where there is none installed."""
    server = OwnPostgres() if programs() else None
    yield server
    if server is not None:
        server.close()


def pid_of_when_back(desk, pattern, limit_s=60):
    """Return a part's pid; it may be just being restarted."""
    end = time.monotonic() + limit_s
    while True:
        try:
            return desk.pid_of(pattern)
        except AssertionError:
            assert time.monotonic() < end, desk.said
            assert desk.process.poll() is None, desk.said
            time.sleep(0.1)


def images(desk):
    """Return the newest image of every arb in the journal of a desk that ended."""
    path = Path(desk.environ["KARB_VAR_DIR"]) / "journal" / "trader.journal"
    journal = Journal(path, TRADER_STREAM, "none", wall_ns=time.time_ns)
    try:
        stepped = [record.event.arb for record in journal.replay() if isinstance(record.event, ArbStepped)]
    finally:
        journal.close()
    return {arb.arb_id: arb for arb in stepped}.values()


def stop_for(pid, seconds):
    """Let a process stand still for so long."""
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass


def trade_again(desk):
    """Let the desk trade again where something lowered it."""
    level, only_watched = desk.standing()
    if level is not TradingLevel.ACTIVE or only_watched:
        desk.resume()


def strike(desk, database, part, rng):
    """Kill a part or let it stand still, and return what was done."""
    if part == DATABASE:
        if rng.random() < 0.5:
            stood = rng.uniform(0.3, 3)
            stop_for(database.pid, stood)
            return f"SIGSTOP {part} {stood:.1f} s"
        database.kill()
        time.sleep(rng.uniform(0, 1.5))
        database.start()
        return f"SIGKILL {part}"
    pid = pid_of_when_back(desk, PARTS[part][0])
    if rng.random() < 0.6:
        os.kill(pid, signal.SIGKILL)
        return f"SIGKILL {part}"
    stood = rng.uniform(0.2, 4)
    stop_for(pid, stood)
    return f"SIGSTOP {part} {stood:.1f} s"


def test_after_thirty_random_kills_the_ledger_equals_the_exchanges(second_desk, database):
    desk, rng = second_desk, random.Random(SEED)
    struck = [part for part, (_, times) in PARTS.items() for _ in range(times)]
    if database is not None:
        desk.environ["KARB_DATABASE_URL"] = database.url
        struck += [DATABASE] * DATABASE_TIMES
    rng.shuffle(struck)
    path = desk.home / "report.json"
    desk.up("--for", "900", "--json", str(path))
    desk.wait_line(r"^ready after", 100)
    done = []
    for part in struck:
        time.sleep(rng.uniform(0.2, 2.0))
        done.append(strike(desk, database, part, rng))
        trade_again(desk)
    assert len(done) == 30 + DATABASE_TIMES * (database is not None)
    for pattern, _ in PARTS.values():
        pid_of_when_back(desk, pattern)
    trade_again(desk)
    time.sleep(5)
    desk.process.send_signal(signal.SIGTERM)
    # A run that was cut short is not the one that was asked for, but it still tells how it stands.
    assert desk.wait_end(120) == 1, (done, desk.said)
    report = json.loads(path.read_text())
    assert report["ledger_equal"] is True, (done, report["ledger_differences"])
    # By the journal: a trader that is killed between a record and its count leaves the counters one apart.
    newest = images(desk)
    assert [arb.arb_id for arb in newest if not arb.is_closed] == [], done
    assert report["arbs_stuck"] == 0, done
    assert len(newest) > 10, done
    desk.wait_gone(5)
