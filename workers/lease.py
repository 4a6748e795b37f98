"""Whether this trader may send now, as far as a standby has a word in it."""

from typing import Protocol


class Lease(Protocol):
    """The right to send."""

    def why_not(self) -> str | None:
        """Return why nothing may be sent right now, None when it may. Asked with nothing between it and the bytes."""

    async def until_shipped(self) -> str | None:
        """Return None once the standby has all that the journal says now, or why that did not come in time."""

    @property
    def is_lost(self) -> bool:
        """Return whether another trader has the right now, for good."""

    async def say_goodbye(self) -> None:
        """Tell the standby that this is a planned stop with nothing moving."""


class NoLease:
    """A desk without a standby: the right to send is its own."""

    is_lost = False

    def why_not(self) -> None:
        """Forbid nothing."""

    async def until_shipped(self) -> None:
        """Wait for nothing."""

    async def say_goodbye(self) -> None:
        """Tell nobody."""
