"""What the steps of orders and arbs could do wrong."""

from arbitrage.domain import arb_step, leg_order, order
from fast_path.executor import Executor
from tests.sabotage import Edit
from tests.workers.virtual.sabotages.sabotage import Sabotage, wrong
from workers import start
from workers.virtual.deeds.deed import Family as F

HARD_LEGS_FIRST = 503
"""A run in which legs go one after the other."""

SABOTAGES: dict[str, Sabotage] = {
    "the first not-found is believed": wrong(
        {F.ORDERS},
        "fills_differ refused_but_there ledger_differs",
        Edit(arb_step._proves_absence, ">= limits.not_found_grace_ns", ">= 0"),
        seed=502,
    ),
    "hedges have twice the size": wrong(
        {F.ORDERS},
        "hedge_not_to_size",
        Edit(arb_step._hedged, "wanted.qty,", "Qty(2 * wanted.qty),"),
        seed=501,
    ),
    "a restart forgets the dust": wrong(
        {F.CRASH, F.ORDERS},
        "dust_differs",
        Edit(start.read_past, "                dust.fold(arb)\n", ""),
        seed=504,
    ),
    "a leg that goes second keeps its whole size": wrong(
        {F.ORDERS},
        "followed_wrongly",
        Edit(leg_order.released, "held, qty=qty, ", "held, "),
        seed=531,
    ),
    "a leg that is to wait goes as well": wrong(
        {F.ORDERS},
        "followed_wrongly",
        Edit(arb_step.open_arb, "tuple(Place(leg) for leg in going)", "tuple(Place(leg) for leg in legs)"),
        seed=HARD_LEGS_FIRST,
    ),
    "a restart sends again what it planned": wrong(
        {F.CRASH},
        "sent_twice no_trader contradicted",
        Edit(arb_step.recovered, "tuple(Query(order) for", "tuple(Place(order) for"),
    ),
    "a fill that is told twice counts twice": wrong(
        {F.BOOKS},
        "contradicted",
        Edit(order.advance, "if fill.trade_id not in known", ""),
        seed=502,
    ),
    "fees are not taken over": wrong(
        {F.ORDERS},
        "ledger_differs",
        Edit(order.advance, "paid_fee=max(order.paid_fee, report.paid_fee or Decimal(0))", "paid_fee=order.paid_fee"),
    ),
    "a fill after the end is not heard": wrong(
        {F.ORDERS},
        "fills_differ ledger_differs contradicted",
        Edit(Executor._ask_once_more, "if self._register", "if False and self._register"),
        Edit(
            Executor.hear,
            "        self._feed(self._register.arb_of(client_order_id).arb_id,",
            "        if self._register.arb_of(client_order_id).is_closed:\n            return\n"
            "        self._feed(self._register.arb_of(client_order_id).arb_id,",
        ),
        seed=504,
    ),
    "a fill after the end is not evened out": wrong(
        {F.ORDERS},
        "left_uneven",
        Edit(arb_step._reopened, "if arb.imbalance == arb.dust_qty:", "if True:"),
        seed=504,
    ),
    "an arb closes beside an outcome not known": wrong(
        {F.ORDERS, F.TRANSPORT},
        "unknown_closed",
        Edit(arb_step._settled, "if any(order.state is OrderState.UNKNOWN for order in arb.orders):", "if False:"),
        Edit(arb_step._wants_news, "not order.is_ended or", "(not order.is_ended and order.state not in IN_DOUBT) or"),
        seed=504,
    ),
    "arbs get stuck without a word": wrong(
        {F.ORDERS, F.NETWORK},
        "stuck_untold",
        Edit(Executor._journalled, "if moved else None", "if moved and after.state is not ArbState.STUCK else None"),
        Edit(arb_step._hedged, "if not is_late:", "if False:"),
        seed=508,
    ),
}
