"""One order inside the simulated exchange, and what may be asked for."""

from enum import StrEnum
from typing import Any

import msgspec

from arbitrage.domain.errors import InvariantError
from arbitrage.domain.units import Side, base_of
from exchanges.simulator.money import fine_of_units
from exchanges.simulator.rules import Smp, State


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
    `smp` is None when the client said nothing of it.
    """

    market: str
    side: Side
    ord_type: OrdType
    price: int | None
    volume: int | None
    tif: Tif | None
    client_order_id: str | None
    smp: Smp | None = None
    watch_price: int | None = None
    """The trade price an automatic order waits for; the legacy words make such orders (bithumb.md §1.5),
    on Upbit the app does (upbit.md §1.4)."""

    @property
    def limit(self) -> int:
        """Return the unit price of a limit order. InvariantError for any other type."""
        if self.ord_type is not OrdType.LIMIT or self.price is None:
            raise InvariantError(f"a {self.ord_type} order has no limit")
        return self.price

    @property
    def bound(self) -> int | None:
        """Return the worst unit price the order may take, or None when it has no say."""
        return None if self.by_funds else self.price

    @property
    def by_funds(self) -> bool:
        """Return whether `price` is a total in KRW and no volume is given."""
        return self.side is Side.BID and self.ord_type in (OrdType.PRICE, OrdType.BEST)


def combination_fault(draft: Draft) -> str | None:
    """Return which member does not fit: `price`, `volume`, `side`, `tif`, `smp`, or None (upbit.md §1.4)."""
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
    if draft.tif not in allowed:
        return "tif"
    return "smp" if draft.tif is Tif.POST_ONLY and draft.smp not in (None, Smp.NONE) else None


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
    """An order with all it did. `locked` is its hold while open; once ended it is only what the wire still shows.

    `fee_ppm` is the rate it was taken at and keeps; `smp` how it meets its own account's orders, None when that
    is not its to say. `prevented_qty` and `prevented_locked` are what self-match prevention took out of it, for
    bids with the fee on it (upbit.md §6.1). `successor` waits for this order's cancel to be complete.
    """

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
    watched_from: int = 0
    """The last trade's price when it began to watch; 0 = it never did."""
    fee_ppm: int | None = None
    smp: Smp | None = None
    prevented_qty: int = 0
    prevented_locked: int = 0
    prevented_fee: int = 0
    canceling_order_id: str | None = None
    """The own order that stood in the way when this one was cancelled (bithumb.md §3.9)."""
    successor_id: str | None = None
    successor: Draft | None = None

    @property
    def is_open(self) -> bool:
        """Return whether the order can still execute."""
        return self.state in (State.ACCEPTED, State.WAIT, State.WATCH)

    @property
    def lock_asset(self) -> str:
        """Return the asset this order holds."""
        return "KRW" if self.draft.side is Side.BID else base_of(self.draft.market)

    @property
    def remaining_qty(self) -> int:
        """Return volume minus executed and prevented; 0 for orders given by funds."""
        return 0 if self.draft.volume is None else self.draft.volume - self.executed_qty - self.prevented_qty

    @property
    def remaining_fee(self) -> int:
        """Return what is still reserved for fees; asks reserve nothing (upbit.md §1.5, bithumb.md §3.5)."""
        return self.reserved_fee - self.paid_fee - self.prevented_fee if self.draft.side is Side.BID else 0

    @property
    def remaining_funds(self) -> int:
        """Return the KRW an order given by funds may still spend, without fees, in 10^-22."""
        prevented = self.prevented_locked - self.prevented_fee
        return fine_of_units(self.draft.price or 0) - self.executed_funds - prevented


def as_taken(order: SimOrder) -> SimOrder:
    """Return an order as it was before anything came of it."""
    return SimOrder(
        order_id=order.order_id,
        access_key=order.access_key,
        draft=order.draft,
        created_ns=order.created_ns,
        state=State.WAIT,
        reserved_fee=order.reserved_fee,
        locked=order.locked,
        fee_ppm=order.fee_ppm,
        smp=order.smp,
    )


def order_to_plain(order: SimOrder) -> dict[str, Any]:
    """Return the form the state log keeps (JSON types; ints may pass 64 bits)."""
    plain = _plain(order)
    plain["draft"] = _plain(order.draft)
    plain["trades"] = [[getattr(trade, name) for name in trade.__struct_fields__] for trade in order.trades]
    plain["successor"] = None if order.successor is None else _plain(order.successor)
    return plain


def order_from_plain(plain: dict[str, Any]) -> SimOrder:
    """Return the order of `order_to_plain`. KeyError, TypeError or ValueError when it is none."""
    successor, smp = plain.get("successor"), plain.get("smp")
    read = {
        "draft": _draft(plain["draft"]),
        "trades": tuple(Trade(*row) for row in plain["trades"]),
        "state": State(plain["state"]),
        "smp": None if smp is None else Smp(smp),
        "successor": None if successor is None else _draft(successor),
    }
    return SimOrder(**{**plain, **read})


def _plain(struct: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def _draft(plain: dict[str, Any]) -> Draft:
    tif, smp = plain["tif"], plain.get("smp")
    read = {
        "side": Side(plain["side"]),
        "ord_type": OrdType(plain["ord_type"]),
        "tif": None if tif is None else Tif(tif),
        "smp": None if smp is None else Smp(smp),
    }
    return Draft(**{**plain, **read})
