"""Variations of a book's wire form, and what is done to frames on their way: on an exchange or on one market."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbitrage.domain.units import Exchange
from exchanges.simulator.dialect import BookView
from exchanges.simulator.publication import BookShape, Publication, Stamp
from exchanges.simulator.rules import UPBIT_TICKS
from exchanges.simulator.wire import Request

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
UNIT = 10**8


def subscribed(world, exchange, *codes):
    session = world.simulator.exchange(exchange).connect(Request("GET", "/websocket/v1"), world.now)
    session.receive(json.dumps([{"ticket": "a"}, {"type": "orderbook", "codes": codes}]).encode(), world.now)
    session.outbox.clear()
    return session


def heard(world, session, ms=400):
    world.pass_ms(ms)
    frames = [json.loads(out.data) for out in session.outbox]
    session.outbox.clear()
    return frames


@pytest.mark.parametrize("levels", [0, 1, 15, 30, 31])
@pytest.mark.parametrize("exchange", Exchange)
def test_as_many_levels_as_set_go_out_on_stream_and_rest(make_world, exchange, levels):
    world = make_world()
    sim = world.simulator.exchange(exchange)
    session = subscribed(world, exchange, "KRW-BTC", "KRW-ETH")
    usual = 30 if exchange is UPBIT else 15
    sim.publication.use_shape(BookShape(levels=levels), "KRW-BTC")
    counts = {frame["code"]: len(frame["orderbook_units"]) for frame in heard(world, session)}
    assert counts == {"KRW-BTC": levels, "KRW-ETH": usual}
    status, rows = world.ask(exchange, "GET", "/v1/orderbook", "markets=KRW-BTC")
    assert (status, len(rows[0]["orderbook_units"])) == (200, levels)
    sim.publication.reset()
    assert {len(frame["orderbook_units"]) for frame in heard(world, session)} == {usual}


def test_padding_zero_sizes_and_prices_off_the_tick_are_written_as_set(make_world, frame):
    units = [("100000000", "1"), ("100001000", "2")], [("99999000", "3"), ("99998000", "4")]
    world = make_world([frame(UPBIT, "KRW-BTC", *units)])
    session = subscribed(world, UPBIT, "KRW-BTC")
    shape = BookShape(padded_to=3, zero_size_every=2, off_tick_ppm=500_000)
    world.simulator.exchange(UPBIT).publication.use_shape(shape)
    rows = heard(world, session)[0]["orderbook_units"]
    assert [tuple(row.values()) for row in rows] == [
        (100000500, 99999500, 1, 3),
        (100001500, 99998500, 0, 0),
        (0, 0, 0, 0),
    ]


def test_stamps_stand_still_run_backwards_or_lie_in_the_future(make_world):
    world = make_world()
    publication = world.simulator.exchange(UPBIT).publication
    session = subscribed(world, UPBIT, "KRW-BTC")
    publication.use_shape(BookShape(stamp=Stamp.EQUAL))
    assert len({frame["timestamp"] for frame in heard(world, session, 2_000)}) == 1
    publication.use_shape(BookShape(stamp=Stamp.BACKWARD, stamp_step_ns=7_000_000))
    stamps = [frame["timestamp"] for frame in heard(world, session, 2_000)]
    assert stamps == [stamps[0] - 7 * step for step in range(len(stamps))]
    publication.use_shape(BookShape(stamp=Stamp.SHIFTED, stamp_step_ns=60_000_000_000))
    assert all(frame["timestamp"] > world.now // 1_000_000 for frame in heard(world, session))


def test_a_transform_loses_repeats_or_alters_frames_but_not_the_rest_answer(make_world):
    world = make_world()
    publication = world.simulator.exchange(BITHUMB).publication
    session = subscribed(world, BITHUMB, "KRW-BTC", "KRW-ETH")

    def lose(view):
        return [] if view.market == "KRW-BTC" else [view, view]

    publication.transforms.append(lose)
    frames = heard(world, session)
    assert {frame["code"] for frame in frames} == {"KRW-ETH"}
    assert frames[::2] == frames[1::2]
    assert world.ask(BITHUMB, "GET", "/v1/orderbook", "markets=KRW-BTC")[1][0]["orderbook_units"]
    publication.transforms.remove(lose)
    assert {frame["code"] for frame in heard(world, session)} == {"KRW-BTC", "KRW-ETH"}


_ladders = st.integers(0, 30).map(
    lambda count: (
        [((1_000 - rank) * UNIT, UNIT) for rank in range(count)],
        [((1_001 + rank) * UNIT, UNIT) for rank in range(count)],
    )
)
_shapes = st.builds(
    BookShape,
    levels=st.one_of(st.none(), st.sampled_from([0, 1, 15, 30, 31])),
    padded_to=st.integers(0, 31),
    zero_size_every=st.integers(0, 5),
    off_tick_ppm=st.integers(0, 999_999),
    stamp=st.sampled_from(Stamp),
    stamp_step_ns=st.integers(-(10**9), 10**9),
)


@settings(max_examples=150, deadline=None)
@given(_ladders, _shapes)
def test_no_shape_crosses_a_book(ladders, shape):
    publication = Publication(UPBIT_TICKS)
    publication.use_shape(shape)
    view = publication.shaped(BookView("KRW-XRP", *ladders, 10**18))
    bids, asks = ([level for level in side if level[0]] for side in (view.bids, view.asks))
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert not bids or not asks or bids[0][0] < asks[0][0]
    assert all(qty >= 0 for _, qty in bids + asks)
