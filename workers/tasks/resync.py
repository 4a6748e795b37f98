"""Each market's book by REST beside the one in shared memory (R1.3): a row each, a resync where they differ.

Safe to run twice: a second run looks anew and keeps what it sees.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import closing

from celery import shared_task
from django.conf import settings

from arbitrage.domain.book import Book
from arbitrage.domain.errors import ExchangeError
from arbitrage.domain.frame_spec import DecodedBook
from arbitrage.domain.units import EXCHANGES, PPM
from arbitrage.services import reconciliation
from exchanges.reader import SyncReader
from fast_path.books import BookReader
from fast_path.control import ControlBlock
from workers.tasks.readers import reading

PAUSE_S = 0.15
"""Between two questions: public reads share the exchange's limit with the feeds."""
WATCH_S = 1.5
WATCH_EVERY_S = 0.02
MAX_BEHIND_NS = 5_000_000_000
MAX_APART_PPM = 5_000
"""Tops of two moments may differ by this much; more is another market than ours (R1.3: 0.5 %)."""


@shared_task(name="workers.tasks.resync.check_books", ignore_result=True)
def check_books() -> dict[str, int]:
    """Check every market on both exchanges; return how often each outcome was seen."""
    env = settings.KARB_ENV
    control = ControlBlock(env.shm_dir, env.markets, env.latch_path)
    seen: dict[str, int] = {}
    try:
        for exchange in EXCHANGES:
            slots = BookReader(env.shm_dir, exchange, env.markets)
            with closing(slots), reading(exchange, env) as reader:
                for index, market in enumerate(env.markets):
                    outcome = _check_market(control, reader, slots, index, market)
                    seen[outcome] = seen.get(outcome, 0) + 1
    finally:
        control.close()
    return seen


def _check_market(control: ControlBlock, reader: SyncReader, slots: BookReader, index: int, market: str) -> str:
    outcome, detail = check_book(reader, slots, index, market)
    if outcome == "different":
        # Two looks: a book that moved in between is no difference.
        outcome, detail = check_book(reader, slots, index, market)
    does_resync = outcome in ("different", "no_book")
    if does_resync:
        control.request_resync(reader.exchange, market)
    reconciliation.keep_book_check(reader.exchange.value, market, outcome, detail=detail, did_resync=does_resync)
    return outcome


def check_book(
    reader: SyncReader, slots: BookReader, index: int, market: str, sleep: Callable[[float], None] = time.sleep
) -> tuple[str, str]:
    """Return the outcome of one comparison and what is behind it."""
    sleep(PAUSE_S)
    watched = _slot(slots, index)
    try:
        rest = reader.book(market)
    except ExchangeError as error:
        return "no_answer", str(error)
    for _ in range(int(WATCH_S / WATCH_EVERY_S)):
        watched += _slot(slots, index)
        if watched and watched[-1].exchange_ns >= rest.exchange_ns:
            break
        sleep(WATCH_EVERY_S)
    return judge(rest, watched)


def _slot(slots: BookReader, index: int) -> list[Book]:
    view = slots.read(index)
    return [] if view is None else [view.book]


def judge(rest: DecodedBook, watched: Sequence[Book]) -> tuple[str, str]:
    """Return the outcome for a REST book and the slot's books seen around it, oldest first. Pure.

    The book of the same moment must have the same best levels; of another moment, tops within 0.5 %,
    and the slot may not lag behind by more than 5 s.
    """
    if not watched:
        return "no_book", ""
    behind_ns = rest.exchange_ns - watched[-1].exchange_ns
    if behind_ns > MAX_BEHIND_NS:
        return "different", f"the slot is {behind_ns // 1_000_000} ms behind"
    near = min(watched, key=lambda book: abs(book.exchange_ns - rest.exchange_ns))
    if not rest.bids or not rest.asks:
        return "different", "a side by REST is empty"
    if near.exchange_ns == rest.exchange_ns and (near.bids[:1], near.asks[:1]) == (rest.bids[:1], rest.asks[:1]):
        return "same", "same moment, same best levels"
    for name, our, their in (("bid", near.bids[0], rest.bids[0]), ("ask", near.asks[0], rest.asks[0])):
        if abs(our.price - their.price) * PPM > their.price * MAX_APART_PPM:
            return "different", f"best {name} {our.price} in the slot, {their.price} by REST, in 10^-8"
    apart_ms = (near.exchange_ns - rest.exchange_ns) // 1_000_000
    return "same", f"tops agree, {apart_ms} ms apart"
