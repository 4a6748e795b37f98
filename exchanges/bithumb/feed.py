"""Bithumb sends DEFAULT frames of 15 levels, about half of them repeats (bithumb.md §6.1)."""

from exchanges.bithumb.codec import book_subscription
from exchanges.bithumb.profile import FACTS
from exchanges.book_feed import BookFeed
from exchanges.ratelimit import Limiter
from exchanges.rest_books import FactBooks
from exchanges.stream import StreamTiming
from exchanges.transport import AsyncTransport, Clock


class BithumbFeed(BookFeed):
    """`ports.Feed` for Bithumb."""

    def __init__(
        self,
        rest_url: str,
        stream_url: str,
        clock: Clock,
        timing: StreamTiming | None = None,
        limiter: Limiter | None = None,
    ) -> None:
        """`rest_url` and `stream_url` are scheme and host; `timing` is for tests."""
        rest = FactBooks(FACTS, AsyncTransport(rest_url, clock, order_connections=0), clock, limiter)
        url = stream_url + FACTS.paths.public_stream
        timing = timing or StreamTiming(ping_every_ns=FACTS.ping_every_ns)
        super().__init__(FACTS.exchange, FACTS.stream_spec, rest, book_subscription, url, clock, timing)
