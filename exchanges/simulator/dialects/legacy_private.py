"""The legacy `/info` and `/trade` paths: account, orders, placing and cancelling (bithumb.md §1.4, §1.5)."""

import hashlib
import re
from collections.abc import Callable

import msgspec

from arbitrage.domain.units import PPM, SCALE, Side, base_of
from exchanges.simulator.account import Account
from exchanges.simulator.dialect import Call
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks, DetailShape
from exchanges.simulator.dialects.legacy import (
    NO_OPEN_ORDERS,
    NOT_ALLOWED,
    NOTICE,
    PARAMETER,
    LegacyRefusal,
    answer,
    detail_words,
    open_order_words,
    order_refusal,
    whole_count,
)
from exchanges.simulator.dialects.legacy_ledger import transactions
from exchanges.simulator.dialects.legacy_prints import ticker_words
from exchanges.simulator.dialects.legacy_public import listed
from exchanges.simulator.dialects.shared import ppm_text
from exchanges.simulator.ladder import Ladder
from exchanges.simulator.money import fine_text, units_of_text
from exchanges.simulator.orders import Draft, OrdType, SimOrder
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Params, Response

_WHOLE = re.compile(r"[0-9]{1,16}")
_NOT_FOUND = "주문내역이 존재하지 않습니다."


def _bad() -> LegacyRefusal:
    return LegacyRefusal(PARAMETER, "Invalid Parameter")


def _needed(params: Params, name: str) -> str:
    text = params.one(name)
    if not text:
        raise _bad()
    return text


# Names are lower case; a member spelled otherwise is one that is missing (bithumb.md §1.5).
def _market(sim: SimExchange, call: Call) -> str:
    base, quote = _needed(call.params, "order_currency"), _needed(call.params, "payment_currency")
    return listed(sim, f"{base}_{quote}")


def _side(text: str) -> Side:
    if text not in tuple(Side):
        raise _bad()
    return Side(text)


