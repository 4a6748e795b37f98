"""Requests as bytes, redaction, and the bounded memory of strange answers."""

import ssl

import pytest

from exchanges.drift import KEPT, DriftLog
from exchanges.transport import Request, redacted, request_bytes, trusted


def test_a_get_has_no_body_headers_and_bare_brackets() -> None:
    request = Request("GET", "/v1/orders/open", "market=KRW-BTC&states[]=wait&name=가 나", b"", "t.o.k")
    assert request_bytes(request, "api.upbit.com") == (
        b"GET /v1/orders/open?market=KRW-BTC&states[]=wait&name=%EA%B0%80%20%EB%82%98 HTTP/1.1\r\n"
        b"Host: api.upbit.com\r\nUser-Agent: k-arb\r\nAccept: application/json\r\nAuthorization: Bearer t.o.k\r\n\r\n"
    )


def test_a_public_call_carries_no_authorization() -> None:
    assert b"Authorization" not in request_bytes(Request("GET", "/v1/market/all"), "h")


def test_line_ends_in_a_query_cannot_make_a_header() -> None:
    head = request_bytes(Request("GET", "/v1/order", "identifier=a\r\nX-Evil: 1"), "h")
    assert b"\r\nX-Evil" not in head


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer aaa.bbb-ccc_ddd",
        '{"access_key":"aaa","x":1}',
        '"secret_key": "aaa"',
        "nonce=aaa&b=c",
        "query_hash: aaa",
    ],
)
def test_secrets_are_masked_and_the_rest_stays(text: str) -> None:
    assert "aaa" not in redacted(text)
    assert "***" in redacted(text)
    assert redacted("insufficient_funds_bid: 잔고") == "insufficient_funds_bid: 잔고"
    assert len(redacted("x" * 5000)) == 300


def test_request_does_not_print_its_token_or_query() -> None:
    assert repr(Request("GET", "/v1/order", "identifier=i", b"", "tok")) == "Request(GET /v1/order)"


def test_no_server_is_believed_without_a_certificate_in_its_name_and_certificates_are_read_once() -> None:
    assert trusted().verify_mode is ssl.CERT_REQUIRED
    assert trusted().check_hostname is True
    assert trusted() is trusted()


def test_drift_is_counted_without_bound_and_kept_within_one() -> None:
    drift = DriftLog()
    for number in range(1000):
        drift.note("query", f"finding {number}", b'{"access_key":"aaa"}' + b"x" * 5000, number)
    assert len(drift.samples) == KEPT
    assert sum(drift.counts.values()) == 1000
    assert len(drift.counts) <= 201
    assert all("aaa" not in sample.sample for sample in drift.samples)
