"""Requests signed the legacy way: HMAC-SHA512 over path, form body and nonce (bithumb.md §1.2)."""

import base64
import hashlib
import hmac
from enum import StrEnum

from exchanges.simulator.wire import Params, Request, query_params

_SEPARATORS = {"0": "\0", "1": "\1", "2": ";"}
_MS = 1_000_000


class SignFault(StrEnum):
    """Why a signed request is not believed."""

    METHOD = "method"
    FORM = "form"
    DATA = "data"
    KEY_UNKNOWN = "key_unknown"
    TIME = "time"
    ADDRESS = "address"
    SCOPE = "scope"


def form_params(request: Request) -> Params | SignFault:
    """Return the members of a form-urlencoded POST body; anything else is a fault."""
    if request.method != "POST":
        return SignFault.METHOD
    kind = request.headers.get("content-type", "").lower()
    if not kind.startswith("application/x-www-form-urlencoded"):
        return SignFault.FORM
    try:
        return query_params(request.body.decode())
    except UnicodeDecodeError:
        return SignFault.FORM


def nonce_ms(request: Request) -> int | None:
    """Return the request's own time in ms, or None when it is no whole number."""
    text = request.headers.get("api-nonce", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else None


def sign_fault(request: Request, params: Params, secret: bytes, now: int, window_ns: int) -> SignFault | None:
    """Return why this signature does not allow this request, or None.

    The signed text is the path, the body exactly as sent, and the nonce, joined by the separator the
    client chose; the signature is Base64 of the hex digest's text, not of its bytes.
    """
    separator = _SEPARATORS.get(request.headers.get("api-client-type", "0"))
    at_ms = nonce_ms(request)
    if separator is None or at_ms is None or params.one("endpoint") != request.path:
        return SignFault.DATA
    message = separator.join((request.path, request.body.decode(), request.headers["api-nonce"]))
    digest = hmac.new(secret, message.encode(), hashlib.sha512).hexdigest()
    expected = base64.b64encode(digest.encode())
    if not hmac.compare_digest(expected, request.headers.get("api-sign", "").encode()):
        return SignFault.DATA
    return SignFault.TIME if abs(at_ms * _MS - now) > window_ns else None
