"""Upbit's spelling of orders, books, balances and errors (upbit.md §1.5, §2, §3, §4)."""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from uuid import UUID

from arbitrage.domain.units import Exchange, Side
from exchanges.simulator.account import Account
from exchanges.simulator.auth import AuthFault
from exchanges.simulator.dialect import Access, AfterError, BookView, Format, StreamType, StreamWords
from exchanges.simulator.dialects.shared import Extra, json_answer, paired, wire_state
from exchanges.simulator.dialects.upbit_prints import LIVE_KINDS
from exchanges.simulator.kst import SECOND, kst_text
from exchanges.simulator.limits import Limit, Verdict
from exchanges.simulator.matching import Fault, OrderStep, Step
from exchanges.simulator.money import double_text, fine_text, plain_text
from exchanges.simulator.orders import OrdType, SimOrder, Tif
from exchanges.simulator.wire import Response, WireRefusal, json_bytes

_CACHE = ("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate")

ORDER_FAULTS: dict[Fault, tuple[int, str]] = {
    Fault.MARKET_UNKNOWN: (400, "notfoundmarket"),
    Fault.PRICE_OFF_TICK: (400, "invalid_price_{side}"),
    Fault.CLIENT_ID_INVALID: (400, "validation_error"),
    Fault.CLIENT_ID_BURNED: (400, "duplicated_identifier"),
    Fault.UNDER_MINIMUM: (400, "under_min_total_{side}"),
    Fault.OVER_MAXIMUM: (400, "over_krw_funds_{side}"),
    Fault.FUNDS_SHORT: (400, "insufficient_funds_{side}"),
    Fault.BEYOND_DEPTH: (400, "create_{side}_error"),
    Fault.MARKET_OFFLINE: (403, "market_offline"),
    Fault.MARKET_BUSY: (400, "create_{side}_error"),
    Fault.PRICE_UNDER_LIMIT: (400, "invalid_price_{side}"),
    Fault.POST_ONLY_TAKES: (400, "invalid_post_only"),
    Fault.FOK_SHORT: (400, "create_{side}_error"),
    Fault.SELF_TRADE: (400, "create_{side}_error"),
    Fault.NOT_CANCELABLE: (404, "order_not_found"),
}
"""BEYOND_DEPTH's name is a guess: the real one is not known (upbit.md §9.2)."""

_AUTH: dict[AuthFault, tuple[int, str]] = {
    AuthFault.MISSING: (401, "no_authorization_token"),
    AuthFault.MALFORMED: (401, "jwt_verification"),
    AuthFault.KEY_UNKNOWN: (401, "invalid_access_key"),
    AuthFault.SIGNATURE: (401, "jwt_verification"),
    AuthFault.CLAIMS: (401, "jwt_verification"),
    AuthFault.EXPIRED: (401, "jwt_verification"),
    AuthFault.QUERY_HASH: (401, "invalid_query_payload"),
    AuthFault.NONCE_USED: (401, "nonce_used"),
    AuthFault.IP_NOT_ALLOWED: (401, "no_authorization_ip"),
    AuthFault.KEY_EXPIRED: (401, "expired_access_key"),
    AuthFault.OUT_OF_SCOPE: (403, "out_of_scope"),
    AuthFault.WITHDRAW_LOCKED: (403, "open_api_withdraw_locked"),
}

LIMITS = {
    "market": Limit(10, is_bucket=False),
    "ticker": Limit(10, is_bucket=False),
    "orderbook": Limit(10, is_bucket=False),
    "trade": Limit(10, is_bucket=False),
    "candle": Limit(10, is_bucket=False),
    "default": Limit(30),
    "order": Limit(12),
    "order-test": Limit(8),
    "order-cancel-all": Limit(1, 2 * SECOND),
}
"""upbit.md §4; the order group as since 2026-08-21."""

_MIN = {"order": 480, "order-test": 480, "default": 1800, "order-cancel-all": 30}
"""The deprecated constant of Remaining-Req; 600 for quotation."""

STREAM = StreamWords(
    paths={"/websocket/v1": Access.PUBLIC, "/websocket/v1/private": Access.PRIVATE},
    live_kinds=LIVE_KINDS,
    snapshot_flags=("is_only_snapshot", "isOnlySnapshot"),
    realtime_flags=("is_only_realtime", "isOnlyRealtime"),
    depths=(1, 5, 15, 30),
    formats=tuple(Format),
    unknown_format="INVALID_PARAM",
    plain_levels=(0,),
    unknown_level=None,
    after_error=AfterError.STAYS_OPEN,
    idle_ns=120 * SECOND,
    status_ns=10 * SECOND,
    connect_limit=Limit(5),
    message_limits=(Limit(5), Limit(100, 60 * SECOND)),
)


