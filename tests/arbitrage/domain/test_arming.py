"""Real orders leave in one of 2048 states, the one in which every lock is open; and no lock can be left out."""

import itertools

import msgspec
import pytest
from locks import CLOSERS, DOORS, HOUR, NOW_MONO, NOW_WALL, OPEN, REAL, changed, combinations, wrongly_open

from arbitrage.domain.arming import (
    DAY_NS,
    LOCKS,
    Lock,
    Mode,
    OrderDoor,
    closed_locks,
    mode_of,
    refusals,
    start_refusals,
)
from arbitrage.domain.risk_disclosure import RISKS, RISKS_VERSION, risks_text
from arbitrage.domain.units import Exchange


def test_of_all_2048_states_one_lets_orders_leave():
    states = list(combinations())
    assert len(states) == 2**11 == 2 ** len(LOCKS)
    assert [closed for closed, facts in states if not refusals(facts)] == [frozenset()]


def test_each_lock_is_closed_by_its_own_cause_alone_and_says_why():
    for lock, close in CLOSERS.items():
        closed = closed_locks(close(OPEN))
        assert list(closed) == [lock], closed
        assert len(closed[lock]) > 10 or lock is Lock.KEY_RIGHTS


def test_every_closed_lock_is_told_at_once():
    everything = OPEN
    for lock, close in CLOSERS.items():
        if lock not in (Lock.SIGNATURE, Lock.ARMED, Lock.MODE):
            everything = close(everything)
    everything = changed(everything, asked="observe")
    assert set(closed_locks(everything)) == set(Lock) - {Lock.SIGNATURE, Lock.ARMED}


@pytest.mark.parametrize("dropped", list(Lock))
def test_a_lock_that_is_left_out_is_missed(dropped):
    rest = tuple((lock, look) for lock, look in LOCKS if lock is not dropped)
    assert frozenset({dropped}) in wrongly_open(rest)


def test_a_lock_that_always_says_yes_is_missed():
    for lock, _ in LOCKS:
        locks = tuple((one, (lambda facts: "") if one is lock else look) for one, look in LOCKS)
        missed = wrongly_open(locks)
        assert frozenset({lock}) in missed
        assert all(lock in closed for closed in missed)


def test_a_simulated_world_has_no_locks_and_cannot_be_claimed():
    simulated = changed(OPEN, asked="simulated", mode=Mode.SIMULATED, token=None, seal=None)
    assert refusals(simulated) == []
    for asked, mode in itertools.product(("simulated", "observe", "live"), (*Mode, None)):
        facts = changed(OPEN, asked=asked, mode=mode)
        agrees = mode is not None and asked == mode.value
        assert (start_refusals(facts) == []) is agrees
        assert (refusals(facts) == []) is (agrees and mode is not Mode.OBSERVE)


@pytest.mark.parametrize(
    ("change", "lock", "said"),
    [
        ({"seal__params_sha256": "ee", "seal__dry_run_sha256": "ee"}, Lock.SIGNATURE, "of another set"),
        ({"params_sha256": ""}, Lock.SIGNATURE, "of another set"),
        ({"seal__dry_run_id": 0}, Lock.DRY_RUN, "without a dry run"),
        ({"seal__dry_run_sha256": "ee"}, Lock.DRY_RUN, "of another parameter set"),
        ({"seal__dry_run_ended_wall_ns": NOW_WALL - 7 * DAY_NS - 1}, Lock.DRY_RUN, "7 days old"),
        ({"seal__dry_run_ended_wall_ns": NOW_WALL + 1}, Lock.DRY_RUN, "days old"),
        ({"token__preflight_passed": False}, Lock.PREFLIGHT, "without a passed preflight"),
        ({"token__preflight_id": 0}, Lock.PREFLIGHT, "without a passed preflight"),
        ({"token__preflight_wall_ns": NOW_WALL - 2 * HOUR - 1}, Lock.PREFLIGHT, "60 minutes old"),
        ({"token__preflight_wall_ns": NOW_WALL - HOUR + 1}, Lock.PREFLIGHT, "minutes old"),
        ({"token__risks_accepted_by": ""}, Lock.RISKS, "not accepted"),
        ({"risks_version": "v2"}, Lock.RISKS, "v2 is not accepted"),
        ({"token__boot_id": "before"}, Lock.ARMED, "before this machine started"),
        ({"boot_id": "", "token__boot_id": ""}, Lock.ARMED, "before this machine started"),
        ({"until_mono_ns": NOW_MONO}, Lock.ARMED, "is over"),
        ({"now_wall_ns": NOW_WALL + HOUR}, Lock.ARMED, "is over"),
        ({"token__armed_wall_ns": NOW_WALL - 25 * HOUR}, Lock.ARMED, "more than 24 hours"),
        ({"token": None, "token_fault": "token.json does not carry"}, Lock.ARMED, "does not carry"),
        ({"token__params_sha256": "ee"}, Lock.ARMED_FOR_THIS, "another parameter set"),
        ({"doors": ("upbit https://api.upbit.com cc",)}, Lock.ARMED_FOR_THIS, "other addresses or keys"),
    ],
)
def test_what_else_closes_a_lock(change, lock, said):
    assert said in closed_locks(changed(OPEN, **change))[lock]


