"""What Bithumb's documents leave open or contradict, each as a named setting with its default.

A setting says which section names the doubt. The day the live exchange answers, one line changes here.
"""

from enum import StrEnum

import msgspec

from arbitrage.domain.units import PPM
from exchanges.simulator.kst import KST_OFFSET_NS, SECOND


class OnRepeat(StrEnum):
    """What a repeated client order id gets: the sources disagree (bithumb.md §3.6)."""

    REFUSE = "refuse"
    EXISTING = "existing"


class BatchHash(StrEnum):
    """How the items of a batch are hashed: no client shows a live success (bithumb.md §3.2)."""

    INDEXED = "indexed"
    """`batch_orders[0][market]=KRW-BTC&...`."""
    JSON_TEXT = "json_text"
    """`batch_orders[]=<JSON text>` per item, percent-encoded or not."""
    EITHER = "either"


class DetailShape(StrEnum):
    """Whether the legacy order detail is an object or an array of one (bithumb.md §1.4)."""

    OBJECT = "object"
    ARRAY = "array"


class NonceReuse(StrEnum):
    """Whether a legacy nonce may come twice: not documented, clients send wall-clock ms (bithumb.md §1.2)."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class DepthEdge(StrEnum):
    """What a legacy diff says of a level that better ones push out of the thirty shown (bithumb.md §2.1).

    REMOVED: it is announced as gone, so that diffs on a REST snapshot give the shown book level for level.
    KEPT: nothing is said while it does not change; the client holds levels that no snapshot shows.
    """

    REMOVED = "removed"
    KEPT = "kept"


class HourText(StrEnum):
    """Whether the hour in a legacy trade's date has a leading zero (bithumb.md §1.3)."""

    PADDED = "padded"
    BARE = "bare"


class Grouping(StrEnum):
    """Whether thousands are set apart by commas in the legacy ledger, as was seen at times (bithumb.md §1.1)."""

    NONE = "none"
    COMMAS = "commas"


class TimeKind(StrEnum):
    """Whether a stamp is a JSON number or text (bithumb.md §2.1, §6.1)."""

    NUMBER = "number"
    TEXT = "text"


class BithumbQuirks(msgspec.Struct, frozen=True, kw_only=True):
    """Every doubt about Bithumb, answered. Times in ns, ratios in ppm."""

    on_repeat: OnRepeat = OnRepeat.REFUSE
    token_window_ns: int = 60 * SECOND
    """How far a token's timestamp may be off; the real tolerance is not documented (bithumb.md §3.2)."""
    batch_hash: BatchHash = BatchHash.EITHER
    batch_most: int = 30
    """Orders in a batch: 20 until 2026-08-20 17:00 KST, 30 since (bithumb.md §3.8)."""
    place_status: int = 201
    """HTTP status of an accepted order: 201 was reported, the documents show 200 (bithumb.md §3.6)."""
    user_cancel: str = "user_cancel"
    """`cancel_type` of a cancel by the user: `user_cancel` or `user` (bithumb.md §3.9)."""
    warnings: tuple[tuple[str, str, str], ...] = ()
    """(market, warning type, CAUTION|WARNING|DANGER) in force (bithumb.md §3.3)."""
    twap_every_s: int = 30
    """Pace of a TWAP plan whose `frequency` is not given (bithumb.md §3.8a)."""
    ticker_shift_ns: int = KST_OFFSET_NS
    """REST tickers write KST wall clock as if it were an epoch; 0 = a true epoch (bithumb.md §3.3)."""
    book_time: TimeKind = TimeKind.NUMBER
    """A book's microseconds: a number on the wire, text in one sample (bithumb.md §6.1)."""
    stream_idle_ns: int = 60 * SECOND
    """Idle sockets ended after about 60 s where measured; the documents say 120 s (bithumb.md §6.2)."""
    private_v1_until_ns: int | None = None
    """When the older private stream can no longer be opened; its end was put off without a date (bithumb.md §6.3)."""
    legacy_window_ns: int = 20 * SECOND
    """How far a legacy request's time may be off (bithumb.md §1.2)."""
    legacy_bad_request_status: int = 400
    """HTTP status of 5100: every report of it shows 400, the documents say 200 for all (bithumb.md §1.1)."""
    legacy_limit_status: int = 429
    """HTTP status of the 5600 for a legacy call too many: other business errors come with 200 (bithumb.md §1.6)."""
    legacy_nonce_reuse: NonceReuse = NonceReuse.ACCEPTED
    legacy_detail_shape: DetailShape = DetailShape.OBJECT
    legacy_unit_decimals: int = 8
    """Decimals a legacy quantity may have; an older report says 4 (bithumb.md §1.5)."""
    legacy_book_decimals: int = 4
    """Decimals of legacy book sizes; dust shows the least one, since 0 means that a level is gone (bithumb.md §5.2)."""
    legacy_reserve_ppm: int = 1_400_000
    """A legacy market buy holds its quantity at this much of the best ask: 71 % of the KRW are usable (§1.5)."""
    legacy_ledger_grouping: Grouping = Grouping.NONE
    legacy_maintenance: tuple[str, str] = ("5600", "시스템 점검 중입니다. 잠시 후 이용해 주십시오.")
    """Code and text of an order call while all is closed; the real ones were not found (bithumb.md §1.6)."""
    legacy_hour_text: HourText = HourText.PADDED
    legacy_depth_edge: DepthEdge = DepthEdge.REMOVED
    legacy_depth_time: TimeKind = TimeKind.TEXT
    legacy_snapshot_ns: int = SECOND // 4
    """Pace of orderbooksnapshot: about four frames a second (bithumb.md §2.2)."""
    legacy_idle_ns: int = 0
    """Idle time after which a pubwss connection ends; 0 = never, no rule is established (bithumb.md §2.4)."""
    legacy_dead_coins: tuple[str, ...] = ()
    """Coins that ALL tickers carry as an empty array (bithumb.md §1.3)."""


def problems_of(quirks: BithumbQuirks) -> list[str]:
    """Return every finding about `quirks`."""
    found = []
    if quirks.legacy_bad_request_status not in (200, 400):
        found.append(f"legacy_bad_request_status was {quirks.legacy_bad_request_status}, must be 200 or 400")
    if quirks.legacy_limit_status not in (200, 429):
        found.append(f"legacy_limit_status was {quirks.legacy_limit_status}, must be 200 or 429")
    if quirks.place_status not in (200, 201):
        found.append(f"place_status was {quirks.place_status}, must be 200 or 201")
    if quirks.legacy_reserve_ppm < PPM:
        found.append(f"legacy_reserve_ppm was {quirks.legacy_reserve_ppm}, must be at least {PPM}")
    for name in ("legacy_unit_decimals", "legacy_book_decimals"):
        if not 0 <= getattr(quirks, name) <= 8:
            found.append(f"{name} was {getattr(quirks, name)}, must be 0 to 8")
    if quirks.legacy_snapshot_ns < SECOND // 100:
        found.append(f"legacy_snapshot_ns was {quirks.legacy_snapshot_ns}, must be at least {SECOND // 100}")
    return found
