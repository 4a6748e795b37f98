"""Bithumb's legacy signature, v1.2: HMAC-SHA512 over path, form body and time (bithumb.md §1.2). Pure."""

import hashlib
import hmac
from base64 import b64encode
from urllib.parse import urlencode

SEPARATOR = "\0"
"""Between the three parts; the server's default, `api-client-type` 0 (bithumb.md §1.2)."""
FORM = "application/x-www-form-urlencoded"


def form_body(path: str, members: tuple[tuple[str, str], ...]) -> bytes:
    """Return the form to POST, `endpoint` first. Spaces become `+`, slashes `%2F`: RFC 3986 spelling breaks
    the signature (bithumb.md §1.2). What is signed is these bytes, so their order is free."""
    return urlencode((("endpoint", path), *members)).encode("ascii")


class LegacySigner:
    """Sign requests of one account."""

    def __init__(self, access_key: str, secret_key: str) -> None:
        self._access_key = access_key
        self._mac = hmac.new(secret_key.encode(), digestmod=hashlib.sha512)
        self._last_ms = 0

    def __repr__(self) -> str:
        return "LegacySigner(***)"

    def headers(self, path: str, body: bytes, now_wall_ms: int) -> tuple[tuple[str, str], ...]:
        """Return the three headers for `body` sent to `path`.

        The nonce is the time in ms. Whether one may come twice is not known (bithumb.md §1.2 [?]), so of two
        requests in one ms the second runs a ms ahead; a clock that was set back is followed.
        """
        is_near = self._last_ms - 1_000 < now_wall_ms
        self._last_ms = max(now_wall_ms, self._last_ms + 1) if is_near else now_wall_ms
        nonce = str(self._last_ms)
        return (("Api-Key", self._access_key), ("Api-Nonce", nonce), ("Api-Sign", self.signature(path, body, nonce)))

    def signature(self, path: str, body: bytes, nonce: str) -> str:
        """Return Base64 over the lower-case hex text of the digest, not over its raw bytes (bithumb.md §1.2)."""
        mac = self._mac.copy()
        mac.update(SEPARATOR.join((path, body.decode("ascii"), nonce)).encode("ascii"))
        return b64encode(mac.hexdigest().encode("ascii")).decode("ascii")
