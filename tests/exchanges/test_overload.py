"""Twice as much wanted as allowed, and a resync on top: no 429, hedges do not wait, new arbs are shed first (R3.1)."""

from collections import Counter, deque
from random import Random

import pytest

from exchanges.bithumb.profile import FACTS as BITHUMB
from exchanges.facts import Facts
from exchanges.ratelimit import Lane, Limiter
from exchanges.simulator.limits import Limit
from exchanges.simulator.limits import Limiter as Counting
from exchanges.upbit.profile import FACTS as UPBIT

MS = 1_000_000
SECOND = 1_000_000_000
RUNS_S = 20
STEP_NS = 2 * MS
SHARES = ((Lane.HEDGE, 10), (Lane.CANCEL, 10), (Lane.QUERY, 20), (Lane.NEW, 60))
"""Of a hundred requests wanted: most are legs of new arbs."""


def wanted(rate: int, rng: Random) -> list[tuple[int, Lane]]:
    """Return when each lane wants to send, at twice the rate, with a burst of questions in the middle."""
    found = []
    for lane, share in SHARES:
        count = 2 * rate * RUNS_S * share // 100
        found += [(rng.randrange(RUNS_S * SECOND), lane) for _ in range(count)]
    found += [(RUNS_S // 2 * SECOND + index * MS, Lane.QUERY) for index in range(4 * rate)]
    return sorted(found)


def lived(facts: Facts, rate: int, seed: int, cut_at_s: int | None = None) -> tuple[Counter[str], list[int]]:
    """Return what became of every request, and how long each hedge waited. Only hedges and cancels wait for a turn."""
    limiter, exchange = Limiter(facts.limits, 0), Counting({"order": Limit(rate)})
    said: Counter[str] = Counter()
    waits: list[int] = []
    waiting: list[tuple[int, Lane]] = []
    coming = deque(wanted(rate, Random(seed)))
    for now in range(0, (RUNS_S + 2) * SECOND, STEP_NS):
        if cut_at_s is not None and now == cut_at_s * SECOND:
            exchange.scale(500_000)
        while coming and coming[0][0] <= now:
            waiting.append(coming.popleft())
        still = []
        for since, lane in sorted(waiting, key=lambda one: one[1]):
            if limiter.take(("order",), lane, now):
                verdict = exchange.take("order", "desk", now)
                said["sent" if verdict.is_allowed else "429"] += 1
                said[f"late 429 {lane.name}"] += not verdict.is_allowed and now > ((cut_at_s or 0) + 2) * SECOND
                if verdict.is_allowed:
                    limiter.correct("order", None, verdict.left, now)
                else:
                    limiter.overrun("order", now)
                if lane is Lane.HEDGE:
                    waits.append(now - since)
            elif lane in (Lane.HEDGE, Lane.CANCEL):
                still.append((since, lane))
            else:
                said[f"shed {lane.name}"] += 1
        waiting = still
    said["left waiting"] = len(waiting)
    return said, waits


@pytest.mark.parametrize(("facts", "rate"), [(UPBIT, 12), (BITHUMB, 140)], ids=["upbit", "bithumb"])
def test_an_overload_meets_no_429_and_keeps_no_hedge_waiting(facts, rate):
    waited: list[int] = []
    for seed in range(3):
        said, waits = lived(facts, rate, seed)
        waited += waits
        assert said["429"] == 0, (seed, said)
        assert said["left waiting"] == 0, (seed, said)
        assert said["sent"] > rate * RUNS_S * 8 // 10, (seed, said)
        # The larger part of new arbs' legs, though a burst of questions came on top.
        asked = Counter(lane for _, lane in wanted(rate, Random(seed)))
        assert said["shed NEW"] * asked[Lane.QUERY] > said["shed QUERY"] * asked[Lane.NEW], (seed, said)
    # In made-up time, nobody's machine is asked. Upbit's order limit gives one request in 83 ms: two hedges that want
    # to go at once can't both, and no hedge waits for more than that one.
    assert max(waited) <= SECOND // rate + STEP_NS
    assert sorted(waited)[len(waited) * 95 // 100] <= 50 * MS


@pytest.mark.parametrize(("facts", "rate"), [(UPBIT, 12), (BITHUMB, 140)], ids=["upbit", "bithumb"])
def test_a_limit_cut_to_half_is_heard_of_within_two_seconds(facts, rate):
    said, _ = lived(facts, rate, 7, cut_at_s=5)
    assert sum(count for name, count in said.items() if name.startswith("late 429")) == 0, said
