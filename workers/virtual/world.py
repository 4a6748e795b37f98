"""A whole desk in one event loop on made-up time: simulated exchanges, feeds, bridge, trader, and their history.

The feeds, the trader, the adapters and the exchanges are the real ones; only clock, network and disk are
this world's. `seen` is the history: the same seed gives the same, to the last line.
"""

import asyncio
import contextvars
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from arbitrage.domain.arb import Arb
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.events import TRADER_STREAM, ArbStepped, Event, Record
from arbitrage.domain.order import Order
from arbitrage.domain.params import Params, params_to_bytes
from arbitrage.domain.units import EXCHANGES, QUOTE, Exchange, base_of
from exchanges.simulator import server
from exchanges.simulator.account import Account
from exchanges.simulator.config import SimConfig, read_keys
from exchanges.simulator.faults import Faults
from exchanges.simulator.orders import SimOrder
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Request, Response
from fast_path.control import ControlBlock
from fast_path.journal import Journal
from karb_project.env import Env, read_env
from workers.feed import feed_main
from workers.process import Context, Rhythm
from workers.virtual.guard import keep_watch
from workers.virtual.life import Life
from workers.virtual.memory_net import Link, MemoryNet
from workers.virtual.owners import OWNER, Owners
from workers.virtual.virtual_loop import VirtualClock, VirtualLoop

MADE_UP = "madeup-" * 9
BRIDGE_EVERY_S = 0.25
RHYTHM = Rhythm(lag_look_s=0.2, feed_look_s=0.2)
"""Of processes beside the trader: nobody asks whether their loops are late."""


class Seen(msgspec.Struct, frozen=True):
    """One thing that happened, at made-up ns."""

    at_ns: int
    who: str
    what: str
    detail: str = ""


class Sent(msgspec.Struct, frozen=True):
    """One order that passed the trader's last check."""

    at_ns: int
    who: str
    exchange: Exchange
    order: Order


