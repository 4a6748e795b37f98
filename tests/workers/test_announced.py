"""What an exchange announces becomes an alert within a moment, each once, and nothing of it stops the bridge."""

import asyncio
import time

import pytest
from contract_bench import until

from arbitrage.domain.ports import AnnouncementNews
from arbitrage.domain.units import EXCHANGES, Exchange
from arbitrage.domain.wire import ExchangeWire, Wire, wire_to_bytes
from arbitrage.models import Alert
from arbitrage.services.notices import notice_subject
from exchanges import registry
from exchanges.simulator import server
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.money import fine_of_text
from exchanges.simulator.trouble.shapes import FieldRenamed
from karb_project.env import read_env
from workers.announced import Listener, announced
from workers.bridge import carry
from workers.django_room import DatabaseThread
from workers.process import Context

SECRET = "a-secret-of-decent-length-for-tests-0123456789-0123456789-01234567"
UPBIT, BITHUMB = Exchange


@pytest.fixture
async def world(desk_env):
    """Return a listener's context and the simulated Upbit it hears."""
    accounts = tuple(
        AccountSpec(exchange, f"{exchange}-access", SECRET, {"KRW": fine_of_text("1000000")}) for exchange in EXCHANGES
    )
    running = await server.start(SimConfig(markets=("KRW-BTC",), accounts=accounts))
    env = read_env(
        {
            "KARB_VAR_DIR": str(desk_env.var_dir),
            "KARB_SHM_DIR": str(desk_env.shm_dir),
            "KARB_MARKETS": "KRW-BTC",
            "KARB_SIM_UPBIT_ADDRESS": running.upbit_address,
            "KARB_SIM_BITHUMB_ADDRESS": running.bithumb_address,
            **{f"KARB_{each.upper()}_ACCESS_KEY": f"{each}-access" for each in EXCHANGES},
            **{f"KARB_{each.upper()}_SECRET_KEY": SECRET for each in EXCHANGES},
        }
    )
    context = Context("bridge", env)
    listening = asyncio.create_task(Listener(context, DatabaseThread()).listen())
    await until(lambda: bool(running.exchange(UPBIT).sessions))
    await asyncio.sleep(0.3)
    yield context, running
    listening.cancel()
    (ended,) = await asyncio.gather(listening, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError)
    await running.stop()
    context.close()


def post(running, category, title):
    running.exchange(UPBIT).board.post(category, title, "", time.time_ns())
    running.tick()


def told():
    return [(row.kind, row.severity, row.text.split(" · ")[0]) for row in Alert.objects.order_by("pk")]


@pytest.mark.django_db(transaction=True)
async def test_works_are_told_with_weight_and_other_news_lightly(world):
    context, running = world
    post(running, "maintenance", "Works on Saturday")
    post(running, "wallet", "SOL stops")
    await until(lambda: context.counters.get("announcements") == 2)
    await asyncio.sleep(0.2)
    assert await asyncio.to_thread(told) == [
        ("notice", "high", "upbit: Works on Saturday"),
        ("notice", "low", "upbit: SOL stops"),
    ]
    assert not running.exchange(BITHUMB).sessions, "Bithumb streams none: a job asks for its notices"


@pytest.mark.django_db(transaction=True)
async def test_a_renamed_member_is_not_heard_until_the_wire_settings_follow(world):
    context, running = world
    running.faults(UPBIT).arm(FieldRenamed(from_="title", to="headline"))
    post(running, "maintenance", "Nobody can read this")
    await asyncio.sleep(0.3)
    assert context.counters.get("announcements") == 0
    mended = Wire({UPBIT: ExchangeWire(fields={"announcement": {"title": "headline"}})})
    context.control.write_wire(2, wire_to_bytes(mended))
    await asyncio.sleep(1.3)
    post(running, "maintenance", "Read again")
    await until(lambda: context.counters.get("announcements") == 1)
    await asyncio.sleep(0.2)
    assert await asyncio.to_thread(told) == [("notice", "high", "upbit: Read again")]


class BrokenSource:
    """A stream of announcements with a bug; a port, not an adapter."""

    def use_wire(self, wire): ...

    async def news(self):
        await asyncio.sleep(0.05)
        raise KeyError("title")
        yield


async def test_a_bug_ends_the_listening_whole_is_said_at_once_and_the_bridge_carries_on(desk_env, monkeypatch):
    monkeypatch.setattr(registry, "announcements", lambda *_: BrokenSource())
    context = Context("bridge", desk_env)
    before = asyncio.all_tasks()
    carrying = asyncio.create_task(carry(context, SilentDatabase()))
    await until(lambda: context.counters.get("announcements_ended") == 1)
    assert not carrying.done()
    left = {task.get_coro().__qualname__ for task in asyncio.all_tasks() - before}
    assert "Listener._follow_wire" not in left
    carrying.cancel()
    await asyncio.gather(carrying, return_exceptions=True)
    context.close()


class SilentDatabase(DatabaseThread):
    """A database that takes its time."""

    async def run(self, call, *args, **kwargs):
        await asyncio.sleep(60)


def test_an_update_is_news_of_its_own_and_the_same_one_is_not():
    first = AnnouncementNews("1", "CREATED", "maintenance", "Works", "https://example.invalid/1", "2026-11-26T10:00:00")
    longer = AnnouncementNews("1", "UPDATED", "maintenance", "Works", first.url, "2026-11-26T12:00:00")
    marks = [notice_subject(UPBIT, announced(one)) for one in (first, first, longer, longer)]
    assert marks[0] == marks[1] != marks[2] == marks[3]
    assert announced(longer).categories == ("maintenance", "updated")
