"""What reaches an exchange: every order asked for, by our own id, whichever generation's words it came in."""

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import msgspec

from arbitrage.domain.units import units_text
from exchanges.simulator.orders import SimOrder
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Request, Response

if TYPE_CHECKING:
    from workers.virtual.world import World

_PLACES = {"/v1/orders", "/v2/orders"}
_LEGACY_PLACES = {"/trade/place", "/trade/market_buy", "/trade/market_sell"}


class Tap:
    """Listens at one exchange's door."""

    def __init__(self, world: "World", sim: SimExchange) -> None:
        self._world = world
        self._sim = sim
        self._answer = sim.handle
        self._names: dict[str, str] = {}
        """The older generation's orders carry no id of ours: the exchange's id -> ours."""
        sim.handle = self._handle  # type: ignore[method-assign]

    def our_id(self, order: SimOrder) -> str | None:
        """Return the desk's id of an order; None when the desk did not ask for it."""
        return order.draft.client_order_id or self._names.get(order.order_id)

    def _handle(self, request: Request, now: int) -> Response:
        orders = self._sim.matching.orders
        before = len(orders)
        response = self._answer(request, now)
        if request.method == "POST":
            is_older = request.path in _LEGACY_PLACES
            name = self._older_name(request) if is_older else _name(request)
            if name is not None:
                self._world.reached[name] += 1
                self._world.note(self._sim.exchange.value, "was asked for", f"{name} answers {response.status}")
                if is_older and len(orders) > before:
                    self._names[next(reversed(orders))] = name
        return response

    # The newest order of just this kind that was sent and has not come yet.
    def _older_name(self, request: Request) -> str | None:
        form = {key: values[0] for key, values in parse_qs(request.body.decode()).items()}
        market = f"{form['payment_currency']}-{form['order_currency']}".upper()
        side = form.get("type") or ("bid" if request.path.endswith("buy") else "ask")
        asked = (self._sim.exchange, market, side, form["units"])
        for one in reversed(self._world.sends):
            order = one.order
            if (one.exchange, order.market, order.side.value, units_text(order.qty)) == asked:
                return order.client_order_id
        return ""


def _name(request: Request) -> str | None:
    if request.path not in _PLACES:
        return None
    body: dict[str, Any] = msgspec.json.decode(request.body)
    return str(body.get("identifier") or body.get("client_order_id") or "")
