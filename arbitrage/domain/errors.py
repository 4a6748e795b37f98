"""The tree of errors, sorted by what the caller must do next.

Expected outcomes (denied, refused, unknown, a break, a list of problems) are values, not errors.
Whatever is lost after bytes left for an exchange is `Unknown`, never one of these.
"""

from collections.abc import Sequence


class KArbError(Exception):
    """Anything K-Arb raises on purpose."""


class ConfigError(KArbError):
    """Refuse to start. Carries every problem found, so that one reading mends all."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems: tuple[str, ...] = tuple(problems)
        super().__init__("; ".join(self.problems))


class FeedError(KArbError):
    """Resync this exchange."""


class FrameInvalid(FeedError):
    """A frame that cannot be a book: nothing was published, the frame is kept by the caller."""


class FeedSilent(FeedError):
    """Nothing arrived for longer than the exchange's own heartbeat allows."""


class Disconnected(FeedError):
    """The socket ended."""


class ExchangeError(KArbError):
    """The exchange could not be asked; no order can have come of it."""


class NotSent(ExchangeError):
    """No byte left: safe to try again."""


class ReadFailed(ExchangeError):
    """A read (book, balance, order list) did not answer as expected: ask again later."""


class AuthRefused(ExchangeError):
    """The exchange refused our key: stop trading there. `name` is the wire's own word for why, empty when unknown."""

    def __init__(self, message: str, name: str = "") -> None:
        self.name = name
        super().__init__(message)


class InvariantError(KArbError):
    """Our own bug: journal it, halt, exit; the supervisor restarts into recovery."""


class IllegalTransition(InvariantError):
    """An event that the state table does not know in this state."""


class UnbalancedPostings(InvariantError):
    """Ledger postings that do not sum to zero per asset."""


class JournalCorrupt(InvariantError):
    """A journal record in the middle of the file is damaged: a person must look."""
