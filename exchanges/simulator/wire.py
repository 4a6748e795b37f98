"""Requests and answers as the exchange's logic sees them: no sockets, no clocks."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from arbitrage.domain.errors import KArbError


class Delivery(StrEnum):
    """How an answer leaves; all but SEND are faults."""

    SEND = "send"
    DROP = "drop"
    """The connection is cut instead."""
    HANG = "hang"
    """Nothing is sent, and nothing more on this connection."""
    TRUNCATE = "truncate"
    """`part` bytes of the body, then the connection closes."""
    RESET = "reset"
    """`part` bytes of the body, then the connection is reset."""
    DRIP = "drip"
    """`part` bytes at a time, every `pace_ns`."""


class Request(msgspec.Struct, frozen=True):
    """One HTTP request; header names in lower case, `query` as on the wire, `peer` an IP address."""

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = {}
    body: bytes = b""
    peer: str = "127.0.0.1"


class Response(msgspec.Struct, frozen=True):
    """One answer. `headers` do not hold Content-Length, Date or Connection: the server adds them."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    delivery: Delivery = Delivery.SEND
    delay_ns: int = 0
    """How long after it was made the answer leaves."""
    copies: int = 1
    part: int = 0
    pace_ns: int = 0


class WireRefusal(KArbError):
    """The exchange says no: HTTP status, error name (text or number) and message."""

    def __init__(self, status: int, name: str | int, message: str = "") -> None:
        self.status = status
        self.name = name
        self.message = message or str(name)
        super().__init__(f"{status} {name}")


class Params:
    """Query parameters, or the members of a JSON body, in order as sent.

    `nested`: the items of members that are arrays of objects, each as its own JSON text.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]], nested: dict[str, list[bytes]] | None = None) -> None:
        self.pairs = list(pairs)
        self.nested = nested or {}
        self._last = dict(self.pairs)

    def one(self, name: str) -> str | None:
        """Return the last value of `name`, or None."""
        return self._last.get(name)

    def many(self, name: str) -> list[str]:
        """Return all values of `name[]`."""
        return [value for key, value in self.pairs if key == f"{name}[]"]

    def rows(self, name: str) -> list["Params"]:
        """Return the objects of an array of objects."""
        return [body_params(item) for item in self.nested.get(name, [])]

    @property
    def signed_text(self) -> str:
        """Return the text both exchanges hash: `k=v` joined by `&`, nothing encoded (upbit.md §2, bithumb.md §3.2)."""
        return "&".join([f"{key}={value}" for key, value in self.pairs])


def query_params(query: str) -> Params:
    """Return a query string's parameters, decoded."""
    if not query:
        return Params(())
    parts = (part.partition("=") for part in query.split("&") if part)
    return Params((unquote_plus(key), unquote_plus(value)) for key, _, value in parts)


_DECODER = msgspec.json.Decoder(float_hook=str)


def decode_json(data: bytes) -> Any:
    """Return what JSON text holds, fractions as text digit by digit. ValueError for anything else, however deep."""
    try:
        return _DECODER.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def body_params(body: bytes) -> Params:
    """Return a JSON object's members as text, in order. ValueError when the body is anything else."""
    if not body:
        return Params(())
    members = decode_json(body)
    if not isinstance(members, dict):
        raise ValueError("the body must be a JSON object")
    pairs: list[tuple[str, str]] = []
    nested: dict[str, list[bytes]] = {}
    for key, value in members.items():
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            nested[key] = _items(body, key)
        elif isinstance(value, list):
            pairs += [(f"{key}[]", _member_text(item)) for item in value]
        elif value is not None:
            pairs.append((key, _member_text(value)))
    return Params(pairs, nested)


# The items of one array, each as it was written: a client may have signed that very text (bithumb.md §3.2).
def _items(body: bytes, key: str) -> list[bytes]:
    members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return [bytes(item) for item in msgspec.json.decode(members[key], type=list[msgspec.Raw])]


def strict_params(request: Request) -> Params:
    """Return what a request asks for: a JSON body with POST, the query otherwise (upbit.md §1.1, bithumb.md §3.6).

    WireRefusal when a POST is no JSON, or another method has a body.
    """
    if request.method != "POST":
        if request.body:
            raise WireRefusal(400, "QUERY_PARAMETER_NOT_SUPPORTED", "GET and DELETE take query parameters only")
        return query_params(request.query)
    if not request.headers.get("content-type", "").lower().startswith("application/json"):
        raise WireRefusal(400, "bad_request", "Content-Type must be application/json")
    try:
        return body_params(request.body)
    except ValueError as error:
        raise WireRefusal(400, "invalid_parameter", str(error)) from None


def _member_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def json_bytes(value: object) -> bytes:
    """Return compact JSON; a `msgspec.Raw` inside keeps its own spelling."""
    return msgspec.json.encode(value)


def number(text: str) -> msgspec.Raw:
    """Return a JSON number spelled exactly as `text`."""
    return msgspec.Raw(text.encode())
