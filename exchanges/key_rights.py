"""What an API key may do, proven by the answers to reads (R5.1). Neither exchange tells a key's rights.

A refusal for want of scope proves that the right is missing; any other refusal proves nothing. Bithumb was
seen to say `jwt_verification` for a missing scope (bithumb.md §3.2): it counts only where another call of the
same key passed.
"""

from arbitrage.domain.units import base_of
from exchanges.facts import Facts
from exchanges.ratelimit import Lane, Limiter
from exchanges.reads import ERROR_NAMES, wire_error
from exchanges.records import Grant, Scope, ScopeFinding
from exchanges.transport import AsyncTransport, Clock, HttpAnswer, Outcome, Request, Use
from exchanges.words import Signer

TIMEOUT_NS = 3_000_000_000


def withdraw_query(market: str) -> str:
    """Return the query that asks what of a market's coin may be withdrawn (upbit.md §1.9, bithumb.md §3.8a)."""
    asset = base_of(market)
    return f"currency={asset}&net_type={asset}"


def finding(
    scope: Scope, answer: HttpAnswer, facts: Facts, errors: tuple[str, str, str] = ERROR_NAMES, *, passed_before: bool
) -> ScopeFinding:
    """Return what one answer proves of a right; `passed_before`: another call of this key was taken."""
    error = wire_error(answer.body, answer.status, errors)
    if error is None and 200 <= answer.status < 300:
        return ScopeFinding(scope, Grant.GRANTED, f"HTTP {answer.status}")
    name = "" if error is None else error.name
    denials = facts.scope_names | (facts.scope_lookalikes if passed_before else frozenset())
    grant = Grant.DENIED if name in denials else Grant.NOT_PROVEN
    return ScopeFinding(scope, grant, f"HTTP {answer.status} {name}".rstrip())


class KeyRights:
    """Asks once, at a start, whether the key in use reaches withdrawals."""

    def __init__(self, facts: Facts, signer: Signer, transport: AsyncTransport, clock: Clock, limiter: Limiter) -> None:
        self._facts = facts
        self._signer = signer
        self._transport = transport
        self._clock = clock
        self._limiter = limiter

    async def withdrawals(self, market: str) -> ScopeFinding:
        """Return what is proven. An exchange that does not answer proves nothing."""
        scope = Scope.VIEW_WITHDRAWALS
        await self._transport.open()
        try:
            known = await self._ask(self._facts.paths.accounts, "")
            answer = await self._ask(self._facts.paths.withdraw_chance, withdraw_query(market))
        finally:
            await self._transport.close()
        if not isinstance(answer, HttpAnswer):
            return ScopeFinding(scope, Grant.NOT_PROVEN, "no answer")
        passed = isinstance(known, HttpAnswer) and 200 <= known.status < 300
        return finding(scope, answer, self._facts, passed_before=passed)

    async def _ask(self, path: str, query: str) -> Outcome | None:
        group = self._facts.groups.private
        if not self._limiter.take((group,), Lane.QUERY, self._clock.mono_ns()):
            return None
        token = self._signer.token(query, self._clock.wall_ns() // 1_000_000)
        request = Request("GET", path, query, b"", token)
        outcome = await self._transport.send(lambda: request, use=Use.READS, timeout_ns=TIMEOUT_NS)
        if isinstance(outcome, HttpAnswer):
            now = self._clock.mono_ns()
            self._limiter.heed(group, outcome.status, outcome.headers, self._facts.remaining_in, now)
        return outcome
