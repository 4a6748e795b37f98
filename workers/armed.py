"""The trader's own look at the locks on real orders: on its own clock, by signed files, without database or bridge.

The mode is read off the gateways' transports once, and a contradiction refuses the start. What a person changes
(arm token, seal) is looked at each tick and again right before an order's bytes leave. Hedges, and the other leg
of an arb of which one has left, pass closed locks: nothing new opens, and no lone leg is left (R3.1).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from arbitrage.domain.arb import Arb
from arbitrage.domain.arming import (
    LOCKS,
    MODE_NUMBERS,
    ArmToken,
    Facts,
    Lock,
    Locks,
    Mode,
    OrderDoor,
    RealAddresses,
    Seal,
    closed_locks,
    is_simulated,
    mode_of,
    mode_word,
    start_refusals,
)
from arbitrage.domain.errors import ConfigError
from arbitrage.domain.order import Order, OrderRole
from arbitrage.domain.params import Params
from arbitrage.domain.risk_disclosure import RISKS_VERSION
from arbitrage.domain.units import Exchange, Ns
from exchanges.doors import REAL
from fast_path.signature import sha256
from karb_project import logs
from workers.arming_files import ArmingFiles, Mark, boot_id, mark_of
from workers.process import Context

ALWAYS = frozenset({Lock.ADDRESSES, Lock.MODE})
"""What must hold for a hedge too."""
_ARBS_KEPT = 256
PROVE_EVERY_S = 60.0


class Armed:
    """Whether this trader may send real orders right now."""

    def __init__(
        self,
        context: Context,
        doors: Iterable[OrderDoor],
        in_use: Callable[[], tuple[bytes, Params]],
        *,
        real: RealAddresses = REAL,
        locks: Locks = LOCKS,
        boot: str | None = None,
    ) -> None:
        """`in_use`: the very bytes of the parameter set the trader works with, and what they say.

        ConfigError when mode and transport contradict each other.
        """
        self.key_faults: tuple[str, ...] = ("nobody has asked what the keys may do",)
        self._context = context
        self._in_use = in_use
        self._locks = locks
        self._always = tuple((lock, look) for lock, look in locks if lock in ALWAYS)
        self._files = ArmingFiles(context.env)
        self._boot = boot_id() if boot is None else boot
        doors = tuple(doors)
        self._doors = tuple(sorted(door.text for door in doors))
        self.mode = mode_of(doors, real)
        self._token: ArmToken | None = None
        self._token_fault = ""  # nosec B105: what is wrong with the token, in words; nothing yet
        self._token_mark: Mark | None = None
        self._until_mono_ns: dict[str, int] = {}
        self._seal: Seal | None = None
        self._seal_fault = ""
        self._seal_mark: Mark | None = None
        self._seal_path = self._files.seal_path("")
        self._data: bytes | None = None
        self._sha = ""
        self._left: deque[str] = deque(maxlen=_ARBS_KEPT)
        self._said: frozenset[Lock] | None = None
        self._closed = 1
        self._is_simulated = False
        facts = self._facts()
        self._is_simulated = is_simulated(facts)
        found = start_refusals(facts, locks)
        if found:
            raise ConfigError(found)
        logs.set_mode(mode_word(self.mode))
        context.counters.set("mode", MODE_NUMBERS[self.mode] if self.mode is not None else 0)
        self.tick()

    def refuse_past(self, arbs: Iterable[Arb], modes: Iterable[str]) -> None:
        """Raise ConfigError when the journal is of another world, or holds an arb that could not be evened out.

        A simulated arb must never be asked for on a real account, nor the other way round; and no order leaves a
        desk that observes, not even a hedge.
        """
        now = mode_word(self.mode)
        others = [mode for mode in sorted(set(modes)) if (mode == Mode.SIMULATED) is not self._is_simulated]
        found = [
            f"the journal is of a desk that was {mode}, this one is {now}: give it another KARB_VAR_DIR"
            for mode in others
        ]
        if self.mode is Mode.OBSERVE:
            left = [arb.arb_id for arb in arbs if not arb.is_closed]
            found += [f"arb {arb_id} is open: even it out in live mode before you only observe" for arb_id in left]
        if found:
            raise ConfigError(found)

    async def prove_keys(self, ask: Callable[[], Awaitable[tuple[str, ...]]]) -> None:
        """Ask again every minute what the keys may do, until it is proven that it is what they should."""
        while not self._is_simulated and self.key_faults:
            await asyncio.sleep(PROVE_EVERY_S)
            try:
                self.key_faults = await ask()
            except ConfigError as error:
                self.key_faults = tuple(error.problems)
                self._context.log.error("key_rights_too_wide", problems=error.problems)

    def tick(self) -> None:
        """Look at the files and the clock, and say which locks changed."""
        if self._is_simulated:
            self._closed = 0
            return
        closed = closed_locks(self._facts(), self._locks)
        self._closed = len(closed)
        if frozenset(closed) == self._said:
            return
        counters = self._context.counters
        for lock, _ in self._locks:
            counters.set(f"lock.{lock}", int(lock in closed))
        counters.set("locks_closed", self._closed)
        counters.set("armed_until_s", self._token.until_wall_ns // 10**9 if self._token and not closed else 0)
        say = self._context.log.warning if self._said == frozenset() or not closed else self._context.log.info
        say("locks_changed", closed={str(lock): said for lock, said in closed.items()})
        self._said = frozenset(closed)

    def locks_closed(self) -> int:
        """Return how many locks were closed at the last tick; at least one once the token's time is over."""
        if self._is_simulated:
            return 0
        if not self._closed and self._context.clock.mono_ns() >= self._deadline():
            return 1
        return self._closed

    def last_check(self, exchange: Exchange, order: Order) -> str | None:
        """Return why `order` must not leave now, None when it may: every lock is looked at anew."""
        if self._is_simulated:
            return None
        belongs_to_open = order.role is OrderRole.HEDGE or order.arb_id in self._left
        closed = closed_locks(self._facts(), self._always if belongs_to_open else self._locks)
        if not closed:
            return None
        return f"not armed, {exchange} order kept back: {'; '.join(closed.values())}"

    def let_go(self, order: Order) -> None:
        """Note that `order` passed every last check: the other leg of its arb may follow."""
        if not self._is_simulated:
            self._left.append(order.arb_id)

    def _deadline(self) -> int:
        return self._until_mono_ns.get(self._token.token_id, 0) if self._token is not None else 0

    def _facts(self) -> Facts:
        clock, env = self._context.clock, self._context.env
        now_mono_ns, now_wall_ns = Ns(clock.mono_ns()), Ns(clock.wall_ns())
        data, params = self._in_use()
        if not self._is_simulated:
            self._look_at_token(now_mono_ns, now_wall_ns)
            self._look_at_seal(data)
        return Facts(
            asked=env.mode,
            mode=self.mode,
            doors=self._doors,
            markets=env.markets,
            params_sha256=self._sha,
            gate_mode=params.gate_mode,
            level=self._context.control.level(),
            seal=self._seal,
            seal_fault=self._seal_fault,
            key_faults=self.key_faults,
            token=self._token,
            token_fault=self._token_fault,
            until_mono_ns=Ns(self._deadline()),
            boot_id=self._boot,
            risks_version=RISKS_VERSION,
            dry_run_days=env.dry_run_days,
            now_mono_ns=now_mono_ns,
            now_wall_ns=now_wall_ns,
        )

    def _look_at_token(self, now_mono_ns: Ns, now_wall_ns: Ns) -> None:
        mark = mark_of(self._files.token_path)
        if mark == self._token_mark:
            return
        self._token_mark = mark
        self._token, self._token_fault = self._files.token()
        token = self._token
        if token is None:
            return
        # Turned into our own clock once: neither a step of the wall clock nor a second reading makes it longer.
        until = min(token.until_mono_ns, now_mono_ns + max(0, token.until_wall_ns - now_wall_ns))
        self._until_mono_ns = {token.token_id: min(until, self._until_mono_ns.get(token.token_id, until))}

    def _look_at_seal(self, data: bytes) -> None:
        if data is not self._data:
            self._data, self._sha = data, sha256(data) if data else ""
            self._seal_mark, self._seal, self._seal_fault = None, None, "it has no seal"
            self._seal_path = self._files.seal_path(self._sha)
        mark = mark_of(self._seal_path) if data else None
        if mark != self._seal_mark:
            self._seal_mark = mark
            self._seal, self._seal_fault = self._files.seal(data)
