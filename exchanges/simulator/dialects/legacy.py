"""Bithumb's legacy spelling (v1.2): envelope, codes, orders and books, text nearly everywhere (bithumb.md §1)."""

from collections.abc import Mapping

from arbitrage.domain.units import Side, base_of
from exchanges.simulator.dialect import BookView, Call
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks
from exchanges.simulator.dialects.legacy_auth import SignFault
from exchanges.simulator.dialects.shared import JSON
from exchanges.simulator.ladder import Ladder
from exchanges.simulator.money import fine_text, plain_text
from exchanges.simulator.orders import OrdType, SimOrder
from exchanges.simulator.rules import State
from exchanges.simulator.steps import Fault
from exchanges.simulator.wire import Response, WireRefusal, json_bytes

SUCCESS = "0000"
BAD_REQUEST = "5100"
KEY_INVALID = "5300"
NOT_ALLOWED = "5302"
PARAMETER = "5500"
NOTICE = "5600"
UNKNOWN = "5900"
MARKET_OFFLINE = "market_offline"
"""What the rules call an exchange that is closed as a whole; here it has a code and a text of its own."""
CODES = ("5100", "5200", "5300", "5302", "5400", PARAMETER, NOTICE, UNKNOWN)
"""bithumb.md §1.6."""

NO_OPEN_ORDERS = "거래 진행중인 내역이 존재하지 않습니다."
"""How an empty list of open orders is told (bithumb.md §1.4)."""

SIGN_FAULTS: Mapping[SignFault, tuple[str, str]] = {
    SignFault.METHOD: (BAD_REQUEST, "Bad Request(Bad Method)"),
    SignFault.FORM: (BAD_REQUEST, "Bad Request.(Auth Data)"),
    SignFault.DATA: (BAD_REQUEST, "Bad Request.(Auth Data)"),
    SignFault.KEY_UNKNOWN: (KEY_INVALID, "Invalid Apikey"),
    SignFault.ADDRESS: (NOT_ALLOWED, "Method Not Allowed.(Access IP)"),
    SignFault.SCOPE: (NOT_ALLOWED, "Method Not Allowed.(Access)"),
    SignFault.TIME: (BAD_REQUEST, "Bad Request.(Request Time:reqTime{sent}/nowTime{now})"),
}

ORDER_FAULTS: Mapping[Fault, tuple[str, str]] = {
    Fault.MARKET_UNKNOWN: (PARAMETER, "지원하지 않는 가상자산입니다."),
    Fault.PRICE_OFF_TICK: (PARAMETER, "Invalid Parameter"),
    Fault.UNDER_MINIMUM: (NOTICE, "최소 주문금액은 5,000 KRW 입니다."),
    Fault.OVER_MAXIMUM: (NOTICE, "최대 주문금액을 초과하였습니다."),
    Fault.FUNDS_SHORT: (NOTICE, "주문량이 사용가능 {asset}을 초과하였습니다."),
    Fault.BEYOND_DEPTH: (NOTICE, "주문량이 호가 잔량을 초과하였습니다."),
    Fault.MARKET_OFFLINE: (NOTICE, "점검 중입니다. 잠시 후 이용해 주십시오."),
    Fault.MARKET_BUSY: (NOTICE, "Please try again"),
    Fault.PRICE_UNDER_LIMIT: (NOTICE, "주문 가능한 가격 범위를 벗어났습니다."),
    Fault.SELF_TRADE: (NOTICE, "자전거래 가능성이 있는 주문입니다."),
}
"""5600 is told apart by its text alone; the texts for minimum and maximum are guesses (bithumb.md §1.6)."""


