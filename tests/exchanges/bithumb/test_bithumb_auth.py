"""Bithumb's token against PyJWT (bithumb.md §3.2)."""

import jwt

from exchanges.bithumb.auth import BithumbSigner
from exchanges.signed_token import query_hash

SECRET = "SK-demo-" + "x" * 40


def test_pyjwt_reads_all_mandatory_claims() -> None:
    token = BithumbSigner("AK-demo", SECRET).token("market=KRW-BTC", 1790000000123)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert claims["timestamp"] == 1790000000123
    assert type(claims["timestamp"]) is int
    assert claims["query_hash"] == query_hash("market=KRW-BTC")
    assert claims["query_hash_alg"] == "SHA512"
    assert list(claims) == ["access_key", "nonce", "timestamp", "query_hash", "query_hash_alg"]


def test_without_parameters_there_is_no_query_hash() -> None:
    claims = jwt.decode(BithumbSigner("AK-demo", SECRET).token("", 5), SECRET, algorithms=["HS256"])
    assert set(claims) == {"access_key", "nonce", "timestamp"}


def test_secret_is_not_in_the_signers_text() -> None:
    assert SECRET not in repr(BithumbSigner("AK-demo", SECRET))
