"""Bithumb's spelling (JWT generation) of orders, books, balances and errors (bithumb.md §3, §4, §6)."""

from collections.abc import Mapping
from functools import lru_cache

from arbitrage.domain.units import Exchange, Side, base_of
from exchanges.simulator.account import Account
from exchanges.simulator.auth import AuthFault
from exchanges.simulator.dialect import Access, AfterError, BookView, Format, StreamType, StreamWords
from exchanges.simulator.dialects.bithumb_prints import LIVE_KINDS
from exchanges.simulator.dialects.shared import Extra, json_answer, paired, wire_state
from exchanges.simulator.kst import SECOND, kst_text
from exchanges.simulator.limits import Limit, Verdict
from exchanges.simulator.matching import Fault, OrderStep, Step
from exchanges.simulator.money import fine_of_units, fine_text, funds_of, plain_text
from exchanges.simulator.orders import OrdType, SimOrder
from exchanges.simulator.wire import Params, Request, Response, WireRefusal, strict_params

ORDER_FAULTS: dict[Fault, tuple[int, str]] = {
    Fault.MARKET_UNKNOWN: (400, "invalid_parameter"),
    Fault.PRICE_OFF_TICK: (400, "invalid_price_{side}"),
    Fault.CLIENT_ID_INVALID: (400, "invalid_parameter"),
    Fault.CLIENT_ID_BURNED: (400, "duplicate_client_order_id"),
    Fault.UNDER_MINIMUM: (400, "under_min_total"),
    Fault.OVER_MAXIMUM: (400, "invalid_parameter"),
    Fault.FUNDS_SHORT: (400, "insufficient_funds_{side}"),
    Fault.BEYOND_DEPTH: (400, "invalid_parameter"),
    Fault.MARKET_OFFLINE: (403, "market_offline"),
    Fault.MARKET_BUSY: (400, "invalid_parameter"),
    Fault.PRICE_UNDER_LIMIT: (400, "under_price_limit_{side}"),
    Fault.POST_ONLY_TAKES: (400, "invalid_parameter"),
    Fault.FOK_SHORT: (400, "invalid_parameter"),
    Fault.SELF_TRADE: (400, "cross_trading"),
    Fault.NOT_CANCELABLE: (404, "order_not_found"),
}
"""The names for short funds, minimum and duplicate ids are guesses: none was ever captured (bithumb.md §3.10)."""

_AUTH: dict[AuthFault, tuple[int, str]] = {
    AuthFault.MISSING: (401, "jwt_verification"),
    AuthFault.MALFORMED: (401, "jwt_verification"),
    AuthFault.KEY_UNKNOWN: (401, "invalid_access_key"),
    AuthFault.SIGNATURE: (401, "jwt_verification"),
    AuthFault.CLAIMS: (401, "jwt_verification"),
    AuthFault.EXPIRED: (401, "expired_jwt"),
    AuthFault.QUERY_HASH: (401, "invalid_query_payload"),
    AuthFault.NONCE_USED: (401, "jwt_verification"),
    AuthFault.IP_NOT_ALLOWED: (401, "NotAllowIP"),
    AuthFault.KEY_EXPIRED: (401, "invalid_access_key"),
    AuthFault.OUT_OF_SCOPE: (401, "out_of_scope"),
    AuthFault.WITHDRAW_LOCKED: (401, "out_of_scope"),
}

TOKEN_WINDOW_NS = 60 * SECOND
"""How far a token's timestamp may be off; the real tolerance is not documented (bithumb.md §3.2)."""

LIMITS = {
    "orderbook": Limit(150),
    "ticker": Limit(150),
    "other": Limit(150),
    "order": Limit(140),
    "cancel": Limit(140),
    "private": Limit(140),
}
"""Token buckets (bithumb.md §4)."""

