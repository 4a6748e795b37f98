"""Upbit sends whole books, SIMPLE frames of 30 levels unless asked otherwise (upbit.md §3.2, §3.4)."""

from functools import partial

from exchanges.book_feed import BookFeed
from exchanges.ratelimit import Limiter
from exchanges.rest_books import FactBooks
from exchanges.stream import StreamTiming
from exchanges.transport import AsyncTransport, Clock
from exchanges.upbit.codec import book_subscription
from exchanges.upbit.profile import FACTS, MOST_UNITS, SIMPLE_STREAM, BookStream


class UpbitFeed(BookFeed):
    """`ports.Feed` for Upbit."""

    def __init__(
        self,
        rest_url: str,
        stream_url: str,
        clock: Clock,
        timing: StreamTiming | None = None,
        limiter: Limiter | None = None,
        stream: BookStream = SIMPLE_STREAM,
        depth: int = MOST_UNITS,
    ) -> None:
        """`rest_url` and `stream_url` are scheme and host; `timing` is for tests."""
        rest = FactBooks(FACTS, AsyncTransport(rest_url, clock, order_connections=0), clock, limiter)
        url = stream_url + FACTS.paths.public_stream
        timing = timing or StreamTiming(ping_every_ns=FACTS.ping_every_ns)
        subscription = partial(book_subscription, stream=stream, depth=depth)
        super().__init__(FACTS.exchange, stream.spec, rest, subscription, url, clock, timing)
