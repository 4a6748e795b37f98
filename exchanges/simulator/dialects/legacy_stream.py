"""The legacy public stream `/pub/ws`: filters in, changes and snapshots out, as text (bithumb.md §2)."""

from collections.abc import Callable
from typing import Any

from arbitrage.domain.units import Side
from exchanges.simulator.account import Account
from exchanges.simulator.agenda import Agenda
from exchanges.simulator.conversation import ABNORMAL, NORMAL, Out
from exchanges.simulator.dialect import BookView, Format, News
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks, TimeKind
from exchanges.simulator.dialects.legacy import ladders, market_of, symbol_of
from exchanges.simulator.dialects.legacy_depth import Announced, Change
from exchanges.simulator.dialects.legacy_prints import MID, TICK_WINDOWS, tick_content, transaction_row
from exchanges.simulator.ladder import Ladder
from exchanges.simulator.money import plain_text
from exchanges.simulator.steps import OrderStep
from exchanges.simulator.wire import decode_json, json_bytes

CONNECTED = b'{"status":"0000","resmsg":"Connected Successfully"}'
REGISTERED = b'{"status":"0000","resmsg":"Filter Registered Successfully"}'
INVALID = b'{"status":"5100","resmsg":"Invalid Filter Syntax"}'
TYPES = ("ticker", "transaction", "orderbookdepth", "orderbooksnapshot")
TICK_TYPES = (*TICK_WINDOWS, MID)


class LegacySession:
    """One connection of the legacy stream. A filter replaces the earlier one of its type."""

    def __init__(
        self, quirks: BithumbQuirks, agenda: Agenda, view: Callable[[str, int], BookView | None], now: int
    ) -> None:
        self.outbox: list[Out] = [Out(CONNECTED, False)]
        self.close_code: int | None = None
        self._quirks = quirks
        self._agenda = agenda
        self._view = view
        self._ticks: list[str] = []
        self._wanted: dict[str, frozenset[str]] = {}
        self._announced: dict[str, Announced] = {}
        self._is_snapping = False
        self._last_traffic = now
        if quirks.legacy_idle_ns:
            agenda.at(now + quirks.legacy_idle_ns, self._close_if_idle)

    def touch(self, now: int) -> None:
        """Note traffic."""
        self._last_traffic = now

    def end(self) -> None:
        """Forget everything: the connection is gone."""
        self.close_code = self.close_code or NORMAL

    def receive(self, data: bytes, now: int) -> None:
        """Hear one filter: each type has its own, coins not listed are passed over in silence."""
        self.touch(now)
        asked = _filter_of(data)
        if asked is None:
            self._say(INVALID, now)
            return
        kind = asked["type"]
        found = (market_of(symbol) for symbol in asked["symbols"])
        markets = self._wanted[kind] = frozenset(market for market in found if self._view(market, now) is not None)
        if kind == "ticker":
            self._ticks = list(dict.fromkeys(asked.get("tickTypes", TICK_TYPES)))
        self._say(REGISTERED, now)
        if kind == "orderbookdepth":
            self._announced = {
                market: Announced(self._sides(market, now), self._quirks.legacy_depth_edge) for market in markets
            }
        elif kind == "orderbooksnapshot" and not self._is_snapping:
            self._is_snapping = True
            self._snap(now)

    def on_book(self, view: BookView, cache: dict[tuple[Format, int], bytes], now: int) -> None:
        """Tell what changed in a book that is followed by its changes."""
        announced = self._announced.get(view.market)
        if announced is None or self.close_code is not None:
            return
        changes = announced.changes(ladders(view, self._quirks))
        if changes:
            self._say(self._depth_frame(view.market, changes, now), now)

    def on_print(self, news: News, cache: dict[tuple[str, Format], bytes]) -> None:
        """Tell a trade, and what it makes of each ticker window asked for (bithumb.md §2.3)."""
        market = news.last.market
        if self.close_code is not None:
            return
        if market in self._wanted.get("transaction", ()):
            content = {"list": [transaction_row(news.last)]}
            self._say(json_bytes({"type": "transaction", "content": content}), news.at_ns)
        if market in self._wanted.get("ticker", ()):
            for tick_type in self._ticks:
                frame = {"type": "ticker", "content": tick_content(news, tick_type)}
                self._say(json_bytes(frame), news.at_ns)

    def on_order(self, account: Account, step: OrderStep) -> None:
        """Tell nothing: the legacy stream is public."""

    def on_assets(self, account: Account, assets: tuple[str, ...], now: int) -> None:
        """Tell nothing: the legacy stream is public."""

    def _sides(self, market: str, now: int) -> dict[Side, Ladder]:
        view = self._view(market, now)
        return {Side.BID: [], Side.ASK: []} if view is None else ladders(view, self._quirks)

    def _snap(self, now: int) -> None:
        if self.close_code is not None:
            return
        for market in sorted(self._wanted["orderbooksnapshot"]):
            sides = self._sides(market, now)
            content = {
                "symbol": symbol_of(market),
                "datetime": self._stamp(now),
                "asks": _pairs(sides[Side.ASK]),
                "bids": _pairs(sides[Side.BID]),
            }
            self._say(json_bytes({"type": "orderbooksnapshot", "content": content}), now)
        self._agenda.at(now + self._quirks.legacy_snapshot_ns, self._snap)

    def _depth_frame(self, market: str, changes: list[Change], now: int) -> bytes:
        symbol = symbol_of(market)
        rows = [
            {
                "symbol": symbol,
                "orderType": change.side.value,
                "price": plain_text(change.price),
                "quantity": plain_text(change.qty),
                "total": str(_orders_at(change)),
            }
            for change in changes
        ]
        return json_bytes({"type": "orderbookdepth", "content": {"list": rows, "datetime": self._stamp(now)}})

    def _stamp(self, now: int) -> Any:
        micros = now // 1_000
        return str(micros) if self._quirks.legacy_depth_time is TimeKind.TEXT else micros

    def _say(self, data: bytes, now: int) -> None:
        self.touch(now)
        self.outbox.append(Out(data, False))

    def _close_if_idle(self, now: int) -> None:
        due = self._last_traffic + self._quirks.legacy_idle_ns
        if self.close_code is not None:
            return
        if now >= due:
            self.close_code = ABNORMAL
        else:
            self._agenda.at(due, self._close_if_idle)


def _pairs(ladder: Ladder) -> list[list[str]]:
    return [[plain_text(price), plain_text(qty)] for price, qty in ladder]


# How many orders make up a level is nobody's in the simulator: one to seven, the same for the same level.
def _orders_at(change: Change) -> int:
    return 0 if not change.qty else 1 + (change.price // 10**8 + change.qty) % 7


# A filter that can be registered, or None.
def _filter_of(data: bytes) -> dict[str, Any] | None:
    try:
        asked = decode_json(data)
    except ValueError:
        return None
    if not isinstance(asked, dict) or asked.get("type") not in TYPES:
        return None
    symbols, ticks = asked.get("symbols"), asked.get("tickTypes", [])
    if not isinstance(symbols, list) or not symbols or not all(isinstance(symbol, str) for symbol in symbols):
        return None
    if asked["type"] == "ticker" and (not isinstance(ticks, list) or any(tick not in TICK_TYPES for tick in ticks)):
        return None
    return asked
