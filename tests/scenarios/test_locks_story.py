"""A live desk on simulators that pretend to be the exchanges: of 2^9 states of its locks one lets an order leave.

The real trader, gateways and wire; only the table of real addresses names the simulators. The two locks that
refuse a start are left to `tests/workers/test_armed.py`.
"""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec
import pytest
from armed_desk import BOOT, sealed, token_for
from story_exchange import MARKET, Story, states, told
from story_life import SET, Life, until

from arbitrage.domain.arming import Lock, Mode
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.order import Order, OrderRole, OrderState, RefusalReason, TimeInForce
from arbitrage.domain.params import GateMode, params_to_bytes
from arbitrage.domain.ports import Accepted, Refused
from arbitrage.domain.units import EXCHANGES, SCALE, Exchange, Ns, Price, Qty, Side
from exchanges import registry
from exchanges.ratelimit import Lane, Limiter
from workers.armed import Armed
from workers.arming_files import ArmingFiles

DATA = params_to_bytes(SET)
OBSERVES = params_to_bytes(msgspec.structs.replace(SET, gate_mode=GateMode.OBSERVE_ONLY))
SIGNED = (Lock.DRY_RUN, Lock.SIGNATURE, Lock.PREFLIGHT, Lock.RISKS, Lock.ARMED_FOR_THIS, Lock.ARMED, Lock.KEY_RIGHTS)
FILLED, REFUSED = OrderState.FILLED, OrderState.REFUSED


class Unmetered(Limiter):
    """A request budget without an end: hundreds of orders are tried within a second here."""

    def take(self, groups: Sequence[str], lane: Lane, now: int) -> bool:
        """Always."""
        return True


@pytest.fixture
async def story() -> AsyncIterator[Story]:
    async with told() as one:
        addresses = (one.simulator.upbit_address, one.simulator.bithumb_address)
        real = {exchange: frozenset({f"http://{at}"}) for exchange, at in zip(EXCHANGES, addresses, strict=True)}
        one.env = msgspec.structs.replace(one.env, mode="live")
        one.arm = partial(Armed, real=real, boot=BOOT)
        yield one


