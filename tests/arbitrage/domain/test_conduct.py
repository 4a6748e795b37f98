"""Conduct: what the breakers look at, folded from journal events one by one."""

import msgspec
import pytest
from desk_builders import MS, SECOND, e8, fill, heard, moment, opened

from arbitrage.domain.arb import Arb, ArbState
from arbitrage.domain.conduct import LEAST_ORDERS, MINUTE_NS, Conduct
from arbitrage.domain.events import ArbStepped, TradingStateChanged
from arbitrage.domain.order import OrderOn, OrderReport, OrderState, RefusalReason, advance
from arbitrage.domain.units import Exchange, Ns

START = moment(0).mono_ns


def arb(number: int, *, at_ms: int = 0, market: str = "KRW-ETH") -> Arb:
    """Return a new arb of its own id; 0.5 bought for 2,000,000 and sold for 2,010,000 KRW."""
    one = opened()
    at = Ns(START + at_ms * MS)
    orders = tuple(
        msgspec.structs.replace(
            order, client_order_id=f"a{number}-{index}", arb_id=f"a{number}", market=market, planned_mono_ns=at
        )
        for index, order in enumerate(one.orders)
    )
    return msgspec.structs.replace(one, arb_id=f"a{number}", market=market, orders=orders, opened_mono_ns=at)


def with_report(one: Arb, index: int, report: OrderReport) -> Arb:
    order = advance(one.orders[index], report, START)
    return msgspec.structs.replace(one, orders=(*one.orders[:index], order, *one.orders[index + 1 :]))


def even(one: Arb, *, sold_at: int = 4_020_000) -> Arb:
    """Return it with both legs filled."""
    one = with_report(one, 0, heard(OrderOn.FULL_FILL, fill("b", 4_000_000, "0.5")))
    return with_report(one, 1, heard(OrderOn.FULL_FILL, fill("s", sold_at, "0.5")))


def refused(one: Arb, index: int, reason: RefusalReason = RefusalReason.MARKET_OFFLINE) -> Arb:
    return with_report(one, index, OrderReport(OrderOn.REFUSED, refusal=reason))


def closed(one: Arb) -> Arb:
    return msgspec.structs.replace(one, state=ArbState.CLOSED, closed_wall_ns=moment(9).wall_ns)


def told(*images: Arb, conduct: Conduct | None = None) -> Conduct:
    conduct = conduct or Conduct()
    for image in images:
        conduct.heard(ArbStepped(image, None, moment(0).wall_ns))
    return conduct


def lived(number: int) -> tuple[Arb, Arb]:
    one = arb(number)
    return one, closed(even(one))


def failed(number: int) -> tuple[Arb, Arb]:
    one = arb(number)
    return one, closed(refused(refused(one, 0), 1))


def test_arbs_with_a_refusal_a_lone_leg_or_an_unknown_outcome_are_failures_in_a_row():
    legged = msgspec.structs.replace(arb(3), state=ArbState.LEGGED)
    lost = with_report(arb(4), 1, OrderReport(OrderOn.OUTCOME_LOST))
    found = closed(with_report(with_report(lost, 0, heard(OrderOn.CANCELED)), 1, heard(OrderOn.CANCELED)))
    conduct = told(*failed(1), legged, closed(even(legged)), lost, found)
    assert conduct.failures_in_a_row == 3


def test_a_stuck_arb_is_a_failure_though_it_never_closes():
    stuck = msgspec.structs.replace(arb(1), state=ArbState.STUCK)
    assert told(arb(1), stuck, stuck).failures_in_a_row == 1


def test_an_even_arb_ends_the_row_and_one_that_filled_nothing_does_not():
    missed = closed(with_report(with_report(arb(3), 0, heard(OrderOn.CANCELED)), 1, heard(OrderOn.CANCELED)))
    conduct = told(*failed(1), *failed(2), arb(3), missed)
    assert conduct.failures_in_a_row == 2
    assert told(*lived(4), conduct=conduct).failures_in_a_row == 0


def test_an_image_told_twice_counts_once():
    conduct = told(*failed(1), *failed(1), *lived(2), *lived(2))
    assert conduct.session_pnl == (e8(10_000), "KRW")
    assert conduct.orders_last_minute(START) == 4


def test_what_we_stopped_ourselves_is_no_failure():
    one = refused(refused(arb(1), 0, RefusalReason.STOPPED), 1, RefusalReason.STOPPED)
    conduct = told(arb(1), closed(one), *(image for n in range(2, 30) for image in failed(n)))
    assert conduct.failures_in_a_row == 28
    assert told(arb(1), closed(one)).failures_in_a_row == 0


