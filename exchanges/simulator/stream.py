"""One WebSocket connection's conversation: subscriptions in, frames out. No socket, no clock.

Both exchanges: the first element is the ticket, a new request replaces the whole subscription, there
is no acknowledgement, and a text `PING` starts a status frame every ten seconds (upbit.md §3, bithumb.md §6).
"""

from collections.abc import Callable
from typing import Any

import msgspec

from exchanges.simulator.account import Account
from exchanges.simulator.agenda import Agenda
from exchanges.simulator.conversation import ABNORMAL, NORMAL, Out
from exchanges.simulator.dialect import Access, AfterError, BookView, Dialect, Format, News, StreamType
from exchanges.simulator.limits import Limiter
from exchanges.simulator.matching import OrderStep
from exchanges.simulator.wire import decode_json

_PRIVATE = frozenset({"myOrder", "myAsset"})


class BookWanted(msgspec.Struct, frozen=True):
    """One subscribed book."""

    depth: int
    realtime: bool


# Never leaves this file.
class _Fault(Exception):
    def __init__(self, name: str, message: str) -> None:
        self.name = name
        self.message = message
        super().__init__(name)


class Session:
    """The exchange's end of one connection. The driver calls `receive` and sends what is in `outbox`."""

    def __init__(
        self,
        dialect: Dialect,
        agenda: Agenda,
        access: Access,
        account: Account | None,
        view: Callable[[str, int], BookView | None],
        news: Callable[[str, int], News | None],
        now: int,
    ) -> None:
        self.account = account
        self.outbox: list[Out] = []
        self.close_code: int | None = None
        """Set when the exchange ends the connection."""
        self._dialect = dialect
        self._words = dialect.stream
        self._idle_ns = dialect.stream.idle_ns
        self._agenda = agenda
        self._access = access
        self._view = view
        self._news = news
        self._kinds = self._words.live_kinds | {"orderbook"} if access is Access.PUBLIC else _PRIVATE
        self._limiter = Limiter({str(index): limit for index, limit in enumerate(self._words.message_limits)})
        self._format = Format.DEFAULT
        self._books: dict[str, BookWanted] = {}
        self._live: dict[str, list[str]] = {}
        """Market -> types wanted at each print of it."""
        self._orders: frozenset[str] | None = None
        self._assets = False
        self._asked: list[dict[str, Any]] = []
        self._is_reporting = False
        self._last_traffic = now
        agenda.at(now + self._idle_ns, self._close_if_idle)

    def touch(self, now: int) -> None:
        """Note traffic: any frame in either direction keeps the connection open."""
        self._last_traffic = now

    def end(self) -> None:
        """Forget everything: the connection is gone."""
        self.close_code = self.close_code or NORMAL

    def shorten_idle(self, idle_ns: int, now: int) -> None:
        """Drop this connection after `idle_ns` without traffic (a fault)."""
        self._idle_ns = idle_ns
        self._agenda.at(now + idle_ns, self._close_if_idle)

    def switch_format(self) -> None:
        """Spell later frames the other way, short or long, unasked (a fault; upbit.md §6 idea 14)."""
        self._format = Format.DEFAULT if self._format.is_simple else Format.SIMPLE

    def receive(self, data: bytes, now: int) -> None:
        """Hear one text or binary message."""
        self.touch(now)
        if data.strip() == b"PING":
            if not self._is_reporting:
                self._is_reporting = True
                self._report(now)
            return
        try:
            for group in self._limiter.limits:
                if not self._limiter.take(group, "", now).is_allowed:
                    raise _Fault("Too Many Requests", "too many messages on this connection")
            self._subscribe(data, now)
        except _Fault as fault:
            error = {"error": {"name": fault.name, "message": fault.message}}
            self._say(msgspec.json.encode(error), now, is_binary=False)
            if self._words.after_error is AfterError.CLOSES:
                self.close_code = NORMAL

    def on_book(self, view: BookView, cache: dict[tuple[Format, int], bytes], now: int) -> None:
        """Pass on a publication if it is wanted; `cache` shares the bytes between connections."""
        wanted = self._books.get(view.market)
        if wanted is None or not wanted.realtime or self.close_code is not None:
            return
        key = (self._format, wanted.depth)
        frame = cache.get(key)
        if frame is None:
            frame = cache[key] = self._dialect.book_frame(view, StreamType.REALTIME, self._format, wanted.depth)
        self._say(frame, now)

    def on_print(self, news: News, cache: dict[tuple[str, Format], bytes]) -> None:
        """Pass on what a trade changes, if it is wanted; `cache` shares the bytes between connections."""
        if self.close_code is not None:
            return
        for kind in self._live.get(news.last.market, ()):
            key = (kind, self._format)
            frame = cache.get(key)
            if frame is None:
                frame = cache[key] = self._dialect.live_frame(kind, news, StreamType.REALTIME, self._format)
            self._say(frame, news.at_ns)

    def on_order(self, account: Account, step: OrderStep) -> None:
        """Pass on a step of an order of this connection's account."""
        if account is not self.account or self._orders is None or self.close_code is not None:
            return
        if not self._orders or step.order.draft.market in self._orders:
            self._say(self._dialect.order_frame(step, self._format), step.at_ns)

    def on_assets(self, account: Account, assets: tuple[str, ...], now: int) -> None:
        """Pass on changed balances of this connection's account."""
        if account is self.account and self._assets and self.close_code is None:
            self._say(self._dialect.asset_frame(account, assets, now, self._format), now)

    def _say(self, data: bytes, now: int, *, is_binary: bool = True) -> None:
        self.touch(now)
        self.outbox.append(Out(b"[" + data + b"]" if self._format.is_list and is_binary else data, is_binary))

    def _report(self, now: int) -> None:
        if self.close_code is None:
            self._say(b'{"status":"UP"}', now, is_binary=False)
            self._agenda.at(now + self._words.status_ns, self._report)

    def _close_if_idle(self, now: int) -> None:
        due = self._last_traffic + self._idle_ns
        if self.close_code is not None:
            return
        if now >= due:
            self.close_code = ABNORMAL
        else:
            self._agenda.at(due, self._close_if_idle)

    def _subscribe(self, data: bytes, now: int) -> None:
        try:
            parts = decode_json(data)
        except ValueError:
            parts = None
        if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
            raise _Fault("WRONG_FORMAT", "Format 이 맞지 않습니다.")
        if not parts or not isinstance(parts[0].get("ticket"), str) or not parts[0]["ticket"]:
            raise _Fault("NO_TICKET", "티켓이 존재하지 않거나, 유효하지 않습니다.")
        fmt = self._format_of(parts)
        asked = [part for part in parts[1:] if "format" not in part or "type" in part]
        if any(part.get("method") == "LIST_SUBSCRIPTIONS" for part in asked):
            self._format = fmt
            self._list_subscriptions(parts[0]["ticket"], now)
            return
        if not asked:
            raise _Fault("NO_TYPE", "type 이 존재하지 않습니다.")
        books: dict[str, BookWanted] = {}
        live: dict[str, list[str]] = {}
        shown: list[tuple[str, str, int]] = []
        orders: frozenset[str] | None = None
        assets = False
        for part in asked:
            kind = self._kind_of(part)
            codes = self._codes_of(part, kind)
            if kind == "orderbook":
                self._want_books(part, codes, books, shown)
            elif kind in self._words.live_kinds:
                self._want_live(part, kind, codes, live, shown)
            elif kind == "myOrder":
                orders = frozenset(codes)
            elif kind == "myAsset":
                assets = True
        self._format, self._books, self._live, self._asked = fmt, books, live, asked
        self._orders, self._assets = orders, assets
        for kind, market, depth in shown:
            self._show(kind, market, depth, now)

    # The SNAPSHOT; nothing comes for a code that is not listed.
    def _show(self, kind: str, market: str, depth: int, now: int) -> None:
        if kind == "orderbook":
            view = self._view(market, now)
            if view is not None:
                self._say(self._dialect.book_frame(view, StreamType.SNAPSHOT, self._format, depth), now)
            return
        news = self._news(market, now)
        if news is not None:
            self._say(self._dialect.live_frame(kind, news, StreamType.SNAPSHOT, self._format), now)

    def _format_of(self, parts: list[dict[str, Any]]) -> Format:
        words = [part["format"] for part in parts if "format" in part]
        known = {fmt.value: fmt for fmt in self._words.formats}
        if not words:
            return Format.DEFAULT
        fmt = known.get(str(words[-1]))
        if fmt is None and self._words.unknown_format is not None:
            raise _Fault(self._words.unknown_format, f"{words[-1]} 은 지원하지 않는 포맷입니다.")
        return fmt or Format.DEFAULT

    def _kind_of(self, part: dict[str, Any]) -> str:
        kind = part.get("type")
        if kind is None:
            raise _Fault("NO_TYPE", "type 이 존재하지 않습니다.")
        if not isinstance(kind, str) or kind not in self._kinds:
            raise _Fault("INVALID_PARAM", f"{kind} 은 지원하지 않는 타입입니다.")
        return kind

    def _codes_of(self, part: dict[str, Any], kind: str) -> list[str]:
        codes = part.get("codes")
        if kind == "myAsset" and codes is not None:
            raise _Fault("WRONG_FORMAT", "Format 이 맞지 않습니다.")
        if codes is None and self._access is Access.PRIVATE:
            return []
        if not codes and self._access is Access.PUBLIC:
            raise _Fault("NO_CODES", "codes 가 존재하지 않습니다.")
        if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
            raise _Fault("WRONG_FORMAT", "Format 이 맞지 않습니다.")
        return codes

    def _want_books(
        self, part: dict[str, Any], codes: list[str], books: dict[str, BookWanted], shown: list[tuple[str, str, int]]
    ) -> None:
        if part.get("level", self._words.plain_levels[0]) not in self._words.plain_levels:
            if self._words.unknown_level is not None:
                raise _Fault(self._words.unknown_level, "Format 이 맞지 않습니다.")
            return
        wants_snapshot, wants_realtime = self._wants(part)
        for code in codes:
            market, _, suffix = code.partition(".")
            depth = next((depth for depth in self._words.depths if str(depth) == suffix), self._words.depths[-1])
            books[market] = BookWanted(depth, wants_realtime)
            if wants_snapshot:
                shown.append(("orderbook", market, depth))

    def _want_live(
        self,
        part: dict[str, Any],
        kind: str,
        codes: list[str],
        live: dict[str, list[str]],
        shown: list[tuple[str, str, int]],
    ) -> None:
        wants_snapshot, wants_realtime = self._wants(part)
        for code in dict.fromkeys(codes):
            if wants_realtime and kind not in live.setdefault(code, []):
                live[code].append(kind)
            if wants_snapshot:
                shown.append((kind, code, 0))

    # Whether the first frame and the later ones are wanted; without a flag both are.
    def _wants(self, part: dict[str, Any]) -> tuple[bool, bool]:
        only_snapshot = any(part.get(flag) is True for flag in self._words.snapshot_flags)
        only_realtime = any(part.get(flag) is True for flag in self._words.realtime_flags)
        return not only_realtime, not only_snapshot

    def _list_subscriptions(self, ticket: str, now: int) -> None:
        names = ("method", "result", "ticket") if not self._format.is_simple else ("mthd", "rslt", "tckt")
        listed = dict(zip(names, ("LIST_SUBSCRIPTIONS", self._asked, ticket), strict=True))
        self._say(msgspec.json.encode(listed), now)
