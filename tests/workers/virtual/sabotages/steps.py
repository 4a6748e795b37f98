"""What the steps of orders and arbs could do wrong."""

from arbitrage.domain import arb_step, leg_order, order
from fast_path.executor import Executor
from tests.sabotage import Edit
from tests.workers.virtual.sabotages.sabotage import Sabotage, wrong
from workers.virtual.deeds.deed import Family as F

HARD_LEGS_FIRST = 503
"""A run in which legs go one after the other."""

SABOTAGES: dict[str, Sabotage] = {
    "the first not-found is believed": wrong(
        {F.ORDERS},
        "fills_differ refused_but_there ledger_differs",
        Edit(arb_step._proves_absence, ">= limits.not_found_grace_ns", ">= 0"),
    ),
    "hedges have twice the size": wrong(
        {F.ORDERS},
        "hedge_not_to_size",
        Edit(arb_step._hedged, "wanted.qty,", "Qty(2 * wanted.qty),"),
    ),
    "a leg that goes second keeps its whole size": wrong(
        {F.ORDERS},
        "followed_wrongly",
        Edit(leg_order.released, "held, qty=qty, ", "held, "),
        seed=523,
    ),
    "a leg that is to wait goes as well": wrong(
        {F.ORDERS},
        "followed_wrongly",
        Edit(arb_step.open_arb, "tuple(Place(leg) for leg in going)", "tuple(Place(leg) for leg in legs)"),
        seed=HARD_LEGS_FIRST,
    ),
    "a restart sends again what it planned": wrong(
        {F.CRASH},
        "sent_twice no_trader",
        Edit(arb_step.recovered, "tuple(Query(order) for", "tuple(Place(order) for"),
        Edit(Executor.last_check, "if age > SEND_WITHIN_NS and not self._has_sibling_left(order):", "if False:"),
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
}
