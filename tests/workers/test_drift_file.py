"""What a process tells of drift: written whole when there is something new, tried again when it could not be."""

import pytest

from arbitrage.domain.units import Exchange
from exchanges.drift import DriftLog
from workers.drift_file import DriftFile, drift_dir, read_drift
from workers.process import Context


@pytest.fixture
def context(desk_env):
    made = Context("trader", desk_env)
    yield made
    made.close()


def noted(log: DriftLog) -> None:
    log.note("balances", "Expected `array`, got `object`", b'{"access_key":"AKAKAK"}', 7)


def test_findings_are_told_with_their_count_and_without_keys(context, desk_env):
    log = DriftLog()
    file = DriftFile(context, {Exchange.UPBIT: (log,)})
    file.save()
    assert read_drift(desk_env) == {}
    for count in (1, 2):
        noted(log)
        file.save()
        (row,) = read_drift(desk_env)["trader"].rows
        assert (row.exchange, row.where, row.count, row.sample) == (
            Exchange.UPBIT, "balances", count, '{"access_key":"***"}',
        )  # fmt: skip
    assert context.counters.get("drift") == 2
    assert [path.name for path in drift_dir(desk_env).iterdir()] == ["trader.json"]


def test_file_that_cannot_be_written_is_tried_again(context, desk_env):
    log = DriftLog()
    file = DriftFile(context, {Exchange.UPBIT: (log,)})
    drift_dir(desk_env).write_bytes(b"in the way")
    noted(log)
    file.save()
    assert context.counters.get("drift") == 0
    drift_dir(desk_env).unlink()
    file.save()
    assert read_drift(desk_env)["trader"].rows[0].count == 1


def test_file_that_cannot_be_read_hides_none_of_the_others(context, desk_env):
    log = DriftLog()
    noted(log)
    DriftFile(context, {Exchange.UPBIT: (log,)}).save()
    (drift_dir(desk_env) / "feed.upbit.json").write_bytes(b'{"run": "half')
    assert list(read_drift(desk_env)) == ["trader"]
