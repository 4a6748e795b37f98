"""Faults of the streams: in memory on virtual time, ends of connections over real sockets."""

import asyncio
from itertools import pairwise

import pytest
from fault_bench import BITHUMB, UPBIT, heard, open_stream, socket_at, story
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from arbitrage.domain.units import Side
from exchanges.simulator.trouble import frames
from exchanges.simulator.trouble.fault import Scope
from exchanges.simulator.wire import Request


def streaming(bench, fault, exchange=UPBIT, **scope):
    """Return a seeded world with a fault armed and a stream of two books, a second later."""
    world = bench.make_world()
    world.simulator.faults(exchange).arm(fault, Scope(**scope))
    session = open_stream(world, exchange, "KRW-BTC", "KRW-ETH")
    session.receive(b"PING", world.now)
    world.pass_ms(1_000)
    return world, session, heard(session)


async def read_to_the_end(socket):
    while True:
        await socket.recv()


def of(rows, code):
    return [row for row in rows if row.get("code") == code]


@story("pong_only")
def pong_only(bench):
    world, session, rows = streaming(bench, frames.PongOnly())
    assert rows == [{"status": "UP"}]
    world.pass_ms(10_000)
    assert heard(session) == [{"status": "UP"}]
    assert session.close_code is None


@story("stream_frozen")
def stream_frozen(bench):
    world, session, rows = streaming(bench, frames.StreamFrozen(), lasts_ns=5_000_000_000)
    assert (rows, session.close_code) == ([], None)
    world.pass_ms(4_500)
    assert len(heard(session)) > 5, "the freeze ends by itself"


@story("frames_lost")
def frames_lost(bench):
    rows = streaming(bench, frames.FramesLost(), market="KRW-BTC")[2]
    assert of(rows, "KRW-BTC") == []
    assert len(of(rows, "KRW-ETH")) > 4
    whole = len(streaming(bench, frames.FramesLost(), market="KRW-NOPE")[2])
    assert 0 < len(streaming(bench, frames.FramesLost(), chance_ppm=500_000)[2]) < whole


@story("timestamp_frozen")
def timestamp_frozen(bench):
    rows = of(streaming(bench, frames.TimestampFrozen())[2], "KRW-BTC")
    assert len({row["timestamp"] for row in rows}) == 1
    assert len({str(row["orderbook_units"]) for row in rows}) > 3


@story("ladder_frozen")
def ladder_frozen(bench):
    rows = of(streaming(bench, frames.LadderFrozen())[2], "KRW-BTC")
    assert len({row["timestamp"] for row in rows}) > 3
    assert len({str(row["orderbook_units"]) for row in rows}) == 1


@story("one_sided")
def one_sided(bench):
    rows = of(streaming(bench, frames.OneSided(empty=Side.BID))[2], "KRW-BTC")
    units = [unit for row in rows for unit in row["orderbook_units"]]
    assert {(unit["bid_price"], unit["bid_size"]) for unit in units} == {(0, 0)}
    assert all(unit["ask_price"] > 0 for unit in units)
    assert {row["total_bid_size"] for row in rows} == {0}


@story("book_crossed")
def book_crossed(bench):
    for row in of(streaming(bench, frames.BookCrossed())[2], "KRW-BTC"):
        asks = [unit["ask_price"] for unit in row["orderbook_units"]]
        bids = [unit["bid_price"] for unit in row["orderbook_units"]]
        assert bids[0] > asks[0]
        assert (bids, asks) == (sorted(bids, reverse=True), sorted(asks)), "crossed, and otherwise in order"


@story("frames_reordered")
def frames_reordered(bench):
    right = of(streaming(bench, frames.FramesReordered(), market="KRW-NOPE")[2], "KRW-BTC")
    rows = of(streaming(bench, frames.FramesReordered(), market="KRW-BTC")[2], "KRW-BTC")
    stamps = [row["timestamp"] for row in rows]
    assert sorted(stamps) == [row["timestamp"] for row in right][: len(stamps)]
    assert any(before > after for before, after in pairwise(stamps))


@story("snapshot_missing")
def snapshot_missing(bench):
    rows = streaming(bench, frames.SnapshotMissing())[2]
    assert {row["stream_type"] for row in rows if "code" in row} == {"REALTIME"}


@story("jump_back")
def jump_back(bench):
    world, _, rows = streaming(bench, frames.JumpBack())
    world.pass_ms(5_000)
    again = open_stream(world, UPBIT, "KRW-BTC")
    assert heard(again) == of(rows, "KRW-BTC")[:1], "six seconds old"
    world.pass_ms(400)
    assert all(row["timestamp"] > rows[-1]["timestamp"] for row in heard(again))


@story("slow_drain")
def slow_drain(bench):
    right = streaming(bench, frames.SlowDrain(), market="KRW-NOPE")[2]
    world, session, rows = streaming(bench, frames.SlowDrain(delay_ns=2_000_000_000))
    assert rows == []
    world.pass_ms(999)
    assert heard(session) == []
    world.pass_ms(1_001)
    assert heard(session) == right


@story("frames_doubled")
def frames_doubled(bench):
    rows = streaming(bench, frames.FramesDoubled(copies=3), market="KRW-BTC")[2]
    found = of(rows, "KRW-BTC")
    assert found[::3] == found[1::3] == found[2::3]
    assert len(found) >= 9


@story("wrong_symbol")
def wrong_symbol(bench):
    rows = streaming(bench, frames.WrongSymbol(code="KRW-XRP"), market="KRW-ETH")[2]
    assert of(rows, "KRW-ETH") == []
    wrong = of(rows, "KRW-XRP")
    assert {row["orderbook_units"][0]["ask_price"] > 1_000_000 for row in wrong} == {True}, "a price of ETH"


@story("format_switched")
def format_switched(bench):
    rows = streaming(bench, frames.FormatSwitched(), market="KRW-BTC")[2]
    assert ("code" in rows[0], "cd" in rows[0]) == (True, False)
    assert {row["cd"] for row in rows if "st" in row} == {"KRW-BTC", "KRW-ETH"}
    assert [row for row in rows if row.get("stream_type") == "REALTIME"] == []


@story("handshake_refused")
async def handshake_refused(bench):
    address = await bench.armed(frames.HandshakeRefused(status=429))
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"ws://{address}/websocket/v1", proxy=None)
    assert caught.value.response.status_code == 429
    await (await socket_at(address)).close()


@story("stream_ends")
async def stream_ends(bench):
    address = await bench.armed(frames.StreamEnds(after_ns=100_000_000, close_code=1012))
    bench.running.faults(UPBIT).arm(frames.StreamEnds(after_ns=100_000_000), Scope(after_ns=200_000_000))
    for code in (1012, 1006):
        socket = await socket_at(address)
        with pytest.raises(ConnectionClosedError) as caught:
            await asyncio.wait_for(read_to_the_end(socket), 2)
        close = caught.value.rcvd
        assert (close.code if close else 1006) == code
        await asyncio.sleep(0.15)


@story("idle_shortened")
def idle_shortened(bench):
    world = bench.make_world()
    world.simulator.faults(BITHUMB).arm(frames.IdleShortened(idle_ns=300_000_000))
    session = world.simulator.exchange(BITHUMB).connect(Request("GET", "/websocket/v1"), world.now)
    world.pass_ms(200)
    session.touch(world.now)
    world.pass_ms(299)
    assert session.close_code is None
    world.pass_ms(2)
    assert session.close_code == 1006
