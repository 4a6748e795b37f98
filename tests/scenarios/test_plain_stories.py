"""What an arb comes to when the exchanges answer: filled, refused, missed, in part, late."""

import pytest
from desk_builders import e8
from story_exchange import Story, side_of, states
from story_life import FAST, until

from arbitrage.domain.inventory import Strain
from arbitrage.domain.order import OrderState
from arbitrage.domain.params import MS
from arbitrage.domain.units import EXCHANGES, Exchange, Ns

EVEN = Strain(0, 0, 0, 0)
FILLED, CANCELED, REFUSED = OrderState.FILLED, OrderState.CANCELED, OrderState.REFUSED


async def test_both_legs_fill_and_the_profit_is_the_spread_less_both_fees(story: Story) -> None:
    life = await story.live()
    arb = await life.closed(life.open(story.signal()).arb_id)
    assert states(arb) == [FILLED, FILLED]
    # 0.5 ETH bought at 4,000,000 and sold at 4,040,000; fees 0.05 % and 0.04 %.
    assert arb.pnl_krw == 20_000 - 1_000 - 808
    await story.end(life)
    assert story.reached == {f"{arb.arb_id}-b": 1, f"{arb.arb_id}-s": 1}


@pytest.mark.parametrize("exchange", EXCHANGES)
async def test_one_leg_refused_is_evened_out_by_one_hedge(story: Story, exchange: Exchange) -> None:
    life = await story.live()
    story.faults(exchange).refuse_next(400, "market_offline")
    arb = await life.closed(life.open(story.signal()).arb_id)
    assert sorted(states(arb)[:2]) == [FILLED, REFUSED]
    assert states(arb)[2:] == [FILLED]
    assert (arb.orders[2].side, arb.imbalance) == (side_of(exchange), 0)
    await story.end(life)


async def test_both_legs_refused_closes_with_nothing_sent_after_them(story: Story) -> None:
    life = await story.live()
    for exchange in EXCHANGES:
        story.faults(exchange).refuse_next(400, "market_offline")
    arb = await life.closed(life.open(story.signal()).arb_id)
    assert (states(arb), arb.why) == ([REFUSED, REFUSED], "nothing_filled")
    await story.end(life)
    assert len(story.reached) == 2


@pytest.mark.parametrize("exchange", EXCHANGES)
async def test_leg_that_finds_nothing_is_evened_out_on_a_book_younger_than_the_miss(
    story: Story, exchange: Exchange
) -> None:
    life = await story.live()
    story.faults(exchange).cancel_before_fill()
    arb = await life.closed(life.open(story.signal()).arb_id)
    assert sorted(states(arb)[:2]) == [CANCELED, FILLED]
    assert states(arb)[2:] == [FILLED]
    assert arb.imbalance == 0
    await story.end(life)


async def test_leg_filled_in_part_is_evened_out_for_exactly_the_rest(story: Story) -> None:
    life = await story.live()
    # Only the best level, 2 ETH, is within the limit of the sale.
    arb = await life.closed(life.open(story.signal("3", sell=4_040_000)).arb_id)
    buy, sell, hedge = arb.orders
    assert (buy.executed_qty, sell.executed_qty, hedge.executed_qty) == (e8(3), e8(2), e8(1))
    assert (sell.state, hedge.qty, arb.imbalance) == (CANCELED, e8(1), 0)
    await story.end(life)


async def test_remainder_below_the_minimum_order_is_dust(story: Story) -> None:
    life = await story.live()
    arb = await life.closed(life.open(story.signal("2.001", sell=4_040_000)).arb_id)
    assert (len(arb.orders), arb.why, arb.dust_qty) == (2, "dust", e8("0.001"))
    await story.end(life)


@pytest.mark.parametrize("exchange", EXCHANGES)
async def test_fill_that_takes_its_time_is_waited_for(story: Story, exchange: Exchange) -> None:
    life = await story.live()
    story.faults(exchange).delay_fills(150 * MS)
    arb = await life.closed(life.open(story.signal()).arb_id)
    assert states(arb) == [FILLED, FILLED]
    await story.end(life)


@pytest.mark.parametrize("exchange", EXCHANGES)
async def test_fill_that_comes_after_our_cancel_still_counts(story: Story, exchange: Exchange) -> None:
    life = await story.live()
    story.faults(exchange).delay_fills(400 * MS)
    arb_id = life.open(story.signal()).arb_id
    await until(lambda: OrderState.CANCELING in states(life.arb(arb_id)))
    arb = await life.closed(arb_id)
    assert states(arb) == [FILLED, FILLED]
    assert life.count("hedges") == 0
    await story.end(life)


async def test_order_that_neither_fills_nor_cancels_is_stuck_and_wakes_a_person(story: Story) -> None:
    life = await story.live()
    story.faults(Exchange.BITHUMB).delay_fills(900 * MS)
    arb_id = life.open(story.signal()).arb_id
    await until(lambda: life.arb(arb_id).state.value == "stuck")
    assert life.arb(arb_id).why == "deadline"
    assert life.count("hedges") == 0
    # The order fills after all; what a person resolves is what then is.
    await until(lambda: states(life.arb(arb_id)) == [FILLED, FILLED])
    assert life.trader.executor.resolve(arb_id, "seen to")
    assert life.arb(arb_id).is_closed
    await story.end(life)


async def test_limits_of_an_arb_stay_when_the_parameters_change(story: Story) -> None:
    life = await story.live()
    story.faults(Exchange.BITHUMB).delay_fills(200 * MS)
    arb_id = life.open(story.signal()).arb_id
    story.change_params(2, cancel_after_ns=60_000 * MS, rest_after_arb_ns=100 * MS)
    await until(lambda: life.context.control.applied_epoch() == 2)
    arb = await life.closed(arb_id)
    assert (arb.params_epoch, arb.limits.cancel_after_ns) == (1, FAST.cancel_after_ns)
    await story.end(life)


async def test_order_decided_a_moment_ago_is_off_the_request_budget_already(story: Story) -> None:
    life = await story.live()
    before = life.trader.desk.exposure(story.signal(), Ns(story.clock.mono_ns()), EVEN)
    arb = life.open(story.signal())
    after = life.trader.desk.exposure(story.signal(), Ns(story.clock.mono_ns()), EVEN)
    assert after.buy_request_budget == before.buy_request_budget - 1
    assert after.sell_request_budget == before.sell_request_budget - 1
    assert (after.open_arbs_market, after.orders_last_second) == (1, 2)
    await life.closed(arb.arb_id)
    await story.end(life)
