"""One budget for all processes of a machine: real processes, real shared memory, a real exchange that counts."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Exchange
from exchanges.facts import GroupLimit, RemainingIn
from exchanges.governor import SLOTS, SharedRows
from exchanges.ratelimit import Lane, Limiter
from exchanges.simulator import server
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.money import fine_of_text
from karb_project.env import ROOT

SECRET = "a-secret-of-decent-length-for-tests-0123456789-0123456789-01234567"
SECOND = 1_000_000_000
GROUP = GroupLimit("order", 12)

TAKER = """
import sys, time
from pathlib import Path
from arbitrage.domain.units import Exchange
from exchanges.facts import GroupLimit
from exchanges.governor import SharedRows
from exchanges.ratelimit import Lane, Limiter
limiter = Limiter([GroupLimit("order", 12)], 0, SharedRows(Path(sys.argv[1]), Exchange.UPBIT))
end, got = int(sys.argv[2]), 0
# Each process lives through the same made-up seconds, so that the sum is exact.
for now in range(0, end, 10_000_000):
    got += limiter.take(("order",), Lane[sys.argv[3]], now)
print(got)
"""

HOLDER = """
import sys, time
from pathlib import Path
from arbitrage.domain.units import Exchange
from exchanges.governor import SharedRows
rows = SharedRows(Path(sys.argv[1]), Exchange.UPBIT)
with rows.locked():
    print("held", flush=True)
    time.sleep(60)
"""


def shared(tmp_path: Path, now: int = 0) -> Limiter:
    return Limiter([GROUP], now, SharedRows(tmp_path, Exchange.UPBIT))


def process(code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_what_one_process_takes_the_other_lacks(tmp_path: Path) -> None:
    one, other = shared(tmp_path), shared(tmp_path)
    taken = [limiter.take(("order",), Lane.HEDGE, 0) for limiter in (one, other) * 7]
    assert taken == [True] * 12 + [False] * 2
    other.heed("order", 429, {}, RemainingIn.REMAINING_REQ, SECOND)
    assert one.spare("order", Lane.HEDGE, 2 * SECOND) == 6


def test_a_process_that_comes_later_finds_the_bucket_as_it_stands(tmp_path: Path) -> None:
    one = shared(tmp_path)
    assert all(one.take(("order",), Lane.HEDGE, 0) for _ in range(12))
    assert shared(tmp_path).spare("order", Lane.HEDGE, 0) == 0


def test_a_group_that_another_process_learned_is_known_here(tmp_path: Path) -> None:
    one, other = shared(tmp_path), shared(tmp_path)
    one.learn(GroupLimit("asset:BTC", 1), 0)
    assert other.take(("order", "asset:BTC"), Lane.HEDGE, 0)
    assert not one.take(("order", "asset:BTC"), Lane.HEDGE, 0)


def test_four_processes_together_get_what_one_would(tmp_path: Path) -> None:
    shared(tmp_path)
    end = 5 * SECOND
    running = [process(TAKER, str(tmp_path), str(end), "HEDGE") for _ in range(4)]
    got = [int(one.communicate(timeout=60)[0]) for one in running]
    # Twelve at the start and twelve a second; the last moment's own refill is not there yet.
    assert sum(got) == 12 + 12 * 5 - 1, got


def test_a_process_that_stands_still_inside_keeps_nobody_waiting_and_its_death_lets_go(tmp_path: Path) -> None:
    rows = SharedRows(tmp_path, Exchange.UPBIT)
    limiter = Limiter([GROUP], 0, rows)
    holder = process(HOLDER, str(tmp_path))
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    os.kill(holder.pid, signal.SIGSTOP)
    try:
        # Held for a minute: who waited for it would not be back before.
        assert sum(limiter.take(("order",), Lane.HEDGE, 0) for _ in range(13)) == 12
        assert rows.unlocked == 13
    finally:
        holder.kill()
        holder.wait()
    assert limiter.spare("order", Lane.HEDGE, SECOND) == 12
    assert rows.unlocked == 13, "the lock is free again and taken again"


def test_file_whose_maker_died_before_it_was_done_is_made_anew(tmp_path: Path) -> None:
    rows = SharedRows(tmp_path, Exchange.UPBIT)
    size = rows.path.stat().st_size
    rows.path.write_bytes(bytes(size))
    limiter = Limiter([GROUP], 0, SharedRows(tmp_path, Exchange.UPBIT))
    assert limiter.spare("order", Lane.HEDGE, 0) == 12
    assert SharedRows(tmp_path, Exchange.UPBIT).find("order") is not None


def test_a_file_of_another_version_is_named(tmp_path: Path) -> None:
    path = SharedRows(tmp_path, Exchange.UPBIT).path
    path.write_bytes(b"something else")
    with pytest.raises(ConfigError) as caught:
        SharedRows(tmp_path, Exchange.UPBIT)
    assert list(caught.value.problems) == [f"{path} is of another version; stop all parts of K-Arb and remove the file"]


def test_more_groups_than_slots_are_refused_by_name(tmp_path: Path) -> None:
    limiter = Limiter([], 0, SharedRows(tmp_path, Exchange.UPBIT))
    for number in range(SLOTS):
        limiter.learn(GroupLimit(f"g{number}", 1), 0)
    with pytest.raises(ConfigError, match="no room for limit group 'one-more'"):
        limiter.learn(GroupLimit("one-more", 1), 0)
    with pytest.raises(ConfigError, match="no room"):
        Limiter([GroupLimit("x" * 64, 1)], 0, SharedRows(tmp_path, Exchange.BITHUMB))


ASKER = """
import json, sys, time
from collections import Counter
from pathlib import Path
from arbitrage.domain.errors import NotSent, ReadFailed
from arbitrage.domain.units import Exchange
from exchanges.governor import SharedRows
from exchanges.ratelimit import Limiter
from exchanges import reader_core
from exchanges.reader import SyncReader
from exchanges.upbit.auth import UpbitSigner
from exchanges.upbit.profile import FACTS
from order_makers import RealClock

