"""Integrity: what both exchanges do together is the market; what one does alone is that exchange."""

from random import Random

from desk_builders import MS, SECOND, e8

from arbitrage.domain.integrity import SAMPLES_KEPT, Glance, Jump, MarketHistory, Sliding
from arbitrage.domain.units import Ns

WALL = 1_800_000_000 * SECOND


def glance(mid: int, *, spread: int = 2_000, late_ms: int = 10) -> Glance:
    return Glance(e8(mid - spread // 2), e8(mid + spread // 2), Ns(WALL), Ns(WALL + late_ms * MS))


def history(*pairs: tuple[Glance, Glance]) -> MarketHistory:
    found = MarketHistory()
    for one, other in pairs:
        found.sample(one, other)
    return found


CALM = [(glance(4_000_000), glance(4_004_000))] * 20


def test_sliding_quantiles_are_those_of_the_last_samples():
    rng, sliding, samples = Random(3), Sliding(50), []
    assert (sliding.median(), sliding.low()) == (None, None)
    for _ in range(300):
        samples.append(rng.randint(-9, 9))
        sliding.add(samples[-1])
        ordered = sorted(samples[-50:])
        assert sliding.median() == ordered[(len(ordered) - 1) // 2]
        assert sliding.low() == ordered[(len(ordered) - 1) // 10]
    assert len(sliding) == 50


def test_at_the_usual_gap_nothing_jumped():
    assert history(*CALM).jump(glance(4_000_000), glance(4_004_000)).ppm == 0


def test_a_market_that_falls_on_both_exchanges_is_no_jump():
    assert history(*CALM).jump(glance(3_600_000), glance(3_603_600)).ppm < 10


def test_an_exchange_that_leaves_alone_is_named():
    assert history(*CALM).jump(glance(4_000_000), glance(3_884_000)) == Jump(30_866, 1)
    assert history(*CALM).jump(glance(3_880_000), glance(4_004_000)) == Jump(29_970, 0)


def test_without_any_history_the_usual_gap_is_none():
    assert MarketHistory().jump(glance(4_000_000), glance(4_100_000)).ppm == 24_391


def test_a_gap_that_stays_becomes_the_usual_one_after_half_the_history():
    away = (glance(4_000_000), glance(3_800_000))
    steady = [CALM[0]] * SAMPLES_KEPT
    assert history(*steady, *[away] * (SAMPLES_KEPT // 2 - 1)).jump(*away).ppm > 50_000
    assert history(*steady, *[away] * (SAMPLES_KEPT // 2 + 1)).jump(*away).ppm == 0


def test_history_is_bounded():
    found = history(*CALM * 100)
    assert len(found._gaps) == SAMPLES_KEPT


def test_a_stream_that_drains_slowly_is_late_by_what_it_is_later_than_usual():
    late = (glance(4_000_000, late_ms=2_010), glance(4_004_000))
    assert history(*CALM).delay_ns(*late) == 2_000 * MS
    assert history(*CALM).delay_ns(late[1], late[0]) == 2_000 * MS
    assert history(*CALM).delay_ns(*CALM[0]) == 0
    assert MarketHistory().delay_ns(*late) == 0


def test_a_clock_that_runs_ahead_says_nothing_of_the_delay():
    ahead = (glance(4_000_000, late_ms=-5_000), glance(4_004_000))
    assert history(*[ahead] * 20).delay_ns(*ahead) == 0
    assert history(*[ahead] * 20).delay_ns(glance(4_000_000, late_ms=-4_000), glance(4_004_000)) == 1_000 * MS


def test_a_slow_stream_is_not_usual_before_nine_tenths_of_the_history_are_slow():
    slow = (glance(4_000_000, late_ms=2_010), glance(4_004_000))
    steady = [CALM[0]] * SAMPLES_KEPT
    assert history(*steady, *[slow] * (SAMPLES_KEPT * 9 // 10 - 1)).delay_ns(*slow) == 2_000 * MS
    assert history(*steady, *[slow] * (SAMPLES_KEPT * 9 // 10 + 1)).delay_ns(*slow) == 0


def test_spread_is_of_the_bid_and_a_book_without_a_price_is_as_wide_as_can_be():
    assert glance(4_000_000, spread=40_000).spread_ppm == 10_050
    assert Glance(0, 0, Ns(0), Ns(0)).spread_ppm == 1_000_000