class Person:
    """Who opens and closes the locks of one live desk."""

    def __init__(self, story: Story, life: Life) -> None:
        self.story, self.life = story, life
        self.files = ArmingFiles(story.env)
        self._written: dict[object, bytes] = {}
        self.doors = [door for one in life.gateways.values() for door in one.doors]

    def leave(self, data: bytes, closed: frozenset[Lock] = frozenset(), for_s: int = 3_600) -> None:
        """Leave seal and token as they are when these locks are closed."""
        clock = self.story.clock
        seal = sealed(data, clock.wall_ns(), dry_run_passed=Lock.DRY_RUN not in closed)
        token = token_for(
            self.story.env, data, self.doors, wall_ns=clock.wall_ns(), mono_ns=clock.mono_ns(), for_s=for_s
        )
        if Lock.PREFLIGHT in closed:
            token = msgspec.structs.replace(token, preflight_passed=False)
        if Lock.RISKS in closed:
            token = msgspec.structs.replace(token, risks_version="an older one")
        if Lock.ARMED_FOR_THIS in closed:
            token = msgspec.structs.replace(token, markets=("KRW-XRP",))
        seal_key = ("seal", data, closed & {Lock.DRY_RUN})
        token_key = ("token", data, closed & {Lock.PREFLIGHT, Lock.RISKS, Lock.ARMED_FOR_THIS})
        seal_path, has_no_seal = self.files.seal_path(seal.params_sha256), Lock.SIGNATURE in closed
        self._put(seal_path, seal_key, lambda: self.files.write_seal(seal), has_no_seal)
        self._put(self.files.token_path, token_key, lambda: self.files.write_token(token), Lock.ARMED in closed)
        self.life.trader.armed.key_faults = ("not proven",) if Lock.KEY_RIGHTS in closed else ()

    def _put(self, path: Path, key: object, write: Callable[[], None], is_missing: bool) -> None:
        """Write a signed file the first time, bring it back as it was the next; take it away when it is missing."""
        path.unlink(missing_ok=True)
        if is_missing:
            return
        if key in self._written:
            fresh = path.with_suffix(".fresh")
            fresh.write_bytes(self._written[key])
            fresh.replace(path)
            return
        write()
        self._written[key] = path.read_bytes()

    def order(self, number: int) -> Order:
        """Return a leg that the books would fill."""
        clock = self.story.clock
        return Order(
            client_order_id=f"state-{number}",
            arb_id=f"state-{number}",
            role=OrderRole.BUY_LEG,
            exchange=Exchange.UPBIT,
            market=MARKET,
            side=Side.BID,
            price=Price(4_004_000 * SCALE),
            qty=Qty(SCALE // 100),
            tif=TimeInForce.IOC,
            state=OrderState.PLANNED,
            planned_wall_ns=Ns(clock.wall_ns()),
            planned_mono_ns=Ns(clock.mono_ns()),
            heard_mono_ns=Ns(clock.mono_ns()),
        )


def all_states() -> Iterator[frozenset[Lock]]:
    """Yield every set of closed locks a person can leave behind in the files and the trader."""
    for picked in itertools.product((False, True), repeat=len(SIGNED)):
        yield frozenset(lock for lock, is_closed in zip(SIGNED, picked, strict=True) if is_closed)


async def test_of_all_512_states_of_a_live_desk_one_lets_an_order_reach_the_exchange(story: Story) -> None:
    life = await story.live()
    person = Person(story, life)
    assert life.trader.armed.mode is Mode.LIVE
    gateway = life.gateways[Exchange.UPBIT]
    gateway._limiter = Unmetered(registry.facts(Exchange.UPBIT).limits, Ns(story.clock.mono_ns()))
    accepted, number = [], 0
    for epoch, (data, level) in enumerate(itertools.product((DATA, OBSERVES), TradingLevel), 2):
        if level is TradingLevel.HALTED:
            continue
        life.context.control.write_params(epoch, data)
        life.trader.engine.refresh_params()
        story.set_level(level)
        for closed in all_states():
            person.leave(data, closed)
            number += 1
            answer = await gateway.place(person.order(number))
            if isinstance(answer, Accepted):
                accepted.append((data == DATA, level, closed))
            else:
                assert isinstance(answer, Refused)
                assert answer.reason is RefusalReason.STOPPED
    assert number == 512
    assert accepted == [(True, TradingLevel.ACTIVE, frozenset())]
    assert list(story.reached) == ["state-1"]
    story.set_level(TradingLevel.ACTIVE)
    await life.stop()


async def test_signals_of_a_desk_that_is_not_armed_are_denied_and_counted_until_it_is(story: Story) -> None:
    life = await story.live()
    person = Person(story, life)
    story.feeds_wake = True
    await until(lambda: life.count("denied.not_armed") >= 3)
    assert (life.count("arbs_opened"), dict(story.reached)) == (0, {})
    person.leave(DATA)
    await until(lambda: life.count("arbs_closed") >= 1)
    person.files.remove_token()
    await until(lambda: life.trader.armed.locks_closed())
    opened, denied = life.count("arbs_opened"), life.count("denied.not_armed")
    await until(lambda: life.count("denied.not_armed") >= denied + 3)
    assert life.count("arbs_opened") == opened
    story.feeds_wake = False
    await until(lambda: life.count("arbs_closed") == opened)
    await story.end(life)


async def test_a_desk_disarmed_between_decision_and_wire_sends_neither_leg(story: Story) -> None:
    life = await story.live()
    person = Person(story, life)
    person.leave(DATA)
    arb = life.open(story.signal())
    person.files.remove_token()
    closed = await life.closed(arb.arb_id)
    assert (states(closed), closed.why) == ([REFUSED, REFUSED], "nothing_filled")
    await story.end(life)
    assert story.reached == {}


async def test_a_desk_disarmed_between_the_legs_still_sends_the_other_one(story: Story) -> None:
    life = await story.live()
    person = Person(story, life)
    person.leave(DATA)
    life.at_send(OrderRole.SELL_LEG, lambda at: person.files.remove_token() and None)
    arb = await life.closed(life.open(story.signal()).arb_id)
    assert (states(arb), arb.imbalance) == ([FILLED, FILLED], 0)
    await story.end(life)


async def test_a_lone_leg_is_evened_out_after_the_desk_was_disarmed(story: Story) -> None:
    life = await story.live()
    person = Person(story, life)
    person.leave(DATA)
    story.faults(Exchange.BITHUMB).refuse_next(400, "market_offline")
    life.at_send(OrderRole.HEDGE, lambda at: person.files.remove_token() and None)
    arb = await life.closed(life.open(story.signal()).arb_id)
    assert (states(arb), arb.imbalance) == ([FILLED, REFUSED, FILLED], 0)
    assert not person.files.token_path.exists()
    await story.end(life)


async def test_a_restart_finishes_what_is_open_without_being_armed_and_opens_nothing(story: Story) -> None:
    first = await story.live()
    person = Person(story, first)
    person.leave(DATA)
    story.faults(Exchange.BITHUMB).refuse_next(400, "market_offline")
    first.at_send(OrderRole.HEDGE, lambda at: first.end_now())
    arb_id = first.open(story.signal()).arb_id
    await until(lambda: first.is_dead)
    await first.die()
    person.files.remove_token()
    second = await story.live()
    arb = await second.closed(arb_id)
    assert arb.imbalance == 0
    refused = await second.closed(second.open(story.signal()).arb_id)
    assert states(refused) == [REFUSED, REFUSED]
    await story.end(second)
