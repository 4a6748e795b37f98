"""Tokens: real signatures, query hash, nonce, clock (upbit.md §2, bithumb.md §3.2)."""

import hashlib
import json

import jwt
import pytest

from arbitrage.domain.units import Exchange
from exchanges.simulator.auth import AuthFault, parse_bearer, token_fault
from exchanges.simulator.wire import Request, body_params, query_params

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
VECTOR = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJhY2Nlc3Nfa2V5IjoiQUstZGVtbyIsIm5vbmNlIjoiMTExMTExMTEtMjIyMi00MzMzLTg0NDQtNTU1NTU1NTU1NTU1In0."
    "Efo2WEehaxCKvTSTAjf5cenbspqdcPSlhedVXT3LtjY"
)
SECRET = {
    UPBIT: "SK-upbit-secret-of-more-than-sixty-four-characters-so-that-none-warns",
    BITHUMB: "SK-bithumb-secret-of-more-than-sixty-four-characters-so-that-none-warns",
}


def test_vector_of_the_reference_is_accepted_and_one_changed_letter_is_not():
    token = parse_bearer(f"Bearer {VECTOR}")
    assert not isinstance(token, AuthFault)
    assert token.access_key == "AK-demo"
    assert token_fault(token, b"SK-demo", ("HS256",), "") is None
    assert token_fault(token, b"SK-demO", ("HS256",), "") is AuthFault.SIGNATURE
    assert token_fault(token, b"SK-demo", ("HS512",), "") is AuthFault.SIGNATURE


def test_query_and_body_hash_over_the_texts_of_the_reference():
    query = query_params("market=KRW-BTC&states%5B%5D=wait&states[]=watch&limit=10")
    assert hashlib.sha512(query.signed_text.encode()).hexdigest().startswith("e3cfc649139c595e")
    assert query.signed_text == "market=KRW-BTC&states[]=wait&states[]=watch&limit=10"
    body = body_params(b'{"market":"KRW-ETH","side":"bid","ord_type":"limit","price":"4321000","volume":"0.01"}')
    assert hashlib.sha512(body.signed_text.encode()).hexdigest().startswith("d5199eba0b36c31c")


@pytest.mark.parametrize("alg", ["HS256", "HS512"])
def test_upbit_takes_both_algorithms_of_an_independent_library(make_world, sign, alg):
    world = make_world()
    text = "states[]=wait&states[]=watch&limit=10"
    header = sign("AK-U", SECRET[UPBIT], text, alg)
    response = world.send(UPBIT, Request("GET", "/v1/orders/open", text, {"authorization": header}))
    assert (response.status, response.body) == (200, b"[]")


def _name(world, exchange, header, query="", path="/v1/accounts"):
    headers = {} if header is None else {"authorization": header}
    response = world.send(exchange, Request("GET", path, query, headers))
    return response.status, json.loads(response.body)["error"]["name"]


def test_each_bad_token_has_its_own_error_name_on_upbit(make_world, sign):
    world = make_world()
    secret = SECRET[UPBIT]
    assert _name(world, UPBIT, None) == (401, "no_authorization_token")
    assert _name(world, UPBIT, "Bearer nonsense") == (401, "jwt_verification")
    assert _name(world, UPBIT, sign("AK-X", secret, "")) == (401, "invalid_access_key")
    assert _name(world, UPBIT, sign("AK-U", secret + "x", "")) == (401, "jwt_verification")
    assert _name(world, UPBIT, sign("AK-U", secret, "", nonce=None)) == (401, "jwt_verification")
    assert _name(world, UPBIT, sign("AK-U", secret, "market=KRW-BTC")) == (401, "invalid_query_payload")
    chance = "/v1/orders/chance"
    assert _name(world, UPBIT, sign("AK-U", secret, ""), "market=KRW-BTC", chance) == (401, "invalid_query_payload")
    header = sign("AK-U", secret, "market=KRW-ETH")
    assert _name(world, UPBIT, header, "market=KRW-BTC", chance) == (401, "invalid_query_payload")
    none = jwt.encode({"access_key": "AK-U", "nonce": "n"}, "", algorithm="none")
    assert _name(world, UPBIT, f"Bearer {none}") == (401, "jwt_verification")


def test_nonce_counts_once(make_world, sign):
    world = make_world()
    header = sign("AK-U", SECRET[UPBIT], "")
    request = Request("GET", "/v1/accounts", "", {"authorization": header})
    assert world.send(UPBIT, request).status == 200
    assert _name(world, UPBIT, header) == (401, "nonce_used")


def test_bithumb_wants_a_fresh_timestamp_and_hs256(make_world, sign):
    world = make_world()
    secret, now = SECRET[BITHUMB], world.now // 1_000_000
    assert _name(world, BITHUMB, sign("AK-B", secret, "")) == (401, "jwt_verification")
    assert _name(world, BITHUMB, sign("AK-B", secret, "", timestamp=str(now))) == (401, "jwt_verification")
    assert _name(world, BITHUMB, sign("AK-B", secret, "", timestamp=now - 61_000)) == (401, "expired_jwt")
    assert _name(world, BITHUMB, sign("AK-B", secret, "", "HS512", timestamp=now)) == (401, "jwt_verification")
    header = sign("AK-B", secret, "", timestamp=now)
    assert world.send(BITHUMB, Request("GET", "/v1/accounts", "", {"authorization": header})).status == 200


def test_key_of_one_exchange_opens_nothing_on_the_other(make_world, sign):
    world = make_world()
    header = sign("AK-U", SECRET[UPBIT], "", timestamp=world.now // 1_000_000)
    assert _name(world, BITHUMB, header) == (401, "invalid_access_key")