class LegacyRefusal(WireRefusal):
    """The legacy exchange says no: a status code in the body, with HTTP 200 unless it is 5100."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(200, code, message)


def answer(data: object | None = None, **beside: object) -> Response:
    """Return a success: `data` if there is any, further members beside the status (bithumb.md §1.1)."""
    words: dict[str, object] = {"status": SUCCESS, **beside}
    if data is not None:
        words["data"] = data
    return Response(200, json_bytes(words), JSON)


def refused(refusal: WireRefusal, quirks: BithumbQuirks) -> Response:
    """Return the envelope of an error; a name that is no legacy code reads 5900 (bithumb.md §1.6)."""
    if refusal.name == MARKET_OFFLINE:
        refusal = LegacyRefusal(*quirks.legacy_maintenance)
    code = str(refusal.name) if refusal.name in CODES else UNKNOWN
    status = 200 if refusal.status < 500 else refusal.status
    if code == BAD_REQUEST:
        status = quirks.legacy_bad_request_status
    return Response(status, json_bytes({"status": code, "message": refusal.message}), JSON)


def whole_count(call: Call, default: int, most: int) -> int:
    """Return `count`, 1 to `most`; LegacyRefusal 5500 otherwise."""
    text = call.params.one("count")
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not 1 <= int(text) <= most:
        raise LegacyRefusal(PARAMETER, "Invalid Parameter")
    return int(text)


def order_refusal(fault: Fault, side: Side, market: str) -> LegacyRefusal:
    """Return why an order was not taken, in the legacy codes."""
    code, message = ORDER_FAULTS.get(fault, (UNKNOWN, "Unknown Error"))
    return LegacyRefusal(code, message.format(asset="KRW" if side is Side.BID else base_of(market)))


def market_of(symbol: str) -> str:
    """Return `KRW-BTC` for `BTC_KRW`; the coin alone means its KRW market (bithumb.md §0.1)."""
    base, _, quote = symbol.partition("_")
    return f"{quote or 'KRW'}-{base}"


def symbol_of(market: str) -> str:
    """Return `BTC_KRW` for `KRW-BTC`."""
    return f"{base_of(market)}_{market.partition('-')[0]}"


def quote_of(market: str) -> str:
    """Return the payment currency: `KRW-BTC` -> `KRW`."""
    return market.partition("-")[0]


def micros(at_ns: int) -> str:
    """Return a stamp as 16-digit text (bithumb.md §1.4)."""
    return str(at_ns // 1_000)


def millis(at_ns: int) -> str:
    """Return a stamp as 13-digit text."""
    return str(at_ns // 1_000_000)


def sized(ladder: Ladder, decimals: int) -> Ladder:
    """Return levels with sizes rounded half up to `decimals`; dust shows the least size, since 0 would mean gone."""
    step = 10 ** (8 - decimals)
    return [(price, max((qty + step // 2) // step * step, step)) for price, qty in ladder]


def ladders(view: BookView, quirks: BithumbQuirks) -> dict[Side, Ladder]:
    """Return both sides of a book as the legacy generation shows them."""
    decimals = quirks.legacy_book_decimals
    bids, asks = view.cut(30)
    return {Side.BID: sized(bids, decimals), Side.ASK: sized(asks, decimals)}


def level_words(ladder: Ladder) -> list[dict[str, str]]:
    """Return levels of a REST book (bithumb.md §1.3)."""
    return [{"price": plain_text(price), "quantity": plain_text(qty)} for price, qty in ladder]


def order_price(order: SimOrder) -> str:
    """Return the price an order asks for; 0 for a market order."""
    draft = order.draft
    return plain_text(draft.price or 0) if draft.ord_type is OrdType.LIMIT else "0"


def order_qty(order: SimOrder) -> str:
    """Return the coins asked for; an order given by its KRW shows what it bought."""
    return plain_text(order.executed_qty if order.draft.volume is None else order.draft.volume)


def open_order_words(order: SimOrder) -> dict[str, str]:
    """Return one row of /info/orders (bithumb.md §1.4)."""
    market = order.draft.market
    return {
        "order_currency": base_of(market),
        "payment_currency": quote_of(market),
        "order_id": order.order_id,
        "order_date": micros(order.created_ns),
        "type": order.draft.side.value,
        "watch_price": plain_text(order.draft.watch_price or 0),
        "units": order_qty(order),
        "units_remaining": plain_text(order.remaining_qty),
        "price": order_price(order),
        **({} if order.smp is None else {"stp_type": order.smp.value}),
    }


_STATUS = {State.DONE: "Completed", State.CANCEL: "Cancel"}
_CANCEL_WORDS = {"user_cancel": "사용자취소", "stp_cancel": "자전거래방지취소", "tif_cancel": "주문조건취소"}


def detail_words(order: SimOrder) -> dict[str, object]:
    """Return /info/order_detail: a part-filled live order is Pending, a cancelled one keeps its fills (§1.4)."""
    draft = order.draft
    status = _STATUS.get(order.state, "Pending")
    is_cancel = status == "Cancel"
    return {
        "order_date": micros(order.created_ns),
        "type": draft.side.value,
        "order_status": status,
        "order_currency": base_of(draft.market),
        "payment_currency": quote_of(draft.market),
        "watch_price": plain_text(draft.watch_price or 0),
        "order_price": order_price(order),
        "order_qty": order_qty(order),
        "cancel_date": micros(order.ended_ns) if is_cancel else "",
        "cancel_type": _CANCEL_WORDS.get(order.cancel_type or "", order.cancel_type or "") if is_cancel else "",
        "contract": [
            {
                "transaction_date": micros(trade.at_ns),
                "price": plain_text(trade.price),
                "units": plain_text(trade.qty),
                "fee_currency": quote_of(draft.market),
                "fee": fine_text(trade.fee),
                "total": fine_text(trade.funds),
            }
            for trade in order.trades
        ],
    }
