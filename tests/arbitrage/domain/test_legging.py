"""What our legs came to on each exchange: means that forget, kinds of their own, and which leg goes first."""

import msgspec
import pytest
from desk_builders import fill, heard, moment, opened, signal

from arbitrage.domain.arb import Arb, OrderHeard
from arbitrage.domain.arb_step import advance
from arbitrage.domain.legging import PRIOR_PPM, LegHistory, leader
from arbitrage.domain.order import OrderOn, OrderReport, OrderRole, RefusalReason
from arbitrage.domain.params import DEFAULT_PARAMS, MS
from arbitrage.domain.ports import Accepted, Refused, Unknown
from arbitrage.domain.units import PPM, Exchange, Ns

U, B = Exchange.UPBIT, Exchange.BITHUMB


def closed(number: int, bought: str, sold: str, **kinds: int) -> Arb:
    """Return an arb that filled so far on both sides, evened out by hand where it did not."""
    arb = msgspec.structs.replace(opened(), arb_id=f"a{number}")
    arb = msgspec.structs.replace(arb, signal=msgspec.structs.replace(arb.signal, **kinds))
    for order, qty in zip(arb.orders, (bought, sold), strict=True):
        fills = [fill(order.client_order_id, 4_000_000, qty)] if qty != "0" else []
        report = heard(OrderOn.CANCELED, *fills, executed="0")
        arb, _ = advance(arb, OrderHeard(order.client_order_id, report), moment(10))
    return msgspec.structs.replace(arb, state=type(arb.state).CLOSED)


def history_of(*arbs: Arb) -> LegHistory:
    history = LegHistory()
    for arb in arbs:
        history.fold(arb)
    return history


def test_prior_counts_until_something_was_seen_and_is_outweighed_then():
    history = LegHistory()
    assert (history.fill_ppm(U), history.trouble_ppm(U), history.latency_ns(U)) == (PRIOR_PPM, 0, 0)
    history = history_of(*(closed(number, "0.5", "0.1") for number in range(100)))
    assert history.fill_ppm(U) > 990_000
    assert 190_000 < history.fill_ppm(B) < 240_000


def test_arb_counts_once_whatever_comes_late():
    history = history_of(closed(1, "0.5", "0"))
    once = history.fill_ppm(B)
    history.fold(closed(1, "0.5", "0.5"))
    history.fold(closed(1, "0.5", "0"))
    assert history.fill_ppm(B) == once


def test_open_arb_and_leg_that_never_left_say_nothing():
    history = history_of(opened())
    arb = closed(1, "0.5", "0")
    kept = msgspec.structs.replace(arb.orders[1], refusal=RefusalReason.STOPPED)
    history.fold(msgspec.structs.replace(arb, orders=(arb.orders[0], kept)))
    assert history.fill_ppm(B) == PRIOR_PPM


def test_old_books_and_large_shares_have_means_of_their_own():
    young = {"found_mono_ns": 50 * MS + 1, "buy_shown": 500_000_000, "sell_shown": 500_000_000}
    old = {"found_mono_ns": 500 * MS, "buy_shown": 50_000_000, "sell_shown": 50_000_000}
    arbs = [closed(number, "0.5", "0.5", **young) for number in range(0, 80, 2)]
    arbs += [closed(number, "0.5", "0.1", **old) for number in range(1, 80, 2)]
    history = history_of(*arbs)
    assert history.expected_fill_ppm(B, 10 * MS, 100_000) > 850_000
    assert history.expected_fill_ppm(B, 400 * MS, PPM) < 350_000
    assert history.expected_fill_ppm(B, 200 * MS, 500_000) == history.fill_ppm(B), "nothing seen of that kind"


def test_means_forget_what_was_long_ago():
    history = history_of(*(closed(number, "0", "0.5") for number in range(100)))
    assert history.fill_ppm(U) < 50_000
    for number in range(100, 200):
        history.fold(closed(number, "0.5", "0.5"))
    assert history.fill_ppm(U) > 900_000


def test_answers_tell_trouble_and_how_long_they_take():
    history = LegHistory()
    good = Accepted(OrderReport(OrderOn.ACKED), Ns(0), Ns(40 * MS))
    for _ in range(20):
        history.answered(U, good)
        history.answered(B, Unknown("cut"))
        history.answered(B, Refused(RefusalReason.STOPPED))
    assert (history.trouble_ppm(U), history.latency_ns(U)) == (0, 40 * MS)
    assert 700_000 < history.trouble_ppm(B) < PPM
    assert history.latency_ns(B) == 0


@pytest.mark.parametrize(
    ("fills", "first"),
    [(("0.5", "0.5"), None), (("0.1", "0.5"), OrderRole.BUY_LEG), (("0.5", "0.1"), OrderRole.SELL_LEG)],
)
def test_leg_of_the_exchange_that_does_not_fill_goes_first(fills, first):
    history = history_of(*(closed(number, *fills) for number in range(60)))
    assert leader(history, signal(), DEFAULT_PARAMS) is first
    never = msgspec.structs.replace(DEFAULT_PARAMS, hard_leg_fill_ppm=0)
    assert leader(history, signal(), never) is None


def test_where_no_exchange_can_be_relied_on_the_worse_goes_first():
    history = history_of(*(closed(number, "0.2", "0.1") for number in range(60)))
    assert leader(history, signal(), DEFAULT_PARAMS) is OrderRole.SELL_LEG


def test_exchange_that_answers_late_or_not_goes_first():
    slow = LegHistory()
    slow.answered(B, Accepted(OrderReport(OrderOn.ACKED), Ns(0), Ns(2_001 * MS)))
    assert leader(slow, signal(), DEFAULT_PARAMS) is OrderRole.SELL_LEG
    lost = LegHistory()
    for _ in range(10):
        lost.answered(U, Unknown("cut"))
    assert leader(lost, signal(), DEFAULT_PARAMS) is OrderRole.BUY_LEG
