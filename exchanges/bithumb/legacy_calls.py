"""Signed calls to Bithumb's legacy generation: one POST each, counted against the shared budget (bithumb.md §1.2)."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from arbitrage.domain.errors import NotSent, ReadFailed
from arbitrage.domain.units import Exchange, Ns, Side, base_of
from exchanges.bithumb import legacy_profile as profile
from exchanges.bithumb.legacy_auth import FORM, LegacySigner, form_body
from exchanges.bithumb.legacy_codec import Detail, LegacyReads, Match, OpenRow
from exchanges.bithumb.legacy_forms import Form, detail_form, open_form, transactions_form
from exchanges.bithumb.legacy_profile import LegacySettings
from exchanges.bithumb.legacy_verdict import EMPTY, heeded_status, read_data
from exchanges.bithumb.profile import FACTS
from exchanges.drift import DriftLog
from exchanges.facts import GroupLimit
from exchanges.fields import Fields
from exchanges.ratelimit import Lane, Limiter
from exchanges.transport import AsyncTransport, Clock, HttpAnswer, Outcome, Request, Use, redacted

T = TypeVar("T")

ORDER_TIMEOUT_NS = 3_000_000_000
READ_TIMEOUT_NS = 5_000_000_000
_WHERE = {profile.BALANCE: "balances", profile.ORDERS: "open_orders", profile.DETAIL: "query"}
"""Drift has the names both generations share: what of it is grave does not depend on the generation."""


class LegacyCalls:
    """What the gateway and the polled news ask with. Limits are those of the JWT generation: whether the two
    share their buckets is not established, so they do here (bithumb.md §1.7 [?])."""

    def __init__(
        self,
        signer: LegacySigner,
        transport: AsyncTransport,
        clock: Clock,
        settings: LegacySettings,
        limiter: Limiter | None,
    ) -> None:
        self.drift = DriftLog()
        self.settings = settings
        self.clock = clock
        self.use_fields(Fields(Exchange.BITHUMB))
        self._signer = signer
        self._transport = transport
        self._limiter = limiter or Limiter(FACTS.limits, clock.mono_ns())

    def use_fields(self, fields: Fields) -> None:
        """Read answers through these maps from now on."""
        self.reads = LegacyReads(fields, self.settings)

    async def open(self) -> None:
        """Open connections ahead of time."""
        await self._transport.open()

    async def close(self) -> None:
        """Close them; requests in flight are lost."""
        await self._transport.close()

    def spare(self, group: str, lane: Lane) -> int:
        """Return how many requests may leave right now."""
        return self._limiter.spare(group, lane, self.clock.mono_ns())

    def take(self, group: str, lane: Lane, market: str | None = None) -> bool:
        """Take one request from the budget, for an order or a cancel also from its asset's."""
        groups = [group]
        if market is not None and FACTS.asset_calls_per_second is not None:
            groups.append(f"asset:{base_of(market)}")
            self._limiter.learn(GroupLimit(groups[1], FACTS.asset_calls_per_second), self.clock.mono_ns())
        return self._limiter.take(groups, lane, self.clock.mono_ns())

    async def command(self, form: Form, group: str, last_check: Callable[[], str | None] | None = None) -> Outcome:
        """Send one order command, once, and return what is known of it."""
        return await self._send(form, group, Use.ORDERS, ORDER_TIMEOUT_NS, last_check)

    async def _send(
        self,
        form: Form,
        group: str,
        use: Use,
        timeout_ns: int,
        last_check: Callable[[], str | None] | None = None,
    ) -> Outcome:
        path, members = form

        def build() -> Request:
            body = form_body(path, members)
            headers = self._signer.headers(path, body, self.clock.wall_ns() // 1_000_000)
            return Request("POST", path, body=body, kind=FORM, headers=headers)

        outcome = await self._transport.send(build, use=use, timeout_ns=timeout_ns, last_check=last_check)
        if isinstance(outcome, HttpAnswer):
            status = heeded_status(outcome, self.reads.envelope)
            self._limiter.heed(group, status, outcome.headers, FACTS.remaining_in, self.clock.mono_ns())
        return outcome

    async def read(
        self,
        form: Form,
        decode: Callable[[msgspec.Raw], T],
        on_empty: Callable[[], msgspec.Raw] | None = None,
    ) -> T:
        """Return what a read says. NotSent, AuthRefused or ReadFailed when it cannot be had."""
        group = FACTS.groups.private
        if not self.take(group, Lane.QUERY):
            raise NotSent("own request budget is spent")
        outcome = await self._send(form, group, Use.READS, READ_TIMEOUT_NS)
        try:
            return decode(read_data(outcome, self.reads.envelope, on_empty))
        except ValueError as problem:
            body = outcome.body if isinstance(outcome, HttpAnswer) else b""
            self.drift.note(_WHERE.get(form[0], form[0]), str(problem), body, self.clock.wall_ns())
            raise ReadFailed(redacted(f"{form[0]}: {problem}")) from None

    async def detail(self, market: str, exchange_order_id: str) -> Detail:
        """Return one order by its id. ReadFailed when the answer is of another market."""
        form = detail_form(market, exchange_order_id)
        found = await self.read(form, lambda data: self.reads.detail(data, exchange_order_id))
        if found.market != market:
            raise ReadFailed(f"asked for an order of {market}, was told of one of {found.market}")
        return found

    async def open_rows(self, market: str) -> tuple[OpenRow, ...]:
        """Return the resting orders of one market."""
        return await self.read(open_form(market), self.reads.open_rows, lambda: EMPTY)

    async def matches(self, market: str, side: Side, since_wall_ns: Ns) -> tuple[tuple[Match, ...], bool]:
        """Return the trades of one side back to `since_wall_ns`, and whether none can be missing.

        Pages count as whole only when they come newest first or end: the order is not established (§1.4 [?]).
        """
        found: list[Match] = []
        for page in range(profile.TRANSACTION_PAGES):
            form = transactions_form(market, side, page * profile.MOST_TRANSACTIONS)
            rows, count = await self.read(form, lambda data: self.reads.transactions(data, side), lambda: EMPTY)
            found += rows
            if count < profile.MOST_TRANSACTIONS:
                return tuple(found), True
            times = [match.at_wall_ns for match in found]
            if times != sorted(times, reverse=True):
                return tuple(found), False
            if times and times[-1] < since_wall_ns:
                return tuple(found), True
        return tuple(found), False
