"""Bithumb's signed header, JWT generation: HS256 and a mandatory time claim (bithumb.md §3.2)."""

from exchanges.signed_token import TokenMaker, fresh_nonce, query_hash


class BithumbSigner:
    """Sign requests of one account. HS256 is the only algorithm accepted (bithumb.md §3.2)."""

    def __init__(self, access_key: str, secret_key: str) -> None:
        self._maker = TokenMaker(secret_key, "HS256")
        self._start = f'{{"access_key":"{access_key}","nonce":"'

    def __repr__(self) -> str:
        return "BithumbSigner(***)"

    def token(self, query: str, now_wall_ms: int) -> str:
        """Return a fresh token over the un-encoded `query` text; empty = no query_hash claim."""
        return self._maker.token(self.claims(query, fresh_nonce(), now_wall_ms))

    def claims(self, query: str, nonce_text: str, now_wall_ms: int) -> bytes:
        """Return the payload as JSON bytes; `timestamp` is an integer in ms."""
        start = f'{self._start}{nonce_text}","timestamp":{now_wall_ms}'
        if not query:
            return f"{start}}}".encode()
        return f'{start},"query_hash":"{query_hash(query)}","query_hash_alg":"SHA512"}}'.encode()
