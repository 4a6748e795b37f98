"""The legacy ledger `/info/user_transactions`: fills and money movements with the balance after each (§1.4)."""

import msgspec

from arbitrage.domain.units import Side, base_of
from exchanges.simulator.cash import Kind, Movement, Progress
from exchanges.simulator.dialect import Call
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks, Grouping
from exchanges.simulator.dialects.legacy import PARAMETER, LegacyRefusal, answer, whole_count
from exchanges.simulator.money import fine_of_units, fine_text, plain_text
from exchanges.simulator.orders import SimOrder, Trade
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Response

_ALL = "0"
_BUY, _SELL, _WITHDRAWING, _DEPOSIT, _WITHDRAW, _KRW_DEPOSITING = "1", "2", "3", "4", "5", "9"
SEARCHES = (_ALL, _BUY, _SELL, _WITHDRAWING, _DEPOSIT, _WITHDRAW, _KRW_DEPOSITING)


class Entry(msgspec.Struct, frozen=True):
    """One row. Deltas are what the totals of coin and KRW gained, in 10^-22; prices in 10^-8."""

    search: str
    at_ns: int
    coin: int
    krw: int
    qty_text: str
    price_text: str = "0"
    funds_text: str = "0"
    fee_text: str = "0"


def transactions(sim: SimExchange, market: str, call: Call, quirks: BithumbQuirks) -> Response:
    """Answer the newest rows of one coin; `searchGb` chooses the kind, `offset` how many are passed over."""
    search, offset = call.params.one("searchGb") or _ALL, call.params.one("offset") or "0"
    if search not in SEARCHES or not offset.isascii() or not offset.isdigit() or len(offset) > 6:
        raise LegacyRefusal(PARAMETER, "Invalid Parameter")
    count = whole_count(call, 20, 50)
    base = base_of(market)
    coin, krw = call.owner.total(base), call.owner.total("KRW")
    rows = []
    for entry in sorted(_entries(sim, call, market), key=lambda entry: entry.at_ns, reverse=True):
        if entry.search and search in (_ALL, entry.search):
            rows.append(_words(entry, base, coin, krw, quirks))
        coin, krw = coin - entry.coin, krw - entry.krw
    return answer(rows[int(offset) : int(offset) + count])


# Everything that moved the totals of KRW, and this market's coin; other markets' fills move KRW and show nothing.
def _entries(sim: SimExchange, call: Call, market: str) -> list[Entry]:
    found: list[Entry | None] = []
    for order in sim.matching.orders.values():
        if order.access_key == call.owner.access_key:
            found += [_fill(order, trade, market) for trade in order.trades]
    for one in sim.cash.of(call.owner):
        found.append(_moved(one, base_of(market)))
    return [entry for entry in found if entry is not None]


def _fill(order: SimOrder, trade: Trade, market: str) -> Entry:
    is_buy = order.draft.side is Side.BID
    sign = 1 if is_buy else -1
    is_shown = order.draft.market == market
    return Entry(
        search=(_BUY if is_buy else _SELL) if is_shown else "",
        at_ns=trade.at_ns,
        coin=sign * fine_of_units(trade.qty) if is_shown else 0,
        krw=-sign * trade.funds - trade.fee,
        qty_text=plain_text(trade.qty),
        price_text=plain_text(trade.price),
        funds_text=fine_text(trade.funds),
        fee_text=fine_text(trade.fee),
    )


def _moved(one: Movement, base: str) -> Entry | None:
    is_done, is_krw = one.progress is Progress.DONE, one.asset == "KRW"
    if one.progress is Progress.CANCELLED:
        return None
    if one.kind is Kind.REVERSAL:
        coin = one.amount if one.asset == base else 0
        return Entry("", one.done_ns or one.created_ns, coin, one.krw, fine_text(abs(one.amount)))
    if one.kind is Kind.DEPOSIT:
        search, sign = _DEPOSIT if is_done else _KRW_DEPOSITING if is_krw else "", 1
        moved = one.amount
    else:
        search, sign = _WITHDRAW if is_done else _WITHDRAWING, -1
        moved = one.amount + one.fee
    moved = sign * moved if is_done else 0
    if not is_krw and one.asset != base:
        return None
    at_ns, text = one.done_ns or one.created_ns, fine_text(one.amount)
    if is_krw:
        return Entry(search, at_ns, 0, moved, "0", funds_text=text, fee_text=fine_text(one.fee))
    return Entry(search, at_ns, moved, 0, text, fee_text=fine_text(one.fee))


def _words(entry: Entry, base: str, coin: int, krw: int, quirks: BithumbQuirks) -> dict[str, object]:
    def number(text: str) -> str:
        if quirks.legacy_ledger_grouping is Grouping.NONE:
            return text
        whole, point, part = text.partition(".")
        return f"{int(whole):,}{point}{part}"

    return {
        "search": entry.search,
        "transfer_date": entry.at_ns // 1_000,
        "order_currency": base,
        "payment_currency": "KRW",
        "units": number(entry.qty_text),
        "price": number(entry.price_text),
        "amount": number(entry.funds_text),
        "fee_currency": "KRW",
        "fee": number(entry.fee_text),
        "order_balance": number(fine_text(coin)),
        "payment_balance": number(fine_text(krw)),
    }
