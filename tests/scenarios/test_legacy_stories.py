"""Arbs whose Bithumb leg goes through the legacy generation, end to end: filled, missed, lost, died on, switched to."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from story_exchange import SECRET, Story, states, told
from story_life import until

from arbitrage.domain.order import OrderState
from arbitrage.domain.params import MS
from arbitrage.domain.units import Exchange, Ns
from arbitrage.domain.wire import Duty, ExchangeWire, Generation, Wire, wire_to_bytes
from exchanges.bithumb.gateway import BithumbGateway
from exchanges.bithumb.legacy_gateway import LegacyGateway
from exchanges.bithumb.legacy_profile import LegacySettings
from exchanges.bithumb.switching_gateway import SwitchingGateway
from exchanges.credentials import Credentials
from exchanges.generation_log import GenerationLog
from exchanges.simulator.orders import SimOrder
from exchanges.stream import StreamTiming

BITHUMB = Exchange.BITHUMB
FILLED, CANCELED, REFUSED, UNKNOWN = OrderState.FILLED, OrderState.CANCELED, OrderState.REFUSED, OrderState.UNKNOWN
LEGACY = ExchangeWire({Duty.ORDERS: Generation.LEGACY, Duty.READS: Generation.LEGACY})
SETTINGS = LegacySettings(
    ioc_rest_ns=Ns(50 * MS),
    absent_after_ns=Ns(300 * MS),
    poll_orders_ns=Ns(50 * MS),
    poll_balances_ns=Ns(200 * MS),
)


class LegacyStory(Story):
    """A story whose Bithumb gateway has both generations; `wire` is what it starts with."""

    wire = LEGACY

    def gateway(self, exchange: Exchange, last_check: Any) -> Any:
        """Return the real gateway."""
        if exchange is not BITHUMB:
            return super().gateway(exchange, last_check)
        host = self.simulator.bithumb_address
        keys = Credentials(exchange, f"{exchange}-access", SECRET)
        timing = StreamTiming(ping_every_ns=1_000 * MS, backoff_ms=(20,))
        url, markets = f"http://{host}", self.env.markets
        return SwitchingGateway(
            BithumbGateway(keys, url, f"ws://{host}", self.clock, last_check=last_check, timing=timing),
            LegacyGateway(keys, url, self.clock, markets=markets, last_check=last_check, settings=SETTINGS),
            GenerationLog(self.env.var_dir / "generations"),
            self.clock,
            markets=markets,
            wire=self.wire,
        )

    def orders(self, exchange: Exchange) -> dict[str, SimOrder]:
        """Return the orders by our id; the legacy ones by what the journal knows of them."""
        if exchange is not BITHUMB:
            return super().orders(exchange)
        ours = [order for arb in self.images().values() for order in arb.orders]
        names = {order.exchange_order_id: order.client_order_id for order in ours}
        theirs = self.exchange(exchange).matching.orders.values()
        assert not any(order.is_open for order in theirs)
        return {names[order.order_id] or "": order for order in theirs if order.order_id in names}

    def legacy_orders(self) -> int:
        """Return how many orders Bithumb has that carry no id of ours."""
        theirs = self.exchange(BITHUMB).matching.orders.values()
        return sum(order.draft.client_order_id is None for order in theirs)


@pytest.fixture
async def story() -> AsyncIterator[Story]:
    async with told(make=LegacyStory) as one:
        yield one


async def test_both_legs_fill_and_the_profit_is_the_same_as_ever(story: LegacyStory) -> None:
    life = await story.live()
    arb = await life.closed(life.open(story.signal()).arb_id)
    assert states(arb) == [FILLED, FILLED]
    assert arb.pnl_krw == 20_000 - 1_000 - 808
    await story.end(life)
    assert story.legacy_orders() == 1


async def test_leg_that_does_not_match_is_ended_here_and_evened_out(story: LegacyStory) -> None:
    life = await story.live()
    arb = await life.closed(life.open(story.signal(sell=4_050_000)).arb_id)
    assert (states(arb)[:2], arb.imbalance) == ([FILLED, CANCELED], 0)
    assert all(state is FILLED for state in states(arb)[2:])
    await story.end(life)


async def test_lost_answer_of_a_filled_leg_is_found_by_its_trades(story: LegacyStory) -> None:
    life = await story.live()
    story.faults(BITHUMB).drop_reply_after_accept()
    arb = await life.closed(life.open(story.signal()).arb_id)
    assert (states(arb), arb.imbalance) == ([FILLED, FILLED], 0)
    assert life.count("orders_unknown") == 1
    assert life.count("hedges") == 0
    await story.end(life)
    assert story.legacy_orders() == 1


async def test_leg_that_never_arrived_is_believed_absent_and_evened_out(story: LegacyStory) -> None:
    life = await story.live()
    story.faults(BITHUMB).drop_before_accept()
    arb = await life.closed(life.open(story.signal()).arb_id)
    assert (states(arb)[:2], arb.imbalance) == ([FILLED, REFUSED], 0)
    await story.end(life)


async def test_death_before_the_answer_is_recovered_without_a_second_order(story: LegacyStory) -> None:
    life = await story.live()
    story.faults(BITHUMB).drop_reply_after_accept()
    opened = life.open(story.signal())
    await until(lambda: UNKNOWN in states(life.arb(opened.arb_id)))
    await life.die()
    second = await story.live()
    arb = await second.closed(opened.arb_id)
    assert (states(arb), arb.imbalance) == ([FILLED, FILLED], 0)
    await story.end(second)
    assert story.legacy_orders() == 1


async def test_orders_change_their_way_while_the_trader_runs(story: LegacyStory) -> None:
    story.wire = ExchangeWire()
    life = await story.live()
    life.context.beat()
    first = await life.closed(life.open(story.signal()).arb_id)
    life.context.control.write_wire(2, wire_to_bytes(Wire({BITHUMB: LEGACY})))
    await until(lambda: life.context.control.heartbeats()["trader"].wire_epoch == 2)
    await until(lambda: len(life.trader.desk.streams_up) == 2)
    second = await life.closed(life.open(story.signal()).arb_id)
    assert states(first) == states(second) == [FILLED, FILLED]
    await story.end(life)
    assert story.legacy_orders() == 1
    assert story.reached[f"{first.arb_id}-s"] == 1
