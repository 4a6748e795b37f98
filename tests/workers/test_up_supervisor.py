"""Start in the order of needs, restart with back-off, stop in the order of waves: with small parts of its own."""

import asyncio
import json
import os
import signal
import sys

import pytest

from arbitrage.domain.controls import TradingLevel
from fast_path.counters import Counters
from workers.process import Clock
from workers.up_parts import Part
from workers.up_report import Figures
from workers.up_screen import Screen
from workers.up_setup import make_directories
from workers.up_supervisor import StartFailed, Supervisor
from workers.up_watch import Watch

WORKS = """
import os, signal, sys, time
def told(*_):
    with open("story", "a") as story: story.write(f"{NAME} stopped\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, told)
with open("story", "a") as story: story.write(f"{NAME} started\\n")
open(f"ready.{NAME}", "w").write(str(os.getpid()))
while True: time.sleep(1)
"""


class Said:
    """A terminal that keeps what it is told."""

    def __init__(self):
        self.text = ""

    def isatty(self):
        return False

    def write(self, text):
        self.text += text

    def flush(self):
        pass


class Desk:
    """A supervisor over small parts whose work is to be there."""

    def __init__(self, env):
        make_directories(env)
        self.env = env
        self.said = Said()
        self.watch = Watch(env, "redis://127.0.0.1:9/0", Clock())
        self.supervisor = None

    def part(self, name, code=WORKS, **changes):
        async def is_ready(_watch, pid):
            path = self.env.var_dir / f"ready.{name}"
            return path.exists() and path.read_text() == str(pid)

        text = f"import os; os.chdir({str(self.env.var_dir)!r}); NAME = {name!r}\n{code}"
        return Part(name=name, argv=(sys.executable, "-c", text), probe=is_ready, **changes)

    async def start(self, *parts):
        self.supervisor = Supervisor(self.env, parts, self.watch, Screen(self.said), "redis://127.0.0.1:9/0")
        return await self.supervisor.start()

    @property
    def story(self):
        return (self.env.var_dir / "story").read_text().splitlines()

    def pid(self, name):
        return int((self.env.var_dir / f"ready.{name}").read_text())

    async def until(self, condition):
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.02)


@pytest.fixture
async def small_desk(desk_env):
    made = Desk(desk_env)
    yield made
    if made.supervisor is not None:
        await made.supervisor.stop_rest()


async def test_a_part_starts_once_what_it_needs_is_ready(small_desk):
    slow = f"import time; time.sleep(0.4)\n{WORKS}"
    is_ready = await small_desk.start(
        small_desk.part("third", needs=("second",)),
        small_desk.part("second", slow, needs=("first",)),
        small_desk.part("first"),
    )
    assert is_ready
    assert small_desk.story == ["first started", "second started", "third started"]
    assert [row[:2] for row in small_desk.supervisor.rows()] == [
        ("third", "ready"),
        ("second", "ready"),
        ("first", "ready"),
    ]


async def test_parts_stop_wave_by_wave(small_desk):
    await small_desk.start(
        small_desk.part("broker", wave=6), small_desk.part("trader", wave=0), small_desk.part("feed", wave=4)
    )
    await small_desk.supervisor.stop_rest()
    assert small_desk.story[3:] == ["trader stopped", "feed stopped", "broker stopped"]
    assert "died" not in small_desk.said.text


async def test_a_part_that_dies_is_named_and_comes_back(small_desk):
    await small_desk.start(small_desk.part("feed"), small_desk.part("other"))
    first = small_desk.pid("feed")
    os.kill(first, signal.SIGKILL)
    await small_desk.until(lambda: "feed is back" in small_desk.said.text)
    assert small_desk.said.text == "feed died (SIGKILL); starting it again in 1 s\nfeed is back\n"
    assert small_desk.pid("feed") != first
    assert small_desk.supervisor.restarts == {"feed": 1}


async def test_a_part_that_refuses_its_configuration_stops_the_start_with_its_own_words(small_desk):
    with pytest.raises(StartFailed) as failed:
        await small_desk.start(
            small_desk.part("feed"), small_desk.part("wrong", "import sys\nprint('KARB_X was 5')\nsys.exit(2)")
        )
    assert str(failed.value) == "wrong did not start (exit 2): KARB_X was 5"
    assert failed.value.exit_code == 2


