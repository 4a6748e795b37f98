"""Faults around one HTTP request: what keeps it from the exchange, and what becomes of its answer."""

import gzip
import math
from collections.abc import Callable
from typing import Any

import msgspec

from exchanges.simulator.auth import AuthFault, parse_bearer
from exchanges.simulator.faults import Armed, Faults
from exchanges.simulator.trouble import frames, orders, shapes, transport
from exchanges.simulator.trouble.fault import SOMETHING, Effect, Fault, Lane, Place, Seen
from exchanges.simulator.trouble.tree import change_tree, read_tree, write_tree
from exchanges.simulator.wire import Delivery, Request, Response, decode_json, json_bytes, query_params

_HANDSHAKE = frozenset({Place.HANDSHAKE})
_ARRIVAL = frozenset({Place.ARRIVAL})
_HTTP = frozenset({Place.HTTP, Place.SHAPE})
_ACCOUNT = ("/v1/accounts", "/v1/orders/chance", "/v1/api_keys", "/v1/status", "/v1/deposit", "/v1/withdraw", "/info/")
_LOOKUP = ("/v1/orders", "/v2/orders", "/info/order")
_LEGACY_CANCEL = ("/trade/cancel",)
_ORDER_POSTS = ("/v1/orders", "/v2/orders", "/v2/orders/batch", "/v1/orders/cancel_and_new", "/v1/twap")
_CANCEL_POSTS = ("/v2/orders/cancel",)


def lane_of(method: str, path: str) -> Lane:
    """Return the group of paths a request belongs to; legacy calls are all POST (bithumb.md §1.1)."""
    if method == "DELETE" or path in _CANCEL_POSTS or path.startswith(_LEGACY_CANCEL):
        return Lane.CANCEL
    if path.startswith("/trade/") or (method == "POST" and path in _ORDER_POSTS):
        return Lane.ORDER
    if path == "/v1/order" or (path.startswith(_LOOKUP) and not path.startswith("/v1/orders/chance")):
        return Lane.LOOKUP
    return Lane.ACCOUNT if path.startswith(_ACCOUNT) else Lane.PUBLIC


def seen_of(request: Request) -> Seen:
    """Return what a fault's scope can tell of a request."""
    texts: list[str] = []
    for params in (query_params(request.query), query_params(request.body.decode("latin-1"))):
        texts += [params.one(name) or "" for name in ("market", "markets", "order_currency")]
    if request.body[:1] == b"{":
        try:
            texts.append(str(decode_json(request.body).get("market", "")))
        except ValueError:
            pass
    texts.append(request.path.rpartition("/")[2].partition("_")[0])
    markets = tuple(part if "-" in part else f"KRW-{part}" for text in texts for part in text.split(",") if part)
    token = parse_bearer(request.headers.get("authorization"))
    key = request.headers.get("api-key", "") if isinstance(token, AuthFault) else token.access_key
    return Seen(lane_of(request.method, request.path), request.path, markets, key, (_object_of(request.path),))


def _object_of(path: str) -> str:
    return path.partition("/v")[2].partition("/")[2] or path.strip("/")


class Answers:
    """The faults of one exchange that act on requests and answers."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._last: Response | None = None
        self._looked_at: tuple[Request | None, Seen] = (None, SOMETHING)
        self._books: dict[tuple[int, str, str], Response] = {}
        """Books that stand still, by the fault that holds them and what was asked."""

    def seen(self, request: Request) -> Seen:
        """Return what a fault's scope can tell of a request; not looked into while nothing may strike."""
        if not self._faults.has_live:
            return SOMETHING
        if self._looked_at[0] is not request:
            self._looked_at = (request, seen_of(request))
        return self._looked_at[1]

    def hold_ns(self, request: Request) -> int:
        """Return how much later than it came this request reaches the exchange."""
        if not self._faults.is_armed(Place.ARRIVAL):
            return 0
        return sum(drawn_ns(one, one.fault) for one in self._faults.strike(_ARRIVAL, self.seen(request)))

    def around(self, request: Request, now: int, serve: Callable[[Request, int], Response]) -> Response:
        """Return the answer to `request` with whatever is armed for it; `serve` is the exchange itself."""
        struck = self._faults.strike(_HTTP, self.seen(request))
        for one in struck:
            early = _instead(one.fault)
            if early is not None:
                return early
        response = serve(request, now)
        if struck:
            response = _unzipped(response)
        for one in struck:
            response = self._changed(one, request, response)
        self._last = response if response.delivery is Delivery.SEND else self._last
        return response

    def handshake(self, request: Request) -> Response | None:
        """Return the answer that refuses a WebSocket handshake, or None."""
        struck = self._faults.strike(_HANDSHAKE, self.seen(request))
        if not struck:
            return None
        fault = struck[0].fault
        assert isinstance(fault, frames.HandshakeRefused)
        return _status_answer(transport.StatusAnswered(status=fault.status, name="handshake_refused"))

    def _changed(self, one: Armed, request: Request, response: Response) -> Response:
        fault, replace = one.fault, msgspec.structs.replace
        match fault:
            case transport.AnswerSwapped():
                return self._last or response
            case transport.BooksOutdated() if response.status == 200:
                return self._books.setdefault((one.number, request.path, request.query), response)
            case transport.AnswerDelayed():
                return replace(response, delay_ns=response.delay_ns + drawn_ns(one, fault))
            case shapes.Shape():
                return reshaped(fault, response)
        return _carried(fault, response)


