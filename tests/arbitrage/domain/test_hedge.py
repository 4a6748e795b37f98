"""Evening out a lone leg: cheapest exchange, bounds, dust, and holding when nothing is sane."""

from decimal import Decimal

import pytest
from desk_builders import book, e8, quotes

from arbitrage.domain.hedge import Dust, HedgeOrder, HedgeRules, Hold, plan
from arbitrage.domain.units import SCALE, Exchange, Side

RULES = HedgeRules(slippage_ppm=3000, max_loss_krw=200_000 * SCALE)
UPBIT = book(Exchange.UPBIT, [(3_998_000, "2")], [(4_000_000, "2")])
BITHUMB = book(Exchange.BITHUMB, [(4_010_000, "2")], [(4_014_000, "2")])
BASIS = Decimal(4_000_000)


def test_too_much_base_is_sold_where_it_brings_most():
    wanted = plan(e8("0.5"), BASIS, quotes(UPBIT, BITHUMB), RULES)
    assert isinstance(wanted, HedgeOrder)
    assert (wanted.exchange, wanted.side, wanted.qty) == (Exchange.BITHUMB, Side.ASK, e8("0.5"))
    assert wanted.price == 3_997_000 * SCALE, "0.3 % below the touch, down to the tick"
    assert wanted.loss_krw == -5_000 * SCALE + 1_002 * SCALE + SCALE // 2, "gain at the touch, fee on top"


def test_too_little_base_is_bought_where_it_costs_least():
    wanted = plan(-e8("0.5"), Decimal(4_010_000), quotes(UPBIT, BITHUMB), RULES)
    assert isinstance(wanted, HedgeOrder)
    assert (wanted.exchange, wanted.side, wanted.price) == (Exchange.UPBIT, Side.BID, 4_012_000 * SCALE)


def test_stale_book_is_not_used():
    wanted = plan(e8("0.5"), BASIS, quotes(UPBIT, None), RULES)
    assert isinstance(wanted, HedgeOrder)
    assert wanted.exchange is Exchange.UPBIT


def test_no_book_at_all_holds_and_says_why():
    assert plan(e8("0.5"), BASIS, quotes(None, None), RULES) == Hold("upbit:no_book bithumb:no_book")


@pytest.mark.parametrize(("imbalance", "is_dust"), [("0.00124", True), ("0.00126", False), ("-0.00124", True)])
def test_below_the_minimum_order_everywhere_is_dust(imbalance, is_dust):
    wanted = plan(e8(imbalance), BASIS, quotes(UPBIT, None), RULES)
    assert isinstance(wanted, Dust) == is_dust


def test_sale_just_above_the_minimum_is_sent_at_a_limit_that_still_reaches_it():
    # 5,010 KRW at the touch, but below 5,000 at the usual 0.3 % under it.
    wanted = plan(125_313, BASIS, quotes(UPBIT, None), RULES)
    assert isinstance(wanted, HedgeOrder)
    assert (wanted.qty, wanted.price) == (125_313, 3_991_000 * SCALE)
    assert wanted.price * wanted.qty >= 5_000 * SCALE * SCALE


def test_sale_that_reaches_the_minimum_only_above_the_best_bid_is_dust():
    # 4,999 KRW at the bid, 5,001 at the ask: nobody buys at the ask.
    same = book(Exchange.BITHUMB, [(3_998_000, "2")], [(4_000_000, "2")])
    assert plan(125_040, BASIS, quotes(UPBIT, same), RULES) == Dust()


def test_loss_over_the_limit_holds():
    crash = book(Exchange.BITHUMB, [(3_000_000, "2")], [(3_010_000, "2")])
    wanted = plan(e8("0.5"), BASIS, quotes(None, crash), RULES)
    assert isinstance(wanted, Hold)
    assert wanted.reason.startswith("loss_over_limit:")


def test_hedge_never_sells_more_than_is_free():
    wanted = plan(e8("0.5"), BASIS, quotes(UPBIT, None, base="0.2"), RULES)
    assert isinstance(wanted, HedgeOrder)
    assert wanted.qty == e8("0.2")


def test_buy_is_bound_by_cash_with_the_fee_on_top():
    wanted = plan(-e8("0.5"), BASIS, quotes(UPBIT, None, krw="401200"), RULES)
    assert isinstance(wanted, HedgeOrder)
    cost = wanted.price * wanted.qty // SCALE
    assert cost + cost * 500 // 1_000_000 <= 401_200 * SCALE
    assert wanted.qty == 9_995_002, "401,200 / 4,012,000 / 1.0005, floored"


def test_no_balance_for_a_minimum_order_holds():
    assert plan(e8("0.5"), BASIS, quotes(UPBIT, None, base="0.001"), RULES) == Hold("upbit:no_balance bithumb:no_book")
