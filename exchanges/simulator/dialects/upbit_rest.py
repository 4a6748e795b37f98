"""Upbit's paths and what each answers (upbit.md §1.2 to §1.9)."""

from collections.abc import Iterable

from arbitrage.domain.units import Side
from exchanges.simulator.dialect import Access, Call, Route
from exchanges.simulator.dialects import shared
from exchanges.simulator.dialects.reading import Wrong, own_orders, read_count, read_draft, read_states
from exchanges.simulator.dialects.shared import JSON, Extra, json_answer
from exchanges.simulator.dialects.upbit import ORDER_FAULTS, UpbitWords, order_types, order_words
from exchanges.simulator.dialects.upbit_prints import PRINT_ROUTES, UpbitPrints
from exchanges.simulator.kst import SECOND, parse_time
from exchanges.simulator.matching import Fault
from exchanges.simulator.money import plain_text
from exchanges.simulator.orders import Draft, SimOrder, Tif
from exchanges.simulator.rules import State
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Response, WireRefusal

_WEEK_NS = 7 * 86_400 * SECOND
_SMP = ("cancel_maker", "cancel_taker", "reduce", "none")
_WRONG = {
    Wrong.MEMBER: "validation_error",
    Wrong.PRICE: "invalid_price_{side}",
    Wrong.VOLUME: "invalid_volume_{side}",
    Wrong.TIF: "invalid_time_in_force",
}
_NOT_FOUND = (404, "order_not_found", "주문을 찾지 못했습니다.")


def _market_list(sim: SimExchange, call: Call) -> Response:
    rows: list[dict[str, object]] = []
    for market in sim.market.markets:
        row: dict[str, object] = dict(shared.names_of(market))
        if call.params.one("is_details") == "true":
            names = (
                "PRICE_FLUCTUATIONS",
                "TRADING_VOLUME_SOARING",
                "DEPOSIT_AMOUNT_SOARING",
                "GLOBAL_PRICE_DIFFERENCES",
                "CONCENTRATION_OF_SMALL_ACCOUNTS",
            )
            row["market_event"] = {"warning": False, "caution": dict.fromkeys(names, False)}
        rows.append(row)
    return json_answer(rows)


def _orderbook(sim: SimExchange, call: Call) -> Response:
    markets = shared.listed_markets(call.params.one("markets"), sim.market.markets)
    count = _count(call.params.one("count"), 30, 30)
    level = call.params.one("level") or "0"
    if level not in ("0", "0.0"):
        return json_answer([])
    books = []
    for market in markets:
        view = sim.view(market, call.now)
        bids, asks = view.cut(count)
        units = ",".join(
            f'{{"ask_price":{plain_text(ask[0])},"bid_price":{plain_text(bid[0])},'
            f'"ask_size":{plain_text(ask[1])},"bid_size":{plain_text(bid[1])}}}'
            for ask, bid in shared.paired(bids, asks)
        )
        books.append(
            f'{{"market":"{market}","timestamp":{view.at_ns // 1_000_000},'
            f'"total_ask_size":{plain_text(sum(qty for _, qty in asks))},'
            f'"total_bid_size":{plain_text(sum(qty for _, qty in bids))},'
            f'"orderbook_units":[{units}],"level":0}}'
        )
    return Response(200, f"[{','.join(books)}]".encode(), JSON)


def _instruments(sim: SimExchange, call: Call) -> Response:
    rows = []
    for market in shared.listed_markets(call.params.one("markets"), sim.market.markets):
        best = sim.levels(market, Side.BID, call.now) or sim.levels(market, Side.ASK, call.now)
        tick = sim.rules.ticks.tick_at(best[0][0]) if best else 0  # type: ignore[arg-type]
        rows.append(
            {"market": market, "quote_currency": "KRW", "tick_size": plain_text(tick), "supported_levels": ["0"]}
        )
    return json_answer(rows)


def _count(text: str | None, default: int, most: int) -> int:
    return read_count(text, default, most, "validation_error")


def _chance(sim: SimExchange, call: Call) -> Response:
    market = call.params.one("market") or ""
    if market not in sim.market.markets:
        raise _fault(Fault.MARKET_UNKNOWN, Side.BID)
    kinds = {side: order_types(side) for side in Side}
    return json_answer(shared.chance(sim.rules, call.owner, market, kinds, {}))


def _fault(fault: Fault, side: Side) -> WireRefusal:
    status, name = ORDER_FAULTS[fault]
    return WireRefusal(status, name.format(side=side.value))


def _draft(call: Call) -> Draft:
    draft = read_draft(call.params, "ord_type", "identifier", _WRONG)
    smp = call.params.one("smp_type")
    if smp is not None and smp not in _SMP:
        raise WireRefusal(400, "validation_error", "smp_type is unknown")
    if draft.tif is Tif.POST_ONLY and smp not in (None, "none"):
        raise WireRefusal(400, "invalid_post_only")
    return draft


def _place(sim: SimExchange, call: Call) -> Response:
    return sim.take_order(call, _draft, _fault, lambda order: json_answer(order_words(order), 201))


def _place_test(sim: SimExchange, call: Call) -> Response:
    draft = _draft(call)
    order = sim.matching.trial(call.owner, draft, call.now)
    if isinstance(order, Fault):
        raise _fault(order, draft.side)
    return json_answer(order_words(order), 201)


def _named(sim: SimExchange, call: Call) -> SimOrder:
    order_id, client_id = call.params.one("uuid"), call.params.one("identifier")
    if order_id is None and client_id is None:
        raise WireRefusal(400, "validation_error", "uuid or identifier is needed")
    order = sim.own_order(call.owner, order_id, client_id)
    if order is None:
        raise WireRefusal(*_NOT_FOUND)
    return order