def test_the_refused_share_is_of_the_last_fifty_orders_and_says_nothing_of_fewer_than_twenty():
    conduct = told(*(image for n in range(LEAST_ORDERS // 2 - 1) for image in failed(n)))
    assert conduct.refused_ppm == 0
    told(*failed(50), conduct=conduct)
    assert conduct.refused_ppm == 1_000_000
    told(*(image for n in range(100, 115) for image in lived(n)), conduct=conduct)
    assert conduct.refused_ppm == 400_000
    told(*(image for n in range(200, 210) for image in lived(n)), conduct=conduct)
    assert conduct.refused_ppm == 0


def test_losses_add_up_and_a_late_fill_corrects_them():
    one = arb(1)
    conduct = told(one, closed(even(one, sold_at=3_900_000)), *lived(2))
    assert conduct.session_pnl == (e8(-50_000 + 10_000), "KRW")
    assert conduct.worst_loss == e8(50_000)
    told(closed(even(one, sold_at=3_990_000)), conduct=conduct)
    assert conduct.session_pnl == (e8(-5_000 + 10_000), "KRW")


def test_profit_in_another_currency_is_not_counted_as_won():
    one = arb(1, market="USDT-ETH")
    assert told(*lived(2), one, closed(even(one))).session_pnl == (e8(10_000), "USDT")


def test_orders_are_counted_for_a_minute_hedges_too():
    one = arb(1)
    hedge = msgspec.structs.replace(one.orders[0], client_order_id="h", planned_mono_ns=Ns(START + 30 * SECOND))
    conduct = told(one, msgspec.structs.replace(one, orders=(*one.orders, hedge)))
    assert conduct.orders_last_minute(Ns(START + 30 * SECOND)) == 3
    assert conduct.orders_last_minute(Ns(START + MINUTE_NS)) == 1
    assert conduct.orders_last_minute(Ns(START + 30 * SECOND + MINUTE_NS)) == 0


def test_orders_of_an_earlier_boot_count_as_sent_now():
    conduct = told(arb(1))
    conduct.started(Ns(5 * SECOND))
    assert conduct.orders_last_minute(Ns(6 * SECOND)) == 2
    assert conduct.orders_last_minute(Ns(5 * SECOND + MINUTE_NS)) == 0


def test_net_bought_counts_open_arbs_whole_and_ended_ones_by_what_filled():
    conduct = told(arb(1), arb(2))
    assert conduct.net_krw(Exchange.UPBIT, START) == e8(4_000_000)
    assert conduct.net_krw(Exchange.BITHUMB, START) == -e8(4_000_000)
    missed = closed(with_report(with_report(arb(1), 0, heard(OrderOn.CANCELED)), 1, heard(OrderOn.CANCELED)))
    told(missed, closed(even(arb(2))), conduct=conduct)
    assert conduct.net_krw(Exchange.UPBIT, START) == e8(2_000_000)


def test_what_was_bought_and_sold_again_on_one_exchange_leaves_nothing_there():
    one = even(arb(1))
    undone = msgspec.structs.replace(one.orders[1], client_order_id="h", exchange=Exchange.UPBIT)
    assert told(closed(msgspec.structs.replace(one, orders=(one.orders[0], undone)))).net_krw(
        Exchange.UPBIT, START
    ) == e8(-10_000)


def test_net_bought_is_forgotten_after_an_hour():
    conduct = told(*lived(1))
    assert conduct.net_krw(Exchange.UPBIT, Ns(START + 59 * MINUTE_NS)) == e8(2_000_000)
    assert conduct.net_krw(Exchange.UPBIT, Ns(START + 61 * MINUTE_NS)) == 0


@pytest.mark.parametrize("level", ["reducing", "halted"])
def test_only_a_person_s_word_begins_anew(level):
    conduct = told(*failed(1), arb(2), closed(even(arb(2), sold_at=3_900_000)), *failed(3))
    conduct.heard(TradingStateChanged(level, "breaker", moment(0).wall_ns))
    assert conduct.is_lowered
    assert (conduct.failures_in_a_row, conduct.worst_loss) == (1, e8(50_000))
    conduct.heard(TradingStateChanged("active", "a person", moment(0).wall_ns))
    assert not conduct.is_lowered
    assert (conduct.failures_in_a_row, conduct.worst_loss) == (0, 0)
    assert conduct.session_pnl == (0, "KRW")
    assert conduct.orders_last_minute(START) == 0
    assert conduct.net_krw(Exchange.UPBIT, START) == e8(2_000_000)


def test_an_order_that_never_left_is_no_refusal():
    one = msgspec.structs.replace(arb(1).orders[0], state=OrderState.REFUSED)
    image = msgspec.structs.replace(arb(1), orders=(one, one))
    assert told(closed(image)).failures_in_a_row == 0
