"""Our rows beside the exchange's own word: the one comparison that the job, the command and the supervisor share.

Three sides are held together: our fills and ledger, the exchange's balances, and its history of orders and
transfers. Balances are compared while nothing of ours moves: no arb open, the journal all booked, before and after
the exchange was asked. A break counts once two looks have found the same one; what history proves is a fact at once.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from arbitrage import books, selectors
from arbitrage.domain.adjustment import Target, missing_moves, per_asset
from arbitrage.domain.arb import ArbState
from arbitrage.domain.explaining import Surroundings, explain
from arbitrage.domain.history import Told, foreign_told, transfer_told
from arbitrage.domain.reconciliation import BalanceFigure, Break, BreakKind, Severity
from arbitrage.domain.units import EXACT, Ns, exact_sum
from arbitrage.models_trading import Arb
from arbitrage.services import adjustments
from arbitrage.services.reconciliation import Findings
from fast_path.counters import read_counters
from karb_project.env import Env
from workers.history import History, Reader, read_history
from workers.orders_beside import compare_our_orders
from workers.sight import bytes_not_booked

SETTLE_S = 6.0
LOOK_EVERY_S = 0.2
SECOND_LOOK_AFTER_S = 1.5
ORDERS_AT_MOST = 20
OVERLAP_NS = 900 * 1_000_000_000
"""History this much older than what was compared is read again: a fill can come ten minutes after a cancel."""
LONGEST_NS = 7 * 86_400 * 1_000_000_000
"""No further back is history read at once, nor a fill looked for that was taken back."""
AHEAD_NS = 5 * 1_000_000_000


class Look(msgspec.Struct, frozen=True):
    """One comparison. `is_settled` says whether balances could be compared at all."""

    findings: Findings
    is_settled: bool

    @property
    def breaks(self) -> tuple[Break, ...]:
        """Return what does not agree."""
        return self.findings.breaks

    @property
    def told(self) -> tuple[Break, ...]:
        """Return what happened and is explained by its row."""
        return tuple(each for _, each in self.findings.told)

    @property
    def orders_compared(self) -> int:
        """Return how many of our orders were held against theirs."""
        return self.findings.orders_compared

    @property
    def balances_compared(self) -> int:
        """Return how many balances were held against theirs."""
        return self.findings.balances_compared


def compare_exchange(
    reader: Reader,
    env: Env,
    since_ns: int,
    *,
    orders_at_most: int = ORDERS_AT_MOST,
    sleep: Callable[[float], None] = time.sleep,
    wall_ns: Callable[[], int] = time.time_ns,
) -> Look:
    """Return what two looks agree on. Raises what the reader raises when the exchange cannot be asked."""
    look = _Looking(reader, env, since_ns, orders_at_most, sleep, wall_ns)
    first = look.once()
    if not first.breaks and not first.told:
        return first
    sleep(SECOND_LOOK_AFTER_S)
    second = look.once()
    seen = {_mark(each) for each in (*first.breaks, *first.told)}
    found = second.findings
    lasting = tuple(each for each in found.breaks if _mark(each) in seen)
    kept = {f"order:{each.subject}" for each in lasting}
    return msgspec.structs.replace(
        second,
        findings=msgspec.structs.replace(
            found,
            breaks=lasting,
            doubted=tuple(each for each in found.breaks if _mark(each) not in seen),
            told=tuple(each for each in found.told if _mark(each[1]) in seen),
            corrections=tuple(each for each in found.corrections if not each.moves or each.ref in kept),
        ),
    )


def _mark(each: Break) -> tuple[str, str, str, Decimal]:
    return each.kind.value, each.subject, each.ref, each.difference


def is_quiet(env: Env) -> bool:
    """Return whether no arb can still move a balance and every journal record is booked."""
    return not read_counters(env.shm_dir).get("trader", {}).get("moving_arbs", 0) and not bytes_not_booked(env)


class _Looking:
    # Looks at one exchange, as often as asked.

    def __init__(
        self,
        reader: Reader,
        env: Env,
        since_ns: int,
        orders_at_most: int,
        sleep: Callable[[float], None],
        wall_ns: Callable[[], int],
    ) -> None:
        self._reader, self._env, self._since_ns = reader, env, since_ns
        self._orders_at_most, self._sleep, self._wall_ns = orders_at_most, sleep, wall_ns
        self._exchange = reader.exchange

    def once(self) -> Look:
        """Return what one look finds."""
        began = self._wall_ns()
        opened = books.opened_ns(self._exchange)
        balances = None if opened is None else self._settled_balances()
        since = self._history_from(began, opened)
        history = read_history(
            self._reader, since, Ns(self._wall_ns() + AHEAD_NS), Ns(began if opened is None else opened)
        )
        beside = compare_our_orders(
            self._reader, history.ours, max(self._since_ns, since), self._orders_at_most, self._sleep
        )
        breaks = list(beside.breaks) + self._strange(history)
        told: list[Told] = []
        corrections: tuple[Target, ...] = ()
        if balances is not None:
            # Only beside balances at rest is history booked: they must agree once it is.
            told, corrections = self._told(history), beside.corrections
            before = self._residual(balances, told, ())
            corrections = tuple(each for each in corrections if _is_backed(each, before))
            residual = self._residual(balances, told, corrections)
            if any(residual.values()):
                more, unexplained = explain(
                    self._exchange, residual, self._surroundings(opened or Ns(0), history.unseen)
                )
                told, breaks = told + more, breaks + _with_figures(unexplained, balances[1])
        count = 0 if balances is None else len({figure.asset for side in balances for figure in side})
        findings = Findings(
            breaks=tuple(breaks),
            told=tuple(told),
            corrections=corrections,
            orders_compared=beside.compared,
            balances_compared=count,
            unseen=history.unseen,
            look_ns=began,
            history_ns=began,
        )
        return Look(findings, balances is not None)

    def _history_from(self, began: int, opened: int | None) -> Ns:
        compared, _ = books.place(self._exchange)
        return Ns(max(compared - OVERLAP_NS, opened or began, began - LONGEST_NS))

    def _told(self, history: History) -> list[Told]:
        # Only what still lacks an entry, or may change: what is booked as a whole is old news.
        told = [transfer_told(self._exchange, one) for one in history.transfers]
        runs = books.run_ids()
        for order in history.foreign:
            target, each = foreign_told(self._exchange, order)
            if _is_named_by(order.client_order_id, runs):
                each = _ours_unknown(each, order.client_order_id or "")
            told.append((target, each))
        booked = adjustments.booked(self._exchange, (target.ref for target, _ in told))
        open_refs = {row.ref for row in adjustments.still_open(self._exchange)}
        return [
            (target, each)
            for target, each in told
            if missing_moves(target, booked.get(target.ref, {})) or (target.ref in open_refs) == target.is_final
        ]

    def _strange(self, history: History) -> list[Break]:
        runs = books.run_ids()
        zero = Decimal(0)
        return [
            Break(
                BreakKind.UNKNOWN_ORDER,
                Severity.CRITICAL if _is_named_by(each.client_order_id, runs) else Severity.HIGH,
                self._exchange,
                each.client_order_id or each.exchange_order_id,
                zero,
                zero,
                zero,
                each.exchange_order_id,
                f"an order on {each.market} rests that our journal does not know",
            )
            for each in history.strange
        ]

    def _residual(
        self,
        balances: tuple[list[BalanceFigure], list[BalanceFigure]],
        told: Sequence[Told],
        corrections: Sequence[Target],
    ) -> dict[str, Decimal]:
        # Theirs minus ours per asset, with all that is to be booked in ours.
        ours, theirs = ({figure.asset: figure.total_dec for figure in side} for side in balances)
        lacking = [*(target for target, _ in told), *corrections]
        booked = adjustments.booked(self._exchange, (target.ref for target in lacking))
        coming = per_asset(move for target in lacking for move in missing_moves(target, booked.get(target.ref, {})))
        residual: dict[str, Decimal] = {}
        for asset in ours.keys() | theirs.keys() | coming.keys():
            ledger = EXACT.add(ours.get(asset, Decimal(0)), coming.get(asset, Decimal(0)))
            residual[asset] = EXACT.subtract(theirs.get(asset, Decimal(0)), ledger)
        return residual

    def _surroundings(self, opened: Ns, unseen: tuple[str, ...]) -> Surroundings:
        _, agreed = books.place(self._exchange)
        since = max(opened, self._wall_ns() - LONGEST_NS)
        return Surroundings(
            trades=books.trades(self._exchange, since),
            left_overs=books.left_overs(since),
            booked_refs=books.booked_refs(self._exchange, "reversal:", "rounding:", "dust:"),
            assets=books.traded_assets(self._exchange),
            fresh_from_ns=agreed,
            unseen=unseen,
        )

    def _settled_balances(self) -> tuple[list[BalanceFigure], list[BalanceFigure]] | None:
        # Ours and theirs, taken while nothing moved; None when the desk never came to rest.
        for _ in range(int(SETTLE_S / LOOK_EVERY_S)):
            if is_quiet(self._env):
                ours = selectors.balance_figures(self._exchange)
                theirs = [BalanceFigure(self._exchange, each.asset, each.total) for each in self._reader.balances()]
                if is_quiet(self._env) and selectors.balance_figures(self._exchange) == ours:
                    return ours, theirs
            self._sleep(LOOK_EVERY_S)
        return None


def _is_named_by(client_order_id: str | None, runs: Iterable[str]) -> bool:
    return client_order_id is not None and any(client_order_id.startswith(f"{run}-") for run in runs)


def _ours_unknown(each: Break, client_order_id: str) -> Break:
    return msgspec.structs.replace(
        each, kind=BreakKind.UNKNOWN_ORDER, severity=Severity.CRITICAL, subject=client_order_id
    )


def _is_backed(correction: Target, residual: Mapping[str, Decimal]) -> bool:
    # What an order's history says is believed once balances say so too: one that takes back needs no proof.
    return not correction.moves or any(residual.get(move.asset) for move in correction.moves)


def _with_figures(found: Iterable[Break], theirs: Iterable[BalanceFigure]) -> list[Break]:
    # Ours is the ledger with all of history in it.
    totals = {figure.asset: figure.total_dec for figure in theirs}
    return [
        msgspec.structs.replace(
            each,
            ours=EXACT.subtract(totals.get(each.subject, Decimal(0)), each.difference),
            theirs=totals.get(each.subject, Decimal(0)),
        )
        for each in found
    ]


def break_text(found: Break) -> str:
    """Return one line for people: where, what, both figures, the difference to the last digit, and the row."""
    row = f", row {found.ref}" if found.ref and found.ref != found.subject else ""
    why = f" ({found.detail})" if found.detail else ""
    return (
        f"{found.exchange} {found.subject}: {found.kind}, ours {found.ours:f},"
        f" theirs {found.theirs:f}, difference {found.difference:f}{row}{why}"
    )


def sums_since(since_ns: int) -> tuple[Decimal, Decimal]:
    """Return (fees, profit) in KRW of the arbs opened since then, exactly; profit of closed arbs only."""
    rows = list(Arb.objects.filter(opened_ns__gte=since_ns).values_list("fees_krw", "pnl_krw", "state"))
    return exact_sum(row[0] for row in rows), exact_sum(row[1] for row in rows if row[2] == ArbState.CLOSED)
