"""Evening out a lone leg: cheapest exchange, bounds, dust, and holding when nothing is sane."""

from decimal import Decimal

import msgspec
import pytest
from desk_builders import book, e8, quotes

from arbitrage.domain.hedge import Dust, HedgeOrder, HedgeRules, Hold, plan
from arbitrage.domain.units import PPM, SCALE, Exchange, Side

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


def test_limit_price_itself_keeps_the_loss_limit():
    tight = HedgeRules(slippage_ppm=3000, max_loss_krw=4_000 * SCALE)
    wanted = plan(e8("0.5"), BASIS, quotes(UPBIT, None), tight)
    assert isinstance(wanted, HedgeOrder)
    # At 3,994,000: 3,000 less than paid and 998.5 of fees; at the next tick down it would be 4,498.25.
    assert wanted.price == 3_994_000 * SCALE
    short = plan(-e8("0.5"), BASIS, quotes(UPBIT, None), tight)
    assert isinstance(short, HedgeOrder)
    assert short.price == 4_005_000 * SCALE, "2,500 more than it was sold for, and 1,001.25 of fees"


def test_loss_that_is_spent_already_leaves_nothing_to_do_but_hold():
    spent = HedgeRules(slippage_ppm=3000, max_loss_krw=-1)
    wanted = plan(e8("0.5"), BASIS, quotes(UPBIT, None), spent)
    assert isinstance(wanted, Hold)
    assert wanted.reason.startswith("loss_over_limit:")


WIDE = book(Exchange.UPBIT, [(3_980_000, "2")], [(4_000_000, "2")])
WAITING = HedgeRules(slippage_ppm=3000, max_loss_krw=200_000 * SCALE, look_ahead_ns=250_000_000, sigma_ppm=1_000)


def usual(spread_ppm: int, sigma_ppm: int = 0):
    found = quotes(WIDE, None)
    changed = {"usual_spread_ppm": spread_ppm, "sigma_ppm": sigma_ppm}
    return {exchange: msgspec.structs.replace(quote, **changed) for exchange, quote in found.items()}


def test_spread_wider_than_usual_is_waited_for_while_that_costs_less_than_the_swing():
    # 20,000 wide, usually 0.05 %: half of some 18,000 should come back; 0.05 % swings in a quarter of a second.
    assert plan(e8("0.5"), BASIS, usual(500), WAITING) == Hold("waiting_costs_less")
    assert isinstance(plan(e8("0.5"), BASIS, usual(500, sigma_ppm=5_000), WAITING), HedgeOrder), "too wild to wait"
    assert isinstance(plan(e8("0.5"), BASIS, usual(4_600), WAITING), HedgeOrder), "nothing much to come back"
    assert isinstance(plan(e8("0.5"), BASIS, usual(0), WAITING), HedgeOrder), "nothing is known of it"


def test_nothing_is_waited_for_when_the_time_for_it_is_over():
    now = msgspec.structs.replace(WAITING, look_ahead_ns=0)
    assert isinstance(plan(e8("0.5"), BASIS, usual(500), now), HedgeOrder)


def test_weight_of_the_swing_decides_how_long_waiting_is_worth_it():
    timid = msgspec.structs.replace(WAITING, kappa_ppm=5 * PPM)
    assert isinstance(plan(e8("0.5"), BASIS, usual(500), timid), HedgeOrder)


def test_other_exchange_is_used_at_once_where_it_is_cheaper_than_waiting():
    found = usual(500) | {Exchange.BITHUMB: quotes(None, BITHUMB)[Exchange.BITHUMB]}
    wanted = plan(e8("0.5"), BASIS, found, WAITING)
    assert isinstance(wanted, HedgeOrder)
    assert wanted.exchange is Exchange.BITHUMB
