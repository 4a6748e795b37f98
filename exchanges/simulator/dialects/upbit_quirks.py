"""What Upbit's documents leave open or contradict, each as a named setting with its default.

A setting names the section with the doubt. The day the live exchange answers, one line changes here. What concerns
matching (post_only that would take, FOK that cannot fill, delays, bursts, self-trades) is in `rules.py`.
"""

from enum import StrEnum

import msgspec

from exchanges.simulator.kst import SECOND, parse_time


class StrayBody(StrEnum):
    """What a body on GET or DELETE gets: documented as an error, yet an old client sends its members so (§1.1).

    READ: with an empty query, a form or JSON body is taken for it.
    """

    REFUSED = "refused"
    READ = "read"


class OldList(StrEnum):
    """Whether GET /v1/orders, announced to end on 2024-06-27, still answers (§1.3, §9.9)."""

    GONE = "gone"
    SERVED = "served"


class BodyNumbers(StrEnum):
    """Whether an order's price and volume may be JSON numbers; clients seen to work send text (§1.4)."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class Spelling(StrEnum):
    """How error names are spelled: today's, an older one (§2, §4.1), or that of 2019 with a `dialog` member (§4.1)."""

    TODAY = "today"
    OLDER = "older"
    OF_2019 = "of_2019"


class Padding(StrEnum):
    """What the shorter side of a thin book shows: zeros were seen in client code only (§3.4, §9.8).

    CUT: no rank that only one side has.
    """

    ZEROS = "zeros"
    CUT = "cut"


class Totals(StrEnum):
    """What `total_*_size` of a REST book with `count` under 30 adds up (§1.2, §9.8)."""

    SHOWN = "shown"
    THIRTY = "thirty"


class Stamp(StrEnum):
    """How `created_at` is written: seconds were captured, microseconds are in a sample of the documents (§1.5)."""

    SECONDS = "seconds"
    MICROSECONDS = "microseconds"
    ZULU = "zulu"


class OldTickerFields(StrEnum):
    """Whether the deprecated ticker members still come: announced in 2025, no date of removal (§3.6, §9.9)."""

    SENT = "sent"
    GONE = "gone"


class AbsentAmount(StrEnum):
    """What myOrder says of a price or volume the order does not have (§3.7)."""

    ZERO = "zero"
    NULL = "null"


class FrameKind(StrEnum):
    """How frames are sent: no document says; data was seen as binary, status and errors may be either (§3.3, §9.6)."""

    TEXT = "text"
    BINARY = "binary"


class OverLimitBody(StrEnum):
    """Body of a 429: plain text by older clients; that exchange endpoints still do so is not established (§4, §9.1)."""

    TEXT = "text"
    JSON = "json"


class HaltedCancel(StrEnum):
    """What a cancel gets while its market is halted: `may be refused as well` (§5.3).

    WAITS: it is taken, and works when the market opens again. A whole exchange in maintenance refuses either way.
    """

    WAITS = "waits"
    REFUSED = "refused"


class AfterWsError(StrEnum):
    """Whether an error frame is followed by the end of the connection (§3.10, §9.6)."""

    STAYS_OPEN = "stays_open"
    CLOSES = "closes"


class UpbitQuirks(msgspec.Struct, frozen=True, kw_only=True):
    """Every doubt about Upbit's words, answered; sections are those of upbit.md. Times in ns."""

    stray_body: StrayBody = StrayBody.REFUSED
    old_list: OldList = OldList.GONE
    body_numbers: BodyNumbers = BodyNumbers.ACCEPTED
    spelling: Spelling = Spelling.TODAY
    out_of_scope_status: int = 403
    """Older texts say 401 (§2)."""
    closed_cancel_name: str = "order_not_found"
    """Cancelling what is closed already: this, or `bad_request` (§1.7)."""
    cancel_and_new_status: int = 200
    """Captured; the documents list 201 too (§1.1)."""
    beyond_depth_name: str = "create_{side}_error"
    """A market order larger than the shown book (§1.4, §9.2)."""
    market_busy_name: str = "create_{side}_error"
    """Order stabilisation (§1.4, §9.2)."""
    post_only_taking_name: str = "invalid_post_only"
    """Only where the rules refuse a post_only that would take (§9.3)."""
    fok_short_name: str = "create_{side}_error"
    """Only where the rules refuse a FOK that cannot fill (§9.3)."""
    halted_cancel: HaltedCancel = HaltedCancel.WAITS
    verified_again_name: str = "bad_request"
    """A deposit verified a second time within ten minutes (§1.9)."""
    over_limit_body: OverLimitBody = OverLimitBody.TEXT
    orders_per_second: int = 12
    """8 before 2026-08-21 21:00 KST (§4)."""
    order_minute_left: int = 480
    """`min` of Remaining-Req in the groups order and order-test; since the raise not established (§4, §9.11)."""
    gzip_from_bytes: int = 1_024
    """Smallest quotation answer that is zipped for a client that takes gzip; the bound is not documented (§1.1)."""
    padding: Padding = Padding.ZEROS
    totals: Totals = Totals.SHOWN
    created_at: Stamp = Stamp.SECONDS
    trade_created_at: Stamp = Stamp.SECONDS
    smp_always_from_ns: int = parse_time("2026-11-09T00:00:00+09:00")
    """Orders made from here on always carry `smp_type`; that it went live is not established (§6, §9.9)."""
    old_ticker_fields: OldTickerFields = OldTickerFields.SENT
    absent_amount: AbsentAmount = AbsentAmount.ZERO
    first_assets_ns: int = 0
    """How long an account's first ever subscription to myAsset stays silent: `minutes`, once in its life (§3.8)."""
    data_frame: FrameKind = FrameKind.BINARY
    control_frame: FrameKind = FrameKind.TEXT
    after_ws_error: AfterWsError = AfterWsError.STAYS_OPEN
    private_on_public_name: str = "INVALID_PARAM"
    """A private type asked for on the public path: this, or INVALID_AUTH (§3.10)."""
    idle_ns: int = 120 * SECOND
    connections_most: int | None = None
    """Connections per owner and path before a handshake gets 429; no number is published (§3.1, §9.6)."""
    codes_most: int | None = None
    """Codes per request before WRONG_FORMAT; no number is published (§3.1, §9.6)."""
    life_ns: int | None = None
    """Longest life of a connection; not documented (§3.1, §9.6)."""


def problems_of(quirks: UpbitQuirks) -> list[str]:
    """Return every finding about `quirks`."""
    found = []
    if quirks.out_of_scope_status not in (401, 403):
        found.append(f"out_of_scope_status was {quirks.out_of_scope_status}, must be 401 or 403")
    if quirks.cancel_and_new_status not in (200, 201):
        found.append(f"cancel_and_new_status was {quirks.cancel_and_new_status}, must be 200 or 201")
    for name in ("orders_per_second", "order_minute_left", "gzip_from_bytes", "idle_ns"):
        if getattr(quirks, name) < 1:
            found.append(f"{name} was {getattr(quirks, name)}, must be at least 1")
    if quirks.first_assets_ns < 0:
        found.append(f"first_assets_ns was {quirks.first_assets_ns}, must be at least 0")
    for name in ("connections_most", "codes_most", "life_ns"):
        value = getattr(quirks, name)
        if value is not None and value < 1:
            found.append(f"{name} was {value}, must be at least 1 or absent")
    return found
