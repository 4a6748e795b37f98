"""What the gateways could do wrong."""

from exchanges import verdict
from exchanges.rest_gateway import RestGateway
from tests.sabotage import Edit
from tests.workers.virtual.sabotages.sabotage import Sabotage, wrong
from workers.virtual.deeds.deed import Family as F

SABOTAGES: dict[str, Sabotage] = {
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
    "a lost answer counts as never sent": wrong(
        {F.ORDERS, F.TRANSPORT},
        "fills_differ refused_but_there ledger_differs contradicted",
        Edit(
            verdict.without_answer, "return Unknown(redacted(cause))", "return Refused(RefusalReason.NOT_SENT, cause)"
        ),
    ),
    "an error of the exchange counts as a refusal": wrong(
        {F.TRANSPORT},
        "fills_differ refused_but_there ledger_differs contradicted",
        Edit(
            verdict._command_http,
            "    if error is None or not 400 <= answer.status < 500:\n"
            '        return Unknown(f"HTTP {answer.status}" if error is None else _words(error))\n',
            "    if error is None or not 400 <= answer.status < 500:\n"
            '        return Refused(RefusalReason.OTHER, "")\n',
        ),
        seed=520,
    ),
}
