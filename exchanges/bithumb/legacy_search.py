"""Look for an order whose answer was lost: no id of ours is on the legacy wire (bithumb.md §1.5). Pure.

Resting orders and transactions are all there is. Exactly one that fits is the order; none at all, in lists
that are whole and read late enough, is proof that there is none; anything else proves nothing: never a guess.
"""

from collections import Counter
from collections.abc import Sequence

import msgspec

from arbitrage.domain.order import Fill, Order, OrderKind, OrderOn, OrderReport
from arbitrage.domain.units import Ns, Qty, exact_sum
from exchanges.bithumb.legacy_codec import Match, OpenRow, match_id
from exchanges.bithumb.legacy_ids import Claim, IdMemory
from exchanges.bithumb.legacy_profile import LegacySettings


class Lists(msgspec.Struct, frozen=True):
    """What was read: resting orders of the market, and trades of the order's side since it was planned.

    `is_whole` when neither list was cut. `asked_wall_ns`: the time just before the first was asked for.
    """

    rows: tuple[OpenRow, ...]
    matches: tuple[Match, ...]
    is_whole: bool
    asked_wall_ns: Ns


class Resting(msgspec.Struct, frozen=True):
    """Exactly one resting order fits: this is its id."""

    exchange_order_id: str


class Filled(msgspec.Struct, frozen=True):
    """The trades nobody claims make up exactly this order."""

    report: OrderReport


class Absent(msgspec.Struct, frozen=True):
    """There is no such order, and none can come any more."""


class Unclear(msgspec.Struct, frozen=True):
    """Nothing is proven."""

    cause: str


Finding = Resting | Filled | Absent | Unclear


def search(order: Order, lists: Lists, memory: IdMemory, settings: LegacySettings) -> Finding:
    """Return what the lists prove about `order`, of which no id is known."""
    since = order.planned_wall_ns - settings.clock_slack_ns
    rivals = [
        other
        for other in (*memory.lost.values(), *memory.in_flight.values())
        if other.client_order_id != order.client_order_id and (other.market, other.side) == (order.market, order.side)
    ]
    rows = [row for row in lists.rows if _fits(order, row, since) and memory.is_free(row.exchange_order_id, order)]
    if rows:
        if len(rows) > 1:
            return Unclear(f"{len(rows)} resting orders fit")
        if any((rival.price, rival.qty) == (order.price, order.qty) for rival in rivals):
            return Unclear("another order of ours without an id fits the same resting order")
        return Resting(rows[0].exchange_order_id)
    matches = unclaimed(lists.matches, memory.claims(order.market, order.side), order, since, settings.clock_slack_ns)
    if not matches:
        return _absent(order, lists, settings)
    if rivals:
        return Unclear("trades fit, and another order of ours without an id is on the same side")
    traded = sum(match.qty for match in matches)
    if traded != order.qty:
        return Unclear(f"trades of {traded} fit in part, ordered were {order.qty}")
    return Filled(_report(matches))


def _fits(order: Order, row: OpenRow, since: int) -> bool:
    return (row.market, row.side, row.price, row.qty) == (
        order.market,
        order.side,
        order.price,
        order.qty,
    ) and row.placed_wall_ns >= since


def _absent(order: Order, lists: Lists, settings: LegacySettings) -> Finding:
    if not lists.is_whole:
        return Unclear("the lists were cut")
    age = lists.asked_wall_ns - order.planned_wall_ns
    if age < settings.absent_after_ns:
        return Unclear(f"asked {age // 1_000_000} ms after it was planned, too soon to be sure")
    return Absent()


def unclaimed(
    matches: Sequence[Match], claims: Sequence[Claim], order: Order, since: int, slack_ns: int
) -> tuple[Match, ...]:
    """Return the trades that could be `order`'s: late enough, at no worse a price, and of no order we know.

    Each claim takes one trade of its price and quantity, the one nearest in time: the two lists may stamp a fill
    differently (bithumb.md §1.4 [?]).
    """
    left = [match for match in matches if match.at_wall_ns >= since and _is_within(order, match)]
    for claim in claims:
        same = [
            match
            for match in left
            if (match.price, match.qty) == (claim.price, claim.qty)
            and abs(match.at_wall_ns - claim.at_wall_ns) <= slack_ns
        ]
        if same:
            left.remove(min(same, key=lambda match: abs(match.at_wall_ns - claim.at_wall_ns)))
    return tuple(left)


def _is_within(order: Order, match: Match) -> bool:
    if order.kind is not OrderKind.LIMIT:
        return True
    return (match.price - order.price) * order.side.sign <= 0


def _report(matches: Sequence[Match]) -> OrderReport:
    twins: Counter[str] = Counter()
    fills = tuple(
        Fill(match_id(one.at_wall_ns, one.price, one.qty, twins), one.price, one.qty, one.funds, one.at_wall_ns)
        for one in matches
    )
    return OrderReport(
        on=OrderOn.FULL_FILL,
        executed_qty=Qty(sum(one.qty for one in matches)),
        executed_funds=exact_sum(one.funds for one in matches),
        paid_fee=exact_sum(one.fee for one in matches),
        fills=fills,
        detail="found by its trades",
    )
