"""Bithumb's legacy generation (v1.2) beside the JWT one: same listener, same orders, other words (bithumb.md §8 #1)."""

from collections.abc import Mapping

from exchanges.simulator.agenda import Agenda
from exchanges.simulator.auth import AuthFault
from exchanges.simulator.dialect import Access, BookView, Call, Route
from exchanges.simulator.dialects import legacy
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks, NonceReuse
from exchanges.simulator.dialects.legacy import LegacyRefusal
from exchanges.simulator.dialects.legacy_auth import SignFault, form_params, nonce_ms, sign_fault
from exchanges.simulator.dialects.legacy_private import LegacyPrivate
from exchanges.simulator.dialects.legacy_public import LegacyPublic
from exchanges.simulator.dialects.legacy_stream import LegacySession
from exchanges.simulator.dialects.shared import json_answer
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Request, Response, WireRefusal, query_params

STREAM_PATH = "/pub/ws"
_KEY_FAULTS = {
    AuthFault.IP_NOT_ALLOWED: SignFault.ADDRESS,
    AuthFault.KEY_EXPIRED: SignFault.KEY_UNKNOWN,
}
"""A key that has ended is one that does not exist: a guess. Everything else is a right it lacks."""
_ROOTS = ("/public/", "/info/", "/trade/", STREAM_PATH)


class LegacyDialect:
    """All of the legacy words; `owns` says which paths are spoken so."""

    def __init__(self, quirks: BithumbQuirks) -> None:
        self.quirks = quirks
        public, private = LegacyPublic(quirks), LegacyPrivate(quirks)
        self._public: Mapping[str, Route] = {
            "ticker": Route(Access.PUBLIC, "ticker", public.ticker),
            "orderbook": Route(Access.PUBLIC, "orderbook", public.orderbook),
            "transaction_history": Route(Access.PUBLIC, "ticker", public.transactions),
            "candlestick": Route(Access.PUBLIC, "ticker", public.candles),
            "assetsstatus": Route(Access.PUBLIC, "other", public.assets_status),
            "network-info": Route(Access.PUBLIC, "other", public.network_info),
            "withdraw": Route(Access.PUBLIC, "other", public.withdraw_minimum),
        }
        self._private: Mapping[str, Route] = {
            "/info/account": Route(Access.PRIVATE, "private", private.account),
            "/info/balance": Route(Access.PRIVATE, "private", private.balance),
            "/info/wallet_address": Route(Access.PRIVATE, "private", private.wallet_address),
            "/info/ticker": Route(Access.PRIVATE, "private", private.ticker),
            "/info/orders": Route(Access.PRIVATE, "private", private.orders),
            "/info/user_transactions": Route(Access.PRIVATE, "private", private.user_transactions),
            "/info/order_detail": Route(Access.PRIVATE, "private", private.order_detail),
            "/trade/place": Route(Access.PRIVATE, "order", private.place),
            "/trade/market_buy": Route(Access.PRIVATE, "order", private.market_buy),
            "/trade/market_sell": Route(Access.PRIVATE, "order", private.market_sell),
            "/trade/stop_limit": Route(Access.PRIVATE, "order", private.stop_limit),
            "/trade/cancel": Route(Access.PRIVATE, "cancel", private.cancel),
            "/trade/btc_withdrawal": Route(Access.PRIVATE, "private", private.withdraw),
            "/trade/krw_deposit": Route(Access.PRIVATE, "private", private.withdraw),
            "/trade/krw_withdrawal": Route(Access.PRIVATE, "private", private.withdraw),
        }

    @property
    def paths(self) -> list[tuple[str, str]]:
        """Return every method and path that is answered; after a public path market or coin and the like follow."""
        public = [("GET", f"/public/{name}") for name in self._public]
        return public + [("POST", path) for path in self._private]

    def owns(self, path: str) -> bool:
        """Return whether a path belongs to this generation."""
        return path.startswith(_ROOTS)

    def streams(self, path: str) -> bool:
        """Return whether a path is this generation's WebSocket."""
        return path == STREAM_PATH

    def route(self, request: Request) -> Route | None:
        """Return what answers; the method is looked at later, since a wrong one has an error of its own."""
        parts = request.path.split("/")
        if parts[1] == "public":
            return self._public.get(parts[2]) if request.method == "GET" else None
        return self._private.get(request.path)

    def call(self, sim: SimExchange, request: Request, access: Access, now: int) -> Call:
        """Return a request read and, if it must be, believed (bithumb.md §1.2). Raises LegacyRefusal."""
        if access is Access.PUBLIC:
            return Call(request, query_params(request.query), now, None)
        params = form_params(request)
        if isinstance(params, SignFault):
            raise self._refusal(params, request, now)
        key = sim.keys.find(request.headers.get("api-key", ""))
        if key is None:
            raise self._refusal(SignFault.KEY_UNKNOWN, request, now)
        fault = sign_fault(request, params, key.secret, now, self.quirks.legacy_window_ns)
        if fault is None and self.quirks.legacy_nonce_reuse is NonceReuse.REFUSED:
            is_new = sim.nonces.is_new(key.access_key, f"legacy/{nonce_ms(request)}")
            fault = None if is_new else SignFault.DATA
        if fault is None:
            told = sim.keys.fault(key, request.method, request.path, request.peer, now)
            fault = None if told is None else _KEY_FAULTS.get(told, SignFault.SCOPE)
        if fault is not None:
            raise self._refusal(fault, request, now)
        return Call(request, params, now, key.account)

    def refused(self, refusal: WireRefusal, access: Access) -> Response:
        """Return the envelope of an error."""
        return legacy.refused(refusal, self.quirks)

    def path_unknown(self) -> Response:
        """Return the API gateway's 404: it stands before both generations (bithumb.md §3.4)."""
        return json_answer({"name": "not_found", "message": "No Route matched with those values"}, 404)

    def over_limit(self) -> Response:
        """Return 5600; no source shows the real answer (bithumb.md §1.6, §4)."""
        words = {"status": legacy.NOTICE, "message": "Please try again"}
        return json_answer(words, self.quirks.legacy_limit_status)

    def open(self, sim: SimExchange, agenda: Agenda, now: int) -> LegacySession:
        """Return a new stream connection."""

        def view(market: str, at: int) -> BookView | None:
            return sim.find_view(market, at)

        return LegacySession(self.quirks, agenda, view, now)

    def _refusal(self, fault: SignFault, request: Request, now: int) -> LegacyRefusal:
        code, message = legacy.SIGN_FAULTS[fault]
        return LegacyRefusal(code, message.format(sent=nonce_ms(request) or 0, now=now // 1_000_000))