class LegacyPrivate:
    """What the signed paths answer."""

    def __init__(self, quirks: BithumbQuirks) -> None:
        self._quirks = quirks

    def account(self, sim: SimExchange, call: Call) -> Response:
        """Answer /info/account: the fee as a text rate, the opening time as a number of ms."""
        market = listed(sim, f"{_needed(call.params, 'order_currency')}_{call.params.one('payment_currency') or 'KRW'}")
        owner = call.owner
        words = {
            "created": owner.opened_ns // 1_000_000,
            "account_id": hashlib.sha256(owner.access_key.encode()).hexdigest()[:32],
            "order_currency": base_of(market),
            "payment_currency": "KRW",
            "trade_fee": ppm_text(sim.rules.bid_fee_ppm),
            "balance": fine_text(owner.total(base_of(market))),
        }
        return answer(words)

    def balance(self, sim: SimExchange, call: Call) -> Response:
        """Answer /info/balance: KRW and one coin, or every listed one; total = available + in use."""
        coin = (call.params.one("currency") or "BTC").upper()
        coins = [base_of(market) for market in sim.market.markets]
        if coin not in ("ALL", "KRW"):
            listed(sim, coin)
            coins = [coin]
        words = _balance_words(call.owner, "KRW")
        for each in [] if coin == "KRW" else coins:
            words |= _balance_words(call.owner, each)
            words[f"xcoin_last_{each.lower()}"] = ticker_words(sim, f"KRW-{each}", call.now)["closing_price"]
        return answer(words)

    def wallet_address(self, sim: SimExchange, call: Call) -> Response:
        """Answer /info/wallet_address: one made-up address per key and coin."""
        coin = (call.params.one("currency") or "BTC").upper()
        listed(sim, coin)
        mark = hashlib.sha256(f"{call.owner.access_key}/{coin}".encode()).hexdigest()
        return answer({"wallet_address": f"sim{mark[:36]}", "currency": coin})

    def ticker(self, sim: SimExchange, call: Call) -> Response:
        """Answer /info/ticker: last price and 24 hours of one market."""
        market = _market(sim, call)
        words = ticker_words(sim, market, call.now)
        return answer({"order_currency": base_of(market), "payment_currency": "KRW", **words})

    def orders(self, sim: SimExchange, call: Call) -> Response:
        """Answer /info/orders: open ones only, and none at all is an error 5600."""
        params = call.params
        market = listed(sim, f"{_needed(params, 'order_currency')}_{params.one('payment_currency') or 'KRW'}")
        side, order_id, after = params.one("type"), params.one("order_id"), params.one("after") or "0"
        if not _WHOLE.fullmatch(after):
            raise _bad()
        wanted = None if side is None else _side(side)
        found = [
            order
            for order in sim.matching.open_orders.values()
            if order.access_key == call.owner.access_key
            and order.draft.market == market
            and order.draft.ord_type is OrdType.LIMIT
            and wanted in (None, order.draft.side)
            and order_id in (None, order.order_id)
            and order.created_ns // 1_000_000 >= int(after)
        ]
        if not found:
            raise LegacyRefusal(NOTICE, NO_OPEN_ORDERS)
        found.sort(key=lambda order: order.created_ns, reverse=True)
        return answer([open_order_words(order) for order in found[: whole_count(call, 100, 1000)]])

    def user_transactions(self, sim: SimExchange, call: Call) -> Response:
        """Answer /info/user_transactions: the ledger."""
        market = listed(sim, f"{_needed(call.params, 'order_currency')}_{call.params.one('payment_currency') or 'KRW'}")
        return transactions(sim, market, call, self._quirks)

    def order_detail(self, sim: SimExchange, call: Call) -> Response:
        """Answer /info/order_detail: one order with its fills."""
        words = detail_words(self._named(sim, call))
        return answer([words] if self._quirks.legacy_detail_shape is DetailShape.ARRAY else words)

    def place(self, sim: SimExchange, call: Call) -> Response:
        """Answer /trade/place: a limit order that rests."""
        market = _market(sim, call)

        def read(asked: Call) -> Draft:
            side = _side(_needed(asked.params, "type"))
            price = self._price(sim, _needed(asked.params, "price"))
            return _draft(market, side, OrdType.LIMIT, price, self._units(asked))

        return self._take(sim, call, market, read)

    def stop_limit(self, sim: SimExchange, call: Call) -> Response:
        """Answer /trade/stop_limit: a limit order that counts once `watch_price` was traded."""
        market = _market(sim, call)

        def read(asked: Call) -> Draft:
            side = _side(_needed(asked.params, "type"))
            watched = self._price(sim, _needed(asked.params, "watch_price"))
            price = self._price(sim, _needed(asked.params, "price"))
            if watched % sim.rules.ticks.tick_at(watched):  # type: ignore[arg-type]
                raise _bad()
            draft = _draft(market, side, OrdType.LIMIT, price, self._units(asked))
            return msgspec.structs.replace(draft, watch_price=watched)

        return self._take(sim, call, market, read)

    def market_buy(self, sim: SimExchange, call: Call) -> Response:
        """Answer /trade/market_buy: coins, not KRW; held at a protected price above the best ask."""
        market = _market(sim, call)

        def read(asked: Call) -> Draft:
            asks: Ladder = sim.levels(market, Side.ASK, asked.now)
            if not asks:
                raise LegacyRefusal(NOTICE, "Please try again")
            price = asks[0][0] * self._quirks.legacy_reserve_ppm // PPM
            return _draft(market, Side.BID, OrdType.MARKET, price, self._units(asked))

        return self._take(sim, call, market, read)

    def market_sell(self, sim: SimExchange, call: Call) -> Response:
        """Answer /trade/market_sell: coins."""
        market = _market(sim, call)
        return self._take(
            sim, call, market, lambda asked: _draft(market, Side.ASK, OrdType.MARKET, None, self._units(asked))
        )

    def cancel(self, sim: SimExchange, call: Call) -> Response:
        """Answer /trade/cancel: side and market must be the order's own, or nothing is found (bithumb.md §1.5)."""
        side = _side(_needed(call.params, "type"))
        order = self._named(sim, call)
        if order.draft.side is not side:
            raise _bad()
        if not order.is_open:
            raise LegacyRefusal(NOTICE, _NOT_FOUND)
        sim.matching.cancel(order, call.now)
        return answer()

    def withdraw(self, sim: SimExchange, call: Call) -> Response:
        """Refuse a withdrawal, or KRW ordered in: these words move no money here."""
        raise LegacyRefusal(NOT_ALLOWED, "Method Not Allowed.(Access)")

    def _take(self, sim: SimExchange, call: Call, market: str, read: Callable[[Call], Draft]) -> Response:
        return sim.take_order(
            call,
            read,
            lambda fault, side: order_refusal(fault, side, market),
            lambda order: answer(order_id=order.order_id),
        )

    def _named(self, sim: SimExchange, call: Call) -> SimOrder:
        market = _market(sim, call)
        order = sim.own_order(call.owner, _needed(call.params, "order_id"), None)
        if order is None or order.draft.market != market:
            raise LegacyRefusal(NOTICE, _NOT_FOUND)
        return order

    # "400000" and not "400000.0": only where the tick is below 1 KRW may a price have a point (bithumb.md §1.5).
    def _price(self, sim: SimExchange, text: str) -> int:
        try:
            price = units_of_text(text)
        except ValueError:
            raise _bad() from None
        if price <= 0 or ("." in text and sim.rules.ticks.tick_at(price) >= SCALE):  # type: ignore[arg-type]
            raise _bad()
        return price

    def _units(self, call: Call) -> int:
        text = _needed(call.params, "units")
        try:
            units = units_of_text(text)
        except ValueError:
            raise _bad() from None
        if units <= 0 or units % 10 ** (8 - self._quirks.legacy_unit_decimals):
            raise _bad()
        return units


def _draft(market: str, side: Side, ord_type: OrdType, price: int | None, volume: int) -> Draft:
    return Draft(
        market=market, side=side, ord_type=ord_type, price=price, volume=volume, tif=None, client_order_id=None
    )


def _balance_words(owner: Account, asset: str) -> dict[str, str]:
    name = asset.lower()
    return {
        f"total_{name}": fine_text(owner.total(asset)),
        f"in_use_{name}": fine_text(owner.locked.get(asset, 0)),
        f"available_{name}": fine_text(owner.free.get(asset, 0)),
    }
