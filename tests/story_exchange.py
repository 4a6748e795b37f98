"""Stories end to end: the real trader over loopback against both simulated exchanges on books that stand still.

`Story` is the outside world: exchanges, disk, what reached the wire. Each `Life` in it is one trader process;
the next one finds what the last one left on disk.
"""

import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

import msgspec
from desk_builders import e8
from order_makers import RealClock
from story_life import SET, DiskJournal, LastCheck, Life, until

from arbitrage.domain.arb import Arb
from arbitrage.domain.book import Level
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.events import TRADER_STREAM, ArbStepped, Record
from arbitrage.domain.frame_spec import DecodedBook
from arbitrage.domain.order import OrderState
from arbitrage.domain.params import MS, Params, params_to_bytes
from arbitrage.domain.signal import Signal
from arbitrage.domain.units import EXCHANGES, SCALE, Exchange, Krw, Ns, Price, Qty, Side, base_of, exact_sum, to_decimal
from exchanges import registry
from exchanges.bithumb.gateway import BithumbGateway
from exchanges.credentials import Credentials
from exchanges.rest_gateway import RestGateway
from exchanges.simulator import server
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.faults import Faults
from exchanges.simulator.money import FINE_DECIMALS, fine_of_text
from exchanges.simulator.orders import SimOrder
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.stream import Session
from exchanges.simulator.wire import Request, Response
from exchanges.stream import StreamTiming
from exchanges.upbit.gateway import UpbitGateway
from fast_path.books import BookWriter
from fast_path.control import ControlBlock
from fast_path.journal import Journal
from fast_path.wakeup import WakeupSender
from karb_project.env import Env, read_env
from workers.armed import Armed
from workers.process import Context

MARKET = "KRW-ETH"
SECRET = "a-secret-of-decent-length-for-tests-0123456789-0123456789-01234567"
BALANCES = {"KRW": "100000000", "ETH": "20"}
TOUCH = {Exchange.UPBIT: (3_998_000, 4_000_000), Exchange.BITHUMB: (4_040_000, 4_042_000)}
"""Best bid and ask in KRW: buying on Upbit and selling on Bithumb earns 1 % before fees."""
LEVELS, STEP, LEVEL_QTY = 5, 2_000, "2"
FRAMES, GAP_MS = 60, 40
"""The same book again and again, so that there is always one younger than a miss."""


