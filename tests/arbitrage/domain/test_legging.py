"""What our legs came to on each exchange: means that forget, kinds of their own, and which leg goes first."""

import msgspec
import pytest
from desk_builders import fill, heard, moment, opened, signal

from arbitrage.domain.arb import Arb, ArbState, OrderHeard
from arbitrage.domain.arb_step import advance
from arbitrage.domain.legging import (
    HALVED_AFTER_NS,
    PARTS_PPM,
    PRIOR_PPM,
    LegHistory,
    Odds,
    best_odds,
    is_whole_best,
    leader,
    lone_cost_ppm,
)
from arbitrage.domain.order import OrderOn, OrderReport, OrderRole, RefusalReason
from arbitrage.domain.params import DEFAULT_PARAMS, MS
from arbitrage.domain.ports import Accepted, Refused, Unknown
from arbitrage.domain.units import PPM, Exchange, Ns

U, B = Exchange.UPBIT, Exchange.BITHUMB
NOW = moment(10).wall_ns


def is_hard(history: LegHistory, exchange: Exchange, *, trouble_ppm: int = PPM, latency_ns: int = 60_000 * MS) -> bool:
    """Return whether an exchange is hard by these bounds; the usual ones are out of reach."""
    limits = {"hard_leg_trouble_ppm": trouble_ppm, "hard_leg_latency_ns": latency_ns}
    return history.is_hard(exchange, msgspec.structs.replace(DEFAULT_PARAMS, **limits), NOW)


def closed(number: int, bought: str, sold: str, **kinds: int) -> Arb:
    """Return an arb that filled so far on both sides, evened out by hand where it did not."""
    arb = msgspec.structs.replace(opened(), arb_id=f"a{number}")
    arb = msgspec.structs.replace(arb, signal=msgspec.structs.replace(arb.signal, **kinds))
    for order, qty in zip(arb.orders, (bought, sold), strict=True):
        fills = [fill(order.client_order_id, 4_000_000, qty)] if qty != "0" else []
        report = heard(OrderOn.CANCELED, *fills, executed="0")
        arb, _ = advance(arb, OrderHeard(order.client_order_id, report), moment(10))
    return msgspec.structs.replace(arb, state=ArbState.CLOSED, closed_wall_ns=NOW)


def history_of(*arbs: Arb) -> LegHistory:
    history = LegHistory()
    for arb in arbs:
        history.fold(arb)
    return history


def test_prior_counts_until_something_was_seen_and_is_outweighed_then():
    history = LegHistory()
    assert history.fill_ppm(U, NOW) == PRIOR_PPM
    assert not is_hard(history, U, trouble_ppm=0, latency_ns=0)
    history = history_of(*(closed(number, "0.5", "0.1") for number in range(100)))
    assert history.fill_ppm(U, NOW) > 990_000
    assert 190_000 < history.fill_ppm(B, NOW) < 240_000


def test_arb_counts_once_whatever_comes_late():
    history = history_of(closed(1, "0.5", "0"))
    once = history.fill_ppm(B, NOW)
    history.fold(closed(1, "0.5", "0.5"))
    history.fold(closed(1, "0.5", "0"))
    assert history.fill_ppm(B, NOW) == once


def test_open_arb_and_leg_that_never_left_say_nothing():
    history = history_of(opened())
    arb = closed(1, "0.5", "0")
    kept = msgspec.structs.replace(arb.orders[1], refusal=RefusalReason.STOPPED)
    history.fold(msgspec.structs.replace(arb, orders=(arb.orders[0], kept)))
    assert history.fill_ppm(B, NOW) == PRIOR_PPM


def test_old_books_and_large_shares_have_means_of_their_own():
    young = {"found_mono_ns": 50 * MS + 1, "buy_shown": 500_000_000, "sell_shown": 500_000_000}
    old = {"found_mono_ns": 500 * MS, "buy_shown": 50_000_000, "sell_shown": 50_000_000}
    arbs = [closed(number, "0.5", "0.5", **young) for number in range(0, 80, 2)]
    arbs += [closed(number, "0.5", "0.1", **old) for number in range(1, 80, 2)]
    history = history_of(*arbs)
    assert history.expected_fill_ppm(B, 10 * MS, 100_000, NOW) > 850_000
    assert history.expected_fill_ppm(B, 400 * MS, PPM, NOW) < 350_000
    assert history.expected_fill_ppm(B, 200 * MS, 500_000, NOW) == history.fill_ppm(B, NOW), "nothing seen of that kind"


def test_means_forget_what_was_long_ago():
    history = history_of(*(closed(number, "0", "0.5") for number in range(100)))
    assert history.fill_ppm(U, NOW) < 50_000
    for number in range(100, 200):
        history.fold(closed(number, "0.5", "0.5"))
    assert history.fill_ppm(U, NOW) > 900_000


@pytest.mark.parametrize(
    ("answer", "troubled", "latency_ns"),
    [
        (Accepted(OrderReport(OrderOn.ACKED), Ns(0), Ns(40 * MS)), False, 40 * MS),
        (Unknown("cut"), True, 0),
        (Refused(RefusalReason.MARKET_OFFLINE), True, 0),
        (Refused(RefusalReason.STOPPED), False, 0),
    ],
)
def test_answers_make_their_exchange_hard_past_either_bound(answer, troubled, latency_ns):
    history = LegHistory()
    for _ in range(20):
        history.answered(B, answer)
    assert is_hard(history, B, trouble_ppm=0) is troubled
    if troubled:
        # Twenty of twenty-eight, with the eight of the prior.
        assert is_hard(history, B, trouble_ppm=714_000)
        assert not is_hard(history, B, trouble_ppm=715_000)
    assert is_hard(history, B, latency_ns=latency_ns - 1)
    assert not is_hard(history, B, latency_ns=latency_ns)
    assert not is_hard(history, U, trouble_ppm=0, latency_ns=0)


