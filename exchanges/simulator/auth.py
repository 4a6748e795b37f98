"""JSON Web Tokens checked by hand: signature, claims, the hash of what was asked (upbit.md §2, bithumb.md §3.2)."""

import hashlib
import hmac
from binascii import a2b_base64
from collections import deque
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec

from exchanges.simulator.wire import decode_json

_HASHES = {"HS256": "sha256", "HS512": "sha512"}
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_PADDING = (b"", b"===", b"==", b"=")


class AuthFault(StrEnum):
    """Why a token is not accepted; each dialect has its own wire name for it."""

    MISSING = "missing"
    MALFORMED = "malformed"
    KEY_UNKNOWN = "key_unknown"
    SIGNATURE = "signature"
    CLAIMS = "claims"
    EXPIRED = "expired"
    QUERY_HASH = "query_hash"
    NONCE_USED = "nonce_used"
    IP_NOT_ALLOWED = "ip_not_allowed"
    KEY_EXPIRED = "key_expired"
    OUT_OF_SCOPE = "out_of_scope"
    WITHDRAW_LOCKED = "withdraw_locked"


class Token(msgspec.Struct, frozen=True):
    """A token taken apart, not yet believed."""

    alg: str
    claims: dict[str, Any]
    signed: bytes
    signature: bytes

    @property
    def access_key(self) -> str:
        """Return the claimed key; empty when there is none."""
        key = self.claims.get("access_key")
        return key if isinstance(key, str) else ""


class NonceMemory:
    """Which nonces each key has used. How long the real exchanges remember is not known (upbit.md §9.7)."""

    def __init__(self) -> None:
        self.most = 200_000
        """Nonces kept per key."""
        self.window_ns: int | None = None
        """After this time a nonce may come again; None = never."""
        self._seen: dict[str, set[str]] = {}
        self._order: dict[str, deque[tuple[int, str]]] = {}

    def is_new(self, access_key: str, nonce: str, now: int = 0) -> bool:
        """Return whether this nonce is not remembered, and remember it."""
        seen, order = self._seen.get(access_key), self._order.get(access_key)
        if seen is None or order is None:
            seen, order = self._seen[access_key], self._order[access_key] = set(), deque()
        while order and self.window_ns is not None and now - order[0][0] > self.window_ns:
            seen.discard(order.popleft()[1])
        if nonce in seen:
            return False
        seen.add(nonce)
        order.append((now, nonce))
        if len(order) > self.most:
            seen.discard(order.popleft()[1])
        return True


def parse_bearer(header: str | None) -> Token | AuthFault:
    """Return the token in an Authorization header."""
    if not header:
        return AuthFault.MISSING
    scheme, _, text = header.partition(" ")
    parts = text.strip().split(".")
    if scheme.lower() != "bearer" or len(parts) != 3:
        return AuthFault.MALFORMED
    try:
        alg, claims = _alg_of(parts[0]), decode_json(_unbase64(parts[1]))
        signature = _unbase64(parts[2])
    except ValueError:
        return AuthFault.MALFORMED
    if not isinstance(claims, dict):
        return AuthFault.MALFORMED
    return Token(alg, claims, f"{parts[0]}.{parts[1]}".encode(), signature)


# A client's tokens all begin alike. ValueError when it is no head.
@lru_cache(maxsize=64)
def _alg_of(text: str) -> str:
    head = decode_json(_unbase64(text))
    if not isinstance(head, dict):
        raise ValueError("the head must be a JSON object")
    return str(head.get("alg"))


def _unbase64(text: str) -> bytes:
    return a2b_base64(text.encode("ascii").translate(_URL_SAFE) + _PADDING[len(text) % 4], strict_mode=True)


# Keying a hash anew costs more than hashing a token with it.
@lru_cache(maxsize=64)
def _keyed(secret: bytes, alg: str) -> hmac.HMAC:
    return hmac.new(secret, digestmod=_HASHES[alg])


def token_fault(token: Token, secret: bytes, algs: tuple[str, ...], signed_text: str) -> AuthFault | None:
    """Return why `token` does not allow a request of `signed_text`, or None; whether the nonce is new, see above."""
    if token.alg not in algs:
        return AuthFault.SIGNATURE
    expected = _keyed(secret, token.alg).copy()
    expected.update(token.signed)
    if not hmac.compare_digest(expected.digest(), token.signature):
        return AuthFault.SIGNATURE
    if not isinstance(token.claims.get("nonce"), str) or not token.claims["nonce"]:
        return AuthFault.CLAIMS
    claimed = token.claims.get("query_hash")
    if claimed is None:
        return AuthFault.QUERY_HASH if signed_text else None
    if token.claims.get("query_hash_alg", "SHA512") != "SHA512":
        return AuthFault.QUERY_HASH
    return None if claimed == hashlib.sha512(signed_text.encode()).hexdigest() else AuthFault.QUERY_HASH
