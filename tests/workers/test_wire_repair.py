"""Two members are renamed on the wire; a wire set repairs them in running processes, over simulator and database."""

import asyncio
import contextlib

import msgspec
import pytest
from rows_beside import rows_beside

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.events import TRADER_STREAM
from arbitrage.domain.units import EXCHANGES, Exchange
from arbitrage.models import Alert, Incident, ShapeDrift
from arbitrage.services import controls, params, wire
from exchanges.gateways import gateway
from exchanges.simulator import server
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.money import fine_of_text
from exchanges.simulator.trouble.shapes import FieldRenamed
from fast_path.books import BookReader
from fast_path.journal import Journal
from karb_project.env import read_env
from workers.bridge import carry
from workers.django_room import DatabaseThread
from workers.feed import feed_main
from workers.process import Context
from workers.trader import Trader

SECRET = "a-secret-of-decent-length-for-tests-0123456789-0123456789-01234567"
MARKETS = ("KRW-BTC", "KRW-ETH")
UPBIT, BITHUMB = Exchange
SPEC = "upbit.orderbook.simple"


async def until(is_so, within_s=20.0):
    async with asyncio.timeout(within_s):
        while not is_so():
            await asyncio.sleep(0.02)


async def until_row(is_so, within_s=20.0):
    async with asyncio.timeout(within_s):
        while not await rows_beside(is_so):
            await asyncio.sleep(0.05)


class Desk:
    """Both feeds, the trader and the bridge in one loop, each with a context of its own as in its process."""

    def __init__(self, env):
        names = ("feed.upbit", "feed.bithumb", "trader", "bridge")
        self.contexts = {name: Context(name, env) for name in names}
        self.control = self.contexts["trader"].control
        self.reader = BookReader(env.shm_dir, UPBIT, env.markets)
        self.journal = Journal(env.journal_path, TRADER_STREAM, "none")
        clock = self.contexts["trader"].clock
        gateways = {
            exchange: gateway(exchange, env, clock, last_check=lambda at, order: self.trader.last_check(at, order))
            for exchange in EXCHANGES
        }
        self.trader = Trader(self.contexts["trader"], gateways, self.journal)
        self.tasks = [asyncio.create_task(each.watch_loop()) for each in self.contexts.values()]
        self.parts = [
            *(asyncio.create_task(feed_main(self.contexts[f"feed.{each}"], each)) for each in EXCHANGES),
            asyncio.create_task(self.trader.run()),
            asyncio.create_task(carry(self.contexts["bridge"], DatabaseThread())),
        ]

    def count(self, process, name):
        """Return one counter."""
        return self.contexts[process].counters.get(name)

    def book_ns(self):
        """Return when Upbit's first book came, 0 when there is none."""
        view = self.reader.read(0)
        return 0 if view is None else view.recv_mono_ns

    async def stop(self):
        """Stop every part; all end well."""
        for context in self.contexts.values():
            context.stopping.set()
        assert await asyncio.gather(*self.parts) == [0, 0, 0, 0]
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.reader.close()
        self.journal.close()
        for context in self.contexts.values():
            context.close()


@contextlib.asynccontextmanager
async def running(desk_env, settings):
    accounts = tuple(
        AccountSpec(
            exchange, f"{exchange}-access", SECRET, {"KRW": fine_of_text("100000000"), "BTC": fine_of_text("1")}
        )
        for exchange in EXCHANGES
    )
    sim = await server.start(SimConfig(markets=MARKETS, accounts=accounts))
    env = read_env(
        {
            "KARB_VAR_DIR": str(desk_env.var_dir),
            "KARB_SHM_DIR": str(desk_env.shm_dir),
            "KARB_MARKETS": ",".join(MARKETS),
            "KARB_SIM_UPBIT_ADDRESS": sim.upbit_address,
            "KARB_SIM_BITHUMB_ADDRESS": sim.bithumb_address,
            **{f"KARB_{each.upper()}_ACCESS_KEY": f"{each}-access" for each in EXCHANGES},
            **{f"KARB_{each.upper()}_SECRET_KEY": SECRET for each in EXCHANGES},
        }
    )
    settings.KARB_ENV = env
    await asyncio.to_thread(params.seed, "simulated")
    await asyncio.to_thread(wire.seed)
    desk = Desk(env)
    try:
        yield desk, sim
        await desk.stop()
    finally:
        await sim.stop()