class Story:
    """Both exchanges, one desk's disk, and a record of what reached the wire."""

    def __init__(self, home: Path, simulator: server.RunningSimulator, env: Env) -> None:
        self.home = home
        self.env = env
        self.simulator = simulator
        self.clock = RealClock()
        self.reached: Counter[str] = Counter()
        """How often each client order id reached an exchange in a POST, taken or not."""
        self.bodies: dict[str, dict[str, str]] = {}
        """What the last POST of each client order id said."""
        self.mute: set[Exchange] = set()
        """Exchanges that answer 500 to every question about an order."""
        self.away: set[Exchange] = set()
        """Exchanges that answer 503 to everything, new streams included."""
        self.locked_out: set[Exchange] = set()
        """Exchanges that refuse our key."""
        self.inactive: set[Exchange] = set()
        """Exchanges that say that they do not trade the market now."""
        self.rewrite: dict[Exchange, Callable[[str, bytes], bytes]] = {}
        """Exchanges whose answers to GET (path, body) come with another body."""
        self.stale: set[Exchange] = set()
        """Exchanges whose books no longer reach the trader."""
        self.stream_back_ms = 20
        """How long a private stream that was cut stays away."""
        self.feeds_wake = False
        """Whether new books wake the engine: then it opens arbs by itself."""
        self.bridge_beats = True
        self.arm: Callable[..., Armed] = Armed
        """How a trader looks at the locks on real orders."""
        self.lives: list[Life] = []
        self._writers = {
            exchange: BookWriter(env.shm_dir, exchange, env.markets, registry.frame_decoder(exchange))
            for exchange in EXCHANGES
        }
        self._waker = WakeupSender(env.wakeup_path)
        self._control = ControlBlock(env.shm_dir, env.markets, env.latch_path)
        for exchange in EXCHANGES:
            self._tap(self.exchange(exchange))
        self._on_book = simulator.simulator.market.on_book
        simulator.simulator.market.on_book = self._book_came
        self._opening = self.holdings()

    def exchange(self, exchange: Exchange) -> SimExchange:
        """Return one exchange's logic."""
        return self.simulator.exchange(exchange)

    def faults(self, exchange: Exchange) -> Faults:
        """Return what can go wrong on one exchange."""
        return self.simulator.faults(exchange)

    def gateway(self, exchange: Exchange, last_check: LastCheck) -> RestGateway:
        """Return the real gateway of one exchange."""
        is_upbit = exchange is Exchange.UPBIT
        host = self.simulator.upbit_address if is_upbit else self.simulator.bithumb_address
        make = UpbitGateway if is_upbit else BithumbGateway
        timing = StreamTiming(ping_every_ns=1_000 * MS, backoff_ms=(self.stream_back_ms,))
        keys = Credentials(exchange, f"{exchange}-access", SECRET)
        return make(keys, f"http://{host}", f"ws://{host}", self.clock, last_check=last_check, timing=timing)

    async def live(self, *, ready: bool = True, params: Params = SET) -> Life:
        """Start a trader; unless told otherwise, return when it trades with both private streams up."""
        context = Context("trader", self.env)
        context.control.write_params(1, params_to_bytes(params))
        journal = DiskJournal(self.env.journal_path, TRADER_STREAM, "none")
        life = Life(self.gateway, context, journal, self.arm)
        self.lives.append(life)
        if ready:
            await until(lambda: life.run.done() or (life.is_ready and len(life.trader.desk.streams_up) == 2))
        return life

    def signal(self, qty: str = "0.5", *, buy: int = 4_004_000, sell: int = 4_036_000) -> Signal:
        """Return a signal to buy on Upbit and sell on Bithumb, with limits that the books satisfy at once."""
        now = self.clock.mono_ns()
        units = e8(qty)
        return Signal(
            market=MARKET,
            buy_exchange=Exchange.UPBIT,
            sell_exchange=Exchange.BITHUMB,
            qty=Qty(units),
            buy_limit=Price(buy * SCALE),
            sell_limit=Price(sell * SCALE),
            buy_cost=Krw(4_000_000 * units),
            sell_proceeds=Krw(4_040_000 * units),
            fees=Krw(3_616 * units),
            net_edge_ppm=9_000,
            buy_book_mono_ns=Ns(now),
            sell_book_mono_ns=Ns(now),
            found_mono_ns=Ns(now),
        )

    async def end(self, life: Life, *, code: int = 0) -> None:
        """Assert that nothing is reserved any more, stop the trader, and assert the truth of what is left."""
        assert life.trader.wallets.reservations() == ()
        assert await life.stop() == code
        self.check_truth()

    def set_level(self, level: TradingLevel) -> None:
        """Move the kill switch, as the operator's command does."""
        self._control.set_level(level, "a story", "test")

    def level(self) -> TradingLevel:
        """Return the kill switch's position."""
        return self._control.level()

    def lowered_for(self) -> str:
        """Return the reason of the last change of the kill switch."""
        return str(self._control.latch().get("reason", ""))

    def raise_fence(self) -> None:
        """Let a younger trader announce itself."""
        self._control.raise_fence()

    def stop_books(self, *exchanges: Exchange) -> None:
        """Take the books of these exchanges, or every book, from the trader; clear `stale` to let new ones come."""
        for exchange in exchanges or EXCHANGES:
            self.stale.add(exchange)
            self._writers[exchange].mark_dead(None)

    def change_params(self, epoch: int, **changes: object) -> None:
        """Hand on new parameters, as the bridge does."""
        self._control.write_params(epoch, params_to_bytes(msgspec.structs.replace(SET, **changes)))

    # What is true in the end

    def records(self) -> list[Record]:
        """Return the journal, read by itself once its writer let go."""
        journal = Journal(self.env.journal_path, TRADER_STREAM, "none")
        try:
            return list(journal.replay())
        finally:
            journal.close()

    def images(self) -> dict[str, Arb]:
        """Return the newest image of each arb in the journal."""
        return {one.event.arb.arb_id: one.event.arb for one in self.records() if isinstance(one.event, ArbStepped)}

    def orders(self, exchange: Exchange) -> dict[str, SimOrder]:
        """Return the orders one exchange has, by our id."""
        found = self.exchange(exchange).matching.orders.values()
        return {order.draft.client_order_id or "": order for order in found}

    def holdings(self) -> dict[tuple[Exchange, str], int]:
        """Return what the exchanges say we have, free and locked, in 10^-22."""
        (base,) = {base_of(market) for market in self.env.markets}
        return {
            (exchange, asset): account.total(asset)
            for exchange in EXCHANGES
            for account in self.exchange(exchange).accounts.values()
            for asset in ("KRW", base)
        }

    def check_truth(self) -> None:
        """Assert what every story must leave behind, whatever happened in it.

        Nothing reached an exchange twice, the journal knows every order, and the fold of its images is the
        exchanges' own change of balances, to the last digit.
        """
        assert [client_order_id for client_order_id, count in self.reached.items() if count > 1] == []
        images = self.images()
        ours = {order.client_order_id: order for arb in images.values() for order in arb.orders}
        moved: dict[tuple[Exchange, str], list[Decimal]] = {key: [] for key in self._opening}
        for exchange in EXCHANGES:
            theirs = self.orders(exchange)
            assert theirs.keys() <= ours.keys()
            for client_order_id, order in theirs.items():
                assert ours[client_order_id].executed_qty == order.executed_qty, client_order_id
                assert not order.is_open, client_order_id
        for order in ours.values():
            funds = order.executed_funds * -order.side.sign
            moved[order.exchange, "KRW"] += [funds, order.paid_fee.copy_negate()]
            moved[order.exchange, base_of(order.market)].append(to_decimal(order.side.sign * order.executed_qty))
        told = {key: exact_sum(amounts) for key, amounts in moved.items()}
        now = self.holdings()
        true = {key: Decimal(now[key] - self._opening[key]).scaleb(-FINE_DECIMALS) for key in now}
        assert told == true

    def _tap(self, sim: SimExchange) -> None:
        answer, connect = sim.handle, sim.connect

        def open_stream(request: Request, now: int) -> Session | Response:
            return Response(503) if sim.exchange in self.away else connect(request, now)

        def handle(request: Request, now: int) -> Response:
            if sim.exchange in self.away:
                return Response(503)
            if sim.exchange in self.locked_out:
                return Response(401, b'{"error":{"name":"jwt_verification","message":""}}')
            if sim.exchange in self.inactive and request.path == "/v1/orders/chance":
                told = answer(request, now)
                return msgspec.structs.replace(told, body=told.body.replace(b'"active"', b'"suspended"'))
            if request.method == "POST" and request.path.startswith("/v"):
                body = msgspec.json.decode(request.body)
                client_order_id = body.get("identifier") or body.get("client_order_id")
                self.reached[client_order_id] += 1
                self.bodies[client_order_id] = body
            elif request.path == "/v1/order" and sim.exchange in self.mute:
                return Response(500)
            told = answer(request, now)
            if sim.exchange in self.rewrite and request.method == "GET":
                told = msgspec.structs.replace(told, body=self.rewrite[sim.exchange](request.path, told.body))
            return told

        sim.handle = handle  # type: ignore[method-assign]
        sim.connect = open_stream  # type: ignore[method-assign]

    def _book_came(self, exchange: Exchange, market: str, at: int) -> None:
        self._on_book(exchange, market, at)
        if exchange in self.stale:
            return
        bids, asks = self.simulator.simulator.market.shown(exchange, market)
        ladders = [tuple(Level(Price(price), Qty(qty)) for price, qty in side) for side in (bids, asks)]
        decoded = DecodedBook(market=market, exchange_ns=Ns(at), bids=ladders[0], asks=ladders[1])
        self._writers[exchange].publish_book(decoded, Ns(at), Ns(self.clock.mono_ns()))
        if self.bridge_beats:
            self._control.beat("bridge", Ns(self.clock.mono_ns()), Ns(at))
        if self.feeds_wake:
            self._waker.notify(EXCHANGES.index(exchange), self.env.markets.index(market))

    async def close(self) -> None:
        """Let go of everything; a life still there dies."""
        for life in self.lives:
            if not life.run.done():
                await life.die()
        await self.simulator.stop()
        for writer in self._writers.values():
            writer.close()
        self._waker.close()
        self._control.close()


