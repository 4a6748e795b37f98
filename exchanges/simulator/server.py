"""The simulated exchanges on loopback: two listeners, one simulator, one timer.

The shell around the logic: it owns the sockets and the clock, advances the agenda when something is
due, and sends what the sessions have to say.
"""

import asyncio
import errno
import ssl
from pathlib import Path

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import EXCHANGES, Exchange
from exchanges.simulator.agenda import LATE_NS
from exchanges.simulator.config import SimConfig
from exchanges.simulator.connection import Connection
from exchanges.simulator.control_http import Control, ControlConnection
from exchanges.simulator.faults import Faults
from exchanges.simulator.scenario import Scenario, Telling
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.simulator import Simulator
from exchanges.simulator.trouble.fault import SOMETHING, Place

_LONGEST_SLEEP_S = 1.0
_SLICE_NS = 20_000_000
_ACCEPT = frozenset({Place.ACCEPT})


class RunningSimulator:
    """A simulator that serves. Made by `start`; ended by `stop`."""

    def __init__(self, config: SimConfig) -> None:
        self._wall_ns = config.wall_ns
        self.simulator = Simulator(config, config.wall_ns())
        self.control = Control(self.simulator, config.wall_ns)
        self.control_address = ""
        """host:port of the control endpoint; empty while there is none."""
        self._control_server: asyncio.Server | None = None
        self._connections: list[Connection] = []
        self._servers: dict[Exchange, asyncio.Server] = {}
        self._addresses: dict[Exchange, tuple[str, int]] = {}
        self._faults = {exchange: self.simulator.faults(exchange) for exchange in EXCHANGES}
        self._tls = _tls_context(config.tls)
        self._doors: dict[Exchange, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due: int | None = None
        self._has_halted = False
        self._loop = asyncio.get_running_loop()

    @property
    def upbit_address(self) -> str:
        """Return host:port of Upbit's listener."""
        return self._address(Exchange.UPBIT)

    @property
    def bithumb_address(self) -> str:
        """Return host:port of Bithumb's listener."""
        return self._address(Exchange.BITHUMB)

    @property
    def markets(self) -> tuple[str, ...]:
        """Return the markets listed on both exchanges."""
        return self.simulator.markets

    def exchange(self, exchange: Exchange) -> SimExchange:
        """Return one exchange's logic, for tests to look into."""
        return self.simulator.exchange(exchange)

    def faults(self, exchange: Exchange) -> Faults:
        """Return what can be made to go wrong on one exchange."""
        return self._faults[exchange]

    def connection_count(self, exchange: Exchange) -> int:
        """Return how many WebSocket connections one exchange has."""
        return len(self.exchange(exchange).sessions)

    def cut(self, exchange: Exchange) -> None:
        """Cut all WebSocket connections of one exchange without a Close frame."""
        for connection in list(self._connections):
            if connection.session in self.exchange(exchange).sessions:
                connection.abort()

    async def listen(self, exchange: Exchange, address: tuple[str, int]) -> None:
        """Open one exchange's listener. ConfigError when the port cannot be had."""
        sim = self.exchange(exchange)
        try:
            server = await self._loop.create_server(
                lambda: self._connected(sim), address[0], address[1], backlog=256, ssl=self._tls
            )
        except OSError as error:
            raise ConfigError([_unheard(exchange.value, address, error)]) from None
        self._servers[exchange] = server
        self._addresses[exchange] = server.sockets[0].getsockname()[:2]

    def tell(self, scenario: Scenario) -> Telling:
        """Begin to tell a scenario now."""
        telling = self.control.begin(scenario)
        self.tick()
        return telling

    async def listen_control(self, address: tuple[str, int]) -> None:
        """Open the control endpoint. ConfigError when the port cannot be had."""
        try:
            server = await self._loop.create_server(
                lambda: ControlConnection(self.control, self._wall_ns, self.tick), address[0], address[1]
            )
        except OSError as error:
            raise ConfigError([_unheard("control", address, error)]) from None
        self._control_server = server
        host, port = server.sockets[0].getsockname()[:2]
        self.control_address = f"{host}:{port}"

    def tick(self) -> None:
        """Let what is due happen, send what came of it, and come back when more is due.

        What piled up a little is worked off in slices, so that nobody waits for all of it.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now, due = self._wall_ns(), self.simulator.next_due()
        if due is not None and now - due <= LATE_NS:
            now = min(now, due + _SLICE_NS)
        self.simulator.advance(now)
        self._after()

    def halt(self) -> None:
        """Cut everything at once: not one more answer or event leaves."""
        self._has_halted = True
        if self._timer is not None:
            self._timer.cancel()
        for task in self._doors.values():
            task.cancel()
        for server in (*self._servers.values(), *filter(None, [self._control_server])):
            server.close()
        for connection in list(self._connections):
            connection.abort()

    async def stop(self) -> None:
        """Stop listening, cut every connection, let go of the state file."""
        self.halt()
        await asyncio.sleep(0)
        self.simulator.close()

    def _connected(self, sim: SimExchange) -> Connection:
        self._connections = [connection for connection in self._connections if not connection.is_gone]
        connection = Connection(sim, self._wall_ns, self._after)
        connection.is_unwelcome = bool(sim.faults.has_live and sim.faults.strike(_ACCEPT, SOMETHING))
        self._connections.append(connection)
        return connection

    def _after(self) -> None:
        if self._has_halted:
            return
        self._mind_doors()
        for connection in self._connections:
            session = connection.session
            if session is not None and (session.outbox or session.close_code is not None):
                connection.flush()
        due = self.simulator.next_due()
        if self._timer is not None:
            if due == self._timer_due:
                return
            self._timer.cancel()
        self._timer_due = due
        wait_s = _LONGEST_SLEEP_S if due is None else min(max(due - self._wall_ns(), 0) / 1e9, _LONGEST_SLEEP_S)
        self._timer = self._loop.call_later(wait_s, self.tick)

    def _address(self, exchange: Exchange) -> str:
        host, port = self._addresses[exchange]
        return f"{host}:{port}"

    # A port that is closed on purpose, and opened again when that is over.
    def _mind_doors(self) -> None:
        for exchange in self._addresses:
            wants_closed = self._faults[exchange].is_armed(Place.LISTEN)
            if wants_closed is (exchange not in self._servers):
                continue
            task = self._doors.get(exchange)
            if task is not None and not task.done():
                continue
            if wants_closed:
                self._servers.pop(exchange).close()
            else:
                self._doors[exchange] = self._loop.create_task(self.listen(exchange, self._addresses[exchange]))


def _unheard(option: str, address: tuple[str, int], error: OSError) -> str:
    why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be opened: {error.strerror or error}"
    return f"--{option} {address[0]}:{address[1]} {why}; choose another port"


def _tls_context(tls: tuple[Path, Path] | None) -> ssl.SSLContext | None:
    if tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(*tls)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError([f"--tls {tls[0]} {tls[1]}: {error}"]) from None
    return context


async def start(config: SimConfig) -> RunningSimulator:
    """Return a serving simulator. ConfigError: keys, recording, state, market names or ports cannot be used."""
    running = RunningSimulator(config)
    try:
        for exchange, address in zip(EXCHANGES, (config.upbit, config.bithumb), strict=True):
            await running.listen(exchange, address)
        if config.control is not None:
            await running.listen_control(config.control)
    except ConfigError:
        await running.stop()
        raise
    running.tick()
    return running
