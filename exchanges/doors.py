"""The ways by which orders can leave, told by the transports themselves; and which addresses are a real exchange's."""

from arbitrage.domain.arming import OrderDoor, RealAddresses
from arbitrage.domain.units import Exchange
from exchanges.transport import AsyncTransport, Orders

REAL: RealAddresses = {
    Exchange.UPBIT: frozenset({"https://api.upbit.com"}),
    Exchange.BITHUMB: frozenset({"https://api.bithumb.com"}),
}
"""Where orders are real (upbit.md §1.1, bithumb.md §3.1). Whatever else lies in their domains is no simulator."""


def transport_door(exchange: Exchange, transport: AsyncTransport, key_mark: str) -> OrderDoor:
    """Return the way by which orders leave through `transport`."""
    return OrderDoor(exchange, transport.address, transport.orders is Orders.LEAVE, key_mark)
