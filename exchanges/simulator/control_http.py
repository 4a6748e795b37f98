"""The control endpoint: faults, acts and scenarios by HTTP on a port of its own, while the simulator runs.

Loopback unless asked otherwise, JSON both ways, one request a connection. Whoever reaches it rules the simulator.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import httptools
import msgspec

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import EXCHANGES
from exchanges.simulator.faults import Armed
from exchanges.simulator.http import Head, response_bytes
from exchanges.simulator.money import fine_text, plain_text
from exchanges.simulator.scenario import Scenario, Telling, arm, library, read_scenario, scenario_of
from exchanges.simulator.simulator import Simulator
from exchanges.simulator.trouble.catalogue import (
    ActOrder,
    ArmOrder,
    act_words,
    catalogue_words,
    read_act_order,
    read_arm_order,
)
from exchanges.simulator.wire import Response

MAX_BODY = 1 << 20
DRAIN_S = 5.0
"""How long what still comes of a refused request is read and dropped."""
_MOST_AT_ONCE = 1_000
_JSON = (("Content-Type", "application/json;charset=UTF-8"),)
_FAMILIES = ("account", "market", "maintenance")


class _Refused(Exception):
    def __init__(self, status: int, *problems: str) -> None:
        self.status = status
        self.problems = problems
        super().__init__("; ".join(problems))


class Control:
    """What each request does. `tellings` are the scenarios under way."""

    def __init__(self, simulator: Simulator, now: Callable[[], int]) -> None:
        self.tellings: list[Telling] = []
        self._simulator = simulator
        self._now = now

    def handle(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Return the HTTP status and what the answer holds."""
        try:
            return self._answer(method, path.strip("/"), body)
        except _Refused as refusal:
            return refusal.status, {"problems": refusal.problems}
        except ConfigError as error:
            return 400, {"problems": error.problems}

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        room, _, rest = path.partition("/")
        match method, room:
            case "GET", "faults" if not rest:
                return 200, {"armed": self._armed(), "catalogue": catalogue_words()}
            case "POST", "faults" if not rest:
                return 201, {"armed": self._arm(_rows(body))}
            case "DELETE", "faults":
                return 200, {"disarmed": self._disarm(rest)}
            case "GET", "scenario" if not rest:
                return 200, {"library": library(), "tellings": [_telling_words(one) for one in self.tellings]}
            case "POST", "scenario" if not rest:
                return 201, _telling_words(self._tell(_decoded(body)))
            case "DELETE", "scenario" if not rest:
                return 200, {"stopped": self._stop()}
            case "GET", "acts" if not rest:
                return 200, act_words()
            case "POST", family if family in _FAMILIES and not rest:
                return 200, {"done": self._act(_rows(body), family)}
            case "GET", "state" if not rest:
                return 200, self._state()
        if room in ("faults", "scenario", "acts", "state", *_FAMILIES):
            raise _Refused(405 if not rest else 404, f"{method} /{path} does nothing here")
        raise _Refused(404, f"/{path} is not one of /faults /scenario /acts /account /market /maintenance /state")

    def _arm(self, rows: list[Any]) -> list[str]:
        problems: list[str] = []
        orders = [read_arm_order(row, f"faults[{index}]", problems) for index, row in enumerate(rows)]
        if problems:
            raise _Refused(400, *problems)
        self._simulator.advance(self._now())
        made = [arm(self._simulator, order) for order in orders if isinstance(order, ArmOrder)]
        return [f"{exchange}-{number}" for row in made for exchange, number in row.items()]

    def _disarm(self, fault_id: str) -> list[str]:
        if not fault_id:
            gone = [row["id"] for row in self._armed()]
            for one in EXCHANGES:
                self._simulator.faults(one).clear()
            return gone
        word, _, number = fault_id.partition("-")
        exchange = next((one for one in EXCHANGES if one.value == word), None)
        is_number = number.isascii() and number.isdigit() and len(number) < 10
        if exchange is None or not is_number or not self._simulator.faults(exchange).disarm(int(number)):
            raise _Refused(404, f"no fault {fault_id!r} is armed")
        return [fault_id]

    def _armed(self) -> list[dict[str, Any]]:
        now = self._now()
        return [
            _armed_words(exchange.value, one, now)
            for exchange in EXCHANGES
            for one in self._simulator.faults(exchange).armed()
        ]

    def _tell(self, data: Any) -> Telling:
        if isinstance(data, dict) and "steps" not in data and set(data) <= {"name", "faster"}:
            scenario = self._named(data)
        else:
            name = data.get("name", "unnamed") if isinstance(data, dict) else "unnamed"
            scenario = scenario_of(str(name)[:100], data, "scenario")
            if scenario.seed is not None:
                raise _Refused(400, "scenario.seed counts only for a simulator that is started with it (--scenario)")
        missing = [market for market in scenario.markets if market not in self._simulator.markets]
        if missing:
            raise _Refused(400, f"scenario.markets has {', '.join(missing)}, which this simulator does not list")
        self._simulator.advance(self._now())
        return self.begin(scenario)

    def _named(self, data: dict[str, Any]) -> Scenario:
        name, factor = data.get("name"), data.get("faster")
        if name not in library():
            raise _Refused(400, f"name was {name!r}, must be one of {', '.join(library())}")
        if factor is not None and (not isinstance(factor, int) or isinstance(factor, bool)):
            raise _Refused(400, f"faster was {factor!r}, must be a whole number")
        return read_scenario(str(name), self._simulator.markets, factor)

    def begin(self, scenario: Scenario) -> Telling:
        """Begin to tell a scenario now."""
        telling = Telling(scenario, self._simulator, self._now())
        self.tellings.append(telling)
        del self.tellings[:-100]
        return telling

    def _stop(self) -> list[str]:
        stopped = [telling for telling in self.tellings if not telling.is_stopped]
        for telling in stopped:
            telling.stop()
        return [telling.scenario.name for telling in stopped]

    # All are read before the first is done; what then cannot be done is said, and what was done stays.
    def _act(self, rows: list[Any], family: str) -> int:
        problems: list[str] = []
        orders = [read_act_order(row, f"{family}[{index}]", problems, family) for index, row in enumerate(rows)]
        if problems:
            raise _Refused(400, *problems)
        now = self._now()
        self._simulator.advance(now)
        for order in orders:
            if isinstance(order, ActOrder):
                problems += order.problems(self._simulator, now)
        if problems:
            raise _Refused(409, *problems)
        return len(orders)

    def _state(self) -> dict[str, Any]:
        return {exchange.value: _exchange_words(self._simulator, exchange) for exchange in EXCHANGES}


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _Refused(400, f"the body must be JSON: {error}") from None


