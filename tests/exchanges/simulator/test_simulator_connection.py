"""The wire below the words: TLS, compression, Close codes, pipelining, headers sent twice, endless requests."""

import asyncio
import datetime
import json
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fault_bench import MARKET_LIST, socket_at, talk
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Exchange
from exchanges.simulator.config import SimConfig
from exchanges.simulator.server import start
from exchanges.simulator.trouble.fault import Scope
from exchanges.simulator.trouble.transport import AnswerDelayed, NeverAnswered

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
TICKER = b"GET /v1/ticker?markets=KRW-BTC HTTP/1.1\r\nHost: x\r\n\r\n"
TWICE = b"GET /v1/market/all HTTP/1.1\r\nContent-Type: a\r\nContent-Type: a\r\n\r\n"


async def read_to_the_end(socket):
    while True:
        await socket.recv()


@pytest.fixture
async def serve():
    made = []

    async def begin(**config):
        made.append(await start(SimConfig(markets=("KRW-BTC",), **config)))
        return made[-1]

    yield begin
    for running in made:
        await running.stop()


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    """Return a certificate for localhost that signs itself, and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    folder = tmp_path_factory.mktemp("tls")
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encodings = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(*encodings))
    return paths


async def test_https_and_wss_with_a_certificate_of_ones_own(serve, pem):
    running = await serve(tls=pem)
    trust = ssl.create_default_context(cafile=pem[0])
    port = int(running.upbit_address.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="localhost")
    writer.write(MARKET_LIST)
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n"), 5)) == b"HTTP/1.1 200 OK\r\n"
    assert writer.get_extra_info("ssl_object").version() in ("TLSv1.2", "TLSv1.3")
    writer.close()
    async with connect(f"wss://localhost:{port}/websocket/v1", ssl=trust, proxy=None) as socket:
        await socket.send(json.dumps([{"ticket": "t"}, {"type": "orderbook", "codes": ["KRW-BTC"]}]))
        assert json.loads(await asyncio.wait_for(socket.recv(), 5))["code"] == "KRW-BTC"
    with pytest.raises(ConfigError, match="--tls"):
        await serve(tls=(pem[1], pem[1]))


async def test_compression_is_there_for_who_asks(serve):
    running = await serve()
    for compression, names in (("deflate", ["permessage-deflate"]), (None, [])):
        socket = await socket_at(running.upbit_address, compression=compression)
        assert [extension.name for extension in socket.protocol.extensions] == names
        assert json.loads(await asyncio.wait_for(socket.recv(), 5))["code"] == "KRW-BTC"
        await socket.close()
    plain = await serve(offers_deflate=False)
    socket = await socket_at(plain.upbit_address)
    assert socket.protocol.extensions == []
    await socket.close()


async def test_a_close_is_answered_with_its_own_code_and_a_broken_frame_with_1002(serve):
    running = await serve()
    socket = await socket_at(running.bithumb_address)
    await socket.close(4000, "enough")
    assert (socket.close_code, socket.protocol.close_rcvd.code) == (4000, 4000)
    socket = await socket_at(running.upbit_address)
    socket.transport.write(b"\xff\xff\xff\xff")
    with pytest.raises(ConnectionClosedError) as caught:
        await asyncio.wait_for(read_to_the_end(socket), 5)
    assert caught.value.rcvd.code == 1002
    await asyncio.sleep(0.02)
    assert running.connection_count(UPBIT) == 0


async def test_requests_and_answers_of_streams_may_come_as_text_or_binary(serve):
    running = await serve()
    async with connect(f"ws://{running.upbit_address}/websocket/v1", proxy=None) as socket:
        await socket.send(json.dumps([{"ticket": "t"}, {"type": "orderbook", "codes": ["KRW-BTC"]}]).encode())
        assert isinstance(await asyncio.wait_for(socket.recv(), 5), bytes)
        await socket.send(["PI", "NG"])
        heard = [await asyncio.wait_for(socket.recv(), 5) for _ in range(4)]
        assert '{"status":"UP"}' in heard


async def test_answers_leave_in_the_order_of_their_requests_also_when_the_first_is_late(serve):
    running = await serve()
    late = AnswerDelayed(least_ns=100_000_000, most_ns=100_000_000)
    running.faults(UPBIT).arm(late, Scope(path="/v1/ticker", count=1))
    heard = await talk(running.upbit_address, TICKER + MARKET_LIST + TICKER)
    bodies = [part.partition(b"\r\n\r\n")[2] for part in heard.data.split(b"HTTP/1.1 ")[1:]]
    assert [b"trade_price" in body for body in bodies] == [True, False, True]


async def test_the_last_request_may_ask_to_close(serve):
    running = await serve()
    closing = MARKET_LIST.replace(b"Host: x", b"Host: x\r\nConnection: close")
    heard = await talk(running.upbit_address, MARKET_LIST + closing + MARKET_LIST)
    assert (heard.statuses, heard.end) == ([200, 200], "closed")


async def test_a_header_sent_twice_is_refused_by_upbit_since_the_summer_of_2026(serve):
    running = await serve()
    assert (await talk(running.upbit_address, TWICE)).statuses == [400]
    assert (await talk(running.bithumb_address, TWICE)).statuses == [200]
    older = await serve(repeated_headers_from_ns=None)
    assert (await talk(older.upbit_address, TWICE)).statuses == [200]


async def test_a_request_without_end_is_cut_off(serve):
    running = await serve()
    endless = b"GET /v1/market/all HTTP/1.1\r\nX: " + b"y" * (1 << 20) + b"z" * 100
    heard = await talk(running.upbit_address, endless)
    assert (heard.statuses, heard.end == "open") == ([413], False)
    assert (await talk(running.upbit_address)).statuses == [200]


async def test_a_client_that_sends_far_ahead_of_its_answers_is_cut_off(serve):
    running = await serve()
    running.faults(UPBIT).arm(NeverAnswered(), Scope(count=1))
    heard = await talk(running.upbit_address, MARKET_LIST * 1_002)
    assert (heard.statuses, heard.end == "open") == ([413], False)


async def test_a_client_that_vanishes_is_forgotten(serve):
    running = await serve()
    socket = await socket_at(running.upbit_address)
    await asyncio.wait_for(socket.recv(), 5)
    assert running.connection_count(UPBIT) == 1
    socket.transport.abort()
    await asyncio.sleep(0.05)
    assert running.connection_count(UPBIT) == 0
