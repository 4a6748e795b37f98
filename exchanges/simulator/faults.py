"""What can be made to go wrong on purpose, counted down as it happens. More kinds belong in this file."""

import msgspec


class RefuseNext(msgspec.Struct, frozen=True):
    """Answer an order request with this error instead of looking at it."""

    status: int
    name: str


class Faults:
    """The faults armed on one simulated exchange."""

    def __init__(self) -> None:
        self._drop_after_accept = 0
        self._drop_before_accept = 0
        self._cancel_before_fill = 0
        self._refusals: list[RefuseNext] = []
        self._delays: list[int] = []

    def drop_reply_after_accept(self, count: int = 1) -> None:
        """Take the next `count` orders, then cut the connection instead of answering."""
        self._drop_after_accept += count

    def drop_before_accept(self, count: int = 1) -> None:
        """Cut the connection of the next `count` order requests without taking the order."""
        self._drop_before_accept += count

    def refuse_next(self, status: int, name: str, count: int = 1) -> None:
        """Refuse the next `count` orders with this HTTP status and error name."""
        self._refusals += [RefuseNext(status, name)] * count

    def delay_fills(self, delay_ns: int, count: int = 1) -> None:
        """Let the next `count` orders meet the book only after `delay_ns`."""
        self._delays += [delay_ns] * count

    def cancel_before_fill(self, count: int = 1) -> None:
        """Find no liquidity for the next `count` orders that meet the book: whatever cannot rest is cancelled."""
        self._cancel_before_fill += count

    def takes_drop_after_accept(self) -> bool:
        """Return whether this answer is to be dropped, and count it."""
        self._drop_after_accept, hit = _countdown(self._drop_after_accept)
        return hit

    def takes_drop_before_accept(self) -> bool:
        """Return whether this request is to be dropped, and count it."""
        self._drop_before_accept, hit = _countdown(self._drop_before_accept)
        return hit

    def takes_cancel_before_fill(self) -> bool:
        """Return whether this order finds nothing, and count it."""
        self._cancel_before_fill, hit = _countdown(self._cancel_before_fill)
        return hit

    def takes_refusal(self) -> RefuseNext | None:
        """Return the refusal meant for this order, if any."""
        return self._refusals.pop(0) if self._refusals else None

    def takes_delay(self) -> int | None:
        """Return the delay meant for this order's fills, if any."""
        return self._delays.pop(0) if self._delays else None


def _countdown(left: int) -> tuple[int, bool]:
    return (left - 1, True) if left > 0 else (0, False)
