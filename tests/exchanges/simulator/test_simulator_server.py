"""The thin network: keep-alive, upgrade, cut connections, busy ports."""

import asyncio
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Exchange
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.server import start

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
SECRET = "S" * 64


@pytest.fixture
async def running():
    accounts = tuple(AccountSpec(exchange, "AK", SECRET, {"KRW": 10**30}) for exchange in Exchange)
    simulator = await start(SimConfig(accounts=accounts))
    yield simulator
    await simulator.stop()


async def read_answer(reader):
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    return head, await reader.readexactly(length)


async def read_to_the_end(socket):
    while True:
        await socket.recv()


async def open_socket(address):
    host, _, port = address.partition(":")
    return await asyncio.open_connection(host, int(port))


async def test_one_connection_answers_many_requests_also_when_they_come_together_or_in_pieces(running):
    reader, writer = await open_socket(running.upbit_address)
    request = b"GET /v1/market/all HTTP/1.1\r\nHost: x\r\n\r\n"
    writer.write(request + request)
    one, two = await read_answer(reader), await read_answer(reader)
    assert one[1] == two[1]
    assert one[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: keep-alive" in one[0]
    for piece in (request[:9], request[9:25], request[25:]):
        writer.write(piece)
        await asyncio.sleep(0.01)
    assert (await read_answer(reader))[1] == one[1]
    writer.close()


async def test_repeated_header_and_nonsense_get_400(running):
    reader, writer = await open_socket(running.upbit_address)
    writer.write(b"GET /v1/market/all HTTP/1.1\r\nContent-Type: a\r\nContent-Type: a\r\n\r\n")
    assert (await read_answer(reader))[0].startswith(b"HTTP/1.1 400 ")
    writer.write(b"\x00\x01 nonsense\r\n\r\n")
    assert (await read_answer(reader))[0].startswith(b"HTTP/1.1 400 ")
    assert await reader.read() == b""
    writer.close()


async def test_books_stream_over_a_real_websocket_on_both_exchanges(running):
    for address in (running.upbit_address, running.bithumb_address):
        async with connect(f"ws://{address}/websocket/v1", proxy=None) as socket:
            await socket.send(json.dumps([{"ticket": "t"}, {"type": "orderbook", "codes": ["KRW-BTC"]}]))
            frames = [await asyncio.wait_for(socket.recv(), 2) for _ in range(5)]
            assert all(isinstance(frame, bytes) for frame in frames)
            assert [json.loads(frame)["stream_type"] for frame in frames] == ["SNAPSHOT"] + ["REALTIME"] * 4
            await socket.send("PING")
            texts = [await asyncio.wait_for(socket.recv(), 2) for _ in range(5)]
            assert '{"status":"UP"}' in texts
            await asyncio.wait_for(await socket.ping(), 2)


async def test_handshake_without_a_token_is_refused_and_with_one_hears_fills(running, sign):
    url = f"ws://{running.upbit_address}/websocket/v1/private"
    with pytest.raises(InvalidStatus) as caught:
        await connect(url, proxy=None)
    assert caught.value.response.status_code == 401
    headers = {"Authorization": sign("AK", SECRET, "")}
    async with connect(url, proxy=None, additional_headers=headers) as socket:
        await socket.send(json.dumps([{"ticket": "t"}, {"type": "myOrder"}]))
        await asyncio.sleep(0.05)
        body = {"market": "KRW-BTC", "side": "bid", "ord_type": "price", "price": "10000"}
        reader, writer = await open_socket(running.upbit_address)
        data = json.dumps(body).encode()
        auth = sign("AK", SECRET, "&".join(f"{key}={value}" for key, value in body.items()))
        writer.write(
            f"POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: {auth}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n".encode()
            + data
        )
        head, answer = await read_answer(reader)
        assert head.startswith(b"HTTP/1.1 201 Created")
        states = [json.loads(await asyncio.wait_for(socket.recv(), 2))["state"] for _ in range(3)]
        assert states == ["wait", "trade", "cancel"]
        assert json.loads(answer)["state"] == "wait"
        running.faults(UPBIT).drop_reply_after_accept()
        auth = sign("AK", SECRET, "&".join(f"{key}={value}" for key, value in body.items()))
        writer.write(
            f"POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: {auth}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n".encode()
            + data
        )
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await read_answer(reader)
        assert [json.loads(await asyncio.wait_for(socket.recv(), 2))["state"] for _ in range(3)] == states


async def test_bithumb_closes_after_an_error_and_a_cut_looks_like_1006(running):
    async with connect(f"ws://{running.bithumb_address}/websocket/v1", proxy=None) as socket:
        await socket.send("[]")
        assert json.loads(await socket.recv())["error"]["name"] == "NO_TICKET"
        with pytest.raises(ConnectionClosedOK):
            await asyncio.wait_for(socket.recv(), 2)
    async with connect(f"ws://{running.upbit_address}/websocket/v1", proxy=None) as socket:
        await socket.send(json.dumps([{"ticket": "t"}, {"type": "orderbook", "codes": ["KRW-BTC"]}]))
        await socket.recv()
        running.cut(UPBIT)
        with pytest.raises(ConnectionClosedError):
            await asyncio.wait_for(read_to_the_end(socket), 5)
    await asyncio.sleep(0.01)
    assert running.connection_count(UPBIT) == 0


async def test_busy_port_is_one_clear_problem(running):
    host, _, port = running.upbit_address.partition(":")
    with pytest.raises(ConfigError) as caught:
        await start(SimConfig(upbit=(host, int(port))))
    assert caught.value.problems == (f"--upbit 127.0.0.1:{port} is in use; choose another port",)


async def test_what_piled_up_a_little_is_sent_in_slices_and_what_piled_up_for_long_at_once():
    clock = [1_795_400_000_000_000_000]
    simulator = await start(SimConfig(wall_ns=lambda: clock[0]))
    due = simulator.simulator.next_due()
    clock[0] += 300_000_000
    simulator.tick()
    assert due + 20_000_000 < simulator.simulator.next_due() < clock[0]
    clock[0] += 2_000_000_000
    simulator.tick()
    assert simulator.simulator.next_due() > clock[0]
    await simulator.stop()
