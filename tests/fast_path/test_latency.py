import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fast_path.latency import BUCKETS, EMPTY, Latency, Stage, bucket_middle, bucket_of, read_latency


@given(st.integers(min_value=0, max_value=2**42 - 1))
def test_a_bucket_is_at_most_five_percent_off(ns):
    assert abs(bucket_middle(bucket_of(ns)) - ns) <= ns * 0.05


def test_buckets_rise_without_gaps():
    buckets = [bucket_of(ns) for ns in range(5000)]
    assert buckets[0] == 0
    assert {after - before for before, after in itertools.pairwise(buckets)} == {0, 1}
    assert bucket_of(2**42 - 1) == bucket_of(2**60) == BUCKETS - 1


def test_a_duration_below_zero_counts_as_zero(tmp_path):
    Latency(tmp_path, "trader").record(Stage.EXCHANGE_TO_FRAME, -5)
    histogram = read_latency(tmp_path)[Stage.EXCHANGE_TO_FRAME]
    assert (histogram.count, histogram.quantile_ns(0.5)) == (1, 0)


def test_nothing_recorded_has_no_quantile(tmp_path):
    assert read_latency(tmp_path) == dict.fromkeys(Stage, EMPTY)
    assert EMPTY.quantile_ns(0.5) is None


@given(st.lists(st.integers(min_value=1, max_value=10**10), min_size=1, max_size=60), st.floats(0, 1))
def test_quantile_is_that_of_the_sorted_list(tmp_path_factory, durations, q):
    directory = tmp_path_factory.mktemp("latency")
    latency = Latency(directory, "trader")
    for ns in durations:
        latency.record(Stage.FRAME_TO_BOOK, ns)
    exact = sorted(durations)[max(math.ceil(round(q * len(durations), 6)), 1) - 1]
    found = read_latency(directory)[Stage.FRAME_TO_BOOK].quantile_ns(q)
    assert found == bucket_middle(bucket_of(exact))
    latency.close()


def test_processes_are_merged_and_runs_subtracted(tmp_path):
    upbit, bithumb = Latency(tmp_path, "feed.upbit"), Latency(tmp_path, "feed.bithumb")
    upbit.record(Stage.FRAME_TO_BOOK, 10)
    before = read_latency(tmp_path)
    upbit.record(Stage.FRAME_TO_BOOK, 1000)
    bithumb.record(Stage.FRAME_TO_BOOK, 3000)
    bithumb.record(Stage.FRAME_TO_WIRE, 7)
    after = read_latency(tmp_path)
    run = after[Stage.FRAME_TO_BOOK] - before[Stage.FRAME_TO_BOOK]
    assert after[Stage.FRAME_TO_BOOK].count == 3
    assert run.count == 2
    assert run.quantile_ns(0.5) == bucket_middle(bucket_of(1000))
    assert run.quantile_ns(1.0) == bucket_middle(bucket_of(3000))
    assert (after[Stage.FRAME_TO_WIRE] - before[Stage.FRAME_TO_WIRE]).quantile_ns(0.99) == 7


def test_counts_survive_a_restart(tmp_path):
    first = Latency(tmp_path, "trader")
    first.record(Stage.JOURNAL_APPEND, 5)
    first.close()
    Latency(tmp_path, "trader").record(Stage.JOURNAL_APPEND, 5)
    assert read_latency(tmp_path)[Stage.JOURNAL_APPEND].count == 2


@pytest.mark.parametrize("q", [0.0, 0.5, 1.0])
def test_one_value_is_every_quantile(tmp_path, q):
    Latency(tmp_path, "trader").record(Stage.WIRE_TO_FILL, 12)
    assert read_latency(tmp_path)[Stage.WIRE_TO_FILL].quantile_ns(q) == 12
