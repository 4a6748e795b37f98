"""Every way out of a lone leg, on both exchanges and both sides, down to the bytes of the hedge's body."""

import msgspec
import pytest
from story_exchange import MARKET, Story, states

from arbitrage.domain.order import OrderRole, OrderState
from arbitrage.domain.signal import Signal
from arbitrage.domain.units import EXCHANGES, SCALE, Exchange, Price, Side, other_exchange

U, B = Exchange.UPBIT, Exchange.BITHUMB
HEDGE_PRICES = {
    (U, Side.BID): "4012000",
    (U, Side.ASK): "3986000",
    (B, Side.BID): "4055000",
    (B, Side.ASK): "4027000",
}
"""The touch and 0.3 % beyond it, to the tick."""


def signal_of(story: Story, buys: Exchange) -> Signal:
    """Return a signal that buys there and sells on the other, at limits that fill at once."""
    found = story.signal()
    if buys is U:
        return found
    limits = {"buy_limit": Price(4_046_000 * SCALE), "sell_limit": Price(3_994_000 * SCALE)}
    return msgspec.structs.replace(found, buy_exchange=B, sell_exchange=U, **limits)


def wire_body(exchange: Exchange, side: Side, client_order_id: str) -> dict[str, str]:
    """Return what must reach the exchange, written out."""
    price = HEDGE_PRICES[exchange, side]
    body = {"market": MARKET, "side": side.value, "price": price, "volume": "0.5", "time_in_force": "ioc"}
    if exchange is U:
        return body | {"ord_type": "limit", "identifier": client_order_id, "smp_type": "cancel_taker"}
    return body | {"order_type": "limit", "client_order_id": client_order_id}


@pytest.mark.parametrize("way", ["complete", "unwind"])
@pytest.mark.parametrize("missed", [OrderRole.BUY_LEG, OrderRole.SELL_LEG])
@pytest.mark.parametrize("buys", EXCHANGES)
async def test_lone_leg_is_completed_or_unwound_where_a_book_is_left(
    story: Story, buys: Exchange, missed: OrderRole, way: str
) -> None:
    life = await story.live()
    missing = buys if missed is OrderRole.BUY_LEG else other_exchange(buys)
    # Where the leg filled, it is unwound; where it is missing, completed: the other exchange shows no book.
    goes_to = missing if way == "complete" else other_exchange(missing)
    story.faults(missing).refuse_next(400, "market_offline")
    story.stop_books(other_exchange(goes_to))
    arb = await life.closed(life.open(signal_of(story, buys)).arb_id)
    side = Side.BID if missed is OrderRole.BUY_LEG else Side.ASK
    assert [(order.exchange, order.side) for order in arb.orders[2:]] == [(goes_to, side)]
    assert (states(arb)[2], arb.imbalance, arb.why) == (OrderState.FILLED, 0, "balanced")
    hedge_id = arb.orders[2].client_order_id
    assert story.bodies[hedge_id] == wire_body(goes_to, side, hedge_id)
    await story.end(life)
    assert story.reached[hedge_id] == 1
