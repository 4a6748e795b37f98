"""What one WebSocket request asks for: read, checked, and turned into what a connection then wants. Pure.

Both exchanges: an array of a ticket, one or more types and perhaps a format (upbit.md §3.2, bithumb.md §6.1).
"""

from typing import Any

import msgspec

from exchanges.simulator.dialect import Access, Format, StreamWords
from exchanges.simulator.wire import decode_json

BOOK = "orderbook"
OWN = frozenset({"myOrder", "myAsset"})
_FORM = "Format 이 맞지 않습니다."


class RequestFault(Exception):
    """The request is answered with an error frame of this name (upbit.md §3.10)."""

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        self.message = message
        super().__init__(name)


class BookWanted(msgspec.Struct, frozen=True):
    """One subscribed book; `level` is its price step in 10^-8, 0 = ungrouped."""

    depth: int
    realtime: bool
    level: int = 0


class NoticesWanted(msgspec.Struct, frozen=True):
    """Which announcements are wanted: of these categories, all when empty (upbit.md §3.8)."""

    categories: frozenset[str]
    with_body: bool


class Asked(msgspec.Struct, frozen=True):
    """A request of the right form."""

    ticket: str
    fmt: Format
    parts: list[dict[str, Any]]

    @property
    def is_listing(self) -> bool:
        """Return whether it asks for the list of subscriptions (upbit.md §3.2)."""
        return any(part.get("method") == "LIST_SUBSCRIPTIONS" for part in self.parts)


class Subscription:
    """All that one connection wants. A new request makes a new one: it replaces the whole (upbit.md §3.2)."""

    def __init__(self) -> None:
        self.books: dict[str, list[BookWanted]] = {}
        self.live: dict[str, list[str]] = {}
        """Market -> types wanted at each print of it."""
        self.orders: frozenset[str] | None = None
        """Markets whose own orders are wanted, all when empty; None = not wanted."""
        self.assets = False
        self.notices: NoticesWanted | None = None
        self.shown: list[tuple[str, str, BookWanted | None]] = []
        """(type, market, book) of each SNAPSHOT to send."""
        self.told: list[dict[str, Any]] = []
        """As LIST_SUBSCRIPTIONS tells it, in long keys."""


def read_request(data: bytes, words: StreamWords) -> Asked:
    """Return what a message asks for. RequestFault: no JSON array of objects, no ticket, an unknown format."""
    try:
        parts = decode_json(data)
    except ValueError:
        parts = None
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise RequestFault("WRONG_FORMAT", _FORM)
    if not parts or not isinstance(parts[0].get("ticket"), str) or not parts[0]["ticket"]:
        raise RequestFault("NO_TICKET", "티켓이 존재하지 않거나, 유효하지 않습니다.")
    asked = [part for part in parts[1:] if "format" not in part or "type" in part]
    return Asked(parts[0]["ticket"], _format_of(parts, words), asked)


def _format_of(parts: list[dict[str, Any]], words: StreamWords) -> Format:
    named = [part["format"] for part in parts if "format" in part]
    if not named:
        return Format.DEFAULT
    fmt = {fmt.value: fmt for fmt in words.formats}.get(str(named[-1]))
    if fmt is None and words.unknown_format is not None:
        raise RequestFault(words.unknown_format, f"{named[-1]} 은 지원하지 않는 포맷입니다.")
    return fmt or Format.DEFAULT


