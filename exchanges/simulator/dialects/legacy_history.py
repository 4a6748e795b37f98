"""The legacy list of what an account bought and sold: no order's id is in it (bithumb.md §1.4)."""

from arbitrage.domain.units import Side, base_of
from exchanges.simulator.cash import Kind, Movement, Progress
from exchanges.simulator.dialect import Call
from exchanges.simulator.dialects.legacy import PARAMETER, LegacyRefusal, answer, quote_of
from exchanges.simulator.dialects.legacy_public import listed
from exchanges.simulator.money import fine_text, plain_text
from exchanges.simulator.orders import SimOrder, Trade
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Response

_DEFAULT, _MOST = 20, 50
_BUYS, _SALES = "1", "2"
_KINDS = ("0", _BUYS, _SALES, "3", "4", "5", "9")
"""0 is everything, then buys, sales, withdrawing, deposits, withdrawals, and KRW on its way in."""


def transactions(sim: SimExchange, call: Call) -> Response:
    """Answer /info/user_transactions: fills and transfers of one market, newest first, a page at a time."""
    params = call.params
    base, quote = params.one("order_currency"), params.one("payment_currency")
    kind = params.one("searchGb") or "0"
    offset, count = _whole(params.one("offset") or "0"), _whole(params.one("count") or str(_DEFAULT))
    if not base or not quote or kind not in _KINDS or offset is None or count is None or not 1 <= count <= _MOST:
        raise LegacyRefusal(PARAMETER, "Invalid Parameter")
    market = listed(sim, f"{base}_{quote}")
    sides = {"0": (Side.BID, Side.ASK), _BUYS: (Side.BID,), _SALES: (Side.ASK,)}.get(kind, ())
    found = [
        (trade.at_ns, _row(trade, order))
        for order in sim.matching.orders.values()
        if order.access_key == call.owner.access_key and order.draft.market == market and order.draft.side in sides
        for trade in order.trades
    ]
    for one in sim.cash.of(call.owner):
        if one.asset in (base, quote) and one.kind is not Kind.REVERSAL and kind in ("0", _kind(one)):
            found.append((one.created_ns, _transfer_row(one, market)))
    found.sort(key=lambda pair: pair[0], reverse=True)
    return answer([row for _, row in found[offset : offset + count]])


def _kind(one: Movement) -> str:
    if one.kind is Kind.WITHDRAWAL:
        return "3" if one.progress is Progress.WAITING else "5"
    return "9" if one.asset == "KRW" and one.progress is Progress.PROCESSING else "4"


def _transfer_row(one: Movement, market: str) -> dict[str, object]:
    units = fine_text(one.amount)
    return {
        "search": _kind(one),
        "transfer_date": one.created_ns // 1_000,
        "order_currency": base_of(market),
        "payment_currency": quote_of(market),
        "units": units if one.asset != "KRW" else "0",
        "price": "0",
        "amount": units if one.asset == "KRW" else "0",
        "fee_currency": one.asset,
        "fee": fine_text(one.fee),
        "order_balance": "0",
        "payment_balance": "0",
    }


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _row(trade: Trade, order: SimOrder) -> dict[str, object]:
    market = order.draft.market
    return {
        "search": _BUYS if order.draft.side is Side.BID else _SALES,
        "transfer_date": trade.at_ns // 1_000,
        "order_currency": base_of(market),
        "payment_currency": quote_of(market),
        "units": plain_text(trade.qty),
        "price": plain_text(trade.price),
        "amount": fine_text(trade.funds),
        "fee_currency": quote_of(market),
        "fee": fine_text(trade.fee),
        "order_balance": "0",
        "payment_balance": "0",
    }
