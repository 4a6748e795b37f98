"""What we ask of Bithumb's legacy generation (v1.2): path and members of each signed request. Pure.

All values are free of `&` and `=`: the gateway checks ids and markets before.
"""

from arbitrage.domain.order import Order
from arbitrage.domain.units import Qty, Side, base_of, units_text
from exchanges.bithumb import legacy_profile as profile

Form = tuple[str, tuple[tuple[str, str], ...]]
"""Path and members of one signed request."""


def pair_of(market: str) -> tuple[tuple[str, str], ...]:
    """Return a market as the two members every call names it by, lower case (bithumb.md §1.5)."""
    return (("order_currency", base_of(market)), ("payment_currency", market.partition("-")[0]))


def symbol_of(market: str) -> str:
    """Return `BTC_KRW` for `KRW-BTC` (bithumb.md §7.1)."""
    return f"{base_of(market)}_{market.partition('-')[0]}"


def place_form(order: Order) -> Form:
    """Return the request for a limit order. Whole KRW prices carry no point (bithumb.md §1.5)."""
    members = (
        *pair_of(order.market),
        ("units", units_text(order.qty)),
        ("price", units_text(order.price)),
        ("type", order.side.value),
    )
    return profile.PLACE, members


def market_form(order: Order, qty: Qty) -> Form:
    """Return the request for a market order of `qty` coins: bought by quantity too (bithumb.md §1.5)."""
    path = profile.MARKET_BUY if order.side is Side.BID else profile.MARKET_SELL
    return path, (("units", units_text(qty)), *pair_of(order.market))


def cancel_form(market: str, side: Side, exchange_order_id: str) -> Form:
    """Return the request for a cancel: side and both currencies must be the order's own (bithumb.md §1.5)."""
    return profile.CANCEL, (("type", side.value), ("order_id", exchange_order_id), *pair_of(market))


def detail_form(market: str, exchange_order_id: str) -> Form:
    """Return the request for one order with its fills (bithumb.md §1.4)."""
    return profile.DETAIL, (("order_id", exchange_order_id), *pair_of(market))


def open_form(market: str) -> Form:
    """Return the request for the resting orders of one market; the coin must be named (bithumb.md §1.4)."""
    return profile.ORDERS, (*pair_of(market), ("count", str(profile.MOST_ORDERS)))


def transactions_form(market: str, side: Side, offset: int) -> Form:
    """Return the request for one page of buys or sales (bithumb.md §1.4)."""
    page = (("offset", str(offset)), ("count", str(profile.MOST_TRANSACTIONS)))
    return profile.TRANSACTIONS, (*page, ("searchGb", "1" if side is Side.BID else "2"), *pair_of(market))


BALANCE_FORM: Form = (profile.BALANCE, (("currency", "ALL"),))
