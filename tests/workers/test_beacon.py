"""A watchdog on another machine: a trader's beacon over real datagrams, silence, goodbye, and what it needs."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.deadman import DeadManState
from arbitrage.domain.errors import ConfigError
from karb_project.env import Env, read_env
from workers import watchdog
from workers.beacon import Beacon, TraderElsewhere
from workers.process import Context
from workers.watchdog import Watchdog

SECRET = "what-both-machines-know-0123456789-0123456789"


class Two:
    """A trader that works, its beacon, and a watchdog that only hears it."""

    def __init__(self, env: Env) -> None:
        self.trader = Context("trader", env)
        self.context = Context("watchdog", env)
        self.elsewhere = TraderElsewhere(self.context, ("127.0.0.1", 0))
        self.watchdog = Watchdog(self.context, self.elsewhere, [])
        self.tasks: list[asyncio.Task[object]] = []

    async def start(self) -> None:
        await self.elsewhere.open()
        assert self.elsewhere._transport is not None
        port = self.elsewhere._transport.get_extra_info("sockname")[1]
        env = msgspec.structs.replace(self.trader.env, watchdog_address=f"127.0.0.1:{port}")
        self.trader.env = env
        self.trader.counters.set("ready", 1)
        self.beacon = Beacon(self.trader)
        self.beating = asyncio.create_task(self.beacon.run())
        self.tasks = [self.beating, asyncio.create_task(self.watchdog.run()), asyncio.create_task(self._work())]
        await self.until(DeadManState.ARMED)

    async def _work(self) -> None:
        while True:
            self.trader.counters.add("rounds")
            await asyncio.sleep(0.03)

    async def until(self, state: DeadManState) -> None:
        for _ in range(200):
            if self.watchdog.man.state is state:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{state} never came")

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.beacon.close()
        self.elsewhere.close()
        self.context.close()
        self.trader.close()


@pytest.fixture
async def two(desk_env: Env) -> AsyncIterator[Two]:
    env = msgspec.structs.replace(desk_env, watchdog_secret=SECRET, watchdog_after_ms=1_000)
    one = Two(env)
    await one.start()
    yield one
    await one.end()


async def test_beacon_that_falls_silent_trips_the_watchdog_and_one_that_beats_again_hears_of_it(two: Two) -> None:
    two.beating.cancel()
    await two.until(DeadManState.TRIPPED)
    assert (two.context.env.var_dir / "pending_incidents.jsonl").read_text().count("watchdog_tripped") == 1
    # It is another machine's kill switch that would have to move: this one's stands as it stood.
    assert two.context.control.level() is TradingLevel.ACTIVE
    again = asyncio.create_task(two.beacon.run())
    two.tasks.append(again)
    for _ in range(100):
        if two.trader.counters.get("watchdog_elsewhere_tripped"):
            break
        await asyncio.sleep(0.05)
    assert two.trader.counters.get("watchdog_elsewhere_tripped") == 1


async def test_goodbye_disarms_it(two: Two) -> None:
    two.beating.cancel()
    await two.beacon.say_goodbye()
    await two.until(DeadManState.UNARMED)
    await asyncio.sleep(1.5)
    assert two.watchdog.man.state is DeadManState.UNARMED


def test_listening_needs_a_secret_and_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KARB_WATCHDOG_SECRET", raising=False)
    with pytest.raises(ConfigError, match="KARB_WATCHDOG_SECRET of at least 32"):
        watchdog.main(["--listen", "127.0.0.1:7500"])
    with pytest.raises(ConfigError, match="is not host:port"):
        watchdog.main(["--listen", "7500"])


def test_an_address_without_a_secret_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigError, match="KARB_WATCHDOG_ADDRESS needs KARB_WATCHDOG_SECRET"):
        read_env({"KARB_WATCHDOG_ADDRESS": "10.0.0.3:7500"})
    with pytest.raises(ConfigError, match="the first or the standby, not both"):
        read_env(
            {
                "KARB_STANDBY_ADDRESS": "10.0.0.3:7500",
                "KARB_STANDBY_LISTEN": "10.0.0.3:7500",
                "KARB_STANDBY_SECRET": SECRET,
            }
        )
