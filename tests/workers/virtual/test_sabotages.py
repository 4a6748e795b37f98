"""The campaign can fail: every sabotage of the trading path breaks a rule within a few runs."""

import msgspec
import pytest

from arbitrage.domain import arb_step, order, risk
from arbitrage.domain.balances import Wallets
from exchanges.rest_gateway import RestGateway
from fast_path.crossings import Crossings
from fast_path.executor import Executor
from fast_path.journal import Journal
from tests.sabotage import Edit, apply
from workers import start, trader
from workers.trader import Trader
from workers.virtual.deeds.deed import Family
from workers.virtual.run import Plan, run

F = Family
FIRST_SEED = 500
SEEDS = 25


class Sabotage(msgspec.Struct, frozen=True):
    """Lines done wrong, the kinds of trouble that show it, and the rules one of which it must break."""

    edits: tuple[Edit, ...]
    families: frozenset[Family]
    rules: frozenset[str]


def wrong(families: set[Family], rules: str, *edits: Edit) -> Sabotage:
    return Sabotage(edits, frozenset(families), frozenset(rules.split()))


SABOTAGES = {
    "an order is sent again when its outcome is unknown": wrong(
        {F.ORDERS, F.TRANSPORT},
        "sent_twice",
        Edit(
            RestGateway._once,
            "        self._learn(groups[0], outcome)\n",
            "        if type(self._judged(outcome, read)).__name__ == 'Unknown':\n"
            "            outcome = await self._transport.send(build, use=Use.ORDERS, timeout_ns=ORDER_TIMEOUT_NS)\n",
        ),
    ),
    "silence is taken for a refusal": wrong(
        {F.ORDERS, F.TRANSPORT},
        "fills_differ refused_but_there ledger_differs",
        Edit(Crossings._report_of, "OrderOn.OUTCOME_LOST", "OrderOn.REFUSED"),
    ),
    "the first not-found is believed": wrong(
        {F.ORDERS},
        "fills_differ refused_but_there ledger_differs",
        Edit(arb_step._proves_absence, ">= limits.not_found_grace_ns", ">= 0"),
    ),
    "hedges are planned and never sent": wrong(
        {F.ORDERS},
        "never_sent",
        Edit(Executor._act, "case Place(order):", "case Place(order) if order.role is not OrderRole.HEDGE:"),
    ),
    "hedges have twice the size": wrong(
        {F.ORDERS},
        "hedge_not_to_size",
        Edit(arb_step._hedged, "wanted.qty,", "Qty(2 * wanted.qty),"),
    ),
    "the kill switch is not looked at": wrong(
        {F.OPERATOR},
        "sent_while_halted",
        Edit(Executor.last_check, "if level is TradingLevel.HALTED:", "if False:"),
    ),
    "legs pass while reducing": wrong(
        {F.OPERATOR},
        "sent_while_reducing",
        Edit(Executor.last_check, "if level is TradingLevel.REDUCING:", "if False:"),
    ),
    "a restart forgets what is open": wrong(
        {F.CRASH, F.ORDERS},
        "fills_differ left_uneven not_at_rest ledger_differs",
        Edit(Executor.recover, "if not arb.is_closed:", "if False:"),
    ),
    "a restart sends again what it planned": wrong(
        {F.CRASH},
        "sent_twice no_trader",
        Edit(arb_step.recovered, "tuple(Query(order) for", "tuple(Place(order) for"),
    ),
    "the journal is written after the send": wrong(
        {F.ORDERS},
        "sent_before_journal",
        Edit(
            Executor._keep,
            "self._journalled(before, after, now, durable=places) if news else 0",
            "news and asyncio.get_running_loop().call_later(\n"
            "            0.005, lambda: self._journalled(before, after, now, durable=places)\n"
            "        ) and 0",
        ),
    ),
    "a fill that is told twice counts twice": wrong(
        {F.BOOKS},
        "contradicted fills_differ ledger_differs",
        Edit(order.advance, "if fill.trade_id not in known", ""),
    ),
    "fees are not taken over": wrong(
        {F.ORDERS},
        "ledger_differs",
        Edit(order.advance, "paid_fee=max(order.paid_fee, report.paid_fee or Decimal(0))", "paid_fee=order.paid_fee"),
    ),
    "a buying book of any age will do": wrong(
        {F.BOOKS, F.NETWORK},
        "stale_book",
        Edit(
            risk.is_book_stale,
            "return _is_old(",
            "return False and _is_old(",
        ),
        Edit(risk.are_books_apart, "> q.params.max_book_skew_ns", "< 0"),
    ),
    "books of two moments are compared": wrong(
        {F.BOOKS, F.NETWORK},
        "books_apart",
        Edit(risk.are_books_apart, "> q.params.max_book_skew_ns", "< 0"),
    ),
    "the operator's silence is not noticed": wrong(
        {F.HOST},
        "out_of_control",
        Edit(risk.is_control_stale, "return not q.controls.beat_mono_ns or", "return False and"),
    ),
    "a route with an unknown leg is used": wrong(
        {F.ORDERS, F.TRANSPORT},
        "sent_beside_unknown",
        Edit(risk.is_route_unresolved, "> 0", "< 0"),
        Edit(risk.is_market_busy, "> 0", "< 0"),
    ),
    "lock and fence are ignored": wrong(
        {F.HOST},
        "two_writers",
        Edit(trader.take_lock, "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_SH"),
        Edit(Journal._open, "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_SH"),
        Edit(Trader.last_check, "if self._context.control.fence() != self._fence:", "if False:"),
        Edit(Trader._trade, "if context.control.fence() != self._fence:", "if False:"),
    ),
    "reservations are never given back": wrong(
        {F.ORDERS},
        "still_reserved",
        Edit(Wallets._drop, "-= reservation.amount", "-= 0"),
    ),
    "names of runs come back": wrong(
        {F.CRASH},
        "sent_twice fills_differ ledger_differs",
        Edit(start.new_run_id, 'f"{_base36(second)}{_base36(fence)}") in taken', '"run") in ()'),
    ),
    "a torn record stays in the journal": wrong(
        {F.CRASH},
        "no_trader",
        Edit(Journal._open, "self._cut(end, size, wall_ns)\n        return end", "return size"),
    ),
    "answers to questions are not heard": wrong(
        {F.CRASH, F.ORDERS},
        "fills_differ not_at_rest ledger_differs",
        Edit(Crossings._query, "self._hear(order, report, None)", "pass"),
    ),
}


@pytest.mark.parametrize("name", SABOTAGES, ids=lambda name: name.replace(" ", "_"))
def test_a_sabotage_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage = SABOTAGES[name]
    apply(monkeypatch, sabotage.edits)
    broken: set[str] = set()
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        broken |= {one.rule for one in run(Plan(seed, sabotage.families, about=14, trades_for_s=25)).violations}
        if broken & sabotage.rules:
            return
    pytest.fail(f"none of {sorted(sabotage.rules)} was broken in {SEEDS} runs; {sorted(broken) or 'nothing'} was")


def test_without_a_sabotage_the_same_runs_break_no_rule() -> None:
    for families in sorted({sabotage.families for sabotage in SABOTAGES.values()}, key=sorted):
        outcome = run(Plan(FIRST_SEED, families, about=14, trades_for_s=25))
        assert outcome.violations == ()
        assert outcome.arbs > 0