# What is changed is sent plain.
def _unzipped(response: Response) -> Response:
    if ("Content-Encoding", "gzip") not in response.headers:
        return response
    headers = tuple(row for row in response.headers if row[0] != "Content-Encoding")
    return msgspec.structs.replace(response, body=gzip.decompress(response.body), headers=headers)


def drawn_ns(one: Armed, fault: Fault) -> int:
    """Return a delay drawn around the typical one, lognormal, inside of the bounds."""
    assert isinstance(fault, transport.RequestDelayed | transport.AnswerDelayed)
    drawn = int(fault.typical_ns * math.exp(one.rng.gauss(0.0, 0.5)))
    return min(max(drawn, fault.least_ns), fault.most_ns)


# What is answered without asking the exchange.
def _instead(fault: Fault) -> Response | None:
    match fault:
        case transport.CutBefore():
            return Response(0, delivery=Delivery.DROP)
        case transport.NeverAnswered(effect=Effect.NOT_TAKEN):
            return Response(0, delivery=Delivery.HANG)
        case transport.StatusAnswered(effect=Effect.NOT_TAKEN):
            return _status_answer(fault)
    return None


def _carried(fault: Fault, response: Response) -> Response:
    replace = msgspec.structs.replace
    match fault:
        case transport.CutAfter():
            return replace(response, delivery=Delivery.DROP)
        case transport.NeverAnswered():
            return replace(response, delivery=Delivery.HANG)
        case transport.ResetMidAnswer(part=part):
            return replace(response, delivery=Delivery.RESET, part=part)
        case transport.AnswerTruncated(part=part):
            return replace(response, delivery=Delivery.TRUNCATE, part=part)
        case transport.AnswerDripped(part=part, pace_ns=pace_ns):
            return replace(response, delivery=Delivery.DRIP, part=part, pace_ns=pace_ns)
        case transport.StatusAnswered():
            return _status_answer(fault)
        case transport.BodyReplaced(body=text):
            return _with_text(response, text)
        case transport.AnswerDoubled():
            return replace(response, copies=2)
        case orders.MissingInLists(exchange_order_id=gone):
            return _without(response, gone)
        case shapes.RemainingReqOdd(text=text):
            headers = tuple((name, text if name == "Remaining-Req" else told) for name, told in response.headers)
            return replace(response, headers=headers)
    return response


def _status_answer(fault: transport.StatusAnswered) -> Response:
    headers = (("Retry-After", str(fault.retry_after_s)),) if fault.retry_after_s else ()
    body = json_bytes({"error": {"name": fault.name, "message": fault.name}})
    told = Response(fault.status, body, (("Content-Type", "application/json;charset=UTF-8"), *headers))
    return _with_text(told, fault.body)


def _with_text(response: Response, text: transport.Text) -> Response:
    if text is transport.Text.JSON:
        return response
    body, content_type = transport.BODIES[text]
    others = tuple(row for row in response.headers if row[0] != "Content-Type")
    return msgspec.structs.replace(response, body=body, headers=(("Content-Type", content_type), *others))


# Rows of orders in a list, or in the `orders` or `data` of one.
def _without(response: Response, gone: str) -> Response:
    tree = read_tree(response.body)
    rows = tree if isinstance(tree, list) else None
    if isinstance(tree, dict):
        rows = next((tree[name] for name in ("orders", "data") if isinstance(tree.get(name), list)), None)
    if rows is None or response.status != 200:
        return response
    rows[:] = [row for row in rows if not _is_order(row, gone)]
    return msgspec.structs.replace(response, body=write_tree(tree))


def _is_order(row: Any, gone: str) -> bool:
    if not isinstance(row, dict):
        return False
    found = row.get("uuid", row.get("order_id"))
    return found is not None and gone in ("", found)


def reshaped(fault: shapes.Shape, response: Response) -> Response:
    """Return an answer of another shape; what is not JSON stays as it is."""
    tree = read_tree(response.body)
    if tree is None:
        return response
    return msgspec.structs.replace(response, body=write_tree(change_tree(fault, tree)))
