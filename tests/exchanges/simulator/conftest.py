"""A simulator in memory on virtual time, with books written down to the last unit, and signed requests."""

import hashlib
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt
import pytest
from upbit_still import ASKS, BIDS

from arbitrage.domain.units import Exchange
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.dialects.upbit_quirks import UpbitQuirks
from exchanges.simulator.money import fine_of_text
from exchanges.simulator.simulator import Simulator
from exchanges.simulator.wire import Request, Response

START_NS = 1_795_400_000_000_000_000
MS = 1_000_000
SECRETS = {
    "AK-U": "SK-upbit-secret-of-more-than-sixty-four-characters-so-that-none-warns",
    "AK-B": "SK-bithumb-secret-of-more-than-sixty-four-characters-so-that-none-warns",
}
KEYS = {Exchange.UPBIT: "AK-U", Exchange.BITHUMB: "AK-B"}


def token(key: str, secret: str, text: str, alg: str = "HS256", **claims: Any) -> str:
    """Return a bearer header for a request whose un-encoded query is `text`."""
    body: dict[str, Any] = {"access_key": key, "nonce": str(uuid.uuid4())} | claims
    if text:
        body |= {"query_hash": hashlib.sha512(text.encode()).hexdigest(), "query_hash_alg": "SHA512"}
    return "Bearer " + jwt.encode({k: v for k, v in body.items() if v is not None}, secret, algorithm=alg)


def hashed_text(body: dict[str, Any]) -> str:
    """Return what a client hashes for a JSON body: arrays as `key[]`, arrays of objects as `key[0][member]`."""
    parts = []
    for key, value in body.items():
        for index, item in enumerate(value if isinstance(value, list) else ()):
            if isinstance(item, dict):
                parts += [f"{key}[{index}][{name}]={text}" for name, text in item.items()]
            else:
                parts.append(f"{key}[]={item}")
        if not isinstance(value, list):
            parts.append(f"{key}={value}")
    return "&".join(parts)


class World:
    """One simulator and a client with a key on each exchange."""

    def __init__(self, simulator: Simulator, now: int) -> None:
        self.simulator = simulator
        self.now = now

    def pass_ms(self, ms: int) -> None:
        """Let virtual time pass, event by event."""
        end = self.now + ms * MS
        while (due := self.simulator.next_due()) is not None and due <= end:
            self.simulator.advance(due)
        self.now = end
        self.simulator.advance(end)

    def send(self, exchange: Exchange, request: Request) -> Response:
        """Hand a request over as it is."""
        return self.simulator.exchange(exchange).handle(request, self.now)

    def ask(
        self, exchange: Exchange, method: str, path: str, query: str = "", body: dict[str, Any] | None = None
    ) -> tuple[int, Any]:
        """Send a signed request; return status and decoded answer."""
        text = query if body is None else hashed_text(body)
        claims = {"timestamp": self.now // MS} if exchange is Exchange.BITHUMB else {}
        key = KEYS[exchange]
        headers = {"authorization": token(key, SECRETS[key], text, **claims)}
        data = b""
        if body is not None:
            headers["content-type"] = "application/json; charset=utf-8"
            data = json.dumps(body).encode()
        request = Request(method, path, quote(query, safe="=&,"), headers, data)
        response = self.send(exchange, request)
        return response.status, json.loads(response.body) if response.body[:1] in (b"{", b"[") else response.body

    def order(self, exchange: Exchange, **words: str) -> dict[str, Any]:
        """Place an order that must be accepted; return the answer."""
        path = "/v1/orders" if exchange is Exchange.UPBIT else "/v2/orders"
        status, answer = self.ask(exchange, "POST", path, body=words)
        assert status == 201, answer
        return answer

    def find(self, exchange: Exchange, client_order_id: str) -> dict[str, Any]:
        """Return an order by client order id."""
        word = "identifier" if exchange is Exchange.UPBIT else "client_order_id"
        status, answer = self.ask(exchange, "GET", "/v1/order", f"{word}={client_order_id}")
        assert status == 200, answer
        return answer

    def balances(self, exchange: Exchange) -> dict[str, tuple[str, str]]:
        """Return asset -> (free, locked) as the exchange writes them."""
        status, rows = self.ask(exchange, "GET", "/v1/accounts")
        assert status == 200
        return {row["currency"]: (row["balance"], row["locked"]) for row in rows}


def account(exchange: Exchange, **balances: str) -> AccountSpec:
    """Return the test account of an exchange."""
    key = KEYS[exchange]
    return AccountSpec(exchange, key, SECRETS[key], {asset: fine_of_text(text) for asset, text in balances.items()})


def still_frame(exchange: Exchange, market: str, asks: list[tuple[str, str]], bids: list[tuple[str, str]]) -> str:
    """Return a recording line with one book that stands still."""
    units = [
        f'{{"ask_price":{ask[0]},"bid_price":{bid[0]},"ask_size":{ask[1]},"bid_size":{bid[1]}}}'
        for ask, bid in zip(asks, bids, strict=True)
    ]
    raw = f'{{"type":"orderbook","code":"{market}","timestamp":1790134742106,"orderbook_units":[{",".join(units)}]}}'
    return json.dumps({"exchange": exchange.value, "proto": "ws", "raw": raw})


MakeWorld = Callable[..., World]


@pytest.fixture
def frame() -> Callable[..., str]:
    """Return `still_frame`."""
    return still_frame


@pytest.fixture
def sign() -> Callable[..., str]:
    """Return `token`."""
    return token


@pytest.fixture
def make_world(tmp_path: Path) -> MakeWorld:
    """Return a maker of worlds: `frames` are recording lines for books that stand still."""
    made: list[World] = []

    def make(frames: list[str] | None = None, **config: Any) -> World:
        if frames is not None:
            folder = tmp_path / f"recording-{len(made)}"
            folder.mkdir()
            (folder / "books.jsonl").write_text("\n".join(frames) + "\n")
            config["recording"] = folder
        config.setdefault(
            "accounts",
            (
                account(Exchange.UPBIT, KRW="100000000", BTC="1", ETH="10"),
                account(Exchange.BITHUMB, KRW="100000000", BTC="1", ETH="10"),
            ),
        )
        world = World(Simulator(SimConfig(**config), START_NS), START_NS)
        made.append(world)
        return world

    return make


@pytest.fixture
def still(make_world: MakeWorld) -> MakeWorld:
    """Return a maker of worlds with one Upbit market that stands still; it is told Upbit's open questions."""

    def make(**quirks: Any) -> World:
        return make_world([still_frame(Exchange.UPBIT, "KRW-BTC", ASKS, BIDS)], upbit_quirks=UpbitQuirks(**quirks))

    return make