def activate_mended():
    spec = {**msgspec.to_builtins(wire.shipped()[UPBIT].frames[SPEC]), "units_key": "levels", "version": 2}
    given = {"exchanges": {"upbit": {"frames": {SPEC: spec}, "fields": {"balance": {"free": "available"}}}}}
    row = wire.submit_draft(given, "kim", "renamed")
    assert wire.validate(row.pk, "kim") == []
    return wire.activate(row.pk, "kim", "their notice of today")


def activate_legacy():
    given = {"exchanges": {"bithumb": {"generations": {"books": "legacy", "reads": "legacy"}, "compare": ["books"]}}}
    row = wire.submit_draft(given, "kim", "their JWT stream is down")
    assert wire.validate(row.pk, "kim") == []
    return wire.activate(row.pk, "kim", "their JWT stream is down")


def drift_places():
    return set(ShapeDrift.objects.filter(exchange="upbit").values_list("where", flat=True))


@pytest.mark.django_db(transaction=True)
async def test_renamed_members_are_seen_told_and_repaired_without_a_restart(desk_env, settings):
    async with running(desk_env, settings) as (desk, sim):
        await until(lambda: desk.count("trader", "ready") == 1 and desk.book_ns())
        sim.faults(UPBIT).arm(FieldRenamed(from_="obu", to="levels"))
        sim.faults(UPBIT).arm(FieldRenamed(from_="balance", to="available", object="accounts"))

        await until(lambda: desk.count("feed.upbit", "frames_invalid") > 5)
        await until(lambda: desk.control.monitor_only_since(UPBIT))
        assert desk.control.exchange_level(BITHUMB) is TradingLevel.ACTIVE
        await until_row(lambda: drift_places() >= {"frame", "balances"})
        await until_row(Incident.objects.filter(kind="monitor_only", subject="upbit").exists)
        assert await rows_beside(Alert.objects.filter(kind="shape_drift", closed_at=None).count) == 2
        frozen_ns, read_ns = desk.book_ns(), desk.trader.treasury._read_mono[UPBIT]

        assert await rows_beside(activate_mended) == 2
        await until(lambda: desk.control.heartbeats()["feed.upbit"].wire_epoch == 2)
        await until(lambda: desk.control.heartbeats()["trader"].wire_epoch == 2)
        await until(lambda: desk.book_ns() > frozen_ns)
        await until(lambda: desk.trader.treasury._read_mono[UPBIT] > read_ns)
        assert desk.control.exchange_level(UPBIT) is TradingLevel.REDUCING

        await rows_beside(controls.resume, "books and balances are read again", "kim")
        await until(lambda: desk.control.exchange_level(UPBIT) is TradingLevel.ACTIVE)
        bad = desk.count("feed.upbit", "frames_invalid")
        await asyncio.sleep(1.5)
        assert desk.count("feed.upbit", "frames_invalid") == bad
        assert desk.control.exchange_level(UPBIT) is TradingLevel.ACTIVE
        assert not any(part.done() for part in desk.parts)


@pytest.mark.django_db(transaction=True)
async def test_books_and_reads_go_over_to_another_generation_and_back_without_a_restart(desk_env, settings):
    async with running(desk_env, settings) as (desk, _):
        reader = BookReader(settings.KARB_ENV.shm_dir, BITHUMB, MARKETS)

        def newer_than(mono_ns):
            views = [reader.read(index) for index in range(len(MARKETS))]
            return all(view is not None and view.recv_mono_ns > mono_ns for view in views)

        await until(lambda: desk.count("trader", "ready") == 1 and newer_than(0))
        for activate, epoch in ((activate_legacy, 2), (lambda: wire.roll_back("kim", "it is back"), 3)):
            read_ns = desk.trader.treasury._read_mono[BITHUMB]
            assert await rows_beside(activate) == epoch
            await until(lambda epoch=epoch: desk.control.heartbeats()["feed.bithumb"].wire_epoch == epoch)
            await until(lambda epoch=epoch: desk.control.heartbeats()["trader"].wire_epoch == epoch)
            since_ns = desk.contexts["trader"].clock.mono_ns()
            await until(lambda since_ns=since_ns: newer_than(since_ns))
            await until(lambda read_ns=read_ns: desk.trader.treasury._read_mono[BITHUMB] > read_ns)
        await until(lambda: desk.count("feed.bithumb", "feed.switches") == 2)
        assert desk.control.exchange_level(BITHUMB) is TradingLevel.ACTIVE
        assert desk.count("feed.bithumb", "frames_invalid") == 0
        assert not any(part.done() for part in desk.parts)
        reader.close()