@pytest.mark.parametrize(
    ("fills", "first"),
    [(("0.5", "0.5"), None), (("0.1", "0.5"), OrderRole.BUY_LEG), (("0.5", "0.1"), OrderRole.SELL_LEG)],
)
def test_leg_of_the_exchange_that_does_not_fill_goes_first(fills, first):
    history = history_of(*(closed(number, *fills) for number in range(60)))
    assert leader(history, signal(), DEFAULT_PARAMS, NOW) is first
    never = msgspec.structs.replace(DEFAULT_PARAMS, hard_leg_fill_ppm=0)
    assert leader(history, signal(), never, NOW) is None


def test_where_no_exchange_can_be_relied_on_the_worse_goes_first():
    history = history_of(*(closed(number, "0.2", "0.1") for number in range(60)))
    assert leader(history, signal(), DEFAULT_PARAMS, NOW) is OrderRole.SELL_LEG


def test_exchange_that_answers_late_or_not_goes_first():
    slow = LegHistory()
    slow.answered(B, Accepted(OrderReport(OrderOn.ACKED), Ns(0), Ns(2_001 * MS)))
    assert leader(slow, signal(), DEFAULT_PARAMS, NOW) is OrderRole.SELL_LEG
    lost = LegHistory()
    for _ in range(10):
        lost.answered(U, Unknown("cut"))
    assert leader(lost, signal(), DEFAULT_PARAMS, NOW) is OrderRole.BUY_LEG


def test_what_was_seen_goes_back_to_the_prior_by_halves_while_nothing_new_is_seen():
    history = history_of(*(closed(number, "0.1", "0.5") for number in range(60)))
    bad = history.fill_ppm(U, NOW)
    later = history.fill_ppm(U, Ns(NOW + HALVED_AFTER_NS))
    assert later == PRIOR_PPM + ((bad - PRIOR_PPM) >> 1)
    assert history.fill_ppm(U, Ns(NOW + 40 * HALVED_AFTER_NS)) >= PRIOR_PPM - 1
    assert history.fill_ppm(U, Ns(NOW - 5)) == bad, "a clock that was set back ages nothing"


def test_lone_leg_costs_half_a_spread_both_fees_and_the_swing_until_we_react():
    params = msgspec.structs.replace(DEFAULT_PARAMS, reaction_ns=250 * MS, risk_kappa_ppm=2 * PPM)
    assert lone_cost_ppm(params, fees_ppm=900, spread_ppm=600, sigma_ppm=1_000) == 300 + 900 + 1_000
    assert lone_cost_ppm(params, fees_ppm=900, spread_ppm=0, sigma_ppm=0) == 250 + 900 + 300, "stated priors"


def odds(history: LegHistory, *, edge: int, first: OrderRole | None = None, parts=PARTS_PPM, **more):
    found = msgspec.structs.replace(signal(), net_edge_ppm=edge, **more)
    return best_odds(history, found, 1_000, weight_ppm=PPM, first=first, now_wall=NOW, parts_ppm=parts)


def test_gain_counts_where_both_fill_and_cost_where_one_does():
    found = odds(LegHistory(), edge=400)
    # 0.95 x 0.95 both, 2 x 0.95 x 0.05 alone.
    assert (found.part_ppm, found.gain_ppm, found.risk_ppm) == (PPM, 361, 95)


def test_arb_that_brings_stock_back_counts_what_that_is_worth():
    assert odds(LegHistory(), edge=-100, shadow_ppm=-500).gain_ppm == 361
    assert odds(LegHistory(), edge=400, shadow_ppm=200).gain_ppm == 361


def test_exchange_that_fills_badly_makes_a_thin_edge_not_worth_it_and_a_wide_one_still():
    history = history_of(*(closed(number, "0.5", "0.3") for number in range(60)))
    thin, wide = odds(history, edge=400), odds(history, edge=2_000)
    assert thin.gain_ppm < thin.risk_ppm
    assert wide.gain_ppm > wide.risk_ppm


def test_only_a_part_is_sent_where_large_shares_do_not_fill():
    shown = {"buy_shown": 50_000_000, "sell_shown": 50_000_000}
    small = {"buy_shown": 200_000_000, "sell_shown": 200_000_000}
    large = [closed(number, "0.5", "0.05", **shown) for number in range(0, 80, 2)]
    whole = [closed(number, "0.5", "0.5", **small) for number in range(1, 80, 2)]
    history = history_of(*(arb for pair in zip(large, whole, strict=True) for arb in pair))
    assert odds(history, edge=800, **shown).part_ppm == 300_000
    assert odds(history, edge=800, parts=(PPM,), **shown).worth < 0
    assert odds(LegHistory(), edge=800, **shown).part_ppm == PPM


def test_first_leg_risks_only_itself_to_be_alone():
    history = history_of(*(closed(number, "0.1", "0.5") for number in range(60)))
    one_by_one = odds(history, edge=800, first=OrderRole.BUY_LEG)
    together = odds(history, edge=800, parts=(PPM,))
    assert one_by_one.gain_ppm == together.gain_ppm
    assert one_by_one.risk_ppm < together.risk_ppm // 10


def test_smaller_parts_are_looked_at_only_where_one_could_be_worth_more():
    found = msgspec.structs.replace(signal(), net_edge_ppm=400)
    assert is_whole_best(Odds(PPM, 361, 95), found), "266 of at most 240"
    assert not is_whole_best(Odds(PPM, 361, 122), found)
