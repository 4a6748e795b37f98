"""Paths that clients seldom ask for, each answered by its own words: other candles, made addresses, KRW coming in."""

import json
from decimal import Decimal

import pytest
from legacy_client import LegacyClient

from arbitrage.domain.units import Exchange
from exchanges.simulator.bars import Span
from exchanges.simulator.money import fine_of_text
from exchanges.simulator.wire import Request

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
MINUTES = (1, 3, 5, 10, 15, 30, 60, 240)
UNIT, MINUTE = 10**8, 60 * 10**9


@pytest.fixture
def world(make_world):
    return make_world()


def candles(world, exchange, path):
    response = world.send(exchange, Request("GET", f"/v1/candles/{path}", "market=KRW-BTC&count=2"))
    assert response.status == 200, response.body
    return json.loads(response.body, parse_float=Decimal)


@pytest.mark.parametrize("exchange", [UPBIT, BITHUMB])
@pytest.mark.parametrize("minutes", MINUTES)
def test_candles_of_every_number_of_minutes_are_the_tapes(world, exchange, minutes):
    world.pass_ms(2_000)
    rows = candles(world, exchange, f"minutes/{minutes}")
    bars = world.simulator.market.tape(exchange, "KRW-BTC").candles(Span.MINUTES, minutes, 2, world.now)
    assert [row["unit"] for row in rows] == [minutes] * 2
    assert [row["trade_price"] * UNIT for row in rows] == [bar.closing for bar in bars]
    own_zone_ns = 0 if exchange is UPBIT else 540 * MINUTE
    assert [(bar.start_ns + own_zone_ns) % (minutes * MINUTE) for bar in bars] == [0, 0]


@pytest.mark.parametrize(("exchange", "span"), [(UPBIT, Span.MONTHS), (UPBIT, Span.YEARS), (BITHUMB, Span.MONTHS)])
def test_long_candles_begin_on_a_first_day(world, exchange, span):
    row = candles(world, exchange, span.value)[0]
    (bar,) = world.simulator.market.tape(exchange, "KRW-BTC").candles(span, 1, 1, world.now)
    assert row["candle_acc_trade_volume"] * UNIT == bar.volume
    border = "candle_date_time_utc" if exchange is UPBIT else "candle_date_time_kst"
    assert row[border][8:] == "01T00:00:00"
    assert span is not Span.YEARS or row[border][5:7] == "01"


@pytest.mark.parametrize("unit", ["1s", "1m", "3m", "5m", "10m", "15m", "30m", "60m", "240m"])
def test_every_candle_stream_begins_with_a_snapshot_of_its_own(world, unit):
    session = world.simulator.exchange(UPBIT).connect(Request("GET", "/websocket/v1"), world.now)
    asked = [{"ticket": "a"}, {"type": f"candle.{unit}", "codes": ["KRW-BTC"]}]
    session.receive(json.dumps(asked).encode(), world.now)
    (frame,) = [json.loads(out.data) for out in session.outbox]
    assert (frame["type"], frame["code"], frame["stream_type"]) == (f"candle.{unit}", "KRW-BTC", "SNAPSHOT")


def test_upbits_krw_comes_in_and_is_among_the_deposits(world):
    before = Decimal(world.balances(UPBIT)["KRW"][0])
    status, made = world.ask(UPBIT, "POST", "/v1/deposits/krw", body={"amount": "10000", "two_factor_type": "kakao"})
    assert (status, made["currency"], Decimal(made["amount"])) == (201, "KRW", 10_000)
    world.pass_ms(1_000)
    assert Decimal(world.balances(UPBIT)["KRW"][0]) == before + 10_000
    assert [row["uuid"] for row in world.ask(UPBIT, "GET", "/v1/deposits", "currency=KRW")[1]] == [made["uuid"]]


def test_upbits_deposit_is_verified_by_its_txid_too(world):
    sim = world.simulator.exchange(UPBIT)
    one = sim.cash.deposit(sim.accounts["AK-U"], "BTC", fine_of_text("0.25"), world.now, txid="abc")
    world.pass_ms(10)
    body = {"txid": "abc", "vasp_uuid": "00000000-0000-4000-8000-000000000001", "currency": "BTC", "net_type": "BTC"}
    status, answer = world.ask(UPBIT, "POST", "/v1/travel_rule/deposit/txid", body=body)
    assert (status, answer["deposit_uuid"]) == (201, one.movement_id)
    by_id = {"deposit_uuid": one.movement_id}
    assert world.ask(UPBIT, "POST", "/v1/travel_rule/deposit/uuid", body=by_id)[0] == 400


def test_bithumbs_address_is_the_same_made_or_read(world):
    body = {"currency": "BTC", "net_type": "BTC"}
    made = world.ask(BITHUMB, "POST", "/v1/deposits/generate_coin_address", body=body)
    assert made == world.ask(BITHUMB, "GET", "/v1/deposits/coin_address", "currency=BTC&net_type=BTC")
    status, answer = world.ask(BITHUMB, "POST", "/v1/deposits/generate_coin_address", body=body | {"net_type": "NO"})
    assert (status, answer["error"]["name"]) == (400, "invalid_parameter")


def test_legacy_members_ticker_and_address(world):
    client = LegacyClient(world)
    ticker = client.ask("/info/ticker", order_currency="BTC", payment_currency="KRW")["data"]
    assert (ticker["order_currency"], ticker["payment_currency"]) == ("BTC", "KRW")
    assert ticker["closing_price"] == client.read("/public/ticker/BTC_KRW")["data"]["closing_price"]
    told = client.ask("/info/wallet_address", currency="ETH")["data"]
    assert told == client.ask("/info/wallet_address", currency="ETH")["data"]
    assert told["currency"] == "ETH"
    assert told["wallet_address"] != client.ask("/info/wallet_address", currency="BTC")["data"]["wallet_address"]
    assert client.ask("/info/wallet_address", currency="NOPE")["status"] == "5500"
