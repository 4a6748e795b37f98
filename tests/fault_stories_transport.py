"""Transport faults over real sockets."""

import asyncio
import json

import pytest
from fault_bench import MARKET_LIST, UPBIT, Bench, Heard, story, talk

from exchanges.simulator.trouble import transport
from exchanges.simulator.trouble.fault import Effect, Scope

TICKER = b"GET /v1/ticker?markets=KRW-BTC HTTP/1.1\r\nHost: x\r\n\r\n"


def orders(bench: Bench) -> int:
    return len(bench.running.exchange(UPBIT).matching.orders)


async def place(bench: Bench, address: str, client_order_id: str = "one") -> Heard:
    """Send a market buy over a connection of its own."""
    words = {"market": "KRW-BTC", "side": "bid", "ord_type": "price", "price": "10000", "identifier": client_order_id}
    body = json.dumps(words).encode()
    token = bench.sign("AK", "S" * 64, "&".join(f"{key}={value}" for key, value in words.items()))
    head = f"POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n"
    return await talk(address, head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)


@story("connection_refused")
async def refused(bench):
    address = await bench.armed(transport.ConnectionRefused(), Scope(lasts_ns=300_000_000))
    with pytest.raises(ConnectionRefusedError):
        await talk(address)
    await asyncio.sleep(0.4)
    bench.running.tick()
    await asyncio.sleep(0.05)
    assert (await talk(address)).statuses == [200]


@story("reset_at_accept")
async def reset_at_accept(bench):
    address = await bench.armed(transport.ResetAtAccept())
    assert await talk(address) == Heard(b"", "reset")
    assert (await talk(address)).statuses == [200]


@story("request_delayed")
async def request_delayed(bench):
    address = await bench.armed(transport.RequestDelayed(least_ns=150_000_000, most_ns=150_000_000))
    placing = asyncio.create_task(place(bench, address))
    await asyncio.sleep(0.07)
    assert orders(bench) == 0
    assert (await placing).statuses == [201]
    assert orders(bench) == 1


@story("answer_delayed")
async def answer_delayed(bench):
    address = await bench.armed(transport.AnswerDelayed(least_ns=150_000_000, most_ns=150_000_000))
    placing = asyncio.create_task(place(bench, address))
    await asyncio.sleep(0.07)
    assert orders(bench) == 1
    assert not placing.done()
    assert (await placing).statuses == [201]


@story("cut_before")
async def cut_before(bench):
    address = await bench.armed(transport.CutBefore())
    assert (await place(bench, address)).data == b""
    assert orders(bench) == 0


@story("cut_after")
async def cut_after(bench):
    address = await bench.armed(transport.CutAfter())
    lost = await place(bench, address)
    assert (lost.data, lost.end == "open") == (b"", False)
    assert orders(bench) == 1


@story("never_answered")
async def never_answered(bench):
    address = await bench.armed(transport.NeverAnswered())
    assert await place(bench, address) == Heard(b"", "open")
    assert orders(bench) == 1
    bench.running.faults(UPBIT).arm(transport.NeverAnswered(effect=Effect.NOT_TAKEN))
    assert await place(bench, address, "two") == Heard(b"", "open")
    assert orders(bench) == 1


@story("reset_mid_answer")
async def reset_mid_answer(bench):
    whole = (await talk(await bench.armed(transport.ResetMidAnswer(part=7), Scope(path="/v1/ticker")))).body
    heard = await talk(bench.running.upbit_address, TICKER)
    assert (heard.body, heard.end) == (b'[{"mark', "reset")
    assert (await talk(bench.running.upbit_address)).body == whole


@story("answer_truncated")
async def answer_truncated(bench):
    address = await bench.armed(transport.AnswerTruncated(part=7))
    heard = await talk(address, TICKER)
    length = int(heard.data.partition(b"Content-Length: ")[2].split()[0])
    assert (heard.body, heard.end, length > 100) == (b'[{"mark', "closed", True)


@story("answer_dripped")
async def answer_dripped(bench):
    address = await bench.armed(transport.AnswerDripped(part=40, pace_ns=10_000_000))
    began = asyncio.get_running_loop().time()
    heard = await talk(address, MARKET_LIST + TICKER)
    took = asyncio.get_running_loop().time() - began - 0.25
    assert heard.statuses == [200, 200], "the second answer waits for the first"
    first = heard.data.index(b"HTTP/1.1", 1)
    assert took >= 0.9 * (first // 40) * 0.01


@story("status_answered")
async def status_answered(bench):
    plain = transport.StatusAnswered(status=418, body=transport.Text.PLAIN, retry_after_s=60)
    heard = await place(bench, await bench.armed(plain))
    assert (heard.statuses, heard.body, b"Retry-After: 60\r\n" in heard.data) == (
        [418],
        b"Too many API requests.",
        True,
    )
    assert orders(bench) == 0
    bench.running.faults(UPBIT).arm(transport.StatusAnswered(status=502, effect=Effect.TAKEN))
    heard = await place(bench, bench.running.upbit_address, "two")
    assert (heard.statuses, json.loads(heard.body)["error"]["name"]) == ([502], "internal_server_error")
    assert orders(bench) == 1


@story("body_replaced")
async def body_replaced(bench):
    address = await bench.armed(transport.BodyReplaced())
    heard = await talk(address)
    assert (heard.statuses, heard.body[:6], b"Content-Type: text/html" in heard.data) == ([200], b"<html>", True)
    bench.running.faults(UPBIT).arm(transport.BodyReplaced(body=transport.Text.EMPTY))
    assert ((await talk(address)).statuses, (await talk(address)).body != b"") == ([200], True)


@story("answer_doubled")
async def answer_doubled(bench):
    address = await bench.armed(transport.AnswerDoubled())
    heard = await talk(address, MARKET_LIST + TICKER)
    assert heard.statuses == [200, 200, 200]
    one, two, three = heard.data.split(b"HTTP/1.1 ")[1:]
    assert one == two != three


@story("books_outdated")
async def books_outdated(bench):
    asked = b"GET /v1/orderbook?markets=KRW-BTC HTTP/1.1\r\nHost: x\r\n\r\n"
    address = await bench.armed(transport.BooksOutdated())
    first, ticker = await talk(address, asked), await talk(address, TICKER)
    await asyncio.sleep(0.3)
    bench.running.tick()
    assert (await talk(address, asked)).body == first.body
    assert ticker.statuses == [200]
    bench.running.faults(UPBIT).clear()
    assert (await talk(address, asked)).body != first.body


@story("answer_swapped")
async def answer_swapped(bench):
    address = await bench.armed(transport.AnswerSwapped(), Scope(path="/v1/ticker"))
    first = await talk(address)
    swapped, right = await talk(address, TICKER), await talk(address, TICKER)
    assert swapped.body == first.body
    assert right.body != first.body
