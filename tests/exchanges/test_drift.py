"""Drift is counted by kind, bounded, and keeps nothing that could be a key or a token."""

import msgspec
import pytest

from arbitrage.domain.drift import GRAVE, Drift, DriftSeen, DriftTold
from arbitrage.domain.units import Exchange, Ns
from exchanges.drift import DriftLog

UPBIT = Exchange.UPBIT


def only(log: DriftLog) -> DriftSeen:
    rows = log.seen(UPBIT)
    assert len(rows) == 1
    return rows[0]


def test_the_same_finding_is_one_row_with_its_first_and_last_time_and_newest_sample():
    log = DriftLog()
    log.note("balances", "Expected `array`, got `object`", b'{"a":1}', 10)
    log.note("balances", "Expected `array`, got `object`", b'{"a":2}', 30)
    assert only(log) == DriftSeen(
        UPBIT, "balances", "Expected `array`, got `object`", Drift.UNREADABLE, 2, Ns(10), Ns(30), '{"a":2}'
    )
    assert log.total() == 2


@pytest.mark.parametrize(
    "finding",
    [
        'upbit.orderbook.simple: Object missing required field `obu`: b\'{"ty":"orderbook","cd":"KRW-BTC"}\'',
        "upbit.orderbook.simple: Object missing required field `obu`: b\"{'x': 1}\"",
        "upbit.orderbook.simple: Object missing required field `obu`: b'cut off",
        "upbit.orderbook.simple: Object missing required field `obu` (byte 17)",
    ],
)
def test_what_was_quoted_of_an_answer_makes_no_finding_of_its_own(finding):
    log = DriftLog()
    log.note("frame", finding, b"", 1)
    assert only(log).finding == "upbit.orderbook.simple: Object missing required field `obu`"


def test_too_many_findings_share_one_row_a_place():
    log = DriftLog()
    for number in range(1000):
        log.note("balances", f"odd {number}", b"x", number)
    rows = {row.finding: row for row in log.seen(UPBIT)}
    assert len(rows) == 201
    assert (rows["other"].count, rows["other"].last_wall_ns) == (800, 999)
    assert sum(row.count for row in rows.values()) == log.total() == 1000


SECRETS = [
    b'{"access_key":"AKSECRET0123456789","expire_at":"2027"}',
    b"Authorization: Bearer eyJSECRET.SECRET.SECRET",
    b'{"token": "SECRETSECRET"}',
    b"secret_key=SECRETSECRET&nonce=SECRET",
    b'{"query_hash":"SECRET0123","signature":"SECRET"}',
]


@pytest.mark.parametrize("data", SECRETS)
def test_no_key_or_token_is_kept_in_sample_or_finding(data):
    log = DriftLog()
    log.note("keys", f"cannot read {data.decode()}", data, 1)
    row = only(log)
    assert "SECRET" not in row.sample + row.finding
    assert "SECRET" not in repr(log.samples)
    assert "***" in row.sample


def test_samples_are_cut():
    log = DriftLog()
    log.note("place", "x", b"y" * 100_000, 1)
    assert len(only(log).sample) == 300


def test_only_what_hides_our_own_orders_or_money_is_grave():
    commands = {"place", "place_many", "replace", "cancel", "cancel_many", "cancel_all"}
    assert commands | {"query", "open_orders", "balances", "private_news"} == GRAVE
    for where in (*sorted(GRAVE), "market_rules", "snapshot", "frame", "test"):
        for kind in Drift:
            row = DriftSeen(UPBIT, where, "x", kind, 1, Ns(1), Ns(1), "")
            assert row.is_grave == (where in GRAVE and kind is Drift.UNREADABLE)


def test_what_was_told_travels_and_comes_back_the_same():
    log = DriftLog()
    log.note("balances", "odd", b"\xff\x00", 1, kind=Drift.GAP)
    told = DriftTold("run", log.seen(UPBIT))
    assert msgspec.json.decode(msgspec.json.encode(told), type=DriftTold) == told
