"""No unsafe parameter set is ever used, and none is used by halves while it is replaced under load (R4.2)."""

import json
import multiprocessing
import random
import time
from pathlib import Path

import msgspec
import pytest
from desk_builders import instrument

from arbitrage.domain.balances import Wallets
from arbitrage.domain.params import DEFAULT_PARAMS, SECOND, Params, params_from_bytes, params_to_bytes
from arbitrage.domain.units import EXCHANGES, PPM, Exchange, Krw, Ns
from fast_path.control import ControlBlock
from fast_path.engine import Engine

NUMBERS = [name for name, value in msgspec.structs.asdict(DEFAULT_PARAMS).items() if type(value) is int]
SOUND = json.loads(params_to_bytes(DEFAULT_PARAMS))
MUTATED, HOT = 500, 1_000


def spoil(rng: random.Random) -> tuple[str, bytes]:
    """Return a set with one thing wrong in it, and what."""
    name = rng.choice(NUMBERS)
    fields = dict(SOUND)
    match rng.randrange(10):
        case 0:
            fields[name] = rng.choice(["NaN", "100", None, True, [1], {"a": 1}, 1.5, 1e300])
        case 1:
            fields[name] = rng.choice([-1, -(2**63), 2**63, 10**30])
        case 2:
            return f"{name} NaN", params_to_bytes(DEFAULT_PARAMS).replace(
                f'"{name}":{SOUND[name]}'.encode(), f'"{name}":{rng.choice(["NaN", "Infinity", "-Infinity"])}'.encode()
            )
        case 3:
            fields[f"{name}_"] = fields.pop(name)
        case 4:
            fields["min_edge_ppm"], fields["max_edge_ppm"] = fields["max_edge_ppm"], fields["min_edge_ppm"]
        case 5:
            fields["max_book_skew_ns"] = fields["max_book_age_ns"] + rng.randint(1, SECOND)
        case 6:
            fields["markets"] = [rng.choice(["krw-btc", "KRW BTC", "", "KRW-BTC;DROP", "../../etc", 7])]
        case 7:
            fields["max_qty"] = rng.choice([{"BTC": 0}, {"BTC": -5}, {"BTC": "1"}, {"BTC": 0.1}, []])
        case 8:
            fields["gate_mode"] = rng.choice(["live", "TRADE", "", None, 1, "trade "])
        case 9:
            data = params_to_bytes(DEFAULT_PARAMS)
            return "cut short", data[: rng.randint(0, len(data) - 1)]
    return name, json.dumps(fields).encode()


@pytest.mark.parametrize("start", range(0, MUTATED, 100))
def test_a_set_with_one_thing_wrong_is_never_used_and_the_finding_says_what(start):
    for seed in range(start, start + 100):
        word, data = spoil(random.Random(seed))
        params, found = params_from_bytes(data)
        assert params is None, f"seed {seed}: {word} was taken: {data!r}"
        assert found, f"seed {seed}: {word}"
        assert all(found), f"seed {seed}: {word}"


class NoBooks:
    """Nothing to trade on: the engine only looks at its parameters."""

    def read(self, index: int) -> None:
        return None


def made(epoch: int) -> Params:
    """Return a set every number of which tells its epoch, inside all bounds."""
    numbers = {"min_edge_ppm": epoch, "max_edge_ppm": 50_000 + epoch, "book_share_ppm": 100_000 + epoch}
    return msgspec.structs.replace(
        DEFAULT_PARAMS, **numbers, max_qty={f"A{index}": epoch for index in range(200)}, markets=("KRW-BTC",) * epoch
    )


def replace_again_and_again(directory: Path, latch: Path, count: int) -> None:
    """Write so many sets one after another, as a bridge of another process."""
    control = ControlBlock(directory, ("KRW-ETH",), latch)
    for epoch in range(2, count + 2):
        control.write_params(epoch, params_to_bytes(made(epoch % 900 + 1)))
        time.sleep(0)


def test_a_thousand_sets_are_replaced_under_load_and_none_is_used_by_halves(tmp_path):
    control = ControlBlock(tmp_path / "shm", ("KRW-ETH",), tmp_path / "latch.json")
    control.write_params(1, params_to_bytes(made(2)))
    engine = Engine(
        markets=("KRW-ETH",),
        readers={exchange: NoBooks() for exchange in EXCHANGES},
        instruments={(exchange, "KRW-ETH"): instrument(exchange) for exchange in Exchange},
        control=control,
        wallets=Wallets(),
        exposure=lambda *asked: pytest.fail("there is no signal"),
        discount_left=lambda: Krw(0),
        part=lambda signal: PPM,
    )
    writer = multiprocessing.get_context("spawn").Process(
        target=replace_again_and_again, args=(tmp_path / "shm", tmp_path / "latch.json", HOT)
    )
    writer.start()
    seen = set()
    try:
        while writer.is_alive() or engine.params_epoch < HOT + 1:
            decision = engine.step(0, Ns(time.monotonic_ns()))
            assert decision.params_epoch == engine.params_epoch == control.applied_epoch()
            if engine.params_epoch not in seen:
                seen.add(engine.params_epoch)
                assert engine.params == made(engine.params.min_edge_ppm), f"epoch {engine.params_epoch} by halves"
                assert engine.params.min_edge_ppm == engine.params_epoch % 900 + 1
            if not writer.is_alive():
                assert writer.exitcode == 0
    finally:
        writer.join(30)
    assert engine.params_refused == 0
    assert engine.params_epoch == HOT + 1, "the newest set is the one in use"
    assert len(seen) > 20