def _rows(body: bytes) -> list[Any]:
    data = _decoded(body)
    rows = data if isinstance(data, list) else [data]
    if not 1 <= len(rows) <= _MOST_AT_ONCE:
        raise _Refused(400, f"the list has {len(rows)} members, must have 1 to {_MOST_AT_ONCE}")
    return rows


def _armed_words(exchange: str, one: Armed, now: int) -> dict[str, Any]:
    members = msgspec.to_builtins(one.fault) | msgspec.to_builtins(one.scope)
    return {
        "id": f"{exchange}-{one.number}",
        "exchange": exchange,
        **members,
        "hits": one.hits,
        "left": one.left,
        "is_over": one.is_over(now),
    }


def _telling_words(telling: Telling) -> dict[str, Any]:
    return {
        "name": telling.scenario.name,
        "about": telling.scenario.about,
        "steps": len(telling.scenario.steps),
        "is_stopped": telling.is_stopped,
        "told": [msgspec.to_builtins(told) for told in telling.told],
    }


# Balances and orders as they are, never a secret.
def _exchange_words(simulator: Simulator, exchange: Any) -> dict[str, Any]:
    sim = simulator.exchange(exchange)
    open_orders = list(sim.matching.open_orders.values())
    return {
        "accounts": {
            key: {
                asset: {"free": fine_text(one.free.get(asset, 0)), "locked": fine_text(one.locked.get(asset, 0))}
                for asset in one.assets()
            }
            for key, one in sim.accounts.items()
        },
        "open_orders": [
            {
                "exchange_order_id": order.order_id,
                "client_order_id": order.draft.client_order_id,
                "access_key": order.access_key,
                "market": order.draft.market,
                "side": order.draft.side.value,
                "state": order.state.value,
                "remaining_qty": plain_text(order.remaining_qty),
                "executed_qty": plain_text(order.executed_qty),
            }
            for order in open_orders[:1_000]
        ],
        "open_order_count": len(open_orders),
        "sessions": len(sim.sessions),
        "counts": dict(sim.counts),
        "closed_markets": [market for market in simulator.markets if sim.closing.is_closed(market)],
        "bid_fee_ppm": sim.rules.bid_fee_ppm,
        "ask_fee_ppm": sim.rules.ask_fee_ppm,
    }


class ControlConnection(asyncio.Protocol):
    """One request, one answer. `after` is called once something may have changed."""

    def __init__(self, control: Control, wall_ns: Callable[[], int], after: Callable[[], None]) -> None:
        self._control = control
        self._wall_ns = wall_ns
        self._after = after
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._head = Head()
        self._size = 0
        self._is_refused = False
        """The answer is out; what still comes of the request is read and dropped, or a reset would take the answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes in; what is longer than any sensible request is refused."""
        self._size += len(data)
        if self._transport is None or self._transport.is_closing() or self._is_refused:
            return
        if self._size > MAX_BODY:
            self._is_refused = True
            self._write(413, {"problems": [f"the request must be at most {MAX_BODY} bytes"]})
            self._transport.write_eof()
            asyncio.get_running_loop().call_later(DRAIN_S, self._transport.close)
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._say(400, {"problems": ["the request is not HTTP/1.1"]})

    def on_url(self, url: bytes) -> None:
        """Take (a part of) the target."""
        self._head.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header."""
        self._head.add(name, value)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._head.body += body

    def on_message_complete(self) -> None:
        """Answer the request."""
        request = self._head.request(self._parser.get_method(), "")
        # A page in a browser can send a form here, but no JSON.
        is_json = request.headers.get("content-type", "").lower().startswith("application/json")
        if request.method == "POST" and not is_json:
            self._say(415, {"problems": ["Content-Type must be application/json"]})
            return
        self._say(*self._control.handle(request.method, request.path, request.body))
        self._after()

    def _say(self, status: int, words: Any) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._write(status, words)
        self._transport.close()

    def _write(self, status: int, words: Any) -> None:
        assert self._transport is not None
        answer = Response(status, msgspec.json.format(msgspec.json.encode(words), indent=2) + b"\n", _JSON)
        self._transport.write(response_bytes(answer, self._wall_ns(), keep_alive=False))
