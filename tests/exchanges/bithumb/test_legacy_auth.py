"""The legacy signature against one made by hand, step by step as bithumb.md §1.2 tells it."""

import base64
import hashlib
import hmac

from exchanges.bithumb.legacy_auth import FORM, LegacySigner, form_body
from exchanges.transport import Request, redacted, request_bytes

PATH = "/info/balance"
BODY = b"endpoint=%2Finfo%2Fbalance&currency=ALL"


def test_form_is_the_endpoint_and_the_members_in_the_given_order() -> None:
    assert form_body(PATH, (("currency", "ALL"),)) == BODY
    assert form_body("/x", (("text", "a b"),)) == b"endpoint=%2Fx&text=a+b"


def test_signature_is_base64_of_the_hex_text_over_path_body_and_nonce() -> None:
    nonce = "1790000000123"
    message = b"/info/balance\x00" + BODY + b"\x00" + nonce.encode()
    digest = hmac.new(b"the-secret", message, hashlib.sha512).hexdigest()
    headers = dict(LegacySigner("the-key", "the-secret").headers(PATH, BODY, int(nonce)))
    assert headers == {
        "Api-Key": "the-key",
        "Api-Nonce": nonce,
        "Api-Sign": base64.b64encode(digest.encode()).decode(),
    }
    assert digest == digest.lower()


def test_two_requests_of_one_millisecond_have_two_nonces_and_a_clock_set_back_is_followed() -> None:
    signer = LegacySigner("k", "s")
    nonces = [dict(signer.headers(PATH, BODY, now))["Api-Nonce"] for now in (5_000, 5_000, 5_000, 5_010, 100, 101)]
    assert nonces == ["5000", "5001", "5002", "5010", "100", "101"]


def test_request_carries_the_form_and_the_headers_and_none_of_it_is_shown() -> None:
    signer = LegacySigner("the-key", "the-secret")
    request = Request("POST", PATH, body=BODY, kind=FORM, headers=signer.headers(PATH, BODY, 1))
    data = request_bytes(request, "host")
    assert data.count(b"Content-Type: application/x-www-form-urlencoded\r\n") == 1
    assert data.endswith(b"\r\n\r\n" + BODY)
    assert b"\r\nApi-Key: the-key\r\n" in data
    assert b"Authorization" not in data
    assert "the-key" not in repr(request)
    assert repr(signer) == "LegacySigner(***)"
    shown = redacted(data.decode("latin-1"))
    assert "the-key" not in shown
    assert dict(request.headers)["Api-Sign"] not in shown
