"""Upbit's manners: tokens, errors, limits, headers, what the stream listens to (upbit.md §2 to §4)."""

from collections.abc import Mapping
from hashlib import sha256
from uuid import UUID

from arbitrage.domain.units import Exchange, Price
from exchanges.simulator.account import Account
from exchanges.simulator.auth import AuthFault
from exchanges.simulator.dialect import Access, AfterError, BookView, Format, StreamType, StreamWords
from exchanges.simulator.dialects import upbit_frames
from exchanges.simulator.dialects.shared import json_answer
from exchanges.simulator.dialects.upbit_errors import error_words, refusal
from exchanges.simulator.dialects.upbit_prints import LIVE_KINDS
from exchanges.simulator.dialects.upbit_quirks import AfterWsError, FrameKind, OverLimitBody, StrayBody, UpbitQuirks
from exchanges.simulator.grouping import supported_levels
from exchanges.simulator.kst import SECOND, parse_time
from exchanges.simulator.limits import Block, Limit, Verdict
from exchanges.simulator.rules import UPBIT_TICKS
from exchanges.simulator.steps import OrderStep
from exchanges.simulator.wire import Params, Request, Response, WireRefusal, body_params, query_params, strict_params

_OVER_LIMIT = "Too many API requests."
_CACHE = ("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate")

_AUTH: dict[AuthFault, str] = {
    AuthFault.MISSING: "no_authorization_token",
    AuthFault.MALFORMED: "jwt_verification",
    AuthFault.KEY_UNKNOWN: "invalid_access_key",
    AuthFault.SIGNATURE: "jwt_verification",
    AuthFault.CLAIMS: "jwt_verification",
    AuthFault.EXPIRED: "jwt_verification",
    AuthFault.QUERY_HASH: "invalid_query_payload",
    AuthFault.NONCE_USED: "nonce_used",
    AuthFault.IP_NOT_ALLOWED: "no_authorization_ip",
    AuthFault.KEY_EXPIRED: "expired_access_key",
    AuthFault.OUT_OF_SCOPE: "out_of_scope",
    AuthFault.WITHDRAW_LOCKED: "open_api_withdraw_locked",
}

_EXCHANGE_GROUPS = ("order", "order-test", "default", "order-cancel-all")
_ORDER_GROUPS = ("order", "order-test")
_MIN = {"default": 1800, "order-cancel-all": 30}
"""The deprecated constant of Remaining-Req; 600 for quotation (upbit.md §4)."""


_ORDERS_RAISED_NS = parse_time("2026-08-21T21:00:00+09:00")
"""Until then 8 orders a second (upbit.md §4)."""


def limits(quirks: UpbitQuirks) -> dict[str, Limit]:
    """Return the limits by group, in the names captured on the wire where there are any (upbit.md §4)."""
    window = Limit(10, is_bucket=False)
    return {
        **dict.fromkeys(("market", "candles", "crix-trades", "ticker", "orderbook"), window),
        "default": Limit(30),
        "order": Limit(quirks.orders_per_second, earlier=(_ORDERS_RAISED_NS, min(8, quirks.orders_per_second))),
        "order-test": Limit(8),
        "order-cancel-all": Limit(1, 2 * SECOND),
    }


_MESSAGE_BLOCK = Block(tolerated=10, first_ns=10 * SECOND, factor=2)
"""How a connection that keeps pushing is blocked; the figures are guesses (upbit.md §3.10, §4, §9.1)."""


def stream_words(quirks: UpbitQuirks) -> StreamWords:
    """Return how Upbit's WebSocket listens (upbit.md §3)."""
    private, own = Access.PRIVATE, frozenset({"myOrder", "myAsset", "announcement"})
    return StreamWords(
        paths={"/websocket/v1": Access.PUBLIC, "/websocket/v1/private": private, "/websocket/v1/info": private},
        types={"/websocket/v1/private": own, "/websocket/v1/info": frozenset({"indicator", "indicator_signal"})},
        misplaced_private=quirks.private_on_public_name,
        live_kinds=LIVE_KINDS,
        snapshot_flags=("is_only_snapshot", "isOnlySnapshot"),
        realtime_flags=("is_only_realtime", "isOnlyRealtime"),
        depths=(1, 5, 15, 30),
        formats=tuple(Format),
        unknown_format="INVALID_PARAM",
        plain_levels=(0,),
        unknown_level=None,
        levels_of=view_levels,
        notice_frame=upbit_frames.notice_frame,
        first_assets_ns=quirks.first_assets_ns,
        data_is_binary=quirks.data_frame is FrameKind.BINARY,
        control_is_binary=quirks.control_frame is FrameKind.BINARY,
        after_error=AfterError.CLOSES if quirks.after_ws_error is AfterWsError.CLOSES else AfterError.STAYS_OPEN,
        idle_ns=quirks.idle_ns,
        status_ns=10 * SECOND,
        connect_limit=Limit(5),
        message_limits=(Limit(5), Limit(100, 60 * SECOND)),
        message_block=_MESSAGE_BLOCK,
        connections_most=quirks.connections_most,
        codes_most=quirks.codes_most,
        life_ns=quirks.life_ns,
    )


