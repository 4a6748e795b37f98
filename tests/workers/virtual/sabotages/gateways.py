"""What the gateways could do wrong."""

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
}
