"""Exchanges that refuse, and positions nobody can even out: the desk stops feeding them (R3.1)."""

import asyncio

import pytest
from desk_builders import e8
from story_exchange import Story, states
from story_life import until

from arbitrage.domain.arb import ArbState
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.events import TradingStateChanged
from arbitrage.domain.order import OrderState
from arbitrage.domain.units import EXCHANGES, Exchange
from fast_path import mailbox


async def test_key_refused_on_one_exchange_costs_one_lone_leg_not_a_day_of_them(story: Story) -> None:
    life = await story.live()
    story.faults(Exchange.BITHUMB).refuse_next(401, "jwt_verification", count=50)
    story.feeds_wake = True
    await until(lambda: life.count("arbs_closed") == 1)
    await asyncio.sleep(0.6)
    assert life.count("arbs_opened") == 1
    assert story.level() is TradingLevel.REDUCING
    story.feeds_wake = False
    await story.end(life)
    changes = [record.event for record in story.records() if isinstance(record.event, TradingStateChanged)]
    assert [(change.level, change.reason) for change in changes] == [("reducing", "bithumb refused our key")]


async def test_market_that_refuses_orders_is_rested(story: Story) -> None:
    life = await story.live()
    story.faults(Exchange.BITHUMB).refuse_next(400, "market_offline", count=50)
    story.feeds_wake = True
    await until(lambda: life.count("arbs_closed") == 1)
    await until(lambda: life.count("denied.market_resting") >= 3)
    assert life.count("arbs_opened") == 1
    assert story.level() is TradingLevel.ACTIVE
    story.feeds_wake = False
    await story.end(life)


async def test_exchange_that_loses_answers_is_rested(story: Story) -> None:
    life = await story.live()
    story.faults(Exchange.UPBIT).drop_reply_after_accept(50)
    story.feeds_wake = True
    await until(lambda: life.count("arbs_closed") == 1)
    await until(lambda: life.count("denied.exchange_resting") >= 3)
    assert life.count("arbs_opened") == 1
    story.feeds_wake = False
    await story.end(life)


@pytest.mark.parametrize("exchange", EXCHANGES)
async def test_private_stream_down_opens_nothing(story: Story, exchange: Exchange) -> None:
    story.stream_back_ms = 60_000
    life = await story.live()
    story.simulator.cut(exchange)
    await until(lambda: exchange not in life.trader.desk.streams_up)
    story.feeds_wake = True
    await until(lambda: life.count("denied.stream_down") >= 3)
    assert story.reached == {}
    await story.end(life)


async def test_lone_leg_with_no_book_to_hedge_on_is_stuck_until_a_person_says_otherwise(story: Story) -> None:
    life = await story.live()
    story.stop_books()
    story.faults(Exchange.BITHUMB).refuse_next(400, "market_offline")
    arb_id = life.open(story.signal()).arb_id
    await until(lambda: life.arb(arb_id).state is ArbState.STUCK)
    assert life.arb(arb_id).why == "no_hedge upbit:no_book bithumb:no_book"
    assert story.level() is TradingLevel.REDUCING
    mailbox.post(story.env.requests_dir, mailbox.ResolveArb(arb_id, "kept it", "kim"))
    arb = await life.closed(arb_id)
    assert (arb.why, arb.imbalance, arb.dust_qty) == ("operator_resolved kim: kept it", e8("0.5"), e8("0.5"))
    assert list(story.env.requests_dir.iterdir()) == []
    await story.end(life)


async def test_stuck_arb_stays_stuck_over_a_restart_and_is_resolved_by_mail_that_waited(story: Story) -> None:
    first = await story.live()
    story.stop_books()
    story.faults(Exchange.BITHUMB).refuse_next(400, "market_offline")
    arb_id = first.open(story.signal()).arb_id
    await until(lambda: first.arb(arb_id).state is ArbState.STUCK)
    assert await first.stop() == 0
    mailbox.post(story.env.requests_dir, mailbox.ResolveArb(arb_id, "sold by hand", "kim"))
    mailbox.post(story.env.requests_dir, mailbox.ResolveArb("another-1", "?", "kim"))
    second = await story.live()
    arb = await second.closed(arb_id)
    assert arb.why == "operator_resolved kim: sold by hand"
    await until(lambda: not list(story.env.requests_dir.iterdir()))
    await story.end(second)


async def test_hedge_refused_again_and_again_is_given_up_after_its_attempts(story: Story) -> None:
    life = await story.live()
    for exchange in EXCHANGES:
        story.faults(exchange).refuse_next(400, "market_offline", count=50 if exchange is Exchange.BITHUMB else 0)
    life.before_send.append(lambda at, order: "kept back" if "-h" in order.client_order_id else None)
    arb_id = life.open(story.signal()).arb_id
    await until(lambda: life.arb(arb_id).state is ArbState.STUCK)
    arb = life.arb(arb_id)
    assert set(states(arb)[2:]) == {OrderState.REFUSED}
    assert story.level() is TradingLevel.REDUCING
    assert life.trader.wallets.reservations() == ()
    await life.die()
    story.check_truth()