def write_books(directory: Path) -> Path:
    """Write a recording of books that stand still, and return its directory."""
    directory.mkdir()
    lines = []
    for exchange, (bid, ask) in TOUCH.items():
        units = [
            {
                "bid_price": bid - rank * STEP,
                "bid_size": float(LEVEL_QTY),
                "ask_price": ask + rank * STEP,
                "ask_size": float(LEVEL_QTY),
            }
            for rank in range(LEVELS)
        ]
        for frame in range(FRAMES):
            raw = {"type": "orderbook", "code": MARKET, "timestamp": frame * GAP_MS + 1, "orderbook_units": units}
            lines.append({"exchange": exchange.value, "raw": msgspec.json.encode(raw).decode()})
    (directory / "books.jsonl").write_bytes(b"\n".join(msgspec.json.encode(line) for line in lines))
    return directory


@contextlib.asynccontextmanager
async def told(
    seed: int = 7, make: Callable[[Path, server.RunningSimulator, Env], Story] = Story
) -> AsyncIterator[Story]:
    """Give a story its world, and take it away afterwards."""
    home = Path(tempfile.mkdtemp(prefix="karb-"))
    accounts = tuple(
        AccountSpec(
            exchange, f"{exchange}-access", SECRET, {asset: fine_of_text(text) for asset, text in BALANCES.items()}
        )
        for exchange in EXCHANGES
    )
    env = read_env({"KARB_VAR_DIR": str(home / "var"), "KARB_SHM_DIR": str(home / "shm"), "KARB_MARKETS": MARKET})
    (home / "var").mkdir()
    config = SimConfig(markets=(MARKET,), recording=write_books(home / "books"), accounts=accounts, seed=seed)
    story: Story | None = None
    try:
        running = await server.start(config)
        env = msgspec.structs.replace(
            env, sim_upbit_address=running.upbit_address, sim_bithumb_address=running.bithumb_address
        )
        story = make(home, running, env)
        yield story
    finally:
        if story is not None:
            await story.close()
        shutil.rmtree(home)


def side_of(exchange: Exchange) -> Side:
    """Return what a story's signal does on `exchange`."""
    return Side.BID if exchange is Exchange.UPBIT else Side.ASK


def states(arb: Arb) -> list[OrderState]:
    """Return the states of an arb's orders: buy leg, sell leg, hedges."""
    return [order.state for order in arb.orders]
