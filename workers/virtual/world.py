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
from arbitrage.domain.events import TRADER_STREAM, ArbStepped, Event, MarketPaused, Record, TradingStateChanged
from arbitrage.domain.order import Order
from arbitrage.domain.params import Params
from arbitrage.domain.units import EXCHANGES, QUOTE, SCALE, Exchange, Side, base_of
from exchanges.simulator import server
from exchanges.simulator.account import Account
from exchanges.simulator.config import SimConfig, read_keys
from exchanges.simulator.faults import Faults
from exchanges.simulator.orders import SimOrder
from exchanges.simulator.rules import start_price
from exchanges.simulator.sim_exchange import SimExchange
from fast_path.control import ControlBlock
from fast_path.journal import Journal
from karb_project.env import Env, read_env
from workers.virtual.arming import Person
from workers.virtual.bookkeeper import Bookkeeper
from workers.virtual.guard import keep_watch
from workers.virtual.life import Life
from workers.virtual.memory_net import Link, MemoryNet
from workers.virtual.operator import Operator
from workers.virtual.owners import OWNER, Owners
from workers.virtual.part import FeedPart, start_feeds
from workers.virtual.tap import Tap
from workers.virtual.virtual_loop import START_WALL_NS, VirtualClock, VirtualLoop

MADE_UP = "madeup-" * 9
FEES_PPM = (500, 400)
RIGHTS = ("view_assets", "view_orders", "make_orders")
"""What the desk's keys may do."""
WORTH_KRW = 75_000_000
"""What each asset of each account is worth in the beginning, about."""


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

    def __init__(
        self,
        loop: VirtualLoop,
        home: Path,
        seed: int,
        *,
        markets: tuple[str, ...],
        params: Params,
        start_wall_ns: int = START_WALL_NS,
    ) -> None:
        self.loop = loop
        self.net: MemoryNet = loop.net
        self.owners: Owners = loop.owners
        self.feeds: dict[Exchange, FeedPart] = {}
        self.clock = VirtualClock(loop, start_wall_ns)
        """The desk's machine's; somebody can set it wrong."""
        self.true_clock = VirtualClock(loop, start_wall_ns)
        """The exchanges'."""
        self.home = home
        self.seed = seed
        self.env = _env(home, markets)
        self._params = params
        self.person = Person(self)
        """Who arms the desk, where it takes the simulators for the exchanges."""
        self.seen: list[Seen] = []
        self.sends: list[Sent] = []
        self.reached: Counter[str] = Counter()
        """How often each client order id reached an exchange, taken or not."""
        self.cancels_asked: dict[str, int] = {}
        """When the desk last asked for the cancel of each order."""
        self.lives: list[Life] = []
        self.disk_is_full = False
        self.synced_end = 0
        """How much of the journal a power cut cannot take, whichever trader wrote it."""
        self.on_send: Callable[[Life, Sent], None] = lambda life, one: None
        self.on_event: Callable[[Event], None] = lambda event: None
        self.on_trader: Callable[[Life], None] = lambda life: None
        self.fees_changed = False
        self.is_well = False
        """Nothing more goes wrong from here on."""
        self._simulator: server.RunningSimulator | None = None
        self._operator: Operator | None = None
        self._bookkeeper: Bookkeeper | None = None
        self._taps: dict[Exchange, Tap] = {}
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
    def operator(self) -> Operator:
        """Return who runs the desk of an open world."""
        assert self._operator is not None
        return self._operator

    @property
    def bookkeeper(self) -> Bookkeeper:
        """Return the recorder of an open world."""
        assert self._bookkeeper is not None
        return self._bookkeeper

    @property
    def params(self) -> Params:
        """Return the newest parameters that can be used."""
        return self.operator.params

    def change_params(self, params: Params) -> None:
        """Let the operator hand on new parameters."""
        self.operator.change_params(params)

    def resume(self) -> None:
        """Let the operator, who looked at everything, let the desk trade again."""
        self.operator.resume()

    @property
    def control(self) -> ControlBlock:
        """Return the operator's view of the control block."""
        return self.operator.control

    @property
    def life(self) -> Life | None:
        """Return the trader that trades, or else the one that was started last."""
        for life in reversed(self.lives):
            if life.is_running and life.trader is not None:
                return life
        return self.lives[-1] if self.lives else None

    # What happens

    async def open(self, *, fees_ppm: tuple[int, int] = FEES_PPM) -> None:
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
            self._taps[exchange] = Tap(self, self.exchange(exchange))
        self._operator = Operator(self, self._params)
        self._begin("bridge", self._operator.run_bridge())
        self._begin("watchdog", keep_watch(self))
        if self.person.is_live:
            self._begin("person", self.person.live())
        self.feeds = start_feeds(self)
        self._bookkeeper = Bookkeeper(self)

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

    def drift_clock(self, ppm: int) -> None:
        """Let the machine's wall clock run fast, or slow below 0."""
        self.clock.drift(ppm)
        self.note("host", "clock drifts", f"by {ppm} ppm")

    def set_clock_right(self) -> None:
        """Set the machine's wall clock right, as ntp does in the end."""
        self.clock.set_right()
        self.note("host", "clock set right")

    def account(self, exchange: Exchange) -> Account:
        """Return the desk's account on one exchange."""
        return self.exchange(exchange).accounts[f"{exchange}-desk"]

    def stop_process(self, owner: str, lasts_s: float) -> None:
        """Stop a process as SIGSTOP does, and let it go on after so many seconds."""
        self.loop.stop_process(owner)
        self.note(owner, "stopped", f"for {lasts_s:.3f} s")
        self.loop.call_later(lasts_s, self.go_on, owner)

    def later(self, seconds: float, act: Callable[..., object], *given: object) -> None:
        """Do something after a while, unless all is well again by then."""
        self.loop.call_later(seconds, lambda: None if self.is_well else act(*given))

    def go_on(self, owner: str) -> None:
        """Let a stopped process go on, if it is."""
        if owner in self.loop.standing_still:
            self.note(owner, "goes on")
            self.loop.continue_process(owner)

    def fill_disk(self, *, is_full: bool) -> None:
        """Let the disk under the journal be full, or have room again."""
        self.disk_is_full = is_full
        self.note("disk", "full" if is_full else "has room")
        for life in self.lives:
            life.fill_disk(is_full=is_full)

    def synced(self, end: int) -> None:
        """Take note of how much of the journal is on its disk, whoever brought it there."""
        self.synced_end = max(self.synced_end, end)

    def secured(self) -> None:
        """Let no power cut take what is in the journal now."""
        self.synced(self.env.journal_path.stat().st_size)

    def sent(self, life: Life, exchange: Exchange, order: Order) -> None:
        """Take note of an order whose bytes leave now."""
        one = Sent(self.loop.now_ns, life.owner, exchange, order)
        self.sends.append(one)
        self.note(life.owner, "sends", f"{exchange} {order.client_order_id} {order.side} {order.qty} at {order.price}")
        self.on_send(life, one)

    def cancels(self, order: Order) -> None:
        """Take note of a cancel that is asked for now."""
        self.cancels_asked[order.client_order_id] = self.loop.now_ns
        self.note("desk", "cancels", f"{order.exchange} {order.client_order_id}")

    def journalled(self, event: Event) -> None:
        """Take note of a record that is in the journal now."""
        if isinstance(event, ArbStepped):
            self.note("journal", "arb", f"{event.arb.arb_id} {event.arb.state} {event.arb.why}")
        elif isinstance(event, TradingStateChanged | MarketPaused):
            self.note("journal", type(event).__name__, f"{event!r:.150}")
        self.on_event(event)

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
        """Return the orders one exchange has that the desk asked for, by our id."""
        tap = self._taps[exchange]
        return {name: order for order in self.every_order(exchange) if (name := tap.our_id(order)) is not None}

    def orders_of_others(self, exchange: Exchange) -> list[SimOrder]:
        """Return the orders on the desk's account that the desk did not ask for."""
        tap = self._taps[exchange]
        return [order for order in self.every_order(exchange) if tap.our_id(order) is None]

    def every_order(self, exchange: Exchange) -> list[SimOrder]:
        """Return all orders one exchange has, oldest first."""
        return list(self.exchange(exchange).matching.orders.values())

    def best(self, exchange: Exchange, market: str, side: Side = Side.BID) -> int:
        """Return the best price there really is, in 10^-8."""
        return self.simulator.simulator.market.levels(exchange, market, side, self.true_clock.wall_ns())[0][0]

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
        for owner in list(self.loop.standing_still):
            self.loop.continue_process(owner)
        for life in self.lives:
            life.die()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        if self._simulator is not None:
            await self._simulator.stop()
        if self._operator is not None:
            self._operator.close()

    # The parts

    def _begin(self, owner: str, work: object) -> None:
        space = contextvars.copy_context()
        space.run(OWNER.set, owner)
        self._parts.append(self.loop.create_task(work, context=space))  # type: ignore[arg-type]


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _coins_worth(market: str) -> str:
    return str(WORTH_KRW * SCALE * 1_000 // start_price(market) / 1_000)


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
    balances = {QUOTE: str(WORTH_KRW), **{base_of(market): _coins_worth(market) for market in markets}}
    accounts = [
        {
            "exchange": exchange.value,
            "access_key": f"{exchange}-desk",
            "secret_key": MADE_UP,
            "balances": balances,
            "scopes": list(RIGHTS),
        }
        for exchange in EXCHANGES
    ]
    env.simulated_keys_path.write_text(json.dumps({"accounts": accounts}))
    return env
