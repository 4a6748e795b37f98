"""The trader's own look at the locks: by signed files and its own clock, which nothing can make longer."""

import asyncio

import msgspec
import pytest
from armed_desk import BOOT, arm, sealed, token_for
from desk_builders import opened
from locks import DOORS, REAL

from arbitrage.domain.arming import LOCKS, Lock, Mode
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.errors import ConfigError
from arbitrage.domain.order import Order, OrderRole, OrderState, TimeInForce
from arbitrage.domain.params import DEFAULT_PARAMS, MS, SECOND, params_to_bytes
from arbitrage.domain.units import Exchange, Ns, Price, Qty, Side
from fast_path.signature import desk_key
from karb_project.env import Env
from workers.armed import Armed
from workers.arming_files import ArmingFiles
from workers.process import Context

DATA = params_to_bytes(DEFAULT_PARAMS)
TICK = 30 * MS


class MadeUpClock:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.wall, self.mono = 1_795_400_000 * SECOND, 7_000 * SECOND

    def wall_ns(self) -> Ns:
        return Ns(self.wall)

    def mono_ns(self) -> Ns:
        return Ns(self.mono)

    def pass_ns(self, ns: int) -> None:
        self.wall += ns
        self.mono += ns


class Room:
    """One live desk with everything in order, and the trader's look at it."""

    def __init__(self, env: Env) -> None:
        self.env = msgspec.structs.replace(env, mode="live")
        self.clock = MadeUpClock()
        self.context = Context("trader", self.env, self.clock)
        self.files = ArmingFiles(self.env)

    def arm(self, for_s: int = 3_600) -> None:
        arm(self.env, DATA, list(DOORS), wall_ns=self.clock.wall, mono_ns=self.clock.mono, for_s=for_s)

    def look(self, **changes: object) -> Armed:
        made = Armed(self.context, DOORS, lambda: (DATA, DEFAULT_PARAMS), real=REAL, boot=BOOT, **changes)
        made.key_faults = ()
        made.tick()
        return made

    def closed(self) -> set[str]:
        """Return the locks the trader's counters say are closed."""
        return {str(lock) for lock in Lock if self.context.counters.get(f"lock.{lock}")}


@pytest.fixture
def room(desk_env: Env):
    made = Room(desk_env)
    yield made
    made.context.close()


def order(role: OrderRole = OrderRole.BUY_LEG, arb_id: str = "a1") -> Order:
    return Order(
        client_order_id=f"{arb_id}-{role}",
        arb_id=arb_id,
        role=role,
        exchange=Exchange.UPBIT,
        market="KRW-BTC",
        side=Side.BID,
        price=Price(1),
        qty=Qty(1),
        tif=TimeInForce.IOC,
        state=OrderState.PLANNED,
        planned_wall_ns=Ns(1),
        planned_mono_ns=Ns(1),
        heard_mono_ns=Ns(1),
    )


def may_leave(look: Armed, role: OrderRole = OrderRole.BUY_LEG, arb_id: str = "a1") -> bool:
    return look.last_check(Exchange.UPBIT, order(role, arb_id)) is None


def test_with_everything_in_order_orders_leave(room):
    room.arm()
    look = room.look()
    assert (look.mode, look.locks_closed(), may_leave(look), room.closed()) == (Mode.LIVE, 0, True, set())
    assert room.context.counters.get("mode") == 3
    assert room.context.counters.get("armed_until_s") == 1_795_400_000 + 3_600


def test_a_desk_nobody_armed_sends_nothing_and_tells_why(room):
    look = room.look()
    assert room.closed() == {"signature", "armed"}
    said = look.last_check(Exchange.UPBIT, order())
    assert said == (
        "not armed, upbit order kept back: the parameter set in use is not signed: it has no seal;"
        " nobody has armed the desk"
    )
    assert not (room.env.var_dir / "desk_key").exists()


