"""Bithumb's spelling (JWT generation) of orders, books, balances and errors (bithumb.md §3, §4, §6)."""

from collections.abc import Mapping
from urllib.parse import quote

from arbitrage.domain.units import Exchange, base_of
from exchanges.simulator.account import Account
from exchanges.simulator.auth import AuthFault
from exchanges.simulator.dialect import Access, AfterError, BookView, Format, StreamType, StreamWords
from exchanges.simulator.dialects.bithumb_errors import AUTH_FAULTS, TOO_MANY_REQUESTS, refusal
from exchanges.simulator.dialects.bithumb_order_frames import v1_frame, v2_frame
from exchanges.simulator.dialects.bithumb_prints import LIVE_KINDS
from exchanges.simulator.dialects.bithumb_quirks import BatchHash, BithumbQuirks, TimeKind
from exchanges.simulator.dialects.book_rows import Rows
from exchanges.simulator.dialects.shared import json_answer, paired
from exchanges.simulator.kst import SECOND
from exchanges.simulator.ladder import Ladder
from exchanges.simulator.limits import Limit, Verdict
from exchanges.simulator.money import fine_text, plain_text
from exchanges.simulator.steps import OrderStep
from exchanges.simulator.wire import Params, Request, Response, WireRefusal, strict_params

LIMITS = {
    "orderbook": Limit(150),
    "ticker": Limit(150),
    "trades": Limit(150),
    "candles": Limit(150),
    "other": Limit(150),
    "order": Limit(140),
    "cancel": Limit(140),
    "batch": Limit(20),
    "batch-cancel": Limit(20),
    "private": Limit(140),
}
"""Token buckets (bithumb.md §4)."""

PRIVATE_V1 = "/websocket/v1/private"


def stream_words(quirks: BithumbQuirks) -> StreamWords:
    """Return how the streams listen (bithumb.md §6)."""

    def older(step: OrderStep, fmt: Format) -> bytes:
        return v1_frame(step, fmt, quirks)

    return StreamWords(
        paths={
            "/websocket/v1": Access.PUBLIC,
            PRIVATE_V1: Access.PRIVATE,
            "/websocket/v2/private": Access.PRIVATE,
        },
        live_kinds=LIVE_KINDS,
        snapshot_flags=("isOnlySnapshot",),
        realtime_flags=("isOnlyRealtime",),
        depths=tuple(range(1, 16)),
        formats=(Format.DEFAULT, Format.SIMPLE),
        unknown_format=None,
        plain_levels=(1,),
        unknown_level="WRONG_FORMAT",
        after_error=AfterError.CLOSES,
        idle_ns=quirks.stream_idle_ns,
        status_ns=10 * SECOND,
        connect_limit=Limit(10),
        message_limits=(),
        order_frames={PRIVATE_V1: older},
        retired={} if quirks.private_v1_until_ns is None else {PRIVATE_V1: quirks.private_v1_until_ns},
    )


