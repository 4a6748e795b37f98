"""What an operator asks for reaches shared memory; what the desk does reaches the rows; without rows it ends."""

import asyncio

import msgspec
import pytest
from django.db import OperationalError
from rows_beside import rows_beside

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.params import DEFAULT_PARAMS, params_to_bytes
from arbitrage.domain.units import Exchange
from arbitrage.models import Alert, Counter, DeskView, Heartbeat, ShapeDrift
from arbitrage.services import controls, params
from exchanges.drift import DriftLog
from workers.bridge import Asked, Bridge, carry
from workers.django_room import DatabaseThread
from workers.drift_file import DriftFile
from workers.process import Context

ACTIVE, REDUCING, HALTED = TradingLevel


def asked(level=ACTIVE, *, epoch=1, exchanges=None, markets=None, data=None, wire=(0, b""), said=None):
    return Asked(
        epoch=epoch,
        params=data or params_to_bytes(DEFAULT_PARAMS),
        level=level,
        reason="a reason",
        by="someone",
        exchanges=exchanges or {},
        markets=markets or {},
        alerts_open=3,
        wire_epoch=wire[0],
        wire=wire[1],
        said_ns=said or {},
    )


@pytest.fixture
def context(desk_env):
    return Context("bridge", desk_env)


@pytest.fixture
def bridge(context):
    return Bridge(context, DatabaseThread())


def test_params_are_carried_when_epoch_or_bytes_differ(bridge, context):
    bridge.obey(asked(epoch=4), ACTIVE)
    assert context.control.read_params() == (4, params_to_bytes(DEFAULT_PARAMS))
    other = params_to_bytes(msgspec.structs.replace(DEFAULT_PARAMS, min_edge_ppm=901))
    # Another database behind the same shared memory: the same epoch, other params.
    bridge.obey(asked(epoch=4, data=other), ACTIVE)
    assert context.control.read_params() == (4, other)
    assert context.counters.get("params_epoch") == 4
    assert context.counters.get("alerts_open") == 3


def test_a_malformed_set_in_shared_memory_is_named_and_replaced(bridge, context, caplog):
    bridge.obey(asked(epoch=4), ACTIVE)
    context.control.write_params(5, b'{"min_edge_ppm":-5}')
    with caplog.at_level("ERROR"):
        bridge.obey(asked(epoch=4), ACTIVE)
    assert context.control.read_params() == (4, params_to_bytes(DEFAULT_PARAMS))
    assert context.counters.get("params_strange") == 1
    assert [record.message for record in caplog.records] == ["params_strange"]
    assert "min_edge_ppm was -5, must be between" in str(vars(caplog.records[0]))
    bridge.obey(asked(epoch=5), ACTIVE)
    assert context.counters.get("params_strange") == 1


def test_wire_settings_are_carried_when_epoch_or_bytes_differ(bridge, context):
    bridge.obey(asked(wire=(2, b'{"exchanges":{}}')), ACTIVE)
    assert context.control.read_wire() == (2, b'{"exchanges":{}}')
    # Another database behind the same shared memory, then a desk that was never seeded.
    bridge.obey(asked(wire=(2, b'{"exchanges": {}}')), ACTIVE)
    assert context.control.read_wire() == (2, b'{"exchanges": {}}')
    bridge.obey(asked(wire=(0, b'{"exchanges":{}}')), ACTIVE)
    assert context.control.read_wire() == (0, b'{"exchanges":{}}')


def test_wire_settings_without_room_leave_the_ones_before_and_are_said_once(bridge, context, caplog):
    bridge.obey(asked(wire=(2, b"kept")), ACTIVE)
    with caplog.at_level("ERROR"):
        for _ in range(3):
            bridge.obey(asked(wire=(3, b"x" * 70_000)), ACTIVE)
    assert context.control.read_wire() == (2, b"kept")
    assert [record.message for record in caplog.records] == ["wire_not_carried"]


def test_levels_of_exchanges_and_markets_stand_as_asked_and_come_back(bridge, context):
    bridge.obey(asked(exchanges={Exchange.BITHUMB: HALTED}, markets={"KRW-ETH": REDUCING}), ACTIVE)
    assert context.control.exchange_level(Exchange.BITHUMB) is HALTED
    assert context.control.exchange_level(Exchange.UPBIT) is ACTIVE
    assert context.control.market_level("KRW-ETH") is REDUCING
    bridge.obey(asked(), ACTIVE)
    assert context.control.exchange_level(Exchange.BITHUMB) is ACTIVE
    assert context.control.market_level("KRW-ETH") is ACTIVE


