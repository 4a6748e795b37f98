"""A process uses the newest good wire settings; bad ones are said and change nothing."""

import pytest

from arbitrage.domain.units import Exchange
from arbitrage.domain.wire import Duty, ExchangeWire, Generation, Wire, wire_to_bytes
from workers.process import Context
from workers.wire_use import WireUse

LEGACY = Wire({Exchange.BITHUMB: ExchangeWire(generations={Duty.BOOKS: Generation.LEGACY})})


@pytest.fixture
def context(desk_env):
    made = Context("trader", desk_env)
    made.beat()
    yield made
    made.close()


def applied(context):
    return context.control.heartbeats()["trader"].wire_epoch


def test_without_settings_everything_is_as_shipped(context):
    use = WireUse(context)
    assert use.newer() is None
    assert (use.wire, use.epoch, applied(context)) == (Wire(), 0, 0)


def test_settings_are_handed_out_once_and_their_epoch_is_told_when_they_are_in_use(context):
    context.control.write_wire(4, wire_to_bytes(LEGACY))
    use = WireUse(context)
    assert use.newer() == LEGACY
    assert applied(context) == 0
    use.applied()
    assert (use.wire, use.epoch, applied(context)) == (LEGACY, 4, 4)
    assert use.newer() is None


def test_a_restarted_process_says_that_it_uses_none_until_it_does(context):
    context.control.write_wire(4, wire_to_bytes(LEGACY))
    use = WireUse(context)
    use.newer()
    use.applied()
    WireUse(context)
    assert applied(context) == 0


@pytest.mark.parametrize(
    ("data", "finding"),
    [
        (b"{", "truncated"),
        (b'{"exchanges":{"upbit":{"generations":{"books":"legacy"}}}}', "upbit.generations.books was legacy"),
        (b'{"exchanges":{"upbit":{"fields":{"moon":{}}}}}', "upbit.fields.moon is unknown"),
    ],
)
def test_bad_settings_keep_the_last_good_ones(context, caplog, data, finding):
    context.control.write_wire(4, wire_to_bytes(LEGACY))
    use = WireUse(context)
    use.newer()
    use.applied()
    context.control.write_wire(5, data)
    with caplog.at_level("ERROR"):
        assert use.newer() is None
        assert use.newer() is None
    assert (use.wire, use.epoch, applied(context)) == (LEGACY, 4, 4)
    assert context.counters.get("wire_refused") == 1
    assert [record.message for record in caplog.records] == ["wire_refused"]
    assert finding in str(vars(caplog.records[0])["karb_fields"]["findings"])


def test_a_roll_back_is_newer_too(context):
    context.control.write_wire(5, wire_to_bytes(LEGACY))
    use = WireUse(context)
    use.newer()
    use.applied()
    context.control.write_wire(6, wire_to_bytes(Wire()))
    assert use.newer() == Wire()


def test_a_writer_that_died_inside_changes_nothing(context):
    from fast_path.layout import CONTROL_WIRE, WORD

    context.control.write_wire(5, wire_to_bytes(LEGACY))
    use = WireUse(context)
    use.newer()
    use.applied()
    context.control._words[CONTROL_WIRE // WORD] += 1
    assert use.newer() is None
    assert use.wire == LEGACY
