"""Limits that are not kept, and cancels that are not sent."""

from arbitrage.domain import arb_step, risk
from fast_path.engine import Engine
from fast_path.executor import Executor
from tests.sabotage import Edit
from tests.workers.virtual.sabotages.sabotage import Sabotage, wrong
from workers.last_look import LastLook
from workers.trader import Trader
from workers.virtual.deeds.deed import Family as F

TIGHT = 508
"""A run in which one arb at a time is allowed, and two orders a second."""

SABOTAGES: dict[str, Sabotage] = {
    "no order is ever too old": wrong(
        {F.ORDERS},
        "never_cancelled",
        Edit(
            arb_step._should_cancel,
            "return order.state is OrderState.WORKING and (too_old or",
            "return False and (too_old or",
        ),
        seed=508,
    ),
    "cancels are planned and never sent": wrong(
        {F.ORDERS},
        "never_cancelled",
        Edit(Executor._act, "self._crossings.cancel(order)", "pass"),
        seed=508,
    ),
    "any number of arbs may be open": wrong(
        {F.ORDERS},
        "too_many_arbs",
        Edit(risk.are_open_arbs_too_many, ">= q.params.max_open_arbs", "< 0"),
        seed=TIGHT,
    ),
    "any number of orders may leave in a second": wrong(
        {F.ORDERS},
        "too_many_orders",
        Edit(risk.is_order_rate_too_high, "> q.params.max_orders_per_s", "< 0"),
        seed=TIGHT,
    ),
    "the first parameters are used for ever": wrong(
        {F.OPERATOR, F.HOST},
        "params_not_taken",
        Edit(Engine.refresh_params, "if not data or epoch == self._seen_epoch:", "if self.params_epoch:"),
    ),
    "a trader that was fenced off trades on": wrong(
        {F.HOST},
        "sent_when_fenced",
        Edit(LastLook._not_ours, "if newest == self._fence", "if True"),
        Edit(Trader._trade, "if context.control.fence() != self.fence:", "if False:"),
        seed=501,
    ),
}
