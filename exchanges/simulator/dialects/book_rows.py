"""The rows of a book as text: each level is spelled once, rows are put together from what is kept."""

from collections.abc import Callable, Iterable

from exchanges.simulator.texts import Level, Spelled


class Rows:
    """Rows in the spelling of one unit, whose four places are ask price, bid price, ask size and bid size."""

    def __init__(self, unit: str, price_text: Callable[[int], str], size_text: Callable[[int], str]) -> None:
        head, after_ask, after_bid, after_size, tail = unit.split("%s")
        prices = Spelled(price_text)

        def ask(level: Level) -> tuple[str, str]:
            return f"{head}{prices[level[0]]}{after_ask}", f"{after_bid}{size_text(level[1])}{after_size}"

        def bid(level: Level) -> tuple[str, str]:
            return prices[level[0]], f"{size_text(level[1])}{tail},"

        self._asks, self._bids = Spelled(ask), Spelled(bid)

    def text(self, rows: Iterable[tuple[Level, Level]]) -> str:
        """Return these (ask, bid), best first, as they stand between the brackets of a frame."""
        asks, bids = self._asks, self._bids
        parts: list[str] = []
        for ask, bid in rows:
            ask_price, ask_size = asks[ask]
            bid_price, bid_size = bids[bid]
            parts += (ask_price, bid_price, ask_size, bid_size)
        return "".join(parts)[:-1]
