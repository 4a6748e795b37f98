"""Maintenance and halts: an exchange, or one of its markets, stands still for a while (upbit.md §6.2).

Orders and cancels are refused, books and streams stand still or are cut, resting orders survive. At the
reopening those priced through the last trade are cancelled; wallets open later, without a word.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from exchanges.simulator.agenda import Agenda
from exchanges.simulator.kst import SECOND
from exchanges.simulator.ladder import Ladder
from exchanges.simulator.market import Market
from exchanges.simulator.matching import Matching
from exchanges.simulator.rules import State
from exchanges.simulator.state import Sink
from exchanges.simulator.steps import Moment
from exchanges.simulator.wallets import Wallets, WalletState


class Streams(StrEnum):
    """What becomes of open connections: clients report hanging ones rather than clean ends (upbit.md §6.2)."""

    FREEZE = "freeze"
    CUT = "cut"


class Shut(msgspec.Struct, frozen=True):
    """A closed market: the book as it stood, and the last trade."""

    bids: Ladder
    asks: Ladder
    last: int | None
    since_ns: int


class Closing:
    """Which markets of one exchange are closed."""

    def __init__(self, matching: Matching, market: Market, wallets: Wallets, agenda: Agenda, sink: Sink) -> None:
        self.streams = Streams.FREEZE
        self.wallets_after_ns = 1_800 * SECOND
        """How long after the reopening wallets open again; "later", say the notices."""
        self.cut: Callable[[], None] = lambda: None
        """Ends every connection."""
        self.on_begin: Callable[[tuple[str, ...], int], None] = lambda names, at: None
        self.on_end: Callable[[tuple[str, ...], int], None] = lambda names, at: None
        """Hear which markets close and open, right then."""
        self.book: Callable[[str], tuple[Ladder, Ladder]] = lambda name: market.shown(matching.rules.exchange, name)
        """Reads the book as everyone sees it."""
        self._matching = matching
        self._market = market
        self._wallets = wallets
        self._agenda = agenda
        self._sink = sink
        self._shut: dict[str, Shut] = {}
        matching.is_closed = self.is_closed

    def is_closed(self, market: str) -> bool:
        """Return whether a market takes no orders."""
        return market in self._shut

    @property
    def is_whole(self) -> bool:
        """Return whether every market is closed: then the exchange answers no order call at all."""
        return len(self._shut) == len(self._market.markets)

    def shut(self, market: str) -> Shut | None:
        """Return a closed market as it stood, or None for an open one."""
        return self._shut.get(market)

    def begin(self, now: int, *markets: str) -> None:
        """Close these markets, or all with every wallet when none is named."""
        names = markets or self._market.markets
        exchange = self._matching.rules.exchange
        for name in names:
            if name in self._market.markets and name not in self._shut:
                last = self._market.tape(exchange, name).last()
                bids, asks = self.book(name)
                self._close(name, Shut(bids, asks, None if last is None else last.price, now))
        self._keep({"begin": list(names), "last": {name: shut.last for name, shut in self._shut.items()}, "at_ns": now})
        if not markets:
            self._wallets.change_all(WalletState.PAUSED, now)
        self.on_begin(tuple(names), now)
        if self.streams is Streams.CUT:
            self.cut()

    def end(self, now: int, *markets: str) -> None:
        """Open these markets again, or all when none is named; wallets follow when none is closed any more."""
        names = [name for name in markets or tuple(self._shut) if name in self._shut]
        was_whole = any(wallet.state is WalletState.PAUSED for wallet in self._wallets.all_real())
        self._keep({"end": names, "at_ns": now})
        self.on_end(tuple(names), now)
        for name in names:
            self._open(name, now)
        if was_whole and not self._shut:
            self._agenda.at(now + self.wallets_after_ns, self._open_wallets)

    def sweep(self, now: int, *markets: str) -> None:
        """End every open order of these markets, or of all, as a tick change once did (upbit.md §5.1, 2024-08-19)."""
        names = markets or self._market.markets
        register, matching = self._matching.register, self._matching
        for order in [order for order in register.open_orders.values() if order.draft.market in names]:
            moment = Moment(now)
            register.end(order, State.CANCEL, moment)
            matching.commit(moment)
        for name in names:
            matching.publish_soon(name, now)

    def restore(self, line: dict[str, Any]) -> None:
        """Take back one line of the state log; the books of a closed market are those of now."""
        for name in line.get("begin", ()):
            if name in self._market.markets:
                bids, asks = self.book(name)
                self._close(name, Shut(bids, asks, line["last"].get(name), line["at_ns"]))
        for name in line.get("end", ()):
            self._shut.pop(name, None)
            self._market.closed.discard((self._matching.rules.exchange, name))

    def resume(self, now: int) -> None:
        """Plan the opening of wallets that the end of the process prevented."""
        if not self._shut and any(wallet.state is WalletState.PAUSED for wallet in self._wallets.all_real()):
            self._agenda.at(now + self.wallets_after_ns, self._open_wallets)

    def _close(self, name: str, shut: Shut) -> None:
        self._shut[name] = shut
        self._market.closed.add((self._matching.rules.exchange, name))

    # What is priced through the last trade is cancelled, the rest lives on (upbit.md §6.2).
    def _open(self, name: str, now: int) -> None:
        shut = self._shut.pop(name)
        self._market.closed.discard((self._matching.rules.exchange, name))
        register, matching = self._matching.register, self._matching
        for order in [order for order in register.open_orders.values() if order.draft.market == name]:
            if order.state is State.ACCEPTED:
                matching.schedule(order, now)
            elif (
                order.state is State.WAIT
                and shut.last is not None
                and (order.draft.limit - shut.last) * order.draft.side.sign > 0
            ):
                moment = Moment(now)
                register.end(order, State.CANCEL, moment)
                matching.commit(moment)
            if order.is_open and order.is_canceling:
                matching.cancel_now(order, now)
        matching.publish_soon(name, now)

    def _open_wallets(self, now: int) -> None:
        for wallet in self._wallets.all_real():
            if not self._shut and wallet.state is WalletState.PAUSED:
                self._wallets.change(wallet.currency, WalletState.WORKING, now, net_type=wallet.net_type, is_told=False)

    def _keep(self, line: dict[str, Any]) -> None:
        self._sink.append({"line": "closing", "exchange": self._matching.rules.exchange.value, **line})
