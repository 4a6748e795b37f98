"""What an exchange says about a market as such: its state, a suspension, a delisting, a warning."""

from enum import StrEnum

import msgspec


class MarketState(StrEnum):
    """Both exchanges' `market_state` (upbit.md §3.6, bithumb.md §6.1)."""

    PREVIEW = "PREVIEW"
    ACTIVE = "ACTIVE"
    DELISTED = "DELISTED"


class Listing(msgspec.Struct, frozen=True):
    """One market's flags; `delisting_date` is `yyyy-MM-dd`, None = none is planned."""

    state: MarketState = MarketState.ACTIVE
    is_suspended: bool = False
    delisting_date: str | None = None
    has_warning: bool = False
    cautions: tuple[str, ...] = ()
    """Names of the caution flags that are up (upbit.md §1.2)."""


ACTIVE = Listing()
