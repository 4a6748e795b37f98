"""Which arbs there are: open, closed lately, forgotten; and whose order an exchange names."""

import msgspec
from desk_builders import fill, heard, moment, opened

from arbitrage.domain.arb import Arb, ArbState, OrderHeard
from arbitrage.domain.arb_step import advance
from arbitrage.domain.order import OrderOn, OrderReport
from arbitrage.domain.units import Exchange
from fast_path.register import LATE_FILL_NS, Register

NOW = moment(0).mono_ns


def say(arb: Arb, leg: str, report: OrderReport) -> Arb:
    return advance(arb, OrderHeard(leg, report), moment(10))[0]


def flat() -> Arb:
    """Return an arb that closed with nothing filled."""
    arb = say(opened(), "t1-1-b", heard(OrderOn.CANCELED, executed="0"))
    return say(arb, "t1-1-s", OrderReport(OrderOn.REFUSED))


def test_open_arb_is_counted_until_it_closes_and_found_until_it_is_forgotten():
    register = Register()
    register.keep(opened(), NOW)
    assert (register.open_count, register.moving_count) == (1, 1)
    assert register.has_live_orders(Exchange.UPBIT)
    register.keep(flat(), NOW)
    assert (register.open_count, register.moving_count) == (0, 0)
    assert not register.has_live_orders(Exchange.UPBIT)
    assert list(register.expired(NOW + LATE_FILL_NS)) == []
    assert register.order_of(Exchange.UPBIT, None, "X1") == "t1-1-b"
    assert [arb.arb_id for arb in register.expired(NOW + LATE_FILL_NS + 1)] == ["t1-1"]
    assert register.find("t1-1") is None
    assert register.order_of(Exchange.UPBIT, "t1-1-b", "X1") is None


def test_arb_closed_anew_after_a_late_fill_is_kept_its_whole_time_again():
    register = Register()
    register.keep(flat(), NOW)
    late = say(flat(), "t1-1-b", heard(OrderOn.PART_FILL, fill("late", 4_000_000, "0.1")))
    assert late.state is ArbState.LEGGED
    register.keep(late, NOW + LATE_FILL_NS)
    assert (register.open_count, list(register.expired(NOW + 2 * LATE_FILL_NS))) == (1, [])
    register.keep(msgspec.structs.replace(late, state=ArbState.CLOSED), NOW + LATE_FILL_NS + 5)
    assert list(register.expired(NOW + 2 * LATE_FILL_NS + 5)) == []
    assert len(list(register.expired(NOW + 2 * LATE_FILL_NS + 6))) == 1


def test_order_still_alive_in_a_closed_arb_is_alive():
    register = Register()
    register.keep(msgspec.structs.replace(opened(), state=ArbState.CLOSED), NOW)
    assert register.open_count == 0
    assert register.has_live_orders(Exchange.BITHUMB)
    assert [arb.arb_id for arb in register.watched_arbs()] == ["t1-1"]
    register.keep(flat(), NOW)
    assert list(register.watched_arbs()) == []


def test_changes_move_with_the_orders_of_that_exchange_alone():
    register = Register()
    arb = opened()
    register.keep(arb, NOW)
    upbit, bithumb = register.changes(Exchange.UPBIT), register.changes(Exchange.BITHUMB)
    register.keep(say(arb, "t1-1-b", OrderReport(OrderOn.SENT)), NOW)
    assert register.changes(Exchange.UPBIT) > upbit
    assert register.changes(Exchange.BITHUMB) == bithumb


def test_an_order_that_comes_later_is_a_change_and_the_same_orders_again_are_none():
    register = Register()
    arb = opened()
    register.keep(arb, NOW)
    before = register.changes(Exchange.UPBIT)
    register.keep(arb, NOW)
    assert register.changes(Exchange.UPBIT) == before
    hedge = msgspec.structs.replace(arb.orders[0], client_order_id="t1-1-h1")
    register.keep(msgspec.structs.replace(arb, orders=(*arb.orders, hedge)), NOW)
    assert register.changes(Exchange.UPBIT) == before + 1
    assert register.arb_of("t1-1-h1").arb_id == "t1-1"
