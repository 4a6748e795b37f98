"""Limits that are not kept, and cancels that are not sent."""

from arbitrage.domain import arb_clocks, arb_step, ledger, risk
from arbitrage.domain.units import SCALE
from fast_path.engine import Engine
from fast_path.executor import Executor
from tests.sabotage import Edit
from tests.workers.virtual.sabotages.sabotage import Sabotage, wrong
from workers.breaker_watch import BreakerWatch
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
    "a restart begins an order's time anew": wrong(
        {F.ORDERS, F.CRASH},
        "never_cancelled",
        Edit(arb_clocks._age_ns, "return _since_ns(order.planned_wall_ns, limits.cancel_after_ns, now)", "return 0"),
        seed=508,
    ),
    "any number of arbs may be open": wrong(
        {F.ORDERS},
        "too_many_arbs",
        Edit(risk.are_open_arbs_too_many, ">= q.params.max_open_arbs", "< 0"),
        seed=520,
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
    "a cut does not reach the trader": wrong(
        {F.OPERATOR},
        "sent_while_cut",
        Edit(LastLook._not_ours, "if self._context.control.is_cut():", "if False:"),
        Edit(Trader._trade, "if context.control.is_cut():", "if False:"),
        Edit(Executor.last_check, "if level is TradingLevel.HALTED:", "if False:"),
        seed=505,
    ),
    "a day may lose any amount": wrong(
        {F.ORDERS},
        "past_daily_loss",
        Edit(risk.is_daily_loss_reached, ">= q.params.max_daily_loss_krw", "< -(10**20)"),
        Edit(risk.is_breaker_tripped, "> 0", "< 0"),
        Edit(BreakerWatch.tick, "self._lower(trip)", "pass"),
        seed=501,
        # Stock is brought back at any price: what hedges lose alone, a run earns again.
        max_daily_loss_krw=1_000 * SCALE,
        soft_band_ppm=0,
        hard_band_ppm=100_000,
        max_discount_ppm=20_000,
        discount_budget_krw=10**6 * SCALE,
    ),
    "a lone leg is never evened out": wrong(
        {F.ORDERS},
        "uneven_too_long",
        Edit(arb_step._ticked, "elif arb.state is S.LEGGED:", "elif False:"),
        seed=501,
    ),
    "an order without fills counts as ended": wrong(
        {F.ORDERS},
        "left_open",
        Edit(arb_step._wants_news, "not order.is_ended or not order.is_proven", "not order.is_proven"),
        seed=549,
    ),
    "fees are booked the wrong way round": wrong(
        {F.ORDERS},
        "recorded_differs",
        Edit(ledger.postings_for_fee, "fee_delta.copy_negate()", "fee_delta"),
    ),
    "an error of a callback goes nowhere": wrong(
        {F.ORDERS},
        "unheard_error",
        Edit(
            Executor._keep,
            "call_soon(self._told, before, after, now, took_ns)",
            "call_soon(self._told, before, after, now)",
        ),
        Edit(Trader.run, "asyncio.get_running_loop().set_exception_handler(self._broke)", "pass"),
    ),
    "an end that was asked for counts as a failure": wrong(
        {F.ORDERS},
        "bad_end",
        Edit(Trader._trade, "return EXIT_OK", "return EXIT_FAILED"),
    ),
}
