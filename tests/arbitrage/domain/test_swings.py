"""What prices did lately: swings for the root of a second, usual spreads, and silence until enough was seen."""

from arbitrage.domain.swings import KNOWN_AFTER, Swings, swing_ppm
from arbitrage.domain.units import SCALE, Exchange, Ns

U, B = Exchange.UPBIT, Exchange.BITHUMB
SECOND = 1_000_000_000


def fed(steps: int, *, up_ppm: int, every_ns: int = SECOND, spread: int = 4_000) -> Swings:
    """Return swings that saw a price go up and down by `up_ppm` in turns."""
    swings = Swings()
    for number in range(steps + 1):
        middle = 4_000_000 * SCALE * (1_000_000 + up_ppm * (number % 2)) // 1_000_000
        swings.saw(U, middle - spread * SCALE // 2, middle + spread * SCALE // 2, Ns(SECOND + number * every_ns))
    return swings


def test_nothing_is_known_before_enough_was_seen():
    few = fed(KNOWN_AFTER - 1, up_ppm=500)
    assert (few.sigma_ppm(), few.usual_spread_ppm(U)) == (0, 0)
    enough = fed(KNOWN_AFTER, up_ppm=500)
    assert 495 <= enough.sigma_ppm() <= 505
    assert 995 <= enough.usual_spread_ppm(U) <= 1_000
    assert enough.usual_spread_ppm(B) == 0


def test_same_steps_in_a_quarter_of_the_time_swing_twice_as_far():
    assert 990 <= fed(40, up_ppm=500, every_ns=SECOND // 4).sigma_ppm() <= 1_010
    assert fed(40, up_ppm=0).sigma_ppm() == 0


def test_wilder_of_both_exchanges_counts():
    swings = fed(40, up_ppm=500)
    for number in range(41):
        middle = 4_000_000 * SCALE + number % 2 * 8_000 * SCALE
        swings.saw(B, middle - SCALE, middle + SCALE, Ns(SECOND + number * SECOND))
    assert 1_980 <= swings.sigma_ppm() <= 2_010


def test_calm_after_a_storm_is_believed_slowly():
    swings = fed(40, up_ppm=2_000)
    storm = swings.sigma_ppm()
    for number in range(42, 42 + 22):
        swings.saw(U, 3_998_000 * SCALE, 4_002_000 * SCALE, Ns(SECOND + number * SECOND))
    assert storm // 2 < swings.sigma_ppm() < storm * 3 // 4


def test_crossed_empty_doubled_and_long_silent_books_say_nothing():
    swings = fed(40, up_ppm=500)
    before = (swings.sigma_ppm(), swings.usual_spread_ppm(U))
    swings.saw(U, 4_000_000 * SCALE, 4_000_000 * SCALE, Ns(50 * SECOND))
    swings.saw(U, 0, 4_000_000 * SCALE, Ns(50 * SECOND))
    swings.saw(U, 8_000_000 * SCALE, 8_000_001 * SCALE, Ns(41 * SECOND + 1))
    swings.saw(U, 8_000_000 * SCALE, 8_000_001 * SCALE, Ns(60 * SECOND))
    assert (swings.sigma_ppm(), swings.usual_spread_ppm(U)) == before


def test_swing_grows_with_the_root_of_the_time():
    assert [swing_ppm(400, SECOND * n // 4) for n in (0, 1, 4, 16)] == [0, 200, 400, 800]
