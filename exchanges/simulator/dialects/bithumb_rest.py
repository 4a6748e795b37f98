"""Bithumb's paths (JWT generation: v1 reads, v2 orders) and what each answers (bithumb.md §3)."""

from arbitrage.domain.units import Side
from exchanges.simulator.dialect import Access, Call, Route
from exchanges.simulator.dialects import shared
from exchanges.simulator.dialects.bithumb import (
    ORDER_FAULTS,
    UNIT,
    BithumbWords,
    acceptance_words,
    order_words,
    size_text,
    units_text,
)
from exchanges.simulator.dialects.bithumb_prints import PRINT_ROUTES, BithumbPrints, ticker_route
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks, OnRepeat
from exchanges.simulator.dialects.reading import Wrong, own_orders, read_count, read_draft, read_states
from exchanges.simulator.dialects.shared import JSON, Extra, json_answer
from exchanges.simulator.kst import kst_text
from exchanges.simulator.matching import Fault
from exchanges.simulator.orders import Draft, OrdType, SimOrder
from exchanges.simulator.rules import State
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Response, WireRefusal

_BAD = "invalid_parameter"
_WRONG = {Wrong.MEMBER: _BAD, Wrong.PRICE: "invalid_price", Wrong.VOLUME: _BAD, Wrong.TIF: _BAD}


def _market_list(sim: SimExchange, call: Call) -> Response:
    extra = {"market_warning": "NONE"} if call.params.one("isDetails") == "true" else {}
    return json_answer([{**shared.names_of(market), **extra} for market in sim.market.markets])


def _orderbook(sim: SimExchange, call: Call) -> Response:
    text = call.params.one("markets")
    markets = shared.listed_markets(text.upper() if text else None, sim.market.markets)
    depth = 30 if len(markets) == 1 else 15
    books = []
    for market in markets:
        view = sim.view(market, call.now)
        bids, asks = view.cut(depth)
        books.append(
            f'{{"market":"{market}","timestamp":{view.at_ns // 1_000_000},'
            f'"total_ask_size":{size_text(sum(qty for _, qty in asks))},'
            f'"total_bid_size":{size_text(sum(qty for _, qty in bids))},'
            f'"orderbook_units":[{units_text(UNIT, bids, asks)}]}}'
        )
    return Response(200, f"[{','.join(books)}]".encode(), JSON)


def _notices(sim: SimExchange, call: Call) -> Response:
    count = read_count(call.params.one("count"), 5, 20, _BAD)
    rows = [
        {
            "categories": ["안내"],
            "title": "모의 거래소 안내",
            "pc_url": "https://example.invalid/notice/1",
            "published_at": "2026-11-01 10:00:00",
            "modified_at": "2026-11-01 10:00:00",
        }
    ]
    return json_answer(rows[:count])


def _chance(sim: SimExchange, call: Call) -> Response:
    market = call.params.one("market") or ""
    if market not in sim.market.markets:
        raise _fault(Fault.MARKET_UNKNOWN, Side.BID)
    kinds = {
        Side.BID: [OrdType.LIMIT.value, OrdType.PRICE.value],
        Side.ASK: [OrdType.LIMIT.value, OrdType.MARKET.value],
    }
    return json_answer(shared.chance(sim.rules, call.owner, market, kinds, {"price_unit": "1"}))


def _fault(fault: Fault, side: Side) -> WireRefusal:
    status, name = ORDER_FAULTS[fault]
    return WireRefusal(status, name.format(side=side.value))


def _draft(call: Call) -> Draft:
    return read_draft(call.params, "order_type", "client_order_id", _WRONG)


# Not found, and not ready: until an accepted order has met the book it cannot be read or cancelled.
def _named(sim: SimExchange, call: Call, id_word: str) -> SimOrder:
    order_id, client_id = call.params.one(id_word), call.params.one("client_order_id")
    if order_id is None and client_id is None:
        raise WireRefusal(400, _BAD, f"{id_word} or client_order_id is needed")
    order = sim.own_order(call.owner, order_id, client_id)
    if order is None:
        raise WireRefusal(404, "order_not_found", "주문을 찾지 못했습니다.")
    if order.state is State.ACCEPTED:
        raise WireRefusal(422, "order_not_ready", "주문이 아직 준비되지 않았습니다.")
    return order


def _get(sim: SimExchange, call: Call) -> Response:
    return json_answer(order_words(_named(sim, call, "uuid"), Extra.TRADES))


def _cancel(sim: SimExchange, call: Call) -> Response:
    order = _named(sim, call, "order_id")
    if not order.is_open:
        raise WireRefusal(404, "order_not_found", "주문을 찾지 못했습니다.")
    sim.matching.cancel(order, call.now)
    words = {"order_id": order.order_id, "created_at": kst_text(call.now)}
    if order.draft.client_order_id is not None:
        words["client_order_id"] = order.draft.client_order_id
    return json_answer(words)


def _list(sim: SimExchange, call: Call) -> Response:
    states = read_states(call, ("wait", "watch", "done", "cancel"), ("wait",), _BAD)
    if "watch" in call.params.many("states") and len(call.params.many("states")) > 1:
        raise WireRefusal(400, _BAD, "watch cannot be mixed with other states")
    ids, client_ids = call.params.many("uuids"), call.params.many("client_order_ids")
    if len(ids) > 100 or len(client_ids) > 100:
        raise WireRefusal(400, _BAD, "at most 100 ids")
    found = [order for order in own_orders(sim, call, states) if order.state is not State.ACCEPTED]
    if ids or client_ids:
        found = [order for order in found if order.order_id in ids or order.draft.client_order_id in client_ids]
    limit = read_count(call.params.one("limit"), 100, 100, _BAD)
    page = read_count(call.params.one("page"), 1, 1_000_000, _BAD)
    return json_answer([order_words(order) for order in found[(page - 1) * limit : page * limit]])


class BithumbDialect(BithumbPrints, BithumbWords):
    """All of Bithumb's words."""

    def __init__(self, quirks: BithumbQuirks) -> None:
        self.quirks = quirks
        public, private = Access.PUBLIC, Access.PRIVATE
        self.routes = {
            ("GET", "/v1/market/all"): Route(public, "other", _market_list),
            ("GET", "/v1/orderbook"): Route(public, "orderbook", _orderbook),
            ("GET", "/v1/ticker"): ticker_route(quirks.ticker_shift_ns),
            **PRINT_ROUTES,
            ("GET", "/v1/notices"): Route(public, "other", _notices),
            ("GET", "/v1/accounts"): Route(private, "private", shared.accounts),
            ("GET", "/v1/orders/chance"): Route(private, "private", _chance),
            ("POST", "/v2/orders"): Route(private, "order", self._place),
            ("DELETE", "/v2/order"): Route(private, "cancel", _cancel),
            ("GET", "/v1/order"): Route(private, "private", _get),
            ("GET", "/v1/orders"): Route(private, "private", _list),
            ("GET", "/v1/api_keys"): Route(private, "private", shared.api_keys),
            ("GET", "/v1/status/wallet"): Route(private, "private", shared.wallets),
        }

    def _place(self, sim: SimExchange, call: Call) -> Response:
        if self.quirks.on_repeat is OnRepeat.EXISTING:
            before = sim.own_order(call.owner, None, call.params.one("client_order_id"))
            if before is not None:
                return json_answer(acceptance_words(before), 201)
        return sim.take_order(call, _draft, _fault, lambda order: json_answer(acceptance_words(order), 201))
