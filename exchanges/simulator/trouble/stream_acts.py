"""Faults on what a stream sends: frames lost, late, doubled, frozen, crossed, of another market or another shape."""

from functools import partial
from typing import Any

import msgspec

from arbitrage.domain.units import Side
from exchanges.simulator.agenda import Agenda
from exchanges.simulator.conversation import Conversation, Out, Outbox
from exchanges.simulator.faults import Armed, Faults
from exchanges.simulator.stream import Session
from exchanges.simulator.trouble import frames, shapes
from exchanges.simulator.trouble.fault import Lane, Place, Seen
from exchanges.simulator.trouble.tree import change_tree, number_text, read_tree, write_tree

_FRAME = frozenset({Place.FRAME, Place.SHAPE})
_STAMPS = ("timestamp", "tms", "datetime")
_UNITS = ("orderbook_units", "obu")
_BY_SIDE = {
    Side.ASK: ("ask_price", "ask_size", "ap", "as", "total_ask_size", "tas"),
    Side.BID: ("bid_price", "bid_size", "bp", "bs", "total_bid_size", "tbs"),
}
_SWAPPED = (("ask_price", "bid_price"), ("ap", "bp"))


class StreamActs:
    """The faults of one exchange that act on its streams."""

    def __init__(self, faults: Faults, agenda: Agenda) -> None:
        self._faults = faults
        self._agenda = agenda
        self._held: dict[Conversation, dict[str, list[Out]]] = {}
        """Frames that wait for the next one of their market."""

    def begin(self, session: Conversation, now: int) -> None:
        """Let what is armed for new connections act on this one, and hear all it says."""
        said = session.outbox
        session.outbox = Outbox(partial(self.pass_on, session))
        for out in said:
            session.outbox.append(out)
        if not self._faults.has_live:
            return
        for one in self._faults.strike(frozenset({Place.STREAM}), _seen(session)):
            match one.fault:
                case frames.StreamEnds(after_ns=after_ns, close_code=code):
                    self._agenda.at(now + after_ns, lambda at, code=code: _end(session, code))  # type: ignore[misc]
                case frames.IdleShortened(idle_ns=idle_ns) if isinstance(session, Session):
                    session.shorten_idle(idle_ns, now)

    def forget(self, session: Conversation) -> None:
        """Drop what was held back for a connection that is gone."""
        self._held.pop(session, None)

    def pass_on(self, session: Conversation, out: Out) -> list[Out]:
        """Return what goes out now in place of one message."""
        if session not in self._held and not self._faults.may_strike(_FRAME):
            return [out]
        tree = read_tree(out.data)
        seen = _seen(session, tree)
        code = "".join(seen.markets)
        waiting = self._held.get(session, {}).pop(code, [])
        sent = [out]
        for one in self._faults.strike(_FRAME, seen):
            if isinstance(one.fault, frames.FramesReordered):
                if not waiting and any(map(_is_data, sent)):
                    self._held.setdefault(session, {})[code] = sent
                    sent = []
            else:
                sent = self._struck(one, session, sent)
        return sent + waiting

    def _struck(self, one: Armed, session: Conversation, sent: list[Out]) -> list[Out]:
        fault = one.fault
        match fault:
            case frames.StreamFrozen():
                return []
            case frames.PongOnly() | frames.FramesLost():
                return [out for out in sent if not _is_data(out)]
            case frames.FramesDoubled(copies=copies):
                return [out for out in sent for _ in range(copies)]
            case frames.SlowDrain(delay_ns=delay_ns):
                self._agenda.at(self._agenda.now + delay_ns, lambda at: session.outbox.extend(sent))
                return []
            case frames.FormatSwitched() if isinstance(session, Session):
                session.switch_format()
                return sent
            case frames.JumpBack():
                return [_old_or_new(one, session, out) for out in sent]
        changed = [_changed(one, out) for out in sent]
        return [out for out in changed if out is not None]


def _end(session: Conversation, code: int) -> None:
    if session.close_code is None:
        session.close_code = code


def _rows(tree: Any) -> list[dict[str, Any]]:
    return [row for row in (tree if isinstance(tree, list) else [tree]) if isinstance(row, dict)]


def _code(row: dict[str, Any]) -> str:
    content = row.get("content")
    if isinstance(content, dict):
        rows = content.get("list")
        first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else content
        base, _, quote = str(first.get("symbol", "")).partition("_")
        return f"{quote}-{base}"
    return str(row.get("code", row.get("cd", "")))


