"""Upbit's signed header: a JWT without time (upbit.md §2)."""

from exchanges.signed_token import TokenMaker, fresh_nonce, query_hash

DEFAULT_ALGORITHM = "HS512"
"""Recommended by the exchange; HS256 is accepted too (upbit.md §2)."""


class UpbitSigner:
    """Sign requests of one account. Every token has a nonce of its own, also on a retry."""

    def __init__(self, access_key: str, secret_key: str, algorithm: str = DEFAULT_ALGORITHM) -> None:
        self._maker = TokenMaker(secret_key, algorithm)
        self._start = f'{{"access_key":"{access_key}","nonce":"'

    def __repr__(self) -> str:
        return "UpbitSigner(***)"

    def token(self, query: str, now_wall_ms: int) -> str:
        """Return a fresh token over the un-encoded `query` text; empty = no query_hash claim.

        `now_wall_ms` is not used: no claim carries time, so clock skew does not matter (upbit.md §2).
        """
        return self._maker.token(self.claims(query, fresh_nonce()))

    def claims(self, query: str, nonce_text: str) -> bytes:
        """Return the payload as JSON bytes, in the order of upbit.md §2."""
        if not query:
            return f'{self._start}{nonce_text}"}}'.encode()
        return f'{self._start}{nonce_text}","query_hash":"{query_hash(query)}","query_hash_alg":"SHA512"}}'.encode()