def test_only_a_word_younger_than_the_stop_lifts_monitor_only(bridge, context):
    context.control.make_monitor_only(Exchange.UPBIT, "balances are odd", "trader")
    since = context.control.monitor_only_since(Exchange.UPBIT)
    bridge.obey(asked(), ACTIVE)
    bridge.obey(asked(said={Exchange.UPBIT: since - 1}), ACTIVE)
    bridge.obey(asked(exchanges={Exchange.UPBIT: REDUCING}, said={Exchange.UPBIT: since + 1}), ACTIVE)
    assert context.control.exchange_level(Exchange.UPBIT) is REDUCING
    bridge.obey(asked(said={Exchange.UPBIT: since + 1}), ACTIVE)
    assert context.control.exchange_level(Exchange.UPBIT) is ACTIVE


def test_the_desk_is_lowered_with_reason_and_person(bridge, context):
    bridge.obey(asked(HALTED), ACTIVE)
    assert context.control.level() is HALTED
    assert (context.control.latch()["reason"], context.control.latch()["by"]) == ("a reason", "someone")


def test_a_halt_by_hand_is_never_raised(bridge, context):
    context.control.set_level(HALTED, "by hand", "root")
    for level in (ACTIVE, REDUCING):
        bridge.obey(asked(level), HALTED)
    assert context.control.level() is HALTED
    assert context.control.latch()["reason"] == "by hand"


def test_rows_read_before_a_resume_do_not_halt_it_again(bridge, context):
    # The level was HALTED when this reading began; the resume came while the rows were read.
    context.control.set_level(ACTIVE, "resumed", "root")
    bridge.obey(asked(HALTED), HALTED)
    assert context.control.level() is ACTIVE


class GoneDatabase(DatabaseThread):
    """A database that no call reaches."""

    async def run(self, call, *args, **kwargs):
        raise OperationalError("gone")


async def test_without_a_database_the_bridge_ends_so_that_trading_stops(context):
    async with asyncio.timeout(10):
        assert await carry(context, GoneDatabase(), gone_after_ns=300_000_000) == 1
    assert context.counters.get("database_failures") >= 2


@pytest.mark.django_db(transaction=True)
async def test_a_round_carries_both_ways(context, desk_env, settings):
    settings.KARB_ENV = desk_env
    await asyncio.to_thread(params.seed, "simulated")
    context.control.beat("trader", context.clock.mono_ns(), context.clock.wall_ns())
    context.control.set_applied_epoch(1)
    context.counters.add("rounds", 7)
    task = asyncio.create_task(carry(context, DatabaseThread()))
    while context.control.params_epoch() != 1:
        await asyncio.sleep(0.02)

    await rows_beside(lambda: controls.request_level(REDUCING, "quiet please", "someone", exchange="upbit"))
    async with asyncio.timeout(5):
        while context.control.exchange_level(Exchange.UPBIT) is not REDUCING:
            await asyncio.sleep(0.02)
    context.stopping.set()
    assert await task == 0
    assert await asyncio.to_thread(rows) == (["trader"], (0, 1), 7)


@pytest.mark.django_db(transaction=True)
async def test_a_stop_and_its_drift_become_rows_and_a_resume_lifts_it(context, desk_env, settings):
    settings.KARB_ENV = desk_env
    await asyncio.to_thread(params.seed, "simulated")
    log = DriftLog()
    log.note("balances", "Expected `array`, got `object`", b'{"token":"SECRETSECRET"}', context.clock.wall_ns())
    DriftFile(context, {Exchange.UPBIT: (log,)}).save()
    context.control.make_monitor_only(Exchange.UPBIT, "balances cannot be read", "trader")
    task = asyncio.create_task(carry(context, DatabaseThread()))
    async with asyncio.timeout(10):
        while not await rows_beside(ShapeDrift.objects.exists):
            await asyncio.sleep(0.05)
        while context.control.asked_exchange_level(Exchange.UPBIT) is not REDUCING:
            await asyncio.sleep(0.02)
    await rows_beside(controls.resume, "the map is mended", "kim")
    async with asyncio.timeout(10):
        while context.control.exchange_level(Exchange.UPBIT) is not ACTIVE:
            await asyncio.sleep(0.02)
    context.stopping.set()
    assert await task == 0
    assert await asyncio.to_thread(told) == [
        ("monitor_only", "upbit", "critical", True),
        ("shape_drift", "upbit balances", "high", False),
    ]
    row = await asyncio.to_thread(ShapeDrift.objects.get)
    assert (row.count, row.where, "SECRET" in row.sample) == (1, "balances", False)


def told():
    rows = Alert.objects.order_by("kind")
    return [(row.kind, row.subject, row.severity, row.closed_at is not None) for row in rows]


def rows():
    view = DeskView.objects.get()
    beats = list(Heartbeat.objects.values_list("process", flat=True))
    return beats, (view.level, view.applied_epoch), Counter.objects.get(process="bridge", name="rounds").value