class UpbitWords:
    """Upbit's side of the `Dialect` that needs no exchange; the routes are in `upbit_rest.py`."""

    exchange = Exchange.UPBIT
    algs = ("HS256", "HS512")
    limits: Mapping[str, Limit] = LIMITS
    stream = STREAM

    def token_claims_fault(self, claims: Mapping[str, object], now: int) -> AuthFault | None:
        """Return None: Upbit's token has no clock in it (upbit.md §2)."""
        return None

    def auth_refusal(self, fault: AuthFault) -> WireRefusal:
        """Return the error of a token not accepted."""
        return WireRefusal(*_AUTH[fault])

    def refused(self, refusal: WireRefusal, access: Access) -> Response:
        """Return the error object; quotation errors carry a number for a name (upbit.md §1.2)."""
        name = refusal.status if access is Access.PUBLIC else refusal.name
        return json_answer({"error": {"name": name, "message": refusal.message}}, refusal.status)

    def path_unknown(self) -> Response:
        """Return the 404 of an unknown path."""
        return json_answer({"error": {"name": 404, "message": "Not Found"}}, 404)

    def over_limit(self) -> Response:
        """Return the plain-text 429 (upbit.md §4)."""
        return Response(429, b"Too many API requests.", (("Content-Type", "text/plain;charset=UTF-8"),))

    def limit_headers(self, group: str, limit: Limit, verdict: Verdict) -> tuple[tuple[str, str], ...]:
        """Return Remaining-Req and its companions (upbit.md §1.1, §4)."""
        minimum = _MIN.get(group, 600)
        headers = (("Remaining-Req", f"group={group}; min={minimum}; sec={verdict.left}"), _CACHE)
        return headers if group in _MIN else (*headers, ("Limit-By-Ip", "Yes"))

    def book_frame(self, view: BookView, stream_type: StreamType, fmt: Format, depth: int) -> bytes:
        """Return a whole book; short sides are padded with zeros (upbit.md §3.4)."""
        bids, asks = view.cut(depth)
        simple = fmt.is_simple
        price = _simple_price if simple else _double
        unit = _SIMPLE_UNIT if simple else _UNIT
        units = ",".join(
            [unit % (price(ask[0]), price(bid[0]), _double(ask[1]), _double(bid[1])) for ask, bid in paired(bids, asks)]
        )
        total_ask = double_text(sum(qty for _, qty in asks))
        total_bid = double_text(sum(qty for _, qty in bids))
        frame = (_SIMPLE_BOOK if simple else _BOOK) % (
            view.market,
            view.at_ns // 1_000_000,
            total_ask,
            total_bid,
            units,
            stream_type.value,
        )
        return frame.encode()

    def order_frame(self, step: OrderStep, fmt: Format) -> bytes:
        """Return a myOrder frame: numbers, nulls kept (upbit.md §3.7)."""
        order, trade = step.order, step.trade
        draft = order.draft
        is_trade = step.step is Step.TRADE and trade is not None
        price = plain_text(trade.price if is_trade and trade else draft.price or 0)
        volume = plain_text(trade.qty if is_trade and trade else draft.volume or 0)
        average = plain_text(order.executed_funds // (order.executed_qty * 10**6)) if order.executed_qty else "0"
        stamp = str(step.at_ns // 1_000_000)
        values = (
            '"myOrder"',
            f'"{draft.market}"',
            f'"{order.order_id}"',
            f'"{draft.side.value.upper()}"',
            f'"{draft.ord_type.value}"',
            f'"{step.step.value}"',
            f'"{trade.trade_id}"' if trade else "null",
            price,
            average,
            volume,
            plain_text(order.remaining_qty),
            plain_text(order.executed_qty),
            str(len(order.trades)),
            fine_text(order.reserved_fee),
            fine_text(order.remaining_fee),
            fine_text(order.paid_fee),
            fine_text(order.locked),
            fine_text(order.executed_funds),
            f'"{draft.tif.value}"' if draft.tif else "null",
            fine_text(trade.fee) if trade else "null",
            ("true" if trade.is_maker else "false") if trade else "null",
            json_bytes(draft.client_order_id).decode(),
            "null",
            "0",
            "0",
            stamp if trade else "null",
            str(order.created_ns // SECOND * 1_000),
            stamp,
            '"REALTIME"',
        )
        which = 1 if fmt.is_simple else 0
        rows = (f'"{names[which]}":{value}' for names, value in zip(_ORDER_KEYS, values, strict=True))
        return ("{" + ",".join(rows) + "}").encode()

    def asset_frame(self, account: Account, assets: tuple[str, ...], at_ns: int, fmt: Format) -> bytes:
        """Return a myAsset frame with the changed assets, balances as numbers (upbit.md §3.8)."""
        short = fmt.is_simple
        row = '{"cu":"%s","b":%s,"l":%s}' if short else '{"currency":"%s","balance":%s,"locked":%s}'
        rows = ",".join(
            row % (asset, fine_text(account.free.get(asset, 0)), fine_text(account.locked.get(asset, 0)))
            for asset in assets
        )
        stamp = at_ns // 1_000_000
        mark = UUID(bytes=sha256(f"{account.access_key}".encode()).digest()[:16], version=4)
        frame = _SIMPLE_ASSETS if short else _ASSETS
        return (frame % (mark, rows, stamp, stamp)).encode()


_UNIT = '{"ask_price":%s,"bid_price":%s,"ask_size":%s,"bid_size":%s}'
_SIMPLE_UNIT = '{"ap":%s,"bp":%s,"as":%s,"bs":%s}'
_BOOK = (
    '{"type":"orderbook","code":"%s","timestamp":%d,"total_ask_size":%s,"total_bid_size":%s,'
    '"orderbook_units":[%s],"stream_type":"%s","level":0}'
)
_SIMPLE_BOOK = '{"ty":"orderbook","cd":"%s","tms":%d,"tas":%s,"tbs":%s,"obu":[%s],"st":"%s","lv":0}'
_ASSETS = (
    '{"type":"myAsset","asset_uuid":"%s","assets":[%s],"asset_timestamp":%d,"timestamp":%d,"stream_type":"REALTIME"}'
)
_SIMPLE_ASSETS = '{"ty":"myAsset","astuid":"%s","ast":[%s],"asttms":%d,"tms":%d,"st":"REALTIME"}'
_ORDER_KEYS = (
    ("type", "ty"),
    ("code", "cd"),
    ("uuid", "uid"),
    ("ask_bid", "ab"),
    ("order_type", "ot"),
    ("state", "s"),
    ("trade_uuid", "tuid"),
    ("price", "p"),
    ("avg_price", "ap"),
    ("volume", "v"),
    ("remaining_volume", "rv"),
    ("executed_volume", "ev"),
    ("trades_count", "tc"),
    ("reserved_fee", "rsf"),
    ("remaining_fee", "rmf"),
    ("paid_fee", "pf"),
    ("locked", "l"),
    ("executed_funds", "ef"),
    ("time_in_force", "tif"),
    ("trade_fee", "tf"),
    ("is_maker", "im"),
    ("identifier", "id"),
    ("smp_type", "smpt"),
    ("prevented_volume", "pv"),
    ("prevented_locked", "pl"),
    ("trade_timestamp", "ttms"),
    ("order_timestamp", "otms"),
    ("timestamp", "tms"),
    ("stream_type", "st"),
)
"""Long and short keys of myOrder, in the order of the frame (upbit.md §3.7)."""


@lru_cache(maxsize=16_384)
def _double(units: int) -> str:
    return double_text(units)


@lru_cache(maxsize=16_384)
def _simple_price(units: int) -> str:
    return plain_text(units)


def order_words(order: SimOrder, *extras: Extra) -> dict[str, object]:
    """Return the order object; absent members are left out (upbit.md §1.5)."""
    draft = order.draft
    words: dict[str, object] = {"uuid": order.order_id, "side": draft.side.value, "ord_type": draft.ord_type.value}
    if draft.price is not None:
        words["price"] = plain_text(draft.price)
    words["state"] = wire_state(order).value
    words["market"] = draft.market
    words["created_at"] = kst_text(order.created_ns)
    if draft.volume is not None:
        words["volume"] = plain_text(draft.volume)
        words["remaining_volume"] = plain_text(order.remaining_qty)
        words["prevented_volume"] = "0"
    words["reserved_fee"] = fine_text(order.reserved_fee)
    words["remaining_fee"] = fine_text(order.remaining_fee)
    words["paid_fee"] = fine_text(order.paid_fee)
    words["locked"] = fine_text(order.locked)
    words["prevented_locked"] = "0"
    words["executed_volume"] = plain_text(order.executed_qty)
    if Extra.EXECUTED_FUNDS in extras:
        words["executed_funds"] = fine_text(order.executed_funds)
    words["trades_count"] = len(order.trades)
    if draft.tif is not None:
        words["time_in_force"] = draft.tif.value
    if draft.client_order_id is not None:
        words["identifier"] = draft.client_order_id
    if Extra.TRADES in extras:
        words["trades"] = [_trade_words(order, index) for index in range(len(order.trades))]
    return words


def _trade_words(order: SimOrder, index: int) -> dict[str, object]:
    trade = order.trades[index]
    bought_as_taker = (order.draft.side is Side.BID) is not trade.is_maker
    return {
        "market": order.draft.market,
        "uuid": trade.trade_id,
        "price": plain_text(trade.price),
        "volume": plain_text(trade.qty),
        "funds": fine_text(trade.funds),
        "trend": "up" if bought_as_taker else "down",
        "created_at": kst_text(trade.at_ns),
        "side": order.draft.side.value,
    }


def order_types(side: Side) -> list[str]:
    """Return the types `orders/chance` lists; post_only is accepted but not shown (upbit.md §1.3)."""
    market_word = OrdType.PRICE if side is Side.BID else OrdType.MARKET
    return ["best_fok", "best_ioc", "limit", f"limit_{Tif.FOK}", f"limit_{Tif.IOC}", market_word.value]


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