def _kind(row: dict[str, Any]) -> str:
    return str(row.get("type", row.get("ty", "")))


def _seen(session: Conversation, tree: Any = None) -> Seen:
    account = session.account if isinstance(session, Session) else None
    rows = _rows(tree)
    return Seen(
        Lane.STREAM if account is None else Lane.EVENTS,
        "",
        tuple(_code(row) for row in rows),
        "" if account is None else account.access_key,
        tuple(filter(None, map(_kind, rows))),
    )


def _is_data(out: Out) -> bool:
    return any(_kind(row) for row in _rows(read_tree(out.data)))


# The first frame of a market that a connection gets, if it is not the connection that was there first.
def _old_or_new(one: Armed, session: Conversation, out: Out) -> Out:
    code = next((_code(row) for row in _rows(read_tree(out.data)) if _kind(row)), None)
    if code is None:
        return out
    begun = one.memory.setdefault("begun", set())
    old: Out = one.memory.setdefault(code, out)
    if (session, code) in begun:
        return out
    begun.add((session, code))
    return old


# One message of another content; None when it is lost.
def _changed(one: Armed, out: Out) -> Out | None:
    fault, tree = one.fault, read_tree(out.data)
    rows = _rows(tree)
    if not any(_kind(row) for row in rows) and not isinstance(fault, shapes.Shape):
        return out
    if isinstance(fault, frames.SnapshotMissing):
        is_first = any(row.get("stream_type", row.get("st")) == "SNAPSHOT" or "snapshot" in _kind(row) for row in rows)
        return None if is_first else out
    if isinstance(fault, shapes.Shape):
        if tree is None:
            return out
        tree = change_tree(fault, tree)
    else:
        for row in rows:
            _spoil(one, row)
    return msgspec.structs.replace(out, data=write_tree(tree))


def _spoil(one: Armed, row: dict[str, Any]) -> None:
    match one.fault:
        case frames.TimestampFrozen():
            _hold_still(one, row, _STAMPS)
        case frames.LadderFrozen() if "orderbook" in _kind(row):
            _hold_still(one, row, (*_UNITS, "asks", "bids", "list"))
        case frames.OneSided(empty=side):
            _empty(row, side)
        case frames.BookCrossed():
            _cross(row)
        case frames.WrongSymbol(code=code):
            for name in ("code", "cd"):
                if name in row:
                    row[name] = code
            for inner in _inner(row):
                if "symbol" in inner:
                    inner["symbol"] = "_".join(reversed(code.split("-")))


def _inner(row: dict[str, Any]) -> list[dict[str, Any]]:
    content = row.get("content")
    if not isinstance(content, dict):
        return []
    rows = content.get("list")
    return [content, *_rows(rows)] if isinstance(rows, list) else [content]


def _hold_still(one: Armed, row: dict[str, Any], names: tuple[str, ...]) -> None:
    for part in (row, *_inner(row)[:1]):
        for name in names:
            if name in part:
                part[name] = one.memory.setdefault((_code(row), name), part[name])


def _empty(row: dict[str, Any], side: Side) -> None:
    for part in (row, *(unit for name in _UNITS for unit in row.get(name, ()))):
        for name in _BY_SIDE[side]:
            if name in part:
                part[name] = 0
    content = _legacy_book(row)
    if f"{side.value}s" in content:
        content[f"{side.value}s"] = []
    if "list" in content:
        content["list"] = [level for level in content["list"] if level.get("orderType") != side.value]


# Only the best prices change places: both sides stay in order. Legacy changes go to the other side.
def _cross(row: dict[str, Any]) -> None:
    for name in _UNITS:
        for unit in row.get(name, ())[:1]:
            for ask, bid in _SWAPPED:
                if number_text(unit.get(ask)) is not None:
                    unit[ask], unit[bid] = unit[bid], unit[ask]
    content = _legacy_book(row)
    asks, bids = content.get("asks"), content.get("bids")
    if asks and bids:
        asks[0][0], bids[0][0] = bids[0][0], asks[0][0]
    for level in content.get("list", ()):
        level["orderType"] = "bid" if level.get("orderType") == "ask" else "ask"


def _legacy_book(row: dict[str, Any]) -> dict[str, Any]:
    content = row.get("content")
    return content if isinstance(content, dict) and "orderbook" in _kind(row) else {}