url, secret, directory, seconds = sys.argv[1:]
reader_core.TURNS = 1  # Nobody waits: whoever gets no turn is counted.
clock = RealClock()
rows = SharedRows(Path(directory), Exchange.UPBIT) if directory else None
limiter = Limiter(FACTS.limits, clock.mono_ns(), rows)
reader = SyncReader(FACTS, UpbitSigner("upbit-access", secret), url, clock, limiter)
said, end = Counter(), time.monotonic() + float(seconds)
while time.monotonic() < end:
    try:
        reader.balances()
        said["answered"] += 1
    except NotSent:
        said["shed"] += 1
        time.sleep(0.005)
    except ReadFailed as error:
        said[str(error)] += 1
print(json.dumps(said))
"""


async def asked(url: str, directory: str) -> Counter[str]:
    """Return what three processes that ask for balances as fast as they can were told in two seconds."""
    environ = dict(os.environ, PYTHONPATH=f"{ROOT}:{ROOT / 'tests'}")
    running = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", ASKER, url, SECRET, directory, "2", cwd=ROOT, env=environ, stdout=subprocess.PIPE
        )
        for _ in range(3)
    ]
    said: Counter[str] = Counter()
    for one in running:
        said.update(json.loads((await one.communicate())[0]))
    return said


async def test_three_processes_at_several_times_the_limit_are_never_told_429(tmp_path: Path) -> None:
    account = AccountSpec(Exchange.UPBIT, "upbit-access", SECRET, {"KRW": fine_of_text("1000")})
    running = await server.start(SimConfig(markets=("KRW-BTC",), accounts=(account,)))
    try:
        said = await asked(f"http://{running.upbit_address}", str(tmp_path))
    finally:
        await running.stop()
    # How often they asked in vain depends on the machine; that they had to, and were never told 429, does not.
    assert said["answered"] >= 30
    assert said["shed"] > 0
    assert set(said) == {"shed", "answered"}
