"""An arb above a set notional leaves only when both exchanges' REST books support its prices, too (R1.3)."""

import pytest
from story_exchange import MARKET, Story, states
from story_life import SET, Life, until

from arbitrage.domain.order import OrderState
from arbitrage.domain.params import MS
from arbitrage.domain.units import EXCHANGES, Exchange

BOOKS = "/v1/orderbook"


async def careful(story: Story, **changes: object) -> Life:
    """Return a trader that confirms every arb, on books that wake it."""
    life = await story.live()
    story.change_params(2, **({"confirm_above_krw": 0, "rest_after_arb_ns": 60_000 * MS} | changes))
    await until(lambda: life.context.control.applied_epoch() == 2)
    return life


async def test_large_arb_is_sent_once_both_rest_books_support_it(story: Story) -> None:
    life = await careful(story)
    story.feeds_wake = True
    await until(lambda: life.count("arbs_closed") == 1)
    story.feeds_wake = False
    assert life.count("confirmations") == 1
    assert life.count("denied.unconfirmed") == 0
    await story.end(life)
    (arb,) = story.images().values()
    assert states(arb) == [OrderState.FILLED, OrderState.FILLED]


async def test_arb_below_the_bound_asks_nobody(story: Story) -> None:
    life = await careful(story, confirm_above_krw=SET.confirm_above_krw)
    story.feeds_wake = True
    await until(lambda: life.count("arbs_closed") == 1)
    story.feeds_wake = False
    assert life.count("confirmations") == 0
    await story.end(life)


def other_prices(path: str, body: bytes) -> bytes:
    """Return a book whose prices are gone: asks far above, bids far below."""
    if path != BOOKS:
        return body
    return body.replace(b'"ask_price":4', b'"ask_price":5').replace(b'"bid_price":4', b'"bid_price":3')


def no_book(path: str, body: bytes) -> bytes:
    """Return an answer that is none."""
    return b"{}" if path == BOOKS else body


@pytest.mark.parametrize("rewrite", [other_prices, no_book])
@pytest.mark.parametrize("exchange", EXCHANGES)
async def test_other_prices_or_no_answer_send_nothing_and_ask_for_whole_books(
    story: Story, exchange: Exchange, rewrite: object
) -> None:
    life = await careful(story)
    story.rewrite[exchange] = rewrite  # type: ignore[assignment]
    story.feeds_wake = True
    await until(lambda: life.count("denied.unconfirmed") >= 2)
    story.feeds_wake = False
    assert (life.count("arbs_opened"), story.reached) == (0, {})
    assert [life.context.control.take_resyncs(each) for each in EXCHANGES] == [(MARKET,), (MARKET,)]
    await story.end(life)
