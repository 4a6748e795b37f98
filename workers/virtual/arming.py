"""A made-up desk that takes its simulators for the exchanges, and the person who arms it: every fourth run is one.

The trader's own locks, signed files and clock are the real ones; only the table of real addresses names the
simulators. The person arms for seconds, lets the time run out, disarms, and arms again.
"""

import asyncio
from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec

from arbitrage.domain.arming import ArmToken, OrderDoor, Seal
from arbitrage.domain.order import Order, OrderRole
from arbitrage.domain.params import MS, SECOND, params_to_bytes
from arbitrage.domain.risk_disclosure import RISKS_VERSION
from arbitrage.domain.units import Ns
from exchanges.registry import order_doors
from fast_path.signature import sha256
from karb_project.env import Env
from workers.armed import Armed
from workers.arming_files import ArmingFiles

if TYPE_CHECKING:
    from workers.virtual.world import World

LIVE_EVERY = 4
BOOT = "made-up"


class Person:
    """Who arms one world's desk; in a simulated run there is nothing to do."""

    def __init__(self, world: "World") -> None:
        self.is_live = world.seed % LIVE_EVERY == 1
        self._world = world
        self._files = ArmingFiles(world.env)
        self._doors = tuple(sorted(door.text for door in order_doors(world.env))) if self.is_live else ()
        self._until_mono_ns = 0
        self._tokens = 0

    @property
    def trader_env(self) -> Env:
        """Return what the trader is started with."""
        env = self._world.env
        return msgspec.structs.replace(env, mode="live") if self.is_live else env

    def look(self, context: Any, doors: Iterable[OrderDoor], in_use: Any) -> Armed:
        """Return the trader's look at the locks."""
        if not self.is_live:
            return Armed(context, doors, in_use)
        all_doors = tuple(doors)
        real = {door.exchange: frozenset({door.address}) for door in all_doors}
        made = Armed(context, all_doors, in_use, real=real, boot=BOOT)
        made.key_faults = ()
        return made

    def arm(self, for_ns: int) -> None:
        """Arm for so long, for the newest parameters."""
        self._until_mono_ns = self._world.clock.mono_ns() + for_ns
        self._world.note("person", "arms", f"for {for_ns // MS} ms")
        self.cover()

    def cover(self) -> None:
        """Sign the newest parameters, and leave a token for them while the desk is armed."""
        now_mono_ns, now_wall_ns = self._world.clock.mono_ns(), self._world.clock.wall_ns()
        left_ns = self._until_mono_ns - now_mono_ns
        if not self.is_live or left_ns <= 0:
            return
        mark = sha256(params_to_bytes(self._world.params))
        self._tokens += 1
        self._files.write_seal(_seal(mark, now_wall_ns))
        self._files.write_token(
            ArmToken(
                token_id=str(self._tokens),
                params_sha256=mark,
                doors=self._doors,
                markets=self._world.env.markets,
                armed_wall_ns=Ns(now_wall_ns),
                until_wall_ns=Ns(now_wall_ns + left_ns),
                until_mono_ns=Ns(self._until_mono_ns),
                boot_id=BOOT,
                preflight_id=1,
                preflight_passed=True,
                preflight_wall_ns=Ns(now_wall_ns),
                risks_version=RISKS_VERSION,
                risks_accepted_by="person",
                by="person",
                reason="campaign",
            )
        )

    def disarm(self) -> None:
        """Take the token away."""
        self._until_mono_ns = 0
        self._files.remove_token()
        self._world.note("person", "disarms")

    async def live(self) -> None:
        """Arm for a while, let it run out or disarm before, pause, and again, until cancelled."""
        rng = Random(f"{self._world.seed}/arming")  # noqa: S311  # nosec B311: a story, not a secret
        while True:
            for_ns = rng.randint(2_000, 20_000) * MS
            self.arm(for_ns)
            if rng.random() < 0.5:
                await asyncio.sleep(rng.random() * for_ns / SECOND)
                self.disarm()
            else:
                await asyncio.sleep(for_ns / SECOND)
            await asyncio.sleep(rng.randint(100, 3_000) / 1_000)

    def forbids(self, order: Order) -> bool:
        """Return whether `order` must not leave now: the leg of a new arb while nobody vouches for it."""
        if not self.is_live or order.role is OrderRole.HEDGE:
            return False
        if any(one.order.arb_id == order.arb_id for one in self._world.sends[:-1]):
            return False
        return self._world.clock.mono_ns() >= self._until_mono_ns


def _seal(mark: str, now_wall_ns: int) -> Seal:
    return Seal(
        params_sha256=mark,
        dry_run_id=1,
        dry_run_sha256=mark,
        dry_run_passed=True,
        dry_run_ended_wall_ns=Ns(now_wall_ns),
        by="person",
        reason="campaign",
        signed_wall_ns=Ns(now_wall_ns),
    )
