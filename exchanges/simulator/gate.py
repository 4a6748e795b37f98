"""Who may ask right now: limits per IP or per account, by asset, for browsers, and the blocks that follow."""

from collections.abc import Mapping

import msgspec

from exchanges.simulator.account import Account
from exchanges.simulator.kst import SECOND
from exchanges.simulator.limits import Block, Blocks, Limit, Limiter, Verdict
from exchanges.simulator.wire import Request, Response

CONNECT = "websocket-connect"
ORIGIN = "origin"
_ASSET = "asset"
_EVERYTHING = "*"


class GateRules(msgspec.Struct, frozen=True, kw_only=True):
    """How one exchange counts requests beyond the limits of each group."""

    is_private_by_ip: bool
    """Whether private calls count per IP too; otherwise per account (pocket)."""
    counts_failed: bool = False
    """Whether calls with a bad token count, for their IP."""
    blocks: dict[str, Block] = {}
    """By group; `*` = every group that is not named."""
    blocks_owner: bool = False
    """Whether a block is of the whole IP or account, not only of the group (upbit.md §4)."""
    block_status: int = 429
    block_text: str = ""
    """A blocked call's body, `{seconds}` filled in; empty = the answer of any call over the limit."""
    has_retry_after: bool = False
    origin: Limit | None = None
    """For requests with an Origin header (upbit.md §3.1)."""
    asset: Limit | None = None
    """Orders and cancels of one market together (bithumb.md §4)."""
    asset_groups: tuple[str, ...] = ("order", "cancel")


UPBIT_GATE = GateRules(
    is_private_by_ip=False,
    blocks={"*": Block(tolerated=10, first_ns=10 * SECOND, factor=2)},
    blocks_owner=True,
    block_status=418,
    block_text="Too many API requests. Blocked for {seconds} seconds.",
    has_retry_after=True,
    origin=Limit(1, 10 * SECOND, is_bucket=False),
)
"""upbit.md §4; after how many 429s a block comes, how long it is and what it says are guesses (§9.1)."""

_MINUTE = 60 * SECOND
BITHUMB_GATE = GateRules(
    is_private_by_ip=True,
    counts_failed=True,
    blocks={
        "*": Block(tolerated=0, first_ns=_MINUTE),
        "private": Block(tolerated=0, first_ns=5 * _MINUTE),
        **dict.fromkeys(("order", "cancel", "batch", "batch-cancel"), Block(tolerated=0, first_ns=10 * _MINUTE)),
        CONNECT: Block(tolerated=10, first_ns=10 * _MINUTE),
        _ASSET: Block(tolerated=0, first_ns=SECOND),
    },
    asset=Limit(20),
)
"""bithumb.md §4: 1, 5 and 10 minutes by category; how long an asset is throttled is a guess."""


class Passage(msgspec.Struct, frozen=True):
    """Whether a call may pass; `blocked_ns` above 0 when it meets a block and not just a limit."""

    group: str
    limit: Limit
    verdict: Verdict
    blocked_ns: int = 0


class Gate:
    """One exchange's counting of requests."""

    def __init__(self, limits: Mapping[str, Limit], connect: Limit, rules: GateRules) -> None:
        own = {CONNECT: connect}
        if rules.origin is not None:
            own[ORIGIN] = rules.origin
        if rules.asset is not None:
            own[_ASSET] = rules.asset
        self.rules = rules
        self._limiter = Limiter({**limits, **own})
        self._blocks = Blocks()

    def counts_market(self, group: str) -> bool:
        """Return whether calls of a group also count for the market they are about."""
        return self.rules.asset is not None and group in self.rules.asset_groups

    def ask(self, group: str, request: Request, account: Account | None, market: str, now: int) -> Passage:
        """Count one call. `market`: of an order or a cancel, empty when there is none or it does not count."""
        owner = self._owner(request, account)
        if ORIGIN in request.headers and self.rules.origin is not None and account is None:
            passage = self._take(ORIGIN, request.peer, now)
            if not passage.verdict.is_allowed:
                return passage
        if market and self.counts_market(group):
            passage = self._take(_ASSET, f"{owner} {market}", now)
            if not passage.verdict.is_allowed:
                return msgspec.structs.replace(passage, group=group, limit=self._limiter.limits[group].at(now))
        return self._take(group, owner, now)

    def scale(self, to_ppm: int) -> None:
        """Allow this part of every documented limit; they may be lowered without notice (bithumb.md §4)."""
        self._limiter.scale(to_ppm)

    def count_failed(self, group: str, request: Request, now: int) -> None:
        """Count a call that was not believed."""
        if self.rules.counts_failed:
            self._take(group, request.peer, now)

    def answer(self, passage: Passage, over_limit: Response) -> Response:
        """Return what a call gets that may not pass."""
        if not passage.blocked_ns or not self.rules.block_text:
            return over_limit
        seconds = -(-passage.blocked_ns // SECOND)
        wait = (("Retry-After", str(seconds)),) if self.rules.has_retry_after else ()
        headers = (("Content-Type", "text/plain;charset=UTF-8"), *wait)
        return Response(self.rules.block_status, self.rules.block_text.format(seconds=seconds).encode(), headers)

    def _owner(self, request: Request, account: Account | None) -> str:
        return request.peer if account is None or self.rules.is_private_by_ip else account.access_key

    def _take(self, group: str, owner: str, now: int) -> Passage:
        limit = self._limiter.limits[group].at(now)
        blocked = _EVERYTHING if self.rules.blocks_owner else group
        left_ns = self._blocks.left_ns(blocked, owner, now)
        if left_ns:
            return Passage(group, limit, Verdict(False, 0), left_ns)
        verdict = self._limiter.take(group, owner, now)
        if verdict.is_allowed:
            return Passage(group, limit, verdict)
        rule = self.rules.blocks.get(group) or self.rules.blocks.get(_EVERYTHING)
        blocked_ns = 0 if rule is None else self._blocks.refused(blocked, owner, rule, now)
        return Passage(group, limit, verdict, blocked_ns)
