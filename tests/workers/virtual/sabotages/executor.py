"""What the executor could do wrong."""

from fast_path.crossings import Crossings
from fast_path.executor import Executor
from tests.sabotage import Edit
from tests.workers.virtual.sabotages.sabotage import Sabotage, wrong
from workers.desk import TradingDesk
from workers.errands import Errands
from workers.trader import Trader
from workers.virtual.deeds.deed import Family as F

SABOTAGES: dict[str, Sabotage] = {
    "silence is taken for a refusal": wrong(
        {F.ORDERS, F.TRANSPORT},
        "refused_but_there",
        Edit(Crossings._report_of, "OrderOn.OUTCOME_LOST", "OrderOn.REFUSED"),
        seed=527,
    ),
    "hedges are planned and never sent": wrong(
        {F.ORDERS},
        "never_sent",
        Edit(Executor._act, "case Place(order):", "case Place(order) if order.role is not OrderRole.HEDGE:"),
        seed=501,
    ),
    "the kill switch is not looked at": wrong(
        {F.OPERATOR},
        "sent_while_halted",
        Edit(Executor.last_check, "if level is TradingLevel.HALTED:", "if False:"),
        seed=516,
    ),
    "legs pass while reducing": wrong(
        {F.OPERATOR},
        "sent_while_reducing",
        Edit(Executor.last_check, "if level is TradingLevel.REDUCING:", "if False:"),
    ),
    "a restart forgets what is open": wrong(
        {F.CRASH, F.ORDERS},
        "not_at_rest",
        Edit(Executor.recover, "if not arb.is_closed:", "if False:"),
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
    "answers to questions are not heard": wrong(
        {F.CRASH, F.ORDERS},
        "fills_differ not_at_rest ledger_differs",
        Edit(Crossings._query, "self._hear(order, report, None)", "pass"),
    ),
    "the private stream is not heard": wrong(
        {F.ORDERS},
        "fills_differ",
        Edit(Errands.listen, "self._executor.hear(exchange, news)", "pass"),
        Edit(Executor._ask_once_more, "if self._register", "if False and self._register"),
        seed=550,
    ),
    "a stream that was down stays down": wrong(
        {F.NETWORK},
        "trades_no_more",
        Edit(Errands._stream_changed, "self._desk.streams_up.add(exchange)", "self._desk.streams_up.discard(exchange)"),
    ),
    "refusals by the gate are not counted": wrong(
        {F.BOOKS},
        "no_reason",
        Edit(Trader._acted, 'counters.add(f"denied.{decision.denial}")', "pass"),
    ),
    "the desk lowers itself without a record": wrong(
        {F.ACCOUNT},
        "lowered_untold",
        Edit(TradingDesk.halt, "self._journal.append(", "dict(record="),
    ),
}