def test_expiry_is_seen_by_the_order_at_the_very_moment_and_by_the_gate_at_once(room):
    room.arm(for_s=10)
    look = room.look()
    for _ in range(10 * SECOND // TICK):
        room.clock.pass_ns(TICK)
        look.tick()
        assert may_leave(look) is (look.locks_closed() == 0) is True
    # Between two ticks, one ns before the end, at it.
    room.clock.mono = 7_010 * SECOND - 1
    assert (look.locks_closed(), may_leave(look)) == (0, True)
    room.clock.mono += 1
    assert (look.locks_closed(), may_leave(look)) == (1, False)
    look.tick()
    assert room.closed() == {"armed"}
    assert room.context.counters.get("armed_until_s") == 0


@pytest.mark.parametrize("step", [-2 * 3_600 * SECOND, -1_800 * SECOND, -1 * SECOND, 5 * SECOND, 2 * 3_600 * SECOND])
def test_no_step_of_the_wall_clock_makes_it_longer(room, step):
    room.arm(for_s=10)
    look = room.look()
    room.clock.wall += step
    left = 0
    while may_leave(look):
        left += TICK
        room.clock.pass_ns(TICK)
        look.tick()
        assert left <= 10 * SECOND + TICK
    # A clock set forward ends it early; one set back before the dry run's own end is believed in nothing.
    assert (left < 10 * SECOND - TICK) is (step not in (-1 * SECOND, -1_800 * SECOND))


def test_a_restart_does_not_make_it_longer_even_with_the_clock_set_back(room):
    room.arm(for_s=10)
    room.look()
    room.clock.pass_ns(9 * SECOND)
    room.clock.wall -= 3_600 * SECOND
    again = room.look()
    assert may_leave(again)
    room.clock.mono += SECOND
    assert not may_leave(again)
    assert not may_leave(room.look())


def test_another_boot_or_a_system_that_does_not_tell_is_not_armed(room):
    room.arm()
    for boot in ("another-boot", ""):
        look = Armed(room.context, DOORS, lambda: (DATA, DEFAULT_PARAMS), real=REAL, boot=boot)
        look.key_faults = ()
        look.tick()
        assert (may_leave(look), room.closed()) == (False, {"armed"})


def test_disarming_is_seen_by_the_next_order_without_a_tick(room):
    room.arm()
    look = room.look()
    assert room.files.remove_token() is True
    assert not may_leave(look)
    look.tick()
    assert look.locks_closed() == 1
    assert room.files.remove_token() is False


def test_arming_again_after_the_end_opens_again(room):
    room.arm(for_s=1)
    look = room.look()
    room.clock.pass_ns(2 * SECOND)
    look.tick()
    assert not may_leave(look)
    token = token_for(room.env, DATA, list(DOORS), wall_ns=room.clock.wall, mono_ns=room.clock.mono, token_id="t2")
    room.files.write_token(token)
    look.tick()
    assert may_leave(look)


def test_after_the_end_hedges_and_the_leg_whose_other_left_go_and_nothing_else(room):
    room.arm(for_s=1)
    look = room.look()
    first = order(OrderRole.BUY_LEG)
    assert look.last_check(Exchange.UPBIT, first) is None
    look.let_go(first)
    room.clock.pass_ns(2 * SECOND)
    look.tick()
    assert may_leave(look, OrderRole.SELL_LEG)
    assert may_leave(look, OrderRole.HEDGE, "a0")
    assert not may_leave(look, OrderRole.SELL_LEG, "a2")
    assert not may_leave(look, OrderRole.BUY_LEG, "a2")


@pytest.mark.parametrize(
    ("spoil", "lock"),
    [
        (lambda room: room.files.write_seal(sealed(DATA, room.clock.wall, dry_run_passed=False)), "dry_run"),
        (lambda room: room.files.seal_path(sealed(DATA, 0).params_sha256).unlink(), "signature"),
        (lambda room: room.context.control.set_level(TradingLevel.REDUCING, "test", "kim"), "level"),
    ],
)
def test_what_is_spoilt_while_it_runs_closes_its_lock(room, spoil, lock):
    room.arm()
    look = room.look()
    spoil(room)
    assert not may_leave(look)
    look.tick()
    assert room.closed() == {lock}


@pytest.mark.parametrize("name", ["seal", "token"])
def test_what_another_key_signed_is_nothing(room, name):
    room.arm()
    held = {"seal": room.files.seal_path(sealed(DATA, 0).params_sha256), "token": room.files.token_path}[name]
    text = held.read_bytes()
    (room.env.var_dir / "desk_key").unlink()
    room.arm()
    other = held.read_bytes()
    assert other != text
    held.write_bytes(text)
    look = room.look()
    assert not may_leave(look)
    assert "does not carry this desk's signature" in str(look.last_check(Exchange.UPBIT, order()))


@pytest.mark.parametrize("change", [b'"passed"', b"{", b"", b"\xff\xfe", b'"reason":"morning"'])
def test_a_token_with_any_byte_changed_is_nothing(room, change):
    room.arm()
    text = room.files.token_path.read_bytes()
    spoilt = text.replace(b'"reason":"morning"', b'"reason":"evening"') if b"reason" in change else change
    room.files.token_path.write_bytes(spoilt)
    assert not may_leave(room.look())


def test_a_key_that_others_may_read_signs_nothing(room):
    room.arm()
    (room.env.var_dir / "desk_key").chmod(0o640)
    with pytest.raises(ConfigError, match="has mode 0640, must be a file of mode 0600"):
        desk_key(room.env.desk_key_path)
    assert not may_leave(room.look())


def test_keys_of_which_nothing_is_proven_keep_everything_back(room):
    room.arm()
    look = Armed(room.context, DOORS, lambda: (DATA, DEFAULT_PARAMS), real=REAL, boot=BOOT)
    assert (may_leave(look), room.closed()) == (False, {"key_rights"})


@pytest.mark.parametrize(
    ("asked", "doors"),
    [
        ("simulated", DOORS),
        ("observe", DOORS),
        ("live", tuple(msgspec.structs.replace(door, may_send=False) for door in DOORS)),
        ("live", tuple(msgspec.structs.replace(door, address="http://127.0.0.1:7001") for door in DOORS)),
        ("observe", tuple(msgspec.structs.replace(door, address="http://127.0.0.1:7001") for door in DOORS)),
        ("live", ()),
    ],
)
def test_a_mode_that_contradicts_the_transport_refuses_the_start(room, asked, doors):
    room.context.env = msgspec.structs.replace(room.env, mode=asked)
    with pytest.raises(ConfigError, match=f"KARB_MODE is {asked}, but the orders' transport is"):
        Armed(room.context, doors, lambda: (DATA, DEFAULT_PARAMS), real=REAL, boot=BOOT)


def test_a_simulated_desk_needs_nothing(desk_env):
    context = Context("trader", desk_env, MadeUpClock())
    doors = tuple(msgspec.structs.replace(door, address="http://127.0.0.1:7001") for door in DOORS)
    look = Armed(context, doors, lambda: (b"", DEFAULT_PARAMS))
    look.tick()
    assert (look.mode, look.locks_closed(), may_leave(look)) == (Mode.SIMULATED, 0, True)
    context.close()


def test_a_desk_that_observes_does_not_start_over_an_open_arb(room):
    room.context.env = msgspec.structs.replace(room.env, mode="observe")
    doors = tuple(msgspec.structs.replace(door, may_send=False) for door in DOORS)
    look = Armed(room.context, doors, lambda: (DATA, DEFAULT_PARAMS), real=REAL, boot=BOOT)
    look.refuse_past((), ())
    with pytest.raises(ConfigError, match="arb t1-1 is open: even it out in live mode"):
        look.refuse_past([opened()], ["OBSERVE"])


def test_a_journal_of_another_world_is_refused_both_ways(room, desk_env):
    room.arm()
    look = room.look()
    look.refuse_past((), ("LIVE", "OBSERVE"))
    with pytest.raises(ConfigError, match="journal is of a desk that was simulated, this one is LIVE: give it another"):
        look.refuse_past((), ("LIVE", "simulated"))
    context = Context("trader", desk_env, MadeUpClock())
    doors = tuple(msgspec.structs.replace(door, address="http://127.0.0.1:7001") for door in DOORS)
    simulated = Armed(context, doors, lambda: (b"", DEFAULT_PARAMS))
    simulated.refuse_past([opened()], ("simulated",))
    with pytest.raises(ConfigError, match="was LIVE, this one is simulated"):
        simulated.refuse_past((), ("LIVE",))
    context.close()


async def test_keys_are_asked_about_again_until_they_are_proven(room, monkeypatch):
    monkeypatch.setattr("workers.armed.PROVE_EVERY_S", 0.001)
    room.arm()
    look = room.look()
    look.key_faults = ("upbit did not answer",)
    answers = [("upbit did not answer",), ConfigError(["the key of upbit reaches withdrawals"]), ()]
    seen = []

    async def ask():
        seen.append((look.key_faults, may_leave(look)))
        answer = answers.pop(0)
        if isinstance(answer, ConfigError):
            raise answer
        return answer

    await asyncio.wait_for(look.prove_keys(ask), 5)
    assert seen == [
        (("upbit did not answer",), False),
        (("upbit did not answer",), False),
        (("the key of upbit reaches withdrawals",), False),
    ]
    assert may_leave(look)


@pytest.mark.parametrize("dropped", list(Lock))
def test_each_lock_left_out_lets_an_order_leave_that_this_desk_keeps_back(room, dropped):
    room.arm()
    closing = {
        Lock.SIGNATURE: lambda: room.files.seal_path(sealed(DATA, 0).params_sha256).unlink(),
        Lock.DRY_RUN: lambda: room.files.write_seal(sealed(DATA, room.clock.wall, dry_run_passed=False)),
        Lock.PREFLIGHT: lambda: _retoken(room, preflight_passed=False),
        Lock.RISKS: lambda: _retoken(room, risks_version="older"),
        Lock.ARMED: room.files.remove_token,
        Lock.ARMED_FOR_THIS: lambda: _retoken(room, markets=("KRW-XRP",)),
        Lock.LEVEL: lambda: room.context.control.set_level(TradingLevel.REDUCING, "test", "kim"),
    }
    look = room.look(locks=tuple((lock, say) for lock, say in LOCKS if lock is not dropped))
    whole = room.look()
    if dropped in closing:
        closing[dropped]()
    elif dropped is Lock.KEY_RIGHTS:
        look.key_faults = whole.key_faults = ("not proven",)
    elif dropped is Lock.GATE_MODE:
        observes = msgspec.structs.replace(DEFAULT_PARAMS, gate_mode="observe_only")
        look._in_use = whole._in_use = lambda: (DATA, observes)
    else:
        look, whole = _at_the_doors(room, dropped)
    assert may_leave(look)
    assert whole is None or not may_leave(whole)


def _at_the_doors(room: Room, dropped: Lock) -> tuple[Armed, Armed | None]:
    """Return the look without the lock, and the whole one: None when it refuses the start."""
    is_mode = dropped is Lock.MODE
    room.context.env = msgspec.structs.replace(room.env, mode="observe" if is_mode else "live")
    change = {"may_send": False} if is_mode else {"address": "http://127.0.0.1:7001"}
    doors = tuple(msgspec.structs.replace(door, **change) for door in DOORS)
    _retoken(room, doors)
    made: list[Armed | None] = []
    for locks in (tuple((lock, say) for lock, say in LOCKS if lock is not dropped), LOCKS):
        try:
            look = Armed(room.context, doors, lambda: (DATA, DEFAULT_PARAMS), real=REAL, boot=BOOT, locks=locks)
            look.key_faults = ()
        except ConfigError:
            look = None
        made.append(look)
    assert (made[1] is None) is not is_mode
    return made[0], made[1]


def _retoken(room, doors=DOORS, **changes):
    room.files.write_token(
        token_for(room.env, DATA, list(doors), wall_ns=room.clock.wall, mono_ns=room.clock.mono, **changes)
    )