class World:
    """One run's world. Make it inside its loop, `open` it, let time pass, `close` it."""

    def __init__(self, loop: VirtualLoop, home: Path, seed: int, *, markets: tuple[str, ...], params: Params) -> None:
        self.loop = loop
        self.net: MemoryNet = loop.net
        self.owners: Owners = loop.owners
        self.clock = VirtualClock(loop)
        """The desk's machine's; somebody can set it wrong."""
        self.true_clock = VirtualClock(loop)
        """The exchanges'."""
        self.home = home
        self.seed = seed
        self.env = _env(home, markets)
        self.params = params
        self.seen: list[Seen] = []
        self.sends: list[Sent] = []
        self.reached: Counter[str] = Counter()
        """How often each client order id reached an exchange, taken or not."""
        self.lives: list[Life] = []
        self.disk_is_full = False
        self.on_send: Callable[[Life, Sent], None] = lambda life, one: None
        self.on_arb: Callable[[Arb], None] = lambda arb: None
        self.bridge_beats = True
        self.beaten_mono_ns = 0
        """When the bridge last said that the operator's word gets through."""
        self._epoch = 0
        self._simulator: server.RunningSimulator | None = None
        self._bridge: Context | None = None
        self._parts: list[asyncio.Task[None]] = []

    # What there is

    @property
    def simulator(self) -> server.RunningSimulator:
        """Return the simulated exchanges of an open world."""
        assert self._simulator is not None
        return self._simulator

    def exchange(self, exchange: Exchange) -> SimExchange:
        """Return one exchange's logic."""
        return self.simulator.exchange(exchange)

    def faults(self, exchange: Exchange) -> Faults:
        """Return what can go wrong on one exchange."""
        return self.simulator.faults(exchange)

    def link(self, exchange: Exchange) -> Link:
        """Return the network to one exchange."""
        text = self.env.sim_upbit_address if exchange is Exchange.UPBIT else self.env.sim_bithumb_address
        host, _, port = text.rpartition(":")
        return self.net.link((host, int(port)))

    @property
    def control(self) -> ControlBlock:
        """Return the operator's view of the control block."""
        assert self._bridge is not None
        return self._bridge.control

    @property
    def life(self) -> Life | None:
        """Return the trader that trades, or else the one that was started last."""
        running = [life for life in self.lives if life.is_running and life.trader is not None]
        return running[-1] if running else self.lives[-1] if self.lives else None

    # What happens

    async def open(self, *, fees_ppm: tuple[int, int] = (500, 400)) -> None:
        """Start exchanges, feeds and bridge; no trader yet."""
        config = SimConfig(
            upbit=_address(self.env.sim_upbit_address),
            bithumb=_address(self.env.sim_bithumb_address),
            seed=self.seed,
            markets=self.env.markets,
            accounts=read_keys(self.env.simulated_keys_path),
            upbit_fee_ppm=fees_ppm[0],
            bithumb_fee_ppm=fees_ppm[1],
            wall_ns=self.true_clock.wall_ns,
        )
        self._simulator = await server.start(config)
        for exchange in EXCHANGES:
            self._tap(self.exchange(exchange))
        self._bridge = Context("bridge", self.env, self.clock, RHYTHM)
        self.change_params(self.params)
        self._begin("bridge", self._run_bridge())
        self._begin("watchdog", keep_watch(self))
        for exchange in EXCHANGES:
            self._begin(f"feed.{exchange}", self._run_feed(exchange))

    def start_trader(self) -> Life:
        """Start one more trader process; an older one that lives keeps its lock."""
        life = Life(self, len(self.lives) + 1)
        self.lives.append(life)
        return life

    def start_rival(self) -> None:
        """Start a second trader beside a living one: it must not get the lock."""
        if self.life is not None:
            self.note("operator", "starts a second trader")
            self.start_trader()

    def step_clock(self, by_ns: int) -> None:
        """Set the machine's wall clock forward or back."""
        self.clock.step(by_ns)
        self.note("host", "clock set", f"by {by_ns} ns")

    def set_clock_right(self) -> None:
        """Set the machine's wall clock right, as ntp does in the end."""
        self.clock.set_right()
        self.note("host", "clock set right")

    def resume(self) -> None:
        """Let the desk trade again, as an operator who looked at everything does."""
        if self.control.level() is not TradingLevel.ACTIVE:
            self.set_level(TradingLevel.ACTIVE)

    def account(self, exchange: Exchange) -> Account:
        """Return the desk's account on one exchange."""
        return self.exchange(exchange).accounts[f"{exchange}-desk"]

    def change_params(self, params: Params) -> None:
        """Hand on new parameters, as the bridge does."""
        self._epoch += 1
        self.params = params
        self.control.write_params(self._epoch, params_to_bytes(params))
        self.note("operator", "params", f"epoch {self._epoch}")

    def set_level(self, level: TradingLevel, by: str = "operator") -> None:
        """Move the kill switch."""
        self.control.set_level(level, "campaign", by)
        self.note(by, "level", level.name)

    def fill_disk(self, *, is_full: bool) -> None:
        """Let the disk under the journal be full, or have room again."""
        self.disk_is_full = is_full
        self.note("disk", "full" if is_full else "has room")
        for life in self.lives:
            life.fill_disk(is_full=is_full)

    def sent(self, life: Life, exchange: Exchange, order: Order) -> None:
        """Take note of an order whose bytes leave now."""
        one = Sent(self.loop.now_ns, life.owner, exchange, order)
        self.sends.append(one)
        self.note(life.owner, "sends", f"{exchange} {order.client_order_id} {order.side} {order.qty} at {order.price}")
        self.on_send(life, one)

    def journalled(self, event: Event) -> None:
        """Take note of a record that is in the journal now."""
        if isinstance(event, ArbStepped):
            self.note("journal", "arb", f"{event.arb.arb_id} {event.arb.state} {event.arb.why}")
            self.on_arb(event.arb)

    def note(self, who: str, what: str, detail: str = "") -> None:
        """Write a line of history; where this world's files lie is no part of it."""
        self.seen.append(Seen(self.loop.now_ns, who, what, detail.replace(str(self.home), "~")))

    def digest(self) -> str:
        """Return a short hash of the whole history."""
        text = "\n".join(f"{one.at_ns} {one.who} {one.what} {one.detail}" for one in self.seen)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    # What is true

    def records(self) -> list[Record]:
        """Return the journal, read by itself; nobody may be writing it."""
        journal = Journal(self.env.journal_path, TRADER_STREAM, "none", wall_ns=self.clock.wall_ns)
        try:
            return list(journal.replay())
        finally:
            journal.close()

    def images(self) -> dict[str, Arb]:
        """Return the newest image of each arb in the journal."""
        return {one.event.arb.arb_id: one.event.arb for one in self.records() if isinstance(one.event, ArbStepped)}

    def orders(self, exchange: Exchange) -> dict[str, SimOrder]:
        """Return the desk's orders one exchange has, by our id."""
        found = self.exchange(exchange).matching.orders.values()
        return {order.draft.client_order_id or order.order_id: order for order in found}

    def holdings(self) -> dict[tuple[Exchange, str], int]:
        """Return what the exchanges say the desk has, free and locked, in 10^-22."""
        assets = (QUOTE, *(base_of(market) for market in self.env.markets))
        return {
            (exchange, asset): account.total(asset)
            for exchange in EXCHANGES
            for account in self.exchange(exchange).accounts.values()
            for asset in assets
        }

    async def close(self) -> None:
        """Let go of everything."""
        for life in self.lives:
            life.die()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        if self._simulator is not None:
            await self._simulator.stop()
        if self._bridge is not None:
            self._bridge.close()

    # The parts

    def _begin(self, owner: str, work: object) -> None:
        space = contextvars.copy_context()
        space.run(OWNER.set, owner)
        self._parts.append(self.loop.create_task(work, context=space))  # type: ignore[arg-type]

    async def _run_bridge(self) -> None:
        assert self._bridge is not None
        while True:
            if self.bridge_beats:
                self._bridge.beat()
                self.beaten_mono_ns = self.clock.mono_ns()
            await asyncio.sleep(BRIDGE_EVERY_S)

    async def _run_feed(self, exchange: Exchange) -> None:
        context = Context(f"feed.{exchange}", self.env, self.clock, RHYTHM)
        watch = self.loop.create_task(context.watch_loop())
        try:
            await feed_main(context, exchange)
        finally:
            watch.cancel()
            context.close()

    def _tap(self, sim: SimExchange) -> None:
        answer = sim.handle

        def handle(request: Request, now: int) -> Response:
            response = answer(request, now)
            if request.method == "POST":
                body = msgspec.json.decode(request.body)
                client_order_id = str(body.get("identifier") or body.get("client_order_id") or "")
                self.reached[client_order_id] += 1
                self.note(sim.exchange.value, "was asked for", f"{client_order_id} answers {response.status}")
            return response

        sim.handle = handle  # type: ignore[method-assign]


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _env(home: Path, markets: tuple[str, ...]) -> Env:
    env = read_env(
        {
            "KARB_VAR_DIR": str(home / "var"),
            "KARB_SHM_DIR": str(home / "shm"),
            "KARB_MARKETS": ",".join(markets),
            "KARB_JOURNAL_FSYNC": "none",
            "KARB_UPBIT_BOOK_DEPTH": "15",
        }
    )
    env.simulated_keys_path.parent.mkdir(parents=True)
    balances = {QUOTE: "100000000", **{base_of(market): "20" for market in markets}}
    accounts = [
        {
            "exchange": exchange.value,
            "access_key": f"{exchange}-desk",
            "secret_key": MADE_UP,
            "balances": balances,
            "scopes": ["view_assets", "view_orders", "make_orders"],
        }
        for exchange in EXCHANGES
    ]
    env.simulated_keys_path.write_text(json.dumps({"accounts": accounts}))
    return env
