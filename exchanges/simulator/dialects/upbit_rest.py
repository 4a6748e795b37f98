"""Upbit's paths and what answers each (upbit.md §1.2 to §1.9)."""

from exchanges.simulator.dialect import Access, Route
from exchanges.simulator.dialects import shared
from exchanges.simulator.dialects import upbit_quotation as quotation
from exchanges.simulator.dialects.upbit import UpbitWords
from exchanges.simulator.dialects.upbit_cash import CASH_ROUTES, travel_routes
from exchanges.simulator.dialects.upbit_lists import UpbitLists
from exchanges.simulator.dialects.upbit_placing import UpbitPlacing
from exchanges.simulator.dialects.upbit_pockets import POCKET_ROUTES
from exchanges.simulator.dialects.upbit_prints import PRINT_ROUTES, UpbitPrints
from exchanges.simulator.dialects.upbit_quirks import OldList, UpbitQuirks


class UpbitDialect(UpbitPrints, UpbitWords):
    """All of Upbit's words."""

    def __init__(self, quirks: UpbitQuirks) -> None:
        super().__init__(quirks)
        self.old_ticker_fields = quirks.old_ticker_fields
        public, private = Access.PUBLIC, Access.PRIVATE
        placing, lists = UpbitPlacing(quirks), UpbitLists(quirks)
        self.routes = {
            ("GET", "/v1/market/all"): Route(public, "market", quotation.market_list),
            ("GET", "/v1/orderbook"): Route(public, "orderbook", quotation.orderbook(quirks)),
            ("GET", "/v1/orderbook/instruments"): Route(public, "orderbook", quotation.instruments),
            ("GET", "/v1/orderbook/supported_levels"): Route(public, "orderbook", quotation.old_levels),
            **PRINT_ROUTES,
        }
        self.routes = {
            key: Route(route.access, route.group, quotation.quoted(route.answer, quirks))
            for key, route in self.routes.items()
        }
        self.routes |= {
            ("GET", "/v1/accounts"): Route(private, "default", shared.accounts),
            ("GET", "/v1/orders/chance"): Route(private, "default", placing.chance),
            ("POST", "/v1/orders"): Route(private, "order", placing.place),
            ("POST", "/v1/orders/test"): Route(private, "order-test", placing.place_test),
            ("POST", "/v1/orders/cancel_and_new"): Route(private, "order", placing.cancel_and_new),
            ("GET", "/v1/order"): Route(private, "default", lists.find),
            ("DELETE", "/v1/order"): Route(private, "default", placing.cancel),
            ("GET", "/v1/orders/uuids"): Route(private, "default", lists.by_ids),
            ("DELETE", "/v1/orders/uuids"): Route(private, "default", placing.cancel_by_ids),
            ("GET", "/v1/orders/open"): Route(private, "default", lists.open),
            ("GET", "/v1/orders/closed"): Route(private, "default", lists.closed),
            ("DELETE", "/v1/orders/open"): Route(private, "order-cancel-all", placing.cancel_open),
            ("GET", "/v1/api_keys"): Route(private, "default", shared.api_keys),
            ("GET", "/v1/status/wallet"): Route(private, "default", shared.wallets),
            **CASH_ROUTES,
            **travel_routes(quirks),
            **POCKET_ROUTES,
        }
        if quirks.old_list is OldList.SERVED:
            self.routes["GET", "/v1/orders"] = Route(private, "default", lists.old)
