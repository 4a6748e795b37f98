"""Bithumb's paths (JWT generation: v1 reads, v2 orders) and what each answers (bithumb.md §3)."""

from arbitrage.domain.units import Side, base_of
from exchanges.simulator.dialect import Access, Call, Route
from exchanges.simulator.dialects import bithumb_cash as cash
from exchanges.simulator.dialects import shared
from exchanges.simulator.dialects.bithumb import BithumbWords, size_text, units_text
from exchanges.simulator.dialects.bithumb_batch import BithumbBatches
from exchanges.simulator.dialects.bithumb_errors import PARAMETER, bad
from exchanges.simulator.dialects.bithumb_orders import BithumbOrders
from exchanges.simulator.dialects.bithumb_prints import PRINT_ROUTES, BithumbPrints, ticker_route
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks
from exchanges.simulator.dialects.bithumb_transfers import TRANSFER_ROUTES
from exchanges.simulator.dialects.bithumb_twap import BithumbTwap
from exchanges.simulator.dialects.reading import read_count
from exchanges.simulator.dialects.shared import JSON, json_answer
from exchanges.simulator.kst import SECOND, kst_text
from exchanges.simulator.orders import OrdType
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Response

_BAD = PARAMETER.name
_CATEGORIES = {"maintenance": "점검", "trade": "거래지원", "wallet": "입출금"}
_WARNED_NS = 86_400 * SECOND


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
            f'"orderbook_units":[{units_text(bids, asks)}]}}'
        )
    return Response(200, f"[{','.join(books)}]".encode(), JSON)


def _notices(sim: SimExchange, call: Call) -> Response:
    count = read_count(call.params.one("count"), 5, 20, _BAD)
    rows = [
        {
            "categories": [_CATEGORIES.get(notice.category, "안내")],
            "title": notice.title,
            "pc_url": f"https://example.invalid/notice/{notice.number}",
            "published_at": _plain_kst(notice.first_listed_ns),
            "modified_at": _plain_kst(notice.listed_ns),
        }
        for notice in reversed(sim.board.notices)
    ]
    return json_answer(rows[:count])


# `yyyy-MM-dd HH:mm:ss` in Korea.
def _plain_kst(at_ns: int) -> str:
    return kst_text(at_ns)[:19].replace("T", " ")


def _chance(sim: SimExchange, call: Call) -> Response:
    market = call.params.one("market") or ""
    if market not in sim.market.markets:
        raise bad("market is unknown")
    kinds = {
        Side.BID: [OrdType.LIMIT.value, OrdType.PRICE.value],
        Side.ASK: [OrdType.LIMIT.value, OrdType.MARKET.value],
    }
    return json_answer(shared.chance(sim.rules, call.owner, market, kinds, {"price_unit": "1"}))


class BithumbDialect(BithumbPrints, BithumbWords):
    """All of Bithumb's words."""

    def __init__(self, quirks: BithumbQuirks, markets: tuple[str, ...]) -> None:
        super().__init__(quirks)
        public, private = Access.PUBLIC, Access.PRIVATE
        orders, twap = BithumbOrders(quirks), BithumbTwap(quirks)
        batches = BithumbBatches(quirks, orders)
        self.routes: dict[tuple[str, str], Route] = {
            ("GET", "/v1/market/all"): Route(public, "other", self._market_list),
            ("GET", "/v1/market/virtual_asset_warning"): Route(public, "other", self._warnings),
            ("GET", "/v1/orderbook"): Route(public, "orderbook", _orderbook),
            ("GET", "/v1/ticker"): ticker_route(quirks.ticker_shift_ns),
            **PRINT_ROUTES,
            ("GET", "/v1/notices"): Route(public, "other", _notices),
            ("GET", "/v1/accounts"): Route(private, "private", shared.accounts),
            ("GET", "/v1/orders/chance"): Route(private, "private", _chance),
            ("GET", "/v1/api_keys"): Route(private, "private", shared.api_keys),
            ("GET", "/v1/status/wallet"): Route(private, "private", shared.wallets),
            ("POST", "/v1/orders"): Route(private, "order", orders.place_v1),
            ("POST", "/v2/orders"): Route(private, "order", orders.place),
            ("GET", "/v1/order"): Route(private, "private", orders.get),
            ("GET", "/v1/orders"): Route(private, "private", orders.list),
            ("DELETE", "/v1/order"): Route(private, "cancel", orders.cancel_v1),
            ("DELETE", "/v2/order"): Route(private, "cancel", orders.cancel),
            ("POST", "/v2/orders/batch"): Route(private, "batch", batches.place),
            ("POST", "/v2/orders/cancel"): Route(private, "batch-cancel", batches.cancel),
            ("POST", "/v2/orders/search"): Route(private, "private", batches.search),
            ("GET", "/v2/orders/pending"): Route(private, "private", batches.pending),
            ("GET", "/v2/orders/history"): Route(private, "private", batches.history),
            ("POST", "/v1/twap"): Route(private, "order", twap.place),
            ("DELETE", "/v1/twap"): Route(private, "cancel", twap.cancel),
            ("GET", "/v1/twap"): Route(private, "private", twap.list),
        }
        for coin in ("ALL", *map(base_of, markets)):
            self.routes["GET", f"/v2/fee/inout/{coin}"] = Route(public, "other", cash.inout_fees)
        self.routes |= TRANSFER_ROUTES
        self.routes |= {
            ("GET", "/v1/deposits/coin_address"): Route(private, "private", cash.address),
            ("POST", "/v1/deposits/generate_coin_address"): Route(private, "private", cash.address),
            ("GET", "/v1/deposits/coin_addresses"): Route(private, "private", cash.addresses),
            ("GET", "/v1/withdraws/chance"): Route(private, "private", cash.withdraw_chance),
            ("POST", "/v1/withdraws/krw"): Route(private, "private", cash.second_factor),
            ("POST", "/v1/deposits/krw"): Route(private, "private", cash.second_factor),
        }

    def _market_list(self, sim: SimExchange, call: Call) -> Response:
        warned = {market for market, _, _ in self.quirks.warnings}
        warned |= {market for market in sim.market.markets if sim.listing(market).has_warning}
        rows = []
        for market in sim.market.markets:
            row = shared.names_of(market)
            if call.params.one("isDetails") == "true":
                row["market_warning"] = "CAUTION" if market in warned else "NONE"
            rows.append(row)
        return json_answer(rows)

    def _warnings(self, sim: SimExchange, call: Call) -> Response:
        end = _plain_kst(call.now + _WARNED_NS)
        rows = [
            {"market": market, "warning_type": kind, "warning_step": step, "end_date": end}
            for market, kind, step in self.quirks.warnings
            if market in sim.market.markets
        ]
        return json_answer(rows)