def test_bounds_still_hold():
    assert refusals(changed(OPEN, seal__dry_run_ended_wall_ns=NOW_WALL - 7 * DAY_NS)) == []
    assert refusals(changed(OPEN, token__preflight_wall_ns=NOW_WALL - 2 * HOUR)) == []
    assert refusals(changed(OPEN, until_mono_ns=NOW_MONO + 1)) == []
    assert refusals(changed(OPEN, now_wall_ns=NOW_WALL + HOUR - 1)) == []


def _moved(index, **changes):
    return tuple(msgspec.structs.replace(door, **changes) if n == index else door for n, door in enumerate(DOORS))


@pytest.mark.parametrize(
    ("doors", "mode"),
    [
        (DOORS, Mode.LIVE),
        (tuple(msgspec.structs.replace(door, may_send=False) for door in DOORS), Mode.OBSERVE),
        (_moved(0, may_send=False), None),
        (_moved(0, address="http://127.0.0.1:7001"), None),
        (_moved(1, address="https://api.bithumb.com:444"), None),
        (_moved(1, exchange=Exchange.UPBIT), None),
        ((), None),
        ((OrderDoor(Exchange.UPBIT, "http://127.0.0.1:7001", True, ""),), Mode.SIMULATED),
        ((OrderDoor(Exchange.UPBIT, "http://localhost:7001", False, ""),), Mode.SIMULATED),
        ((OrderDoor(Exchange.UPBIT, "http://simulator.lan:7001", True, ""),), Mode.SIMULATED),
        ((OrderDoor(Exchange.UPBIT, "http://api.upbit.com", True, ""),), None),
        ((OrderDoor(Exchange.UPBIT, "http://API.UPBIT.COM.:443", True, ""),), None),
        ((OrderDoor(Exchange.UPBIT, "https://sg-api.upbit.com", True, ""),), None),
        ((OrderDoor(Exchange.UPBIT, "https://api.bithumb.com", True, ""),), None),
    ],
)
def test_the_mode_is_what_the_doors_are(doors, mode):
    assert mode_of(doors, REAL) is mode


def test_a_simulator_that_pretends_to_be_real_is_known_by_host_and_port():
    real = {exchange: frozenset({f"http://127.0.0.1:{port}"}) for exchange, port in ((Exchange.UPBIT, 1),)}
    assert mode_of((OrderDoor(Exchange.UPBIT, "http://127.0.0.1:1", True, ""),), real) is Mode.LIVE
    assert mode_of((OrderDoor(Exchange.UPBIT, "http://127.0.0.1:2", True, ""),), real) is Mode.SIMULATED


def test_the_disclosure_is_numbered_under_its_version():
    lines = risks_text().splitlines()
    assert lines[0] == f"Risk disclosure, version {RISKS_VERSION}"
    assert len(lines) == len(RISKS) + 1
    assert all(line.startswith(f"{number}. ") for number, line in enumerate(lines[1:], 1))