STREAM = StreamWords(
    paths={"/websocket/v1": Access.PUBLIC, "/websocket/v2/private": Access.PRIVATE},
    live_kinds=LIVE_KINDS,
    snapshot_flags=("isOnlySnapshot",),
    realtime_flags=("isOnlyRealtime",),
    depths=tuple(range(1, 16)),
    formats=(Format.DEFAULT, Format.SIMPLE),
    unknown_format=None,
    plain_levels=(1,),
    unknown_level="WRONG_FORMAT",
    after_error=AfterError.CLOSES,
    idle_ns=60 * SECOND,
    status_ns=10 * SECOND,
    connect_limit=Limit(10),
    message_limits=(),
)


class BithumbWords:
    """Bithumb's side of the `Dialect` that needs no exchange; the routes are in `bithumb_rest.py`."""

    exchange = Exchange.BITHUMB
    algs = ("HS256",)
    limits: Mapping[str, Limit] = LIMITS
    stream = STREAM

    def read_params(self, request: Request) -> Params:
        """Return what a request asks for: JSON with POST, else the query (bithumb.md §3.6)."""
        return strict_params(request)

    def token_claims_fault(self, claims: Mapping[str, object], now: int) -> AuthFault | None:
        """Return what is wrong with the timestamp: an int in ms, always there, not far off (bithumb.md §3.2)."""
        stamp = claims.get("timestamp")
        if not isinstance(stamp, int) or isinstance(stamp, bool):
            return AuthFault.CLAIMS
        return AuthFault.EXPIRED if abs(stamp * 1_000_000 - now) > TOKEN_WINDOW_NS else None

    def auth_refusal(self, fault: AuthFault) -> WireRefusal:
        """Return the error of a token not accepted."""
        return WireRefusal(*_AUTH[fault])

    def refused(self, refusal: WireRefusal, access: Access) -> Response:
        """Return the error object; public errors come with HTTP 200 and a number for a name (bithumb.md §3.4)."""
        public = access is Access.PUBLIC
        name = refusal.status if public else refusal.name
        return json_answer({"error": {"name": name, "message": refusal.message}}, 200 if public else refusal.status)

    def path_unknown(self) -> Response:
        """Return the API gateway's 404, without an `error` member (bithumb.md §3.4)."""
        return json_answer({"name": "not_found", "message": "No Route matched with those values"}, 404)

    def over_limit(self) -> Response:
        """Return a 429 with an error object; no source shows the real one (bithumb.md §4)."""
        return json_answer({"error": {"name": "too_many_requests", "message": "too many requests"}}, 429)

    def limit_headers(self, group: str, limit: Limit, verdict: Verdict) -> tuple[tuple[str, str], ...]:
        """Return the token-bucket headers (bithumb.md §4)."""
        return (
            ("x-ratelimit-remaining", str(verdict.left)),
            ("x-ratelimit-requested-tokens", "1"),
            ("x-ratelimit-burst-capacity", str(limit.capacity)),
            ("x-ratelimit-replenish-rate", str(limit.capacity)),
        )

    def book_frame(self, view: BookView, stream_type: StreamType, fmt: Format, depth: int) -> bytes:
        """Return a whole book of at most 15 levels, microseconds, sizes of 4 decimals (bithumb.md §6.1)."""
        bids, asks = view.cut(depth)
        unit, frame = (_SIMPLE_UNIT, _SIMPLE_BOOK) if fmt.is_simple else (UNIT, _BOOK)
        return (
            frame
            % (
                view.market,
                size_text(sum(qty for _, qty in asks)),
                size_text(sum(qty for _, qty in bids)),
                units_text(unit, bids, asks),
                view.at_ns // 1_000,
                stream_type.value,
            )
        ).encode()

    def order_frame(self, step: OrderStep, fmt: Format) -> bytes:
        """Return a v2 myOrder frame: numbers, absent values left out (bithumb.md §6.3)."""
        order, trade = step.order, step.trade
        draft = order.draft
        is_limit = draft.ord_type is OrdType.LIMIT
        total = fine_of_units(draft.price or 0) if draft.by_funds else 0
        if is_limit:
            total = funds_of(draft.limit, draft.volume or 0)
        fields: dict[str, str | None] = {
            "type": '"myOrder"',
            "stream_type": '"REALTIME"',
            "code": f'"{draft.market}"',
            "order_id": f'"{order.order_id}"',
            "client_order_id": f'"{draft.client_order_id}"' if draft.client_order_id else None,
            "side": '"buy"' if draft.side is Side.BID else '"sell"',
            "order_type": f'"{draft.ord_type.value}"',
            "state": f'"{step.step.value}"',
            "time_in_force": f'"{draft.tif.value}"' if draft.tif else None,
            "order_price": plain_text(draft.price or 0) if is_limit else "0",
            "order_quantity": plain_text(draft.volume or 0),
            "order_amount": fine_text(total),
        }
        if trade is not None:
            fields |= {
                "trade_id": f'"{trade.trade_id}"',
                "trade_price": plain_text(trade.price),
                "trade_quantity": plain_text(trade.qty),
                "trade_amount": fine_text(trade.funds),
            }
        fields |= {
            "remaining_quantity": plain_text(order.remaining_qty),
            "executed_quantity": plain_text(order.executed_qty),
            "executed_amount": fine_text(order.executed_funds),
            "reserved_fee": fine_text(order.reserved_fee),
            "remaining_fee": fine_text(order.remaining_fee),
            "paid_fee": fine_text(order.paid_fee),
            "cancel_type": f'"{order.cancel_type}"' if step.step is Step.CANCEL and order.cancel_type else None,
            "trade_timestamp": str(trade.at_ns // 1_000_000) if trade is not None else None,
            "order_timestamp": str(order.created_ns // 1_000_000),
            "timestamp": str(step.at_ns // 1_000_000),
        }
        names = _ORDER_SHORT if fmt.is_simple else {}
        rows = (f'"{names.get(key, key)}":{value}' for key, value in fields.items() if value is not None)
        return ("{" + ",".join(rows) + "}").encode()

    def asset_frame(self, account: Account, assets: tuple[str, ...], at_ns: int, fmt: Format) -> bytes:
        """Return a myAsset frame: the changed assets, balances as text (bithumb.md §6.3)."""
        row, frame = (_SIMPLE_ASSET, _SIMPLE_ASSETS) if fmt.is_simple else (_ASSET, _ASSETS)
        rows = ",".join(
            row % (asset, fine_text(account.free.get(asset, 0)), fine_text(account.locked.get(asset, 0)))
            for asset in assets
        )
        stamp = at_ns // 1_000_000
        return (frame % (rows, stamp, stamp)).encode()


UNIT = '{"ask_price":%s,"bid_price":%s,"ask_size":%s,"bid_size":%s}'
_SIMPLE_UNIT = '{"ap":%s,"bp":%s,"as":%s,"bs":%s}'
_BOOK = (
    '{"type":"orderbook","code":"%s","total_ask_size":%s,"total_bid_size":%s,"orderbook_units":[%s],'
    '"level":1,"timestamp":%d,"stream_type":"%s"}'
)
_SIMPLE_BOOK = '{"ty":"orderbook","cd":"%s","tas":%s,"tbs":%s,"obu":[%s],"lv":1,"tms":%d,"st":"%s"}'
_ASSET = '{"currency":"%s","balance":"%s","locked":"%s"}'
_SIMPLE_ASSET = '{"cu":"%s","b":"%s","l":"%s"}'
_ASSETS = '{"type":"myAsset","assets":[%s],"asset_timestamp":%d,"timestamp":%d,"stream_type":"REALTIME"}'
_SIMPLE_ASSETS = '{"ty":"myAsset","ast":[%s],"asttms":%d,"tms":%d,"st":"REALTIME"}'
_ORDER_SHORT = {
    "type": "ty",
    "stream_type": "st",
    "code": "cd",
    "order_id": "oid",
    "client_order_id": "coid",
    "side": "sd",
    "order_type": "ot",
    "state": "s",
    "time_in_force": "tif",
    "order_price": "op",
    "order_quantity": "oq",
    "order_amount": "oa",
    "trade_id": "tid",
    "trade_price": "tp",
    "trade_quantity": "tq",
    "trade_amount": "ta",
    "remaining_quantity": "rq",
    "executed_quantity": "eq",
    "executed_amount": "ea",
    "reserved_fee": "rsf",
    "remaining_fee": "rmf",
    "paid_fee": "pf",
    "cancel_type": "ct",
    "trade_timestamp": "ttms",
    "order_timestamp": "otms",
    "timestamp": "tms",
}


@lru_cache(maxsize=16_384)
def _price_text(units: int) -> str:
    return plain_text(units)


@lru_cache(maxsize=16_384)
def size_text(units: int) -> str:
    """Return a size rounded to 4 decimals; dust reads `0` (bithumb.md §5.2)."""
    return plain_text((units + 5_000) // 10_000 * 10_000)


def units_text(unit: str, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> str:
    """Return the rows of a book in the spelling of `unit`."""
    return ",".join(
        [
            unit % (_price_text(ask[0]), _price_text(bid[0]), size_text(ask[1]), size_text(bid[1]))
            for ask, bid in paired(bids, asks)
        ]
    )


def order_words(order: SimOrder, *extras: Extra) -> dict[str, object]:
    """Return the /v1 order object, absent members left out (bithumb.md §3.5)."""
    draft = order.draft
    words: dict[str, object] = {"uuid": order.order_id}
    if draft.client_order_id is not None:
        words["client_order_id"] = draft.client_order_id
    words |= {"side": draft.side.value, "ord_type": draft.ord_type.value}
    if draft.price is not None and draft.ord_type is not OrdType.MARKET:
        words["price"] = plain_text(draft.price)
    words |= {"state": wire_state(order).value, "market": draft.market, "created_at": kst_text(order.created_ns)}
    if draft.volume is not None:
        words |= {"volume": plain_text(draft.volume), "remaining_volume": plain_text(order.remaining_qty)}
    words |= {
        "reserved_fee": fine_text(order.reserved_fee),
        "remaining_fee": fine_text(order.remaining_fee),
        "paid_fee": fine_text(order.paid_fee),
        "locked": fine_text(order.locked),
        "executed_volume": plain_text(order.executed_qty),
        "executed_funds": fine_text(order.executed_funds),
        "trades_count": len(order.trades),
    }
    if draft.tif is not None:
        words["time_in_force"] = draft.tif.value
    words["stp_type"] = "cancel_taker"
    if order.cancel_type is not None:
        words["cancel_type"] = order.cancel_type
    if Extra.TRADES in extras:
        words["trades"] = [
            {
                "market": draft.market,
                "uuid": trade.trade_id,
                "price": plain_text(trade.price),
                "volume": plain_text(trade.qty),
                "funds": fine_text(trade.funds),
                "side": draft.side.value,
                "created_at": kst_text(trade.at_ns),
            }
            for trade in order.trades
        ]
    return words


def acceptance_words(order: SimOrder) -> dict[str, object]:
    """Return the answer to POST /v2/orders: an acceptance without price, volume or state (bithumb.md §3.6)."""
    draft = order.draft
    words: dict[str, object] = {
        "order_id": order.order_id,
        "market": draft.market,
        "side": draft.side.value,
        "order_type": draft.ord_type.value,
        "created_at": kst_text(order.created_ns),
        "stp_type": "cancel_taker",
    }
    if draft.client_order_id is not None:
        words["client_order_id"] = draft.client_order_id
    if draft.tif is not None:
        words["time_in_force"] = draft.tif.value
    return words


class BithumbIds:
    """`C` + four digits that vary by market + fifteen digits; orders and fills count apart (bithumb.md §3.5)."""

    def __init__(self, start_ns: int) -> None:
        self._order = start_ns // 1_000_000
        self._trade = start_ns // 1_000_000 // 10

    def order_id(self, market: str) -> str:
        """Return a new order's id, 20 characters."""
        self._order += 1
        return f"{_prefix(market)}{self._order:015d}"

    def trade_id(self, market: str) -> str:
        """Return a new fill's id."""
        self._trade += 1
        return f"{_prefix(market)}{self._trade:015d}"


def _prefix(market: str) -> str:
    if market == "KRW-BTC":
        return "C0101"
    return f"C{sum(index * ord(letter) for index, letter in enumerate(base_of(market), 7)) % 9_000 + 102:04d}"
