"""One WebSocket connection's conversation: subscriptions in, frames out. No socket, no clock.

Both exchanges: the first element is the ticket, a new request replaces the whole subscription, there
is no acknowledgement, and a text `PING` starts a status frame every ten seconds (upbit.md §3, bithumb.md §6).
"""

from collections.abc import Callable
from typing import Any

import msgspec

from exchanges.simulator.account import Account
from exchanges.simulator.agenda import Agenda
from exchanges.simulator.announcements import Announcement
from exchanges.simulator.conversation import ABNORMAL, NORMAL, Out
from exchanges.simulator.dialect import Access, AfterError, BookView, Dialect, Format, News, StreamType
from exchanges.simulator.grouping import grouped
from exchanges.simulator.limits import Blocks, Limiter
from exchanges.simulator.steps import OrderStep
from exchanges.simulator.subscription import (
    BOOK,
    BookWanted,
    RequestFault,
    Subscription,
    SubscriptionReader,
    read_request,
)

_SIMPLE = {"type": "ty", "codes": "cds", "level": "lv"}


class Session:
    """The exchange's end of one connection. The driver calls `receive` and sends what is in `outbox`."""

    def __init__(
        self,
        dialect: Dialect,
        agenda: Agenda,
        access: Access,
        path: str,
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
        self._path = path
        self._agenda = agenda
        self._view = view
        self._news = news
        self.reader = SubscriptionReader(dialect.stream, access, path)
        self._limiter = Limiter({str(index): limit for index, limit in enumerate(self._words.message_limits)})
        self._blocks = Blocks()
        self._speak(Format.DEFAULT)
        self._wanted = Subscription()
        self._is_reporting = False
        self._last_traffic = now
        agenda.at(now + self._idle_ns, self._close_if_idle)
        if self._words.life_ns is not None:
            agenda.at(now + self._words.life_ns, self._close_at_last)

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
        self._speak(Format.DEFAULT if self._format.is_simple else Format.SIMPLE)

    def receive(self, data: bytes, now: int) -> None:
        """Hear one text or binary message."""
        self.touch(now)
        if data.strip() == b"PING":
            if not self._is_reporting:
                self._is_reporting = True
                self._report(now)
            return
        try:
            self._count_message(now)
            self._subscribe(data, now)
        except RequestFault as fault:
            error = {"error": {"name": fault.name, "message": fault.message}}
            self._control(msgspec.json.encode(error), now)
            if self._words.after_error is AfterError.CLOSES:
                self.close_code = NORMAL

    # Names of both errors: upbit.md §3.10.
    def _count_message(self, now: int) -> None:
        if self._blocks.left_ns("", "", now):
            raise RequestFault("I'm a teapot", "this connection is blocked for a while")
        for group in self._limiter.limits:
            if not self._limiter.take(group, "", now).is_allowed:
                block = self._words.message_block
                if block is not None and self._blocks.refused("", "", block, now):
                    raise RequestFault("I'm a teapot", "this connection is blocked for a while")
                raise RequestFault("Too Many Requests", "too many messages on this connection")

    def on_book(self, view: BookView, cache: dict[tuple[Format, int], bytes], now: int) -> None:
        """Pass on a publication if it is wanted; `cache` shares the bytes between connections."""
        if self.close_code is not None:
            return
        for wanted in self._wanted.books.get(view.market, ()):
            if not wanted.realtime:
                continue
            if wanted.level:
                self._show_book(view, wanted, StreamType.REALTIME, now)
                continue
            key = (self._format, wanted.depth)
            frame = cache.get(key)
            if frame is None:
                frame = cache[key] = self._dialect.book_frame(view, StreamType.REALTIME, self._format, wanted.depth)
            self._say(frame, now)

    def on_print(self, news: News, cache: dict[tuple[str, Format], bytes]) -> None:
        """Pass on what a trade changes, if it is wanted; `cache` shares the bytes between connections."""
        if self.close_code is not None:
            return
        for kind in self._wanted.live.get(news.last.market, ()):
            key = (kind, self._format)
            frame = cache.get(key)
            if frame is None:
                frame = cache[key] = self._dialect.live_frame(kind, news, StreamType.REALTIME, self._format)
            self._say(frame, news.at_ns)

    def on_order(self, account: Account, step: OrderStep) -> None:
        """Pass on a step of an order of this connection's account."""
        wanted = self._wanted.orders
        if account is not self.account or wanted is None or self.close_code is not None:
            return
        if not wanted or step.order.draft.market in wanted:
            frame = self._words.order_frames.get(self._path, self._dialect.order_frame)
            self._say(frame(step, self._format), step.at_ns)

    def on_assets(self, account: Account, assets: tuple[str, ...], now: int) -> None:
        """Pass on changed balances of this connection's account."""
        if account is not self.account or not self._wanted.assets or self.close_code is not None:
            return
        asked_ns = account.assets_asked_ns
        if asked_ns is not None and now >= asked_ns + self._words.first_assets_ns:
            self._say(self._dialect.asset_frame(account, assets, now, self._format), now)

    def on_notice(self, notice: Announcement) -> None:
        """Pass on an announcement if its category is wanted (upbit.md §3.8)."""
        wanted, frame = self._wanted.notices, self._words.notice_frame
        if wanted is None or frame is None or self.close_code is not None:
            return
        if not wanted.categories or notice.category in wanted.categories:
            self._say(frame(notice, self._format, notice.body if wanted.with_body else None), notice.listed_ns)

    def _speak(self, fmt: Format) -> None:
        self._format, self._is_list = fmt, fmt.is_list

    def _say(self, data: bytes, now: int) -> None:
        self._last_traffic = now
        self.outbox.append(Out(b"[" + data + b"]" if self._is_list else data, self._words.data_is_binary))

    # Status and errors: never in a list.
    def _control(self, data: bytes, now: int) -> None:
        self.touch(now)
        self.outbox.append(Out(data, self._words.control_is_binary))

    def _report(self, now: int) -> None:
        if self.close_code is None:
            self._control(b'{"status":"UP"}', now)
            self._agenda.at(now + self._words.status_ns, self._report)

    def _close_at_last(self, now: int) -> None:
        self.close_code = ABNORMAL if self.close_code is None else self.close_code

    def _close_if_idle(self, now: int) -> None:
        due = self._last_traffic + self._idle_ns
        if self.close_code is not None:
            return
        if now >= due:
            self.close_code = ABNORMAL
        else:
            self._agenda.at(due, self._close_if_idle)

    def _subscribe(self, data: bytes, now: int) -> None:
        asked = read_request(data, self._words)
        if asked.is_listing:
            self._speak(asked.fmt)
            self._list_subscriptions(asked.ticket, now)
            return
        self._wanted = self.reader.read(asked)
        self._speak(asked.fmt)
        if self._wanted.assets and self.account is not None and self.account.assets_asked_ns is None:
            self.account.assets_asked_ns = now
        for kind, market, book in self._wanted.shown:
            self._show(kind, market, book, now)

    # The SNAPSHOT; nothing comes for a code that is not listed.
    def _show(self, kind: str, market: str, book: BookWanted | None, now: int) -> None:
        if kind == BOOK and book is not None:
            view = self._view(market, now)
            if view is not None:
                self._show_book(view, book, StreamType.SNAPSHOT, now)
            return
        news = self._news(market, now)
        if news is not None:
            self._say(self._dialect.live_frame(kind, news, StreamType.SNAPSHOT, self._format), now)

    # A level the market does not have stays silent (upbit.md §3.2).
    def _show_book(self, view: BookView, book: BookWanted, stream_type: StreamType, now: int) -> None:
        if book.level and (self._words.levels_of is None or book.level not in self._words.levels_of(view)):
            return
        self._say(self._dialect.book_frame(grouped(view, book.level), stream_type, self._format, book.depth), now)

    def _list_subscriptions(self, ticket: str, now: int) -> None:
        simple = self._format.is_simple
        names = ("mthd", "rslt", "tckt") if simple else ("method", "result", "ticket")
        rows: list[dict[str, Any]] = [
            {_SIMPLE[key] if simple else key: value for key, value in row.items()} for row in self._wanted.told
        ]
        self._say(msgspec.json.encode(dict(zip(names, ("LIST_SUBSCRIPTIONS", rows, ticket), strict=True))), now)