class SubscriptionReader:
    """Reads the types of one connection's requests."""

    def __init__(self, words: StreamWords, access: Access, path: str) -> None:
        self.barred: frozenset[str] = frozenset()
        """Types the key of this connection has no right to."""
        self._words = words
        self._access = access
        self._kinds = words.types.get(path, words.live_kinds | {BOOK} if access is Access.PUBLIC else OWN)

    def read(self, asked: Asked) -> Subscription:
        """Return what is wanted from now on. RequestFault: nothing of the request holds then."""
        if not asked.parts:
            raise RequestFault("NO_TYPE", "type 이 존재하지 않습니다.")
        found = Subscription()
        for part in asked.parts:
            kind = self._kind_of(part)
            codes = self._codes_of(part, kind)
            found.told.append(self._told(part, kind, codes))
            if kind == BOOK:
                self._want_books(part, codes, found)
            elif kind in self._words.live_kinds:
                self._want_live(part, kind, codes, found)
            elif kind == "myOrder":
                both = found.orders is None or (found.orders and codes)
                found.orders = frozenset(codes) | (found.orders or frozenset()) if both else frozenset()
            elif kind == "myAsset":
                found.assets = True
            elif kind == "announcement":
                found.notices = _notices_of(part)
        most = self._words.codes_most
        if most is not None and sum(len(row.get("codes", ())) for row in found.told) > most:
            raise RequestFault("WRONG_FORMAT", _FORM)
        return found

    def _kind_of(self, part: dict[str, Any]) -> str:
        kind = part.get("type")
        if kind is None:
            raise RequestFault("NO_TYPE", "type 이 존재하지 않습니다.")
        if not isinstance(kind, str) or kind not in self._kinds:
            name = self._words.misplaced_private if kind in tuple(OWN) else "INVALID_PARAM"
            raise RequestFault(name, f"{kind} 은 지원하지 않는 타입입니다.")
        if kind in self.barred:
            raise RequestFault("INVALID_AUTH", "권한이 부족합니다.")
        return kind

    def _codes_of(self, part: dict[str, Any], kind: str) -> list[str]:
        codes = part.get("codes")
        if kind == "myAsset" and codes is not None:
            raise RequestFault("WRONG_FORMAT", _FORM)
        if codes is None and self._access is Access.PRIVATE:
            return []
        if not codes and self._access is Access.PUBLIC:
            raise RequestFault("NO_CODES", "codes 가 존재하지 않습니다.")
        if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
            raise RequestFault("WRONG_FORMAT", _FORM)
        return codes

    def _told(self, part: dict[str, Any], kind: str, codes: list[str]) -> dict[str, Any]:
        row: dict[str, Any] = {"type": kind}
        if codes or kind == "myOrder":
            row["codes"] = codes
        if kind == BOOK:
            row["level"] = part.get("level", self._words.plain_levels[0])
        return row

    def _want_books(self, part: dict[str, Any], codes: list[str], found: Subscription) -> None:
        level = self._level_of(part.get("level", self._words.plain_levels[0]))
        if level is None:
            return
        wants_snapshot, wants_realtime = self._wants(part)
        depths = self._words.depths
        for code in codes:
            market, _, suffix = code.partition(".")
            depth = next((depth for depth in depths if str(depth) == suffix), depths[-1])
            wanted = BookWanted(depth, wants_realtime, level)
            books = found.books.setdefault(market, [])
            books[:] = [book for book in books if book.level != level] + [wanted]
            if wants_snapshot:
                found.shown.append((BOOK, market, wanted))

    # In 10^-8, 0 = ungrouped; None = a level nothing comes for.
    def _level_of(self, level: object) -> int | None:
        if level in self._words.plain_levels:
            return 0
        if self._words.unknown_level is not None:
            raise RequestFault(self._words.unknown_level, _FORM)
        if isinstance(level, bool) or not isinstance(level, int) or level < 1 or self._words.levels_of is None:
            return None
        return level * 10**8

    def _want_live(self, part: dict[str, Any], kind: str, codes: list[str], found: Subscription) -> None:
        wants_snapshot, wants_realtime = self._wants(part)
        for code in dict.fromkeys(codes):
            if wants_realtime and kind not in found.live.setdefault(code, []):
                found.live[code].append(kind)
            if wants_snapshot:
                found.shown.append((kind, code, None))

    # Whether the first frame and the later ones are wanted; without a flag both are.
    def _wants(self, part: dict[str, Any]) -> tuple[bool, bool]:
        only_snapshot = any(part.get(flag) is True for flag in self._words.snapshot_flags)
        only_realtime = any(part.get(flag) is True for flag in self._words.realtime_flags)
        return not only_realtime, not only_snapshot


def _notices_of(part: dict[str, Any]) -> NoticesWanted:
    categories = part.get("categories") or []
    if not isinstance(categories, list) or not all(isinstance(name, str) for name in categories):
        raise RequestFault("WRONG_FORMAT", _FORM)
    return NoticesWanted(frozenset(categories), part.get("include_body") is True)
