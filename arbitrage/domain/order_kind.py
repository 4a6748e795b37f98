"""Which orders can be given at all: the combinations both exchanges take (upbit.md §1.4, bithumb.md §3.6)."""

from arbitrage.domain.order import Order, OrderKind, TimeInForce
from arbitrage.domain.units import Side

TIFS: dict[OrderKind, tuple[TimeInForce, ...]] = {
    OrderKind.LIMIT: tuple(TimeInForce),
    OrderKind.BEST: (TimeInForce.IOC, TimeInForce.FOK),
    OrderKind.MARKET_BUY: (TimeInForce.IOC,),
    OrderKind.MARKET_SELL: (TimeInForce.IOC,),
}
"""Market orders carry no time in force on the wire; what they leave is cancelled, which is IOC."""
SIDES: dict[OrderKind, Side] = {OrderKind.MARKET_BUY: Side.BID, OrderKind.MARKET_SELL: Side.ASK}

_LIMIT = OrderKind.LIMIT


def kind_fault(order: Order) -> str | None:
    """Return what is wrong with the combination of kind, side, price, quantity, funds and time in force, or None."""
    if order.kind is _LIMIT and order.price > 0 and order.qty > 0 and not order.funds:
        return None
    side = SIDES.get(order.kind)
    if side is not None and order.side is not side:
        return f"side was {order.side}, must be {side} for {order.kind}"
    if order.tif not in TIFS[order.kind]:
        return f"tif was {order.tif}, must be {' or '.join(TIFS[order.kind])} for {order.kind}"
    needed = {
        "price": order.kind is OrderKind.LIMIT,
        "qty": not order.is_by_funds,
        "funds": order.is_by_funds,
    }
    for name, is_needed in needed.items():
        found = getattr(order, name)
        if found < 0 or (found > 0) is not is_needed:
            bound = "above 0" if is_needed else "0"
            return f"{name} was {found}, must be {bound} for {order.kind} {order.side}"
    return None