def view_levels(view: BookView) -> tuple[int, ...]:
    """Return the price steps a market's book can be grouped in, by where it stands (upbit.md §1.2)."""
    best = view.bids or view.asks
    return supported_levels(best[0][0], UPBIT_TICKS.tick_at(Price(best[0][0]))) if best else (0,)


class UpbitWords:
    """Upbit's side of the `Dialect` that needs no exchange; the routes are in `upbit_rest.py`."""

    exchange = Exchange.UPBIT
    algs = ("HS256", "HS512")

    def __init__(self, quirks: UpbitQuirks) -> None:
        self.quirks = quirks
        self.limits: Mapping[str, Limit] = limits(quirks)
        self.stream = stream_words(quirks)

    def read_params(self, request: Request) -> Params:
        """Return what is asked for; a body on GET or DELETE is refused, or read as old clients mean it (§1.1)."""
        if request.method == "POST" or self.quirks.stray_body is StrayBody.REFUSED or not request.body:
            return strict_params(request)
        if request.headers.get("content-type", "").lower().startswith("application/json"):
            try:
                return body_params(request.body)
            except ValueError as error:
                raise refusal("invalid_parameter", str(error)) from None
        return query_params(request.body.decode("utf-8", "replace"))

    def signed_texts(self, params: Params) -> tuple[str, ...]:
        """Return the one text that is hashed (upbit.md §2)."""
        return (params.signed_text,)

    def token_claims_fault(self, claims: Mapping[str, object], now: int) -> AuthFault | None:
        """Return None: Upbit's token has no clock in it (upbit.md §2)."""
        return None

    def auth_refusal(self, fault: AuthFault) -> WireRefusal:
        """Return the error of a token not accepted."""
        refused = refusal(_AUTH[fault])
        if fault is AuthFault.OUT_OF_SCOPE:
            refused.status = self.quirks.out_of_scope_status
        return refused

    def refused(self, refusal: WireRefusal, access: Access) -> Response:
        """Return the error object; quotation errors carry a number for a name (upbit.md §1.2)."""
        if access is Access.PUBLIC:
            return json_answer({"error": {"name": refusal.status, "message": refusal.message}}, refusal.status)
        return json_answer({"error": error_words(refusal, self.quirks)}, refusal.status)

    def path_unknown(self) -> Response:
        """Return the 404 of an unknown path."""
        return json_answer({"error": {"name": 404, "message": "Not Found"}}, 404)

    def over_limit(self) -> Response:
        """Return the 429: plain text, or the object one client guesses (upbit.md §4)."""
        if self.quirks.over_limit_body is OverLimitBody.JSON:
            return json_answer({"error": {"name": "too_many_requests", "message": _OVER_LIMIT}}, 429)
        return Response(429, _OVER_LIMIT.encode(), (("Content-Type", "text/plain;charset=UTF-8"),))

    def limit_headers(self, group: str, limit: Limit, verdict: Verdict) -> tuple[tuple[str, str], ...]:
        """Return Remaining-Req and its companions (upbit.md §1.1, §4)."""
        minimum = self.quirks.order_minute_left if group in _ORDER_GROUPS else _MIN.get(group, 600)
        headers = (("Remaining-Req", f"group={group}; min={minimum}; sec={verdict.left}"), _CACHE)
        return headers if group in _EXCHANGE_GROUPS else (*headers, ("Limit-By-Ip", "Yes"))

    def book_frame(self, view: BookView, stream_type: StreamType, fmt: Format, depth: int) -> bytes:
        """Return a whole book (upbit.md §3.4)."""
        return upbit_frames.book_frame(view, stream_type, fmt, depth, self.quirks.padding)

    def order_frame(self, step: OrderStep, fmt: Format) -> bytes:
        """Return a myOrder frame (upbit.md §3.7)."""
        return upbit_frames.order_frame(step, fmt, self.quirks)

    def asset_frame(self, account: Account, assets: tuple[str, ...], at_ns: int, fmt: Format) -> bytes:
        """Return a myAsset frame (upbit.md §3.8)."""
        return upbit_frames.asset_frame(account, assets, at_ns, fmt)


class UpbitIds:
    """Random-looking UUIDs, the same for the same seed and start time."""

    def __init__(self, seed: int, start_ns: int) -> None:
        self._salt = f"upbit/{seed}/{start_ns}"
        self._orders = 0
        self._trades = 0

    def order_id(self, market: str) -> str:
        """Return a new order's UUID."""
        self._orders += 1
        return self._uuid("order", self._orders)

    def trade_id(self, market: str) -> str:
        """Return a new trade's UUID."""
        self._trades += 1
        return self._uuid("trade", self._trades)

    def _uuid(self, kind: str, number: int) -> str:
        return str(UUID(bytes=sha256(f"{self._salt}/{kind}/{number}".encode()).digest()[:16], version=4))
