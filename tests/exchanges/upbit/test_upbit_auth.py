"""Upbit's token against the vectors of upbit.md §2 and against PyJWT."""

import json

import jwt
import pytest

from exchanges.signed_token import TokenMaker, base64url, fresh_nonce, query_hash
from exchanges.upbit.auth import UpbitSigner

NONCE = "11111111-2222-4333-8444-555555555555"
SECRET = "SK-demo-" + "x" * 60


def test_query_hash_equals_the_documented_vectors() -> None:
    assert query_hash("market=KRW-BTC&states[]=wait&states[]=watch&limit=10") == (
        "e3cfc649139c595e1c26a8aa2b3c8504f4b15011fc2b819081451e5e845172bd5dbbb5110ec5d7a3d1d32ff71f46a783"
        "23a040e8bedf8672021fd2206190a3a8"
    )
    assert query_hash("market=KRW-ETH&side=bid&ord_type=limit&price=4321000&volume=0.01") == (
        "d5199eba0b36c31cfd8049ad0503e4417ac979846798b4ba28c68292f6ae687f3f3e51b8056bf24ef930175fb9465733"
        "3b2dfce932fb03fe36587df6a8ae72b9"
    )


def test_token_without_query_equals_the_documented_vector() -> None:
    claims = UpbitSigner("AK-demo", "SK-demo").claims("", NONCE)
    assert TokenMaker("SK-demo", "HS256").token(claims) == (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhY2Nlc3Nfa2V5IjoiQUstZGVtbyIsIm5vbmNlIjoiMTExMTExMTEtMjIyMi00MzMzLTg0"
        "NDQtNTU1NTU1NTU1NTU1In0.Efo2WEehaxCKvTSTAjf5cenbspqdcPSlhedVXT3LtjY"
    )


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
@pytest.mark.parametrize("secret", [SECRET, "k" * 200])
def test_pyjwt_accepts_the_token_and_reads_its_claims(algorithm: str, secret: str) -> None:
    token = UpbitSigner("AK-demo", secret, algorithm).token("market=KRW-BTC", 1)
    claims = jwt.decode(token, secret, algorithms=[algorithm])
    assert jwt.get_unverified_header(token) == {"alg": algorithm, "typ": "JWT"}
    assert claims["access_key"] == "AK-demo"
    assert claims["query_hash"] == query_hash("market=KRW-BTC")
    assert claims["query_hash_alg"] == "SHA512"
    assert set(claims) == {"access_key", "nonce", "query_hash", "query_hash_alg"}


def test_token_of_another_secret_is_turned_down() -> None:
    token = UpbitSigner("AK-demo", SECRET).token("", 1)
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, SECRET + "y", algorithms=["HS512"])


def test_hs512_is_the_default_and_an_unknown_algorithm_is_an_error() -> None:
    assert jwt.get_unverified_header(UpbitSigner("AK", SECRET).token("", 1))["alg"] == "HS512"
    with pytest.raises(KeyError):
        UpbitSigner("AK", SECRET, "none")


def test_each_token_has_a_nonce_of_its_own_that_is_a_version_4_uuid() -> None:
    import uuid

    nonces = {fresh_nonce() for _ in range(500)}
    assert len(nonces) == 500
    assert {uuid.UUID(nonce).version for nonce in nonces} == {4}
    assert all(str(uuid.UUID(nonce)) == nonce for nonce in nonces)
    assert {uuid.UUID(nonce).variant for nonce in nonces} == {uuid.RFC_4122}


def test_claims_are_json_in_documented_order() -> None:
    claims = json.loads(UpbitSigner("AK", SECRET).claims("a=1", NONCE))
    assert list(claims) == ["access_key", "nonce", "query_hash", "query_hash_alg"]


def test_secret_is_not_in_any_text_of_the_signer() -> None:
    signer = UpbitSigner("AK-demo", SECRET)
    assert SECRET not in repr(signer)
    assert "AK-demo" not in repr(signer)
    assert SECRET not in repr(vars(signer)["_maker"])


def test_base64url_has_no_padding_and_no_plus_or_slash() -> None:
    assert base64url(b"\xfb\xff\xfe") == b"-__-"
    assert base64url(b"a") == b"YQ"
