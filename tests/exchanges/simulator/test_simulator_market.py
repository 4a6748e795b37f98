"""The seeded market: the same each time, always a book one may trade on, mostly quiet, with chances."""

import json
from itertools import pairwise

import pytest

from arbitrage.domain.book import Level, ladder_fault
from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import EXCHANGES, Exchange, Side
from exchanges.simulator.ladder import LiveBook
from exchanges.simulator.recording import read_recording
from exchanges.simulator.rules import BITHUMB_TICKS, UPBIT_TICKS, start_price

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
FEES_PPM = {UPBIT: 500, BITHUMB: 400}


def watched(world, seconds):
    """Return every publication in `seconds`: (exchange, market, time, bids, asks)."""
    seen = []
    market = world.simulator.market
    market.on_book = lambda exchange, name, at: seen.append((exchange, name, at, *market.shown(exchange, name)))
    world.pass_ms(seconds * 1_000)
    return seen


def test_same_seed_gives_the_same_market_and_another_seed_another(make_world):
    one, two, other = (watched(make_world(seed=seed), 5) for seed in (7, 7, 8))
    assert one == two
    assert [row[2] for row in one] != [row[2] for row in other]


def test_every_published_book_can_be_traded_on(make_world):
    world = make_world(markets=("KRW-BTC", "KRW-DOGE", "KRW-ETH", "KRW-XYZ"))
    ticks = {UPBIT: UPBIT_TICKS, BITHUMB: BITHUMB_TICKS}
    for exchange, name, _, bids, asks in watched(world, 30):
        assert len(bids) == len(asks) == 30
        fault = ladder_fault(*(tuple(Level(*row) for row in side) for side in (bids, asks)))
        assert fault is None, (exchange, name)
        assert all(price % ticks[exchange].tick_at(price) == 0 for price, _ in bids + asks)


def test_chances_come_every_second_yet_most_of_the_time_there_is_none(make_world):
    world = make_world()
    shown = {}
    since = {}
    lasted = []
    for exchange, name, at, bids, asks in watched(world, 60):
        shown[exchange, name] = (bids, asks)
        if any((other, name) not in shown for other in EXCHANGES):
            continue
        for seller, buyer in ((UPBIT, BITHUMB), (BITHUMB, UPBIT)):
            bid, ask = shown[seller, name][0][0][0], shown[buyer, name][1][0][0]
            net = bid * (1_000_000 - FEES_PPM[seller]) - ask * (1_000_000 + FEES_PPM[buyer])
            if net >= 300 * ask:
                since.setdefault((name, seller), at)
            elif (name, seller) in since:
                lasted.append((name, at - since.pop((name, seller))))
    assert len(lasted) >= 60
    assert {name for name, _ in lasted} == set(world.simulator.markets)
    assert sum(ns for _, ns in lasted) < 0.3 * 5 * 60e9
    assert sum(100e6 <= ns <= 1_600e6 for _, ns in lasted) > 0.7 * len(lasted)


def test_orders_disturb_no_draw_of_the_market(make_world):
    quiet, busy = make_world(), make_world()
    busy.order(UPBIT, market="KRW-BTC", side="ask", ord_type="market", volume="0.2")
    # The order may only add publications of its own market's book; the others are drawn as before.
    one, two = ([row for row in watched(world, 5) if row[:2] != (UPBIT, "KRW-BTC")] for world in (quiet, busy))
    assert one == two


def test_unknown_market_begins_where_its_name_says(make_world):
    assert start_price("KRW-XYZ") == start_price("KRW-XYZ")
    assert start_price("KRW-XYZ") != start_price("KRW-XYW")


def test_a_taken_level_comes_back_when_its_time_has_come():
    book = LiveBook()
    book.quote([(99, 5), (98, 5)], [(101, 5), (102, 7)])
    book.take(Side.ASK, 101, 5, refill_ns=1_000)
    book.take(Side.ASK, 102, 2, refill_ns=500)
    assert book.levels(Side.ASK, 10) == [(102, 5)]
    assert book.levels(Side.ASK, 500) == [(102, 7)]
    assert book.levels(Side.ASK, 1_000) == [(101, 5), (102, 7)]
    assert book.levels(Side.BID, 10) == [(99, 5), (98, 5)]


def test_recorded_books_are_played_as_they_were_and_the_other_exchange_follows(make_world, request):
    frames = request.config.rootpath / "tests" / "frames"
    world = make_world(recording=frames)
    assert world.simulator.markets == ("KRW-BTC", "KRW-ETH", "KRW-LAMB", "KRW-WAVES")
    seen = watched(world, 3)
    first = next(row for row in seen if row[:2] == (UPBIT, "KRW-LAMB"))
    assert first[3][0] == (12_600_000_000, 68_868_244_561_413)
    assert first[4][0] == (12_700_000_000, 28_046_037_885_666)
    assert len(first[3]) == 15
    for row in seen:
        if row[:2] == (BITHUMB, "KRW-WAVES"):
            assert abs(row[3][0][0] - 2_020_000_000_000) < 0.02 * 2_020_000_000_000
    times = [row[2] for row in seen if row[:2] == (UPBIT, "KRW-WAVES")]
    assert max(later - earlier for earlier, later in pairwise(times)) <= 300_000_000


def test_broken_lines_of_a_recording_are_counted_and_never_fatal(tmp_path, frame):
    good = frame(UPBIT, "KRW-BTC", [("100", "1")], [("99", "1")])
    crossed = frame(UPBIT, "KRW-BTC", [("98", "1")], [("99", "1")])
    text = frame(UPBIT, "KRW-BTC", [('"x"', "1")], [("99", "1")])
    other = frame(UPBIT, "BTC-ETH", [("100", "1")], [("99", "1")])
    lines = [good, "{not json", crossed, text, other, '{"t":"recv","b64":"@@"}', "[]", good]
    (tmp_path / "one.jsonl").write_text("\n".join(lines))
    found = read_recording(tmp_path)
    assert found.frames == 2
    assert [line.split(":")[1] for line in found.unusable] == ["2", "3", "4", "6", "7"]
    assert found.passed_over == 1


def test_recording_without_a_usable_frame_is_refused(tmp_path):
    (tmp_path / "one.jsonl").write_text(json.dumps({"t": "header", "exchange": "UPBIT"}))
    with pytest.raises(ConfigError, match="no usable order book"):
        read_recording(tmp_path)
    with pytest.raises(ConfigError, match="not a directory"):
        read_recording(tmp_path / "gone")
