"""Token buckets with lanes: told the time, corrected by the exchange, shrinking on an overrun."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchanges.facts import GroupLimit, RemainingIn
from exchanges.ratelimit import BLOCK_NS, SHRUNK_FOR_NS, Lane, Limiter, remaining_of
from exchanges.simulator import limits
from exchanges.upbit.profile import FACTS

SECOND = 1_000_000_000


def spent(limiter: Limiter, group: str, lane: Lane, now: int) -> int:
    """Return how many requests `lane` gets at one moment."""
    count = 0
    while limiter.take((group,), lane, now):
        count += 1
    return count


def test_each_lane_leaves_some_for_those_above() -> None:
    limiter = Limiter([GroupLimit("order", 12)], 0)
    assert [limiter.spare("order", lane, 0) for lane in Lane] == [12, 11, 10, 9]
    assert spent(limiter, "order", Lane.NEW, 0) == 9
    assert spent(limiter, "order", Lane.QUERY, 0) == 1
    assert spent(limiter, "order", Lane.CANCEL, 0) == 1
    assert spent(limiter, "order", Lane.HEDGE, 0) == 1
    assert spent(limiter, "order", Lane.HEDGE, 0) == 0


def test_bucket_refills_at_its_rate_and_no_further_than_full() -> None:
    limiter = Limiter([GroupLimit("order", 10)], 0)
    assert spent(limiter, "order", Lane.HEDGE, 0) == 10
    assert spent(limiter, "order", Lane.HEDGE, SECOND // 10 - 1) == 0
    assert spent(limiter, "order", Lane.HEDGE, SECOND // 10) == 1
    assert spent(limiter, "order", Lane.HEDGE, 100 * SECOND) == 10


@settings(deadline=None)
@given(
    looks=st.lists(st.integers(0, 3 * SECOND), max_size=5),
    rate=st.integers(1, 30),
    shrunk=st.booleans(),
    then_ns=st.integers(0, SECOND),
)
def test_looking_at_a_full_bucket_changes_nothing(looks: list[int], rate: int, shrunk: bool, then_ns: int) -> None:
    looked, alone = Limiter([GroupLimit("order", rate)], 0), Limiter([GroupLimit("order", rate)], 0)
    for limiter in (looked, alone):
        if shrunk:
            limiter.overrun("order", 0)
    now = 4 * SECOND
    for look in sorted(looks):
        looked.spare("order", Lane.NEW, now + look)
    now += 3 * SECOND
    for limiter in (looked, alone):
        assert spent(limiter, "order", Lane.HEDGE, now) == rate
    assert looked.spare("order", Lane.HEDGE, now + then_ns) == alone.spare("order", Lane.HEDGE, now + then_ns)


def test_two_groups_are_taken_together_or_not_at_all() -> None:
    limiter = Limiter([GroupLimit("order", 5), GroupLimit("asset:BTC", 1)], 0)
    assert limiter.take(("order", "asset:BTC"), Lane.HEDGE, 0)
    assert not limiter.take(("order", "asset:BTC"), Lane.HEDGE, 0)
    assert limiter.spare("order", Lane.HEDGE, 0) == 4


def test_exchanges_lower_count_is_believed_and_a_higher_one_is_not() -> None:
    limiter = Limiter([GroupLimit("order", 12), GroupLimit("default", 30)], 0)
    limiter.correct("order", "order", 3, 0)
    assert limiter.spare("order", Lane.HEDGE, 0) == 3
    limiter.correct("order", "order", 11, 0)
    assert limiter.spare("order", Lane.HEDGE, 0) == 3


def test_unknown_group_name_means_the_group_asked_under_and_a_known_one_itself() -> None:
    limiter = Limiter([GroupLimit("order", 12), GroupLimit("default", 30)], 0)
    limiter.correct("default", "crix-trades", 2, 0)
    assert limiter.spare("default", Lane.HEDGE, 0) == 2
    limiter.correct("default", "order", 1, 0)
    assert limiter.spare("order", Lane.HEDGE, 0) == 1
    limiter.correct("nobody", None, 0, 0)


def test_overrun_empties_and_halves_then_recovers() -> None:
    limiter = Limiter([GroupLimit("order", 12)], 0)
    limiter.overrun("order", 0)
    assert limiter.spare("order", Lane.HEDGE, 0) == 0
    assert limiter.spare("order", Lane.HEDGE, SECOND) == 6
    limiter.overrun("order", SECOND)
    assert limiter.spare("order", Lane.HEDGE, 2 * SECOND) == 3
    assert spent(limiter, "order", Lane.HEDGE, SECOND + 2 * SHRUNK_FOR_NS) == 12
    assert spent(limiter, "order", Lane.HEDGE, 2 * SECOND + 2 * SHRUNK_FOR_NS) == 12


def test_many_overruns_rest_a_group_for_a_minute_and_never_for_good() -> None:
    limiter = Limiter([GroupLimit("order", 12)], 0)
    for moment in range(20):
        limiter.overrun("order", moment)
    assert limiter.spare("order", Lane.HEDGE, 19 + 60 * SECOND - 1) == 0
    assert limiter.spare("order", Lane.HEDGE, 19 + 60 * SECOND) == 12


def test_rests_after_overruns_double_until_an_answer_is_good_again() -> None:
    limiter = Limiter([GroupLimit("order", 12)], 0)
    now, rests = 0, []
    for _ in range(5):
        limiter.heed("order", 429, {}, RemainingIn.REMAINING_REQ, now)
        start = now
        while not limiter.take(("order",), Lane.HEDGE, now):
            now += SECOND // 4
        rests.append((now - start) / SECOND)
    # The first empties the bucket only: at half the rate a request is there within 0.25 s.
    assert rests == [0.25, 1.0, 2.0, 4.0, 8.0]
    limiter.heed("order", 200, {}, RemainingIn.REMAINING_REQ, now)
    limiter.heed("order", 429, {}, RemainingIn.REMAINING_REQ, now)
    assert limiter.take(("order",), Lane.HEDGE, now + SECOND)


def test_an_overrun_of_one_group_leaves_the_others_alone() -> None:
    limiter = Limiter([GroupLimit("order", 12), GroupLimit("default", 30)], 0)
    for _ in range(5):
        limiter.overrun("order", 0)
    assert limiter.spare("default", Lane.HEDGE, 0) == 30


@pytest.mark.parametrize(
    ("header", "rest_s"),
    [({}, 10), ({"retry-after": "45"}, 45), ({"retry-after": "2"}, 10), ({"retry-after": "soon"}, 10)],
)
def test_a_block_lasts_as_announced_and_never_less_than_experience_says(header: dict[str, str], rest_s: int) -> None:
    limiter = Limiter([GroupLimit("order", 12), GroupLimit("default", 30)], 0)
    limiter.heed("order", 418, header, RemainingIn.REMAINING_REQ, 0)
    for group in ("order", "default"):
        assert not limiter.take((group,), Lane.HEDGE, rest_s * SECOND - 1)
        assert limiter.take((group,), Lane.HEDGE, rest_s * SECOND)


def test_each_further_block_rests_twice_as_long_up_to_ten_minutes() -> None:
    limiter = Limiter([GroupLimit("order", 12)], 0)
    now, rests = 0, []
    for _ in range(8):
        limiter.heed("order", 418, {}, RemainingIn.REMAINING_REQ, now)
        start = now
        while not limiter.take(("order",), Lane.HEDGE, now):
            now += 10 * SECOND
        rests.append((now - start) // SECOND)
    assert rests == [10, 20, 40, 80, 160, 320, 600, 600]


def test_a_group_of_one_in_two_seconds() -> None:
    limiter = Limiter([GroupLimit("order-cancel-all", 1, 2 * SECOND)], 0)
    assert limiter.take(("order-cancel-all",), Lane.HEDGE, 0)
    assert not limiter.take(("order-cancel-all",), Lane.HEDGE, 2 * SECOND - 1)
    assert limiter.take(("order-cancel-all",), Lane.HEDGE, 2 * SECOND)


def test_block_stops_every_group_until_its_end() -> None:
    limiter = Limiter([GroupLimit("order", 12), GroupLimit("default", 30)], 0)
    limiter.block(SECOND)
    assert not limiter.take(("order",), Lane.HEDGE, SECOND - 1)
    assert not limiter.take(("default",), Lane.HEDGE, SECOND - 1)
    assert limiter.take(("order",), Lane.HEDGE, SECOND)


@pytest.mark.parametrize(
    ("status", "left", "after_a_second", "after_the_block"), [(200, 3, 12, 12), (429, 0, 6, 12), (418, 0, 0, 12)]
)
def test_an_answer_is_heeded_by_count_overrun_and_block(
    status: int, left: int, after_a_second: int, after_the_block: int
) -> None:
    limiter = Limiter([GroupLimit("order", 12)], 0)
    headers = {"remaining-req": "group=order; sec=3"}
    limiter.heed("order", status, headers, RemainingIn.REMAINING_REQ, 0)
    found = [limiter.spare("order", Lane.HEDGE, at) for at in (0, SECOND, BLOCK_NS)]
    assert found == [left, after_a_second, after_the_block]


def test_group_met_at_run_time_is_limited_from_then_on() -> None:
    limiter = Limiter([], 0)
    assert limiter.take(("asset:ETH",), Lane.NEW, 0)
    limiter.learn(GroupLimit("asset:ETH", 1), 0)
    limiter.learn(GroupLimit("asset:ETH", 100), 0)
    assert spent(limiter, "asset:ETH", Lane.HEDGE, 0) == 1


def test_a_storm_of_new_orders_never_makes_a_hedge_wait() -> None:
    limiter = Limiter([GroupLimit("order", 12)], 0)
    turned_away = 0
    for tick in range(6_000):
        now = tick * SECOND // 200
        turned_away += not limiter.take(("order",), Lane.NEW, now)
        # Hedges come three times a second, at moments of their own.
        if tick % 67 == 13:
            assert limiter.take(("order",), Lane.HEDGE, now), tick
    assert turned_away > 5_000


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, SECOND), st.sampled_from(list(Lane))), max_size=60), st.integers(1, 40))
def test_no_second_ever_lets_more_than_twice_the_rate_pass(steps: list[tuple[int, Lane]], rate: int) -> None:
    limiter = Limiter([GroupLimit("g", rate)], 0)
    now = 0
    sent: list[int] = []
    for passed, lane in steps:
        now += passed
        if limiter.take(("g",), lane, now):
            sent.append(now)
    for moment in sent:
        assert sum(moment <= other < moment + SECOND for other in sent) <= 2 * rate


DELAY_NS = 50_000_000


@pytest.mark.parametrize("group", [FACTS.groups.orderbook, FACTS.groups.markets])
@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, SECOND // 3), st.integers(0, DELAY_NS)), max_size=120), st.integers(0, SECOND - 1)
)
def test_quotation_of_upbit_never_overruns_a_fixed_second(group: str, steps: list[tuple[int, int]], start: int) -> None:
    """Whenever the exchange's second begins, and though requests arrive up to 50 ms apart from how they left."""
    limiter = Limiter(FACTS.limits, start)
    now, arrived = start, []
    for passed, delay in steps:
        now += passed // 20 if passed % 3 else passed
        if limiter.take((group,), Lane.HEDGE, now):
            arrived.append(now + delay)
    window = limits.Limiter({group: limits.Limit(10, is_bucket=False)})
    assert all(window.take(group, "", at).is_allowed for at in sorted(arrived))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("group=order; min=480; sec=7", ("order", 7)),
        ("group=brand-new_1; sec=0", ("brand-new_1", 0)),
        ("sec=3", (None, 3)),
        ("group=order; min=480", None),
        ("group=order; sec=-1", None),
        ("group=order; sec=x", None),
        ("", None),
        (";;=;", None),
    ],
)
def test_remaining_req_is_read_whatever_it_holds(header: str, said: tuple[str | None, int] | None) -> None:
    assert remaining_of({"remaining-req": header}, RemainingIn.REMAINING_REQ) == said


def test_bithumbs_bucket_header() -> None:
    assert remaining_of({"x-ratelimit-remaining": "149"}, RemainingIn.X_RATELIMIT) == (None, 149)
    assert remaining_of({"x-ratelimit-remaining": "many"}, RemainingIn.X_RATELIMIT) is None
    assert remaining_of({}, RemainingIn.X_RATELIMIT) is None
