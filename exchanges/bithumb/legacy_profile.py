"""Bithumb's legacy generation (v1.2) as data: paths, codes, message families, frames, each with its source.

What bithumb.md marks [?] is a member of `LegacySettings`, with its default, not a guess in code.
"""

from enum import StrEnum

import msgspec

from arbitrage.domain.frame_spec import FrameSpec, Layout, MarketForm, TimeUnit
from arbitrage.domain.order import RefusalReason
from arbitrage.domain.units import Ns

SUCCESS = "0000"
BALANCE = "/info/balance"
ACCOUNT = "/info/account"
ORDERS = "/info/orders"
DETAIL = "/info/order_detail"
TRANSACTIONS = "/info/user_transactions"
PLACE = "/trade/place"
MARKET_BUY = "/trade/market_buy"
MARKET_SELL = "/trade/market_sell"
CANCEL = "/trade/cancel"
BOOK = "/public/orderbook/"
STREAM = "/pub/ws"
"""bithumb.md §1.3 to §1.5, §2."""

MOST_ORDERS = 1000
"""Rows one listing of open orders can have (bithumb.md §1.4)."""
MOST_TRANSACTIONS = 50
"""Rows one page of transactions can have (bithumb.md §1.4)."""
TRANSACTION_PAGES = 10
"""How far back we page before we say that the list is not complete."""

# bithumb.md §2.2: whole top 30, [price, qty] pairs of text, time in us as text.
STREAM_SPEC = FrameSpec(
    name="bithumb.legacy.orderbooksnapshot",
    version=1,
    type_key="type",
    type_value="orderbooksnapshot",
    market_key="symbol",
    time_key="datetime",
    time_unit=TimeUnit.MICROSECONDS,
    layout=Layout.LADDERS,
    content_key="content",
    asks_key="asks",
    bids_key="bids",
    market_form=MarketForm.BASE_QUOTE,
)


class BookSource(StrEnum):
    """SNAPSHOTS: whole books, about four a second. DIFFS: changes folded on a REST book (bithumb.md §2.1, §2.2)."""

    SNAPSHOTS = "snapshots"
    DIFFS = "diffs"


class LegacySettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is open about the legacy generation, and our own waits with it."""

    book_source: BookSource = BookSource.SNAPSHOTS
    """Diffs have no sequence number: a lost one goes unseen until the next check (bithumb.md §2.1)."""
    ioc_rest_ns: Ns = Ns(150_000_000)
    """IOC is a limit order that rests this long and is cancelled then: time in force is not established for
    v1.2 (bithumb.md §1.5 [?])."""
    unit_decimals: int = 4
    """Decimals a quantity may have: four are safe, eight were refused in 2021 and 2023 and may pass by now
    (bithumb.md §1.5 [?])."""
    market_buy_margin_ppm: int = 50_000
    """How far prices may rise between the book a market buy is sized by and its matching: here it is given by
    quantity, and must not spend more KRW than it was told to (bithumb.md §1.5)."""
    fill_hours_ahead: int = 0
    """Hours that the times of fills run ahead of UTC; a client takes 9 off (bithumb.md §1.4 [?])."""
    order_hours_ahead: int = 0
    """The same for the times of orders, which look true (bithumb.md §1.4 [?])."""
    clock_slack_ns: Ns = Ns(2_000_000_000)
    """An order may bear a time this much before we planned it: theirs is another clock."""
    absent_after_ns: Ns = Ns(5_000_000_000)
    """An order we lost track of can be called absent this long after it was planned, not before: longer than a
    request takes to arrive, or to end in the lists."""
    poll_orders_ns: Ns = Ns(500_000_000)
    poll_balances_ns: Ns = Ns(3_000_000_000)
    """There is no private stream: own orders and balances are asked for (bithumb.md §0.1)."""


_R = RefusalReason
# bithumb.md §1.6. None: the code says nothing of whether the command was carried out.
CODES: dict[str, RefusalReason | None] = {
    "5100": _R.AUTH,
    "5200": _R.AUTH,
    "5300": _R.AUTH,
    "5302": _R.AUTH,
    "5400": None,
    "5500": _R.INVALID_REQUEST,
    "5900": None,
}
AUTH_CODES = frozenset({"5100", "5200", "5300", "5302"})
NOTICE = "5600"
"""Everything else: only its text tells what it is (bithumb.md §1.6)."""


class Kin(StrEnum):
    """What a text of code 5600 means for the request it answers."""

    REFUSED = "refused"
    UNPROVEN = "unproven"
    EMPTY = "empty"


class Family(msgspec.Struct, frozen=True):
    """One kind of 5600: `words` all stand in the text, whatever its blanks and capitals."""

    words: tuple[str, ...]
    kin: Kin
    reason: RefusalReason
    source: str


_LIST = "official v1.2.0 error list, bithumb.md §1.6"
# The first family that fits counts. A text none of them knows proves nothing.
FAMILIES: tuple[Family, ...] = (
    Family(("거래진행중인내역이존재하지않습니다",), Kin.EMPTY, _R.ORDER_NOT_FOUND, "ccxt#9017, bithumb.md §1.4"),
    Family(("주문내역이존재하지않습니다",), Kin.EMPTY, _R.ORDER_NOT_FOUND, "assumed for an order unknown or ended [?]"),
    Family(("사용가능", "초과"), Kin.REFUSED, _R.INSUFFICIENT_FUNDS, "pybithumb#26, book-cryptocurrency#1"),
    Family(("최소주문",), Kin.REFUSED, _R.UNDER_MINIMUM, "ccxt#6963"),
    Family(("최대주문",), Kin.REFUSED, _R.OVER_MAXIMUM, "assumed beside the one for the minimum [?]"),
    Family(("입력값을확인",), Kin.REFUSED, _R.INVALID_REQUEST, "ccxt#6963"),
    Family(("접속차단",), Kin.REFUSED, _R.AUTH, _LIST),
    Family(("notallowip",), Kin.REFUSED, _R.AUTH, _LIST),
    Family(("checkapikeytype",), Kin.REFUSED, _R.AUTH, _LIST),
    Family(("휴대폰차단",), Kin.REFUSED, _R.AUTH, _LIST),
    Family(("탈퇴",), Kin.REFUSED, _R.AUTH, _LIST),
    Family(("이메일인증",), Kin.REFUSED, _R.AUTH, _LIST),
    Family(("toomanyconnections",), Kin.REFUSED, _R.RATE_LIMITED, _LIST),
    # Too many trade attempts, says the list; whether this one was looked at first it does not say.
    Family(("pleasetryagain",), Kin.UNPROVEN, _R.RATE_LIMITED, _LIST),
    Family(("잠시후",), Kin.UNPROVEN, _R.OTHER, f"{_LIST}; ccxt PR#6837"),
)
