"""A process uses the newest good wire settings; bad ones are said and change nothing."""

import pytest

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Exchange
from arbitrage.domain.wire import (
    Duty,
    ExchangeWire,
    Generation,
    Wire,
    spec_problems,
    wire_problems,
    wire_to_bytes,
)
from exchanges.shipped import shipped
from fast_path.layout import CONTROL_WIRE, WORD
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
    use, taken = WireUse(context), []
    assert not use.heed(taken.append)
    assert (taken, use.wire, use.epoch, applied(context)) == ([], Wire(), 0, 0)


def test_settings_are_taken_once_and_their_epoch_is_told(context):
    context.control.write_wire(4, wire_to_bytes(LEGACY))
    use, taken = WireUse(context), []
    assert use.heed(taken.append)
    assert not use.heed(taken.append)
    assert (taken, use.wire, use.epoch, applied(context)) == ([LEGACY], LEGACY, 4, 4)


def test_a_restarted_process_says_that_it_uses_none_until_it_does(context):
    context.control.write_wire(4, wire_to_bytes(LEGACY))
    WireUse(context).heed(lambda wire: None)
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
    use, taken = WireUse(context), []
    use.heed(taken.append)
    context.control.write_wire(5, data)
    with caplog.at_level("ERROR"):
        assert not use.heed(taken.append)
        assert not use.heed(taken.append)
    assert (taken, use.wire, use.epoch, applied(context)) == ([LEGACY], LEGACY, 4, 4)
    assert context.counters.get("wire_refused") == 1
    assert [record.message for record in caplog.records] == ["wire_refused"]
    assert finding in str(vars(caplog.records[0])["karb_fields"]["findings"])


def test_settings_an_adapter_cannot_use_are_taken_back(context):
    context.control.write_wire(4, wire_to_bytes(LEGACY))
    use, taken = WireUse(context), []
    use.heed(taken.append)
    context.control.write_wire(5, wire_to_bytes(Wire()))

    def takes_half(wire):
        taken.append(wire)
        if wire != LEGACY:
            raise ConfigError(["bithumb cannot"])

    assert not use.heed(takes_half)
    assert (taken, use.wire, applied(context)) == ([LEGACY, Wire(), LEGACY], LEGACY, 4)


def test_a_roll_back_is_newer_too(context):
    context.control.write_wire(5, wire_to_bytes(LEGACY))
    use, taken = WireUse(context), []
    use.heed(taken.append)
    context.control.write_wire(6, wire_to_bytes(Wire()))
    assert use.heed(taken.append)
    assert taken == [LEGACY, Wire()]


def test_a_writer_that_died_inside_changes_nothing(context):
    context.control.write_wire(5, wire_to_bytes(LEGACY))
    use, taken = WireUse(context), []
    use.heed(taken.append)
    context.control._words[CONTROL_WIRE // WORD] += 1
    assert not use.heed(taken.append)
    assert (taken, use.wire) == ([LEGACY], LEGACY)


def test_what_is_shipped_has_no_finding_of_its_own():
    # An override of one member must not stumble over two shipped ones of the same name.
    for exchange, known in shipped().items():
        for name, spec in known.frames.items():
            assert spec_problems(name, spec) == []
        for name, members in known.fields.items():
            wire = Wire({exchange: ExchangeWire(fields={name: dict(members)})})
            assert wire_problems(wire, shipped()) == []
