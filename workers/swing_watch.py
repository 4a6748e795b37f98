"""Looks at both touches of every market about once a second, so that the desk knows how far prices swing."""

from collections.abc import Mapping, Sequence

from arbitrage.domain.params import SECOND
from arbitrage.domain.swings import Swings
from arbitrage.domain.units import Exchange, Ns
from fast_path.books import BookReader


class SwingWatch:
    """The swings of all markets. `look` costs one market's two books, whatever their number."""

    def __init__(self, markets: Sequence[str], readers: Mapping[Exchange, BookReader]) -> None:
        self._markets = tuple(markets)
        self._readers = readers
        self._swings = [Swings() for _ in self._markets]
        self._looked_ns = [0] * len(self._markets)
        self._turn = 0

    def of(self, index: int) -> Swings:
        """Return the swings of a market by its index."""
        return self._swings[index]

    def look(self, now: Ns) -> None:
        """Look at the market whose turn it is, unless it was looked at within this second; call it often."""
        index = self._turn
        if now - self._looked_ns[index] < SECOND:
            return
        self._looked_ns[index] = now
        self._turn = (index + 1) % len(self._markets)
        for exchange, reader in self._readers.items():
            view = reader.read(index)
            if view is not None and now - view.recv_mono_ns < SECOND:
                self._swings[index].saw(exchange, view.best_bid, view.best_ask, now)
