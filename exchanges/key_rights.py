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
    """Asks what the key in use reaches: assets and orders, as it must, and withdrawals, as it must not."""

    def __init__(self, facts: Facts, signer: Signer, transport: AsyncTransport, clock: Clock, limiter: Limiter) -> None:
        self._facts = facts
        self._signer = signer
        self._transport = transport
        self._clock = clock
        self._limiter = limiter

    async def findings(self, market: str) -> dict[Scope, ScopeFinding]:
        """Return what is proven of each scope. An exchange that does not answer proves nothing."""
        asked = {
            Scope.VIEW_ASSETS: (self._facts.paths.accounts, ""),
            Scope.VIEW_ORDERS: (self._facts.paths.chance, f"market={market}"),
            Scope.VIEW_WITHDRAWALS: (self._facts.paths.withdraw_chance, withdraw_query(market)),
        }
        await self._transport.open()
        try:
            answers = {scope: await self._ask(path, query) for scope, (path, query) in asked.items()}
        finally:
            await self._transport.close()
        passed = any(isinstance(one, HttpAnswer) and 200 <= one.status < 300 for one in answers.values())
        return {
            scope: finding(scope, answer, self._facts, passed_before=passed)
            if isinstance(answer, HttpAnswer)
            else ScopeFinding(scope, Grant.NOT_PROVEN, "no answer")
            for scope, answer in answers.items()
        }

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
