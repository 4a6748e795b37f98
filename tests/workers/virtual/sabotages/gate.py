"""What the gate could overlook."""

from arbitrage.domain import book, risk
from tests.sabotage import Edit
from tests.workers.virtual.sabotages.sabotage import Sabotage, wrong
from workers.breaker_watch import BreakerWatch
from workers.virtual.deeds.deed import Family as F

SABOTAGES: dict[str, Sabotage] = {
    "a buying book of any age will do": wrong(
        {F.BOOKS, F.NETWORK},
        "stale_book",
        Edit(
            risk.is_book_stale,
            "return _is_old(",
            "return False and _is_old(",
        ),
        Edit(risk.are_books_apart, "> q.params.max_book_skew_ns", "< 0"),
        seed=501,
    ),
    "books of two moments are compared": wrong(
        {F.BOOKS, F.NETWORK},
        "books_apart",
        Edit(risk.are_books_apart, "> q.params.max_book_skew_ns", "< 0"),
        seed=502,
    ),
    "the operator's silence is not noticed": wrong(
        {F.HOST},
        "out_of_control",
        Edit(risk.is_control_stale, "return not q.controls.beat_mono_ns or", "return False and"),
    ),
    "a route with an unknown leg is used": wrong(
        {F.ORDERS, F.TRANSPORT},
        "sent_beside_unknown",
        Edit(risk.is_route_unresolved, "> 0", "< 0"),
        Edit(risk.is_market_busy, "> 0", "< 0"),
        seed=504,
    ),
    "a paused market is traded": wrong(
        {F.OPERATOR},
        "opened_while_paused",
        Edit(risk.is_market_paused, "> q.now", "< 0"),
    ),
    "a crossed book is a book": wrong(
        {F.BOOKS},
        "unhealthy_book",
        Edit(book.ladder_fault, "if spread <= 0:", "if False:"),
        seed=512,
    ),
    "a breaker that trips stops nothing": wrong(
        {F.ORDERS},
        "opened_past_a_breaker",
        Edit(risk.is_breaker_tripped, "> 0", "< 0"),
        Edit(BreakerWatch.tick, "self._lower(trip)", "pass"),
        seed=501,
        max_failures_in_a_row=1,
    ),
}
