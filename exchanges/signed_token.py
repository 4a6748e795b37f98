"""A signed JWT from ready-made parts: keyed hash states copied, not keyed anew, for each order.

Pure but for nonces. The secret goes in as UTF-8 bytes (upbit.md §2) and never comes out again.
"""

import hashlib
from binascii import b2a_base64
from collections.abc import Callable
from os import urandom
from typing import Any

_HASHES: dict[str, tuple[Callable[..., Any], int]] = {"HS256": (hashlib.sha256, 64), "HS512": (hashlib.sha512, 128)}
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def base64url(data: bytes) -> bytes:
    """Return unpadded base64url."""
    return b2a_base64(data, newline=False).translate(_URL_SAFE, b"=")


def query_hash(query: str) -> str:
    """Return the lower-case hex SHA-512 of the un-encoded query text (upbit.md §2, bithumb.md §3.2)."""
    return hashlib.sha512(query.encode()).hexdigest()


def fresh_nonce() -> str:
    """Return a new version 4 UUID as text, cheaper than through `uuid`."""
    text = urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:]}"


class TokenMaker:
    """Sign claims with one secret. `algorithm` is HS256 or HS512; KeyError for another."""

    def __init__(self, secret: str, algorithm: str) -> None:
        make, block = _HASHES[algorithm]
        key = secret.encode()
        key = (make(key).digest() if len(key) > block else key).ljust(block, b"\0")
        self._inner = make(bytes(byte ^ 0x36 for byte in key))
        self._outer = make(bytes(byte ^ 0x5C for byte in key))
        self._head = base64url(b'{"alg":"' + algorithm.encode() + b'","typ":"JWT"}') + b"."

    def __repr__(self) -> str:
        return "TokenMaker(***)"

    def token(self, claims: bytes) -> str:
        """Return the compact token over `claims`, which are JSON bytes."""
        message = self._head + base64url(claims)
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return (message + b"." + base64url(outer.digest())).decode("ascii")
