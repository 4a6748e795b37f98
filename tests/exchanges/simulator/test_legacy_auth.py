"""The legacy signature: what is believed, and which code each fault has (bithumb.md §1.2, §1.6)."""

import json

import pytest
from legacy_client import MS, SECRET, LegacyClient, signed

from arbitrage.domain.units import Exchange
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks, NonceReuse
from exchanges.simulator.keys import Scope
from exchanges.simulator.wire import Request

BALANCE = "/info/balance"


@pytest.fixture
def client(make_world):
    return LegacyClient(make_world())


def answer(client, request):
    response = client.send(request)
    return response.status, json.loads(response.body)


@pytest.mark.parametrize(("kind", "separator"), [("0", "\0"), ("1", "\1"), ("2", ";")])
def test_each_announced_separator_is_the_one_that_counts(client, kind, separator):
    now = client.world.now
    good = signed(BALANCE, now, {"currency": "BTC"}, separator=separator, api_client_type=kind)
    assert answer(client, good)[1]["data"]["available_btc"] == "1"
    other = signed(BALANCE, now, {}, separator="|", api_client_type=kind)
    assert answer(client, other) == (400, {"status": "5100", "message": "Bad Request.(Auth Data)"})


def test_signature_of_the_raw_digest_is_not_the_signature_of_its_text(client):
    import base64
    import hashlib
    import hmac

    good = signed(BALANCE, client.world.now, {})
    text = "\0".join((BALANCE, good.body.decode(), good.headers["api-nonce"]))
    raw = base64.b64encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha512).digest()).decode()
    assert answer(client, signed(BALANCE, client.world.now, {}, api_sign=raw))[1]["status"] == "5100"
    assert answer(client, good)[1]["status"] == "0000"


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"api_key": "AK-X"}, "5300", "Invalid Apikey"),
        ({"api_key": ""}, "5300", "Invalid Apikey"),
        ({"api_sign": "x"}, "5100", "Bad Request.(Auth Data)"),
        ({"api_nonce": "soon"}, "5100", "Bad Request.(Auth Data)"),
        ({"api_client_type": "3"}, "5100", "Bad Request.(Auth Data)"),
        ({"content_type": "application/json"}, "5100", "Bad Request.(Auth Data)"),
    ],
)
def test_each_bad_header_has_its_code_and_nothing_is_done(client, change, code, message):
    members = {"order_currency": "BTC", "payment_currency": "KRW", "units": "0.01"}
    status, words = answer(client, signed("/trade/market_sell", client.world.now, members, **change))
    assert words == {"status": code, "message": message}
    assert status == (400 if code == "5100" else 200)
    assert client.balance()["total_btc"] == "1"


def test_wrong_method_and_an_endpoint_of_another_path_are_5100(client):
    assert answer(client, Request("GET", BALANCE))[1] == {"status": "5100", "message": "Bad Request(Bad Method)"}
    moved = signed(BALANCE, client.world.now, {})
    elsewhere = Request("POST", "/info/account", "", moved.headers, moved.body)
    assert answer(client, elsewhere)[1]["message"] == "Bad Request.(Auth Data)"


def test_twenty_seconds_off_is_too_old_and_says_both_times(client):
    now = client.world.now
    assert answer(client, signed(BALANCE, now - 20_000 * MS, {}))[1]["status"] == "0000"
    sent = now - 20_001 * MS
    assert answer(client, signed(BALANCE, sent, {}))[1] == {
        "status": "5100",
        "message": f"Bad Request.(Request Time:reqTime{sent // MS}/nowTime{now // MS})",
    }
    assert answer(client, signed(BALANCE, now + 20_001 * MS, {}))[1]["status"] == "5100"


def test_http_status_of_5100_and_the_second_use_of_a_nonce_are_settings(make_world):
    quirks = BithumbQuirks(legacy_bad_request_status=200, legacy_nonce_reuse=NonceReuse.REFUSED)
    client = LegacyClient(make_world(bithumb_quirks=quirks))
    once = signed(BALANCE, client.world.now, {})
    assert answer(client, once)[1]["status"] == "0000"
    assert answer(client, once) == (200, {"status": "5100", "message": "Bad Request.(Auth Data)"})


def test_spaces_are_plus_signs_in_the_signed_body(client):
    good = signed(BALANCE, client.world.now, {"currency": "BTC", "note": "a b"})
    assert b"note=a+b" in good.body
    assert answer(client, good)[1]["status"] == "0000"


@pytest.mark.parametrize(
    ("limits", "answer_to_it"),
    [
        ({"ips": ("10.0.0.1",)}, ("5302", "Method Not Allowed.(Access IP)")),
        ({"scopes": (Scope.VIEW_ORDERS,)}, ("5302", "Method Not Allowed.(Access)")),
        ({"expires_ns": 1}, ("5300", "Invalid Apikey")),
    ],
)
def test_key_with_limits_is_told_which_one(client, limits, answer_to_it):
    client.world.simulator.exchange(Exchange.BITHUMB).keys.limit("AK-B", **limits)
    words = answer(client, signed(BALANCE, client.world.now, {}))[1]
    assert (words["status"], words["message"]) == answer_to_it
