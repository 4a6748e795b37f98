"""The trader's lock: of processes that start at the same moment exactly one becomes the trader."""

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from arbitrage.domain.errors import ConfigError
from fast_path.counters import CounterView
from karb_project.env import Env
from workers.process import Context
from workers.trader_lock import become_trader, lock_path, take_lock

ROUNDS = 10
"""In the suite; a thousand take two minutes."""


def _try(path: Path, gate: Any, found: Any) -> None:
    gate.wait()
    try:
        take_lock(path)
    except ConfigError:
        found.put("refused")
        return
    found.put("trader")
    signal.pause()


def test_of_several_started_at_once_exactly_one_gets_it_again_and_again(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    for _ in range(ROUNDS):
        gate, found = fork.Barrier(3), fork.SimpleQueue()
        rivals = [fork.Process(target=_try, args=(tmp_path / "trader.lock", gate, found)) for _ in range(3)]
        for rival in rivals:
            rival.start()
        assert sorted(found.get() for _ in rivals) == ["refused", "refused", "trader"]
        # Killed, it lets go of the lock by itself.
        for rival in rivals:
            rival.kill()
            rival.join()


def test_one_that_is_refused_leaves_the_traders_figures_alone(desk_env: Env) -> None:
    trader, rival = Context("trader", desk_env), Context("trader", desk_env)
    lock = become_trader(trader)
    trader.counters.set("ready", 1)
    with pytest.raises(ConfigError, match="another trader holds"):
        become_trader(rival)
    view = CounterView(desk_env.shm_dir, "trader")
    assert (view.get("ready"), view.get("pid")) == (1, os.getpid())
    os.close(lock)
    os.close(take_lock(lock_path(desk_env.var_dir)))
    trader.close()
    rival.close()