class BithumbWords:
    """Bithumb's side of the `Dialect` that needs no exchange; the routes are in `bithumb_rest.py`."""

    exchange = Exchange.BITHUMB
    algs = ("HS256",)
    limits: Mapping[str, Limit] = LIMITS

    def __init__(self, quirks: BithumbQuirks) -> None:
        self.quirks = quirks
        self.stream = stream_words(quirks)
        self._told: dict[tuple[str, Format, int], tuple[BookView, tuple[str, str, str]]] = {}
        """The last book of each market as it was written, by format and depth."""

    def read_params(self, request: Request) -> Params:
        """Return what a request asks for: JSON with POST, else the query (bithumb.md §3.6)."""
        return strict_params(request)

    def signed_texts(self, params: Params) -> tuple[str, ...]:
        """Return the texts a token's hash may be of; for arrays of objects the sources disagree (bithumb.md §3.2)."""
        return signed_texts(params, self.quirks.batch_hash)

    def token_claims_fault(self, claims: Mapping[str, object], now: int) -> AuthFault | None:
        """Return what is wrong with the timestamp: an int in ms, always there, not far off (bithumb.md §3.2)."""
        stamp = claims.get("timestamp")
        if not isinstance(stamp, int) or isinstance(stamp, bool):
            return AuthFault.CLAIMS
        return AuthFault.EXPIRED if abs(stamp * 1_000_000 - now) > self.quirks.token_window_ns else None

    def auth_refusal(self, fault: AuthFault) -> WireRefusal:
        """Return the error of a token not accepted."""
        return refusal(AUTH_FAULTS[fault])

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
        named = TOO_MANY_REQUESTS
        return json_answer({"error": {"name": named.name, "message": named.message}}, named.status)

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
        frame = _SIMPLE_BOOK if fmt.is_simple else _BOOK
        time = f'"{view.at_ns // 1_000}"' if self.quirks.book_time is TimeKind.TEXT else str(view.at_ns // 1_000)
        return (frame % (view.market, *self._content(view, fmt, depth), time, stream_type)).encode()

    # Nearly every second frame repeats the one before: the same ladders, another time.
    def _content(self, view: BookView, fmt: Format, depth: int) -> tuple[str, str, str]:
        kept = self._told.get((view.market, fmt, depth))
        if kept is not None:
            last, content = kept
            if last.bids is view.bids and last.asks is view.asks and last.shown == view.shown:
                return content
        bids, asks = view.cut(depth)
        units = units_text(bids, asks, fmt)
        content = (size_text(sum([qty for _, qty in asks])), size_text(sum([qty for _, qty in bids])), units)
        self._told[view.market, fmt, depth] = (view, content)
        return content

    def order_frame(self, step: OrderStep, fmt: Format) -> bytes:
        """Return a v2 myOrder frame; v1 has its own on its path (bithumb.md §6.3)."""
        return v2_frame(step, fmt, self.quirks)

    def asset_frame(self, account: Account, assets: tuple[str, ...], at_ns: int, fmt: Format) -> bytes:
        """Return a myAsset frame: the changed assets, balances as text (bithumb.md §6.3)."""
        row, frame = (_SIMPLE_ASSET, _SIMPLE_ASSETS) if fmt.is_simple else (_ASSET, _ASSETS)
        rows = ",".join(
            row % (asset, fine_text(account.free.get(asset, 0)), fine_text(account.locked.get(asset, 0)))
            for asset in assets
        )
        stamp = at_ns // 1_000_000
        return (frame % (rows, stamp, stamp)).encode()


_UNQUOTED = "~()*!.'"
"""What JavaScript's encodeURIComponent leaves alone."""
_UNIT = '{"ask_price":%s,"bid_price":%s,"ask_size":%s,"bid_size":%s}'
_SIMPLE_UNIT = '{"ap":%s,"bp":%s,"as":%s,"bs":%s}'
_BOOK = (
    '{"type":"orderbook","code":"%s","total_ask_size":%s,"total_bid_size":%s,"orderbook_units":[%s],'
    '"level":1,"timestamp":%s,"stream_type":"%s"}'
)
_SIMPLE_BOOK = '{"ty":"orderbook","cd":"%s","tas":%s,"tbs":%s,"obu":[%s],"lv":1,"tms":%s,"st":"%s"}'
_ASSET = '{"currency":"%s","balance":"%s","locked":"%s"}'
_SIMPLE_ASSET = '{"cu":"%s","b":"%s","l":"%s"}'
_ASSETS = '{"type":"myAsset","assets":[%s],"asset_timestamp":%d,"timestamp":%d,"stream_type":"REALTIME"}'
_SIMPLE_ASSETS = '{"ty":"myAsset","ast":[%s],"asttms":%d,"tms":%d,"st":"REALTIME"}'


def size_text(units: int) -> str:
    """Return a size rounded to 4 decimals; dust reads `0` (bithumb.md §5.2)."""
    return plain_text((units + 5_000) // 10_000 * 10_000)


def signed_texts(params: Params, style: BatchHash) -> tuple[str, ...]:
    """Return what may be hashed for `params`: pairs joined by `&`, arrays of objects in either of two styles."""
    if not params.nested:
        return (params.signed_text,)
    plain = [params.signed_text] if params.pairs else []
    indexed = [
        f"{name}[{index}][{key}]={value}"
        for name in params.nested
        for index, row in enumerate(params.rows(name))
        for key, value in row.pairs
    ]
    texts = [(name, item.decode()) for name, items in params.nested.items() for item in items]
    raw = [f"{name}[]={text}" for name, text in texts]
    encoded = [f"{name}[]={quote(text, safe=_UNQUOTED)}" for name, text in texts]
    styles = {
        BatchHash.INDEXED: (indexed,),
        BatchHash.JSON_TEXT: (raw, encoded),
        BatchHash.EITHER: (indexed, raw, encoded),
    }
    return tuple("&".join(plain + rows) for rows in styles[style])


def units_text(bids: Ladder, asks: Ladder, fmt: Format = Format.DEFAULT) -> str:
    """Return the rows of a book in the keys of one format."""
    return (_SIMPLE_ROWS if fmt.is_simple else _ROWS).text(paired(bids, asks))


_ROWS, _SIMPLE_ROWS = Rows(_UNIT, plain_text, size_text), Rows(_SIMPLE_UNIT, plain_text, size_text)


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