async def test_a_crash_at_the_start_is_tried_again(small_desk):
    once = "import os, sys\nif not os.path.exists('tried'):\n    open('tried', 'w').close()\n    sys.exit(1)\n"
    assert await small_desk.start(small_desk.part("shaky", once + WORKS))
    assert small_desk.supervisor.restarts == {"shaky": 1}


async def test_asked_to_stop_while_starting_it_says_so(small_desk):
    starting = asyncio.create_task(small_desk.start(small_desk.part("never", "import time; time.sleep(60)")))
    await small_desk.until(lambda: small_desk.supervisor is not None)
    await asyncio.sleep(0.1)
    small_desk.supervisor.ask_to_stop()
    assert await starting is False


async def test_asked_twice_it_does_not_wait_for_the_stubborn(small_desk):
    stubborn = f"{WORKS.replace('sys.exit(0)', 'pass')}"
    await small_desk.start(small_desk.part("stubborn", stubborn, grace_s=60.0))
    stopping = asyncio.create_task(small_desk.supervisor.stop_rest())
    await small_desk.until(lambda: "stubborn stopped" in small_desk.story)
    small_desk.supervisor.ask_to_stop()
    small_desk.supervisor.ask_to_stop()
    async with asyncio.timeout(10):
        await stopping


async def test_the_trader_is_stopped_and_its_journal_waited_for(small_desk):
    await small_desk.start(small_desk.part("trader", wave=0), small_desk.part("recorder", wave=3))
    small_desk.env.journal_path.write_bytes(b"x" * 100)
    recorder = Counters(small_desk.env.shm_dir, "recorder")
    recorder.set("position", 60)
    stopping = asyncio.create_task(small_desk.supervisor.stop_trading())
    await small_desk.until(lambda: "trader stopped" in small_desk.story)
    await asyncio.sleep(0.2)
    assert not stopping.done()
    assert "recorder stopped" not in small_desk.story
    recorder.set("position", 100)
    assert await stopping is True


async def test_the_status_is_one_line_of_this_run(small_desk):
    await small_desk.start(small_desk.part("trader"))
    trader = Counters(small_desk.env.shm_dir, "trader")
    trader.set("arbs_opened", 10)
    before = Figures(small_desk.watch.counters(), {}, {})
    for name, value in (("arbs_opened", 12), ("arbs_closed", 1), ("denied.book_stale", 4), ("pnl_e8", -150_000_000)):
        trader.set(name, value)
    Counters(small_desk.env.shm_dir, "bridge").set("alerts_open", 2)
    assert small_desk.supervisor.status_text(before) == (
        "simulated | ACTIVE | alerts 2 | books 0/4 | arbs 1, 1 open | P&L -2 KRW | denied 4"
    )


async def test_the_status_of_a_busy_day_tells_state_alerts_books_arbs_and_profit_in_80_columns(small_desk):
    await small_desk.start(small_desk.part("trader"))
    trader = Counters(small_desk.env.shm_dir, "trader")
    for name, value in (("arbs_opened", 2625), ("arbs_closed", 2625), ("denied.book_stale", 7_000)):
        trader.set(name, value)
    trader.set("pnl_e8", 497_780_500_000_000)
    Counters(small_desk.env.shm_dir, "bridge").set("alerts_open", 12)
    shown = small_desk.supervisor.status_text(Figures({}, {}, {}))[:79]
    assert shown.startswith("simulated | ACTIVE | alerts 12 | books 0/4 | arbs 2625 | P&L +4,977,805 KRW")
    small_desk.watch.control.set_level(TradingLevel.HALTED, "a look at the fees", "me")
    halted = small_desk.supervisor.status_text(Figures({}, {}, {}))
    assert halted.startswith("simulated | HALTED | alerts 12 |")
    assert halted.endswith("| a look at the fees")


async def test_a_comparison_without_an_answer_is_no_equality(small_desk):
    await small_desk.start(small_desk.part("trader"))
    # Its environment is wrong, so the command ends with code 2 and says nothing that can be read.
    small_desk.supervisor.children_environ["KARB_NONSENSE"] = "1"
    found = await small_desk.supervisor.reconcile(0)
    assert found["ledger_equal"] is False
    assert "reconcile gave no answer" in json.dumps(found)
