"""A desk on two machines in one made-up world: the first trader and its standby, each with memory and disk."""

import asyncio
import contextvars
import os
from collections.abc import Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from arbitrage.domain.arb import Arb
from arbitrage.domain.events import TRADER_STREAM, ArbStepped, TraderStarted
from arbitrage.domain.params import params_to_bytes
from arbitrage.domain.units import EXCHANGES, QUOTE, Exchange, base_of, exact_sum, to_decimal
from exchanges.simulator.money import FINE_DECIMALS
from fast_path.counters import CounterView
from fast_path.journal import Journal
from karb_project.env import Env
from workers import standby
from workers.feed import feed_main
from workers.process import Context
from workers.trader_lock import become_trader
from workers.trader_process import run_trader
from workers.virtual.memory_net import Link
from workers.virtual.owners import OWNER
from workers.virtual.run import Plan, lived
from workers.virtual.world import World

SECRET = "two-machines-of-one-desk-know-this-0123456789"
LEASE_MS = 2_000
PLACE = ("127.0.0.1", 7400)


class Machine:
    """One machine: what runs on it, and its journal."""

    def __init__(self, world: World, env: Env, name: str) -> None:
        self.world, self.env, self.name = world, env, name
        self.context: Context | None = None
        self.task: asyncio.Task[int] | None = None

    def begin(self, owner: str, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Run something as a made-up process of this machine."""
        space = contextvars.copy_context()
        space.run(OWNER.set, owner)
        return self.world.loop.create_task(work, context=space)

    async def bridge(self) -> None:
        """Beat as the bridge does, with this world's parameters handed on."""
        context = Context("bridge", self.env, self.world.clock)
        context.control.write_params(1, params_to_bytes(self.world.params))
        while True:
            context.beat()
            await asyncio.sleep(0.25)

    async def feed(self, exchange: Exchange) -> None:
        """Keep this machine's books of one exchange."""
        context = Context(f"feed.{exchange}", self.env, self.world.clock)
        watch = asyncio.create_task(context.watch_loop())
        try:
            await feed_main(context, exchange)
        finally:
            watch.cancel()

    def watch_books(self) -> None:
        """Start this machine's bridge and feeds."""
        self.begin(f"{self.name}.bridge", self.bridge())
        for exchange in EXCHANGES:
            self.begin(f"{self.name}.feed.{exchange}", self.feed(exchange))

    def trade(self) -> None:
        """Start the trader, as `workers trader` does."""
        self._start("trader", self._traded)

    def follow(self) -> None:
        """Start the standby, as `workers standby` does."""
        self._start("standby", standby._follow if self.env.standby_listen else standby._beside)

    def _start(self, name: str, main: Any) -> None:
        async def run() -> int:
            context = self.context = Context(name, self.env, self.world.clock)
            watch = asyncio.create_task(context.watch_loop())
            try:
                return int(await main(context))
            finally:
                watch.cancel()

        self.task = self.begin(self.name, run())

    async def _traded(self, context: Context) -> int:
        lock = become_trader(context)
        try:
            return await run_trader(context)
        finally:
            os.close(lock)

    def stand_still(self) -> None:
        """Do nothing from here on: SIGSTOP, or a machine without power that nobody is told of."""
        self.world.loop.stop_process(self.name)

    def go_on(self) -> None:
        """Go on where it stood still."""
        self.world.loop.continue_process(self.name)

    async def stop(self) -> int:
        """Stop as SIGTERM does, and return the exit code."""
        assert self.context is not None
        assert self.task is not None
        self.context.stopping.set()
        return await self.task

    def count(self, name: str, process: str = "trader") -> int:
        """Return one counter of a process of this machine."""
        return CounterView(self.env.shm_dir, process).get(name)

    def journal(self) -> bytes:
        """Return the journal's bytes."""
        return self.env.journal_path.read_bytes() if self.env.journal_path.exists() else b""


class Desk:
    """Both machines, the wire between them, and what is true of them together."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.opening = world.holdings()
        place = f"{PLACE[0]}:{PLACE[1]}"
        shared = {"standby_secret": SECRET, "lease_ms": LEASE_MS, "keys_file": str(world.env.simulated_keys_path)}
        first = msgspec.structs.replace(world.env, standby_address=place, **shared)
        home = world.home / "second"
        second = msgspec.structs.replace(
            world.env, standby_listen=place, var_dir=home / "var", shm_dir=home / "shm", **shared
        )
        second.var_dir.mkdir(parents=True)
        self.first, self.second = Machine(world, first, "first"), Machine(world, second, "second")

    @property
    def wire(self) -> Link:
        """Return the network between the two."""
        return self.world.net.link(PLACE)

    def runs(self, machine: Machine) -> set[str]:
        """Return the runs that the journal of a machine tells of, read from a copy."""
        return {one.event.run_id for one in self._records(machine) if isinstance(one.event, TraderStarted)}

    def _records(self, machine: Machine) -> list[Any]:
        copy = Path(f"{machine.env.journal_path}.looked-at")
        copy.write_bytes(machine.journal())
        journal = Journal(copy, TRADER_STREAM, "none")
        try:
            return list(journal.replay())
        finally:
            journal.close()
            copy.unlink()

    def images(self, machine: Machine) -> dict[str, Arb]:
        """Return the newest image of each arb in a machine's journal."""
        return {
            one.event.arb.arb_id: one.event.arb for one in self._records(machine) if isinstance(one.event, ArbStepped)
        }

    def sends(self) -> dict[str, list[int]]:
        """Return when each run's orders reached an exchange, made-up ns."""
        found: dict[str, list[int]] = {}
        for one in self.world.seen:
            if one.what == "was asked for":
                found.setdefault(one.detail.partition("-")[0], []).append(one.at_ns)
        return found

    def check_truth(self, machine: Machine) -> None:
        """Assert that the journal of the one that trades knows every order and explains every balance."""
        assert [name for name, count in self.world.reached.items() if count > 1] == []
        ours = {order.client_order_id: order for arb in self.images(machine).values() for order in arb.orders}
        moved: dict[tuple[Exchange, str], list[Decimal]] = {key: [] for key in self.opening}
        for exchange in EXCHANGES:
            for name, theirs in self.world.orders(exchange).items():
                assert ours[name].executed_qty == theirs.executed_qty, name
                assert not theirs.is_open, name
        for order in ours.values():
            moved[order.exchange, QUOTE] += [order.executed_funds * -order.side.sign, order.paid_fee.copy_negate()]
            moved[order.exchange, base_of(order.market)].append(to_decimal(order.side.sign * order.executed_qty))
        now = self.world.holdings()
        true = {key: Decimal(now[key] - self.opening[key]).scaleb(-FINE_DECIMALS) for key in now}
        assert {key: exact_sum(amounts) for key, amounts in moved.items()} == true


def on_two_machines(story: Any, seed: int = 31) -> None:
    """Live through a story of a desk on two machines."""

    async def told(world: World) -> None:
        desk = Desk(world)
        desk.second.watch_books()
        await story(desk)

    lived(Plan(seed=seed), told)


async def until(is_so: Any, within_s: float = 60.0) -> None:
    """Wait for a condition on made-up time."""
    end = asyncio.get_running_loop().time() + within_s
    while not is_so():
        assert asyncio.get_running_loop().time() < end, "it never came"
        await asyncio.sleep(0.05)