def _get(sim: SimExchange, call: Call) -> Response:
    return json_answer(order_words(_named(sim, call), Extra.TRADES))


def _cancel(sim: SimExchange, call: Call) -> Response:
    order = _named(sim, call)
    if not order.is_open:
        raise WireRefusal(*_NOT_FOUND)
    answer = json_answer(order_words(order))
    sim.matching.cancel(order, call.now)
    return answer


def _rows(orders: Iterable[SimOrder]) -> Response:
    return json_answer([order_words(order, Extra.EXECUTED_FUNDS) for order in orders])


def _states(call: Call, allowed: tuple[str, ...], default: tuple[str, ...]) -> tuple[State, ...]:
    return read_states(call, allowed, default, "validation_error")


def _open(sim: SimExchange, call: Call) -> Response:
    found = own_orders(sim, call, _states(call, ("wait", "watch"), ("wait",)))
    limit = _count(call.params.one("limit"), 100, 100)
    page = _count(call.params.one("page"), 1, 1_000_000)
    return _rows(found[(page - 1) * limit : page * limit])


def _closed(sim: SimExchange, call: Call) -> Response:
    states = _states(call, ("done", "cancel"), ("done", "cancel"))
    limit = _count(call.params.one("limit"), 100, 1000)
    try:
        end = parse_time(call.params.one("end_time") or "") if call.params.one("end_time") else None
        start = parse_time(call.params.one("start_time") or "") if call.params.one("start_time") else None
    except ValueError:
        raise WireRefusal(400, "validation_error", "start_time and end_time must be ISO-8601 or milliseconds") from None
    if end is None:
        end = call.now if start is None else start + _WEEK_NS
    if start is None:
        start = end - _WEEK_NS
    if not start <= end <= start + _WEEK_NS:
        raise WireRefusal(400, "validation_error", "the window is at most 7 days")
    found = [order for order in own_orders(sim, call, states) if start <= order.created_ns <= end]
    return _rows(found[:limit])


def _by_ids(sim: SimExchange, call: Call) -> Response:
    ids, client_ids = call.params.many("uuids"), call.params.many("identifiers")
    if not 1 <= len(ids) + len(client_ids) <= 100:
        raise WireRefusal(400, "validation_error", "1 to 100 uuids[] or identifiers[]")
    found = [sim.own_order(call.owner, order_id, None) for order_id in ids]
    found += [sim.own_order(call.owner, None, client_id) for client_id in client_ids]
    market = call.params.one("market")
    rows = {order.order_id: order for order in found if order is not None and market in (None, order.draft.market)}
    newest_first = call.params.one("order_by") != "asc"
    return _rows(sorted(rows.values(), key=lambda order: order.created_ns, reverse=newest_first))


def _cancel_open(sim: SimExchange, call: Call) -> Response:
    params = call.params
    pairs = (params.one("pairs") or "").split(",") if params.one("pairs") else None
    quotes = (params.one("quote_currencies") or "KRW").split(",")
    excluded = (params.one("excluded_pairs") or "").split(",")
    side = params.one("cancel_side") or "all"
    if side not in ("all", "bid", "ask") or (pairs is not None and (len(pairs) > 20 or params.one("quote_currencies"))):
        raise WireRefusal(400, "validation_error")
    found = [
        order
        for order in own_orders(sim, call, (State.WAIT,))
        if (order.draft.market in pairs if pairs is not None else order.draft.market.split("-")[0] in quotes)
        and order.draft.market not in excluded
        and side in ("all", order.draft.side.value)
    ][: _count(params.one("count"), 20, 300)]
    rows = []
    for order in found:
        row = {"uuid": order.order_id, "market": order.draft.market}
        if order.draft.client_order_id is not None:
            row["identifier"] = order.draft.client_order_id
        rows.append(row)
        sim.matching.cancel(order, call.now)
    return json_answer({"success": {"count": len(rows), "orders": rows}, "failed": {"count": 0, "orders": []}})


class UpbitDialect(UpbitPrints, UpbitWords):
    """All of Upbit's words."""

    def __init__(self) -> None:
        public, private = Access.PUBLIC, Access.PRIVATE
        self.routes = {
            ("GET", "/v1/market/all"): Route(public, "market", _market_list),
            ("GET", "/v1/orderbook"): Route(public, "orderbook", _orderbook),
            ("GET", "/v1/orderbook/instruments"): Route(public, "orderbook", _instruments),
            **PRINT_ROUTES,
            ("GET", "/v1/accounts"): Route(private, "default", shared.accounts),
            ("GET", "/v1/orders/chance"): Route(private, "default", _chance),
            ("POST", "/v1/orders"): Route(private, "order", _place),
            ("POST", "/v1/orders/test"): Route(private, "order-test", _place_test),
            ("GET", "/v1/order"): Route(private, "default", _get),
            ("DELETE", "/v1/order"): Route(private, "default", _cancel),
            ("GET", "/v1/orders/uuids"): Route(private, "default", _by_ids),
            ("GET", "/v1/orders/open"): Route(private, "default", _open),
            ("GET", "/v1/orders/closed"): Route(private, "default", _closed),
            ("DELETE", "/v1/orders/open"): Route(private, "order-cancel-all", _cancel_open),
            ("GET", "/v1/api_keys"): Route(private, "default", shared.api_keys),
            ("GET", "/v1/status/wallet"): Route(private, "default", shared.wallets),
        }
