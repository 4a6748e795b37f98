"""One order inside the simulated exchange, and what may be asked for."""

from enum import StrEnum
from typing import Any

import msgspec

from arbitrage.domain.errors import InvariantError
from arbitrage.domain.units import Side, base_of
from exchanges.simulator.rules import State


class OrdType(StrEnum):
    """Both exchanges' words (upbit.md §1.4, bithumb.md §3.6)."""

    LIMIT = "limit"
    PRICE = "price"
    MARKET = "market"
    BEST = "best"


class Tif(StrEnum):
    """Time in force as both exchanges write it; absent = rests."""

    IOC = "ioc"
    FOK = "fok"
    POST_ONLY = "post_only"


class Draft(msgspec.Struct, frozen=True):
    """What a client asks for, parsed and of a valid combination.

    `price`: unit price, or the total KRW of a market buy or best bid; `volume` the base; both 10^-8. A market
    buy of coins (bithumb.md §1.5) has a volume, and for `price` the most it may pay: it is held at that.
    """

    market: str
    side: Side
    ord_type: OrdType
    price: int | None
    volume: int | None
    tif: Tif | None
    client_order_id: str | None

    @property
    def limit(self) -> int:
        """Return the unit price of a limit order. InvariantError for any other type."""
        if self.ord_type is not OrdType.LIMIT or self.price is None:
            raise InvariantError(f"a {self.ord_type} order has no limit")
        return self.price

    @property
    def by_funds(self) -> bool:
        """Return whether `price` is a total in KRW and no volume is given."""
        return self.side is Side.BID and self.ord_type in (OrdType.PRICE, OrdType.BEST)


def combination_fault(draft: Draft) -> str | None:
    """Return which member is wrong for this order type: `price`, `volume`, `side`, `tif`, or None (upbit.md §1.4)."""
    kind = draft.ord_type
    if (kind is OrdType.PRICE and draft.side is not Side.BID) or (kind is OrdType.MARKET and draft.side is Side.BID):
        return "side"
    needs_price = kind is OrdType.LIMIT or draft.by_funds
    needs_volume = not draft.by_funds
    if (draft.price is not None) is not needs_price:
        return "price"
    if (draft.volume is not None) is not needs_volume:
        return "volume"
    allowed: tuple[Tif | None, ...] = {
        OrdType.LIMIT: (None, Tif.IOC, Tif.FOK, Tif.POST_ONLY),
        OrdType.BEST: (Tif.IOC, Tif.FOK),
    }.get(kind, (None,))
    return None if draft.tif in allowed else "tif"


class Trade(msgspec.Struct, frozen=True):
    """One fill. `price`, `qty` in 10^-8, `funds` and `fee` in 10^-22 KRW."""

    trade_id: str
    price: int
    qty: int
    funds: int
    fee: int
    at_ns: int
    is_maker: bool


class SimOrder(msgspec.Struct):
    """An order with all it did. `locked` is its hold while open; once ended it is only what the wire still shows."""

    order_id: str
    access_key: str
    draft: Draft
    created_ns: int
    state: State
    reserved_fee: int
    locked: int
    executed_qty: int = 0
    executed_funds: int = 0
    paid_fee: int = 0
    trades: tuple[Trade, ...] = ()
    cancel_type: str | None = None
    is_canceling: bool = False
    ended_ns: int = 0

    @property
    def is_open(self) -> bool:
        """Return whether the order can still execute."""
        return self.state in (State.ACCEPTED, State.WAIT)

    @property
    def lock_asset(self) -> str:
        """Return the asset this order holds."""
        return "KRW" if self.draft.side is Side.BID else base_of(self.draft.market)

    @property
    def remaining_qty(self) -> int:
        """Return volume minus executed; 0 for orders given by funds."""
        return 0 if self.draft.volume is None else self.draft.volume - self.executed_qty


def order_to_plain(order: SimOrder) -> dict[str, Any]:
    """Return the form the state log keeps (JSON types; ints may pass 64 bits)."""
    plain = {name: getattr(order, name) for name in order.__struct_fields__}
    plain["draft"] = {name: getattr(order.draft, name) for name in order.draft.__struct_fields__}
    plain["trades"] = [[getattr(trade, name) for name in trade.__struct_fields__] for trade in order.trades]
    return plain


def order_from_plain(plain: dict[str, Any]) -> SimOrder:
    """Return the order of `order_to_plain`. KeyError, TypeError or ValueError when it is none."""
    draft = dict(plain["draft"])
    draft["side"] = Side(draft["side"])
    draft["ord_type"] = OrdType(draft["ord_type"])
    draft["tif"] = None if draft["tif"] is None else Tif(draft["tif"])
    trades = tuple(Trade(*row) for row in plain["trades"])
    return SimOrder(**{**plain, "draft": Draft(**draft), "trades": trades, "state": State(plain["state"])})
