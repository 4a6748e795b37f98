"""A ladder that stands under new times while the other exchange leaves is frozen; a quiet market is not."""

import base64
import json
from pathlib import Path

import msgspec
import pytest
from desk_builders import MS, SECOND, e8

from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder
from arbitrage.domain.params import DEFAULT_PARAMS
from arbitrage.domain.stillness import FRESH_BOTH, FRESH_LONG, FRESH_ONE, Ladder
from arbitrage.domain.units import Ns
from exchanges.upbit.profile import STREAM_SPEC

RECORDED = Path(__file__).parents[2] / "frames" / "upbit-2021-04-17.jsonl"
LOOK = 200 * MS
BIDS, ASKS = (e8(4_000_000), e8(1)), (e8(4_002_000), e8(1))


class Looks:
    """One ladder looked at five times a second; the other exchange's price is told in won above its first one."""

    def __init__(self) -> None:
        self.ladder = Ladder()
        self.now = 1_000 * SECOND
        self.exchange_ns = 1

    def look(self, other: int, *, bids=BIDS, asks=ASKS, newer: int = 1) -> int:
        self.now += LOOK
        self.exchange_ns += newer
        self.ladder.look(
            bids,
            asks,
            Ns(self.exchange_ns),
            other_bid=e8(4_000_000 + other),
            other_ask=e8(4_002_000 + other),
            now=Ns(self.now),
        )
        return self.ladder.still_ns(Ns(self.now))


def test_a_ladder_that_stands_while_the_other_leaves_is_told_with_how_long_it_stood():
    looks = Looks()
    others = (0, 500, 1_000, 2_100, *[2_100] * (FRESH_BOTH - 3), 0)
    assert [looks.look(other) for other in others] == [0] * FRESH_BOTH + [
        n * LOOK for n in (FRESH_BOTH, FRESH_BOTH + 1)
    ]


def test_the_doubt_ends_when_the_ladder_changes():
    looks = Looks()
    assert [looks.look(other) for other in range(0, 9_000, 1_000)][-1] == FRESH_BOTH * LOOK
    changed = (e8(4_000_000), e8(1) - 1)
    assert looks.look(9_000, bids=changed, asks=changed) == 0
    assert looks.look(10_000, bids=changed, asks=changed) == 0


def test_one_side_that_stands_alone_is_doubted_later():
    looks = Looks()
    stood = [looks.look(500 * n, asks=(e8(4_002_000), e8(n + 1))) for n in range(FRESH_ONE + 3)]
    assert stood == [0] * FRESH_ONE + [n * LOOK for n in range(FRESH_ONE, FRESH_ONE + 3)]


@pytest.mark.parametrize(
    ("others", "newer"),
    [
        ([0] * 60, 1),
        ([0, 400, 0, -400] * (FRESH_LONG // 4), 1),
        ([0, *[40_000] * 59], 1),
        ([n * 1_000 for n in range(60)], 0),
    ],
    ids=["neither moves", "the other trembles by a hundredth of a per cent", "it steps once", "no new frame comes"],
)
def test_a_quiet_market_is_never_doubted(others, newer):
    looks = Looks()
    assert {looks.look(other, newer=newer) for other in others} == {0}


def test_both_sides_under_very_many_new_times_are_doubted_however_little_the_other_moves():
    looks = Looks()
    stood = [looks.look(400 * (n % 2)) for n in range(FRESH_LONG + 2)]
    assert stood == [0] * FRESH_LONG + [FRESH_LONG * LOOK, (FRESH_LONG + 1) * LOOK]


def test_what_must_be_seen_is_counted_from_the_last_change():
    looks = Looks()
    changed = (e8(4_002_000), e8(2))
    assert looks.look(0) == 0
    for other in range(1_000, 1_000 * FRESH_ONE, 1_000):
        looks.look(other)
    told = [looks.look(50_000 + 1_000 * n, bids=changed, asks=changed) for n in range(FRESH_BOTH + 1)]
    assert told == [0] * FRESH_BOTH + [FRESH_BOTH * LOOK]


def recorded() -> dict[str, list[tuple[int, DecodedBook]]]:
    decoder, found = FrameDecoder(STREAM_SPEC), {}
    for line in RECORDED.read_text().splitlines():
        row = json.loads(line)
        data = base64.b64decode(row["b64"]) if row["t"] == "recv" else b"{}"
        if json.loads(data).get("ty") == "orderbook":
            book = decoder.decode(data)
            found.setdefault(book.market, []).append((int(row["ts"] * SECOND), book))
    return found


def longest_still(books: list[tuple[int, DecodedBook]]) -> int:
    """Return the longest doubt of a recorded market beside an exchange that moves at every look, the worst there is."""
    ladder, longest, place = Ladder(), 0, 0
    for look, now in enumerate(range(books[0][0], books[-1][0], LOOK)):
        while place + 1 < len(books) and books[place + 1][0] <= now:
            place += 1
        book = books[place][1]
        bids, asks = ([(level.price, level.qty) for level in side] for side in (book.bids, book.asks))
        other = e8(4_000_000 + 1_000 * look)
        ladder.look(bids, asks, book.exchange_ns, other_bid=other, other_ask=other, now=Ns(now))
        longest = max(longest, ladder.still_ns(Ns(now)))
    return longest


def test_no_recorded_book_of_a_won_market_is_doubted_though_the_other_exchange_always_moves():
    won = {market: books for market, books in recorded().items() if market.startswith("KRW-")}
    assert sorted(map(len, won.values())) == [26, 87]
    assert {market: longest_still(books) for market, books in won.items()} == {"KRW-LAMB": 0, "KRW-WAVES": 0}


def test_the_recording_frozen_in_its_middle_is_doubted_within_the_limit():
    books = recorded()["KRW-LAMB"]
    stands = books[40][1]
    frozen = [
        (now, msgspec.structs.replace(book, bids=stands.bids, asks=stands.asks)) if place > 40 else (now, book)
        for place, (now, book) in enumerate(books)
    ]
    assert longest_still(frozen) > DEFAULT_PARAMS.max_ladder_still_ns
