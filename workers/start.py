"""What a trader must know before it opens anything: its own past, then both exchanges' word.

The journal is read first and the arbs left open are looked after from then on; meanwhile balances,
open orders and rules are asked for until they are had. An exchange that is away holds up new arbs,
not the evening out of old ones.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import msgspec

from arbitrage.domain.arb import Arb
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.dust import DustLedger
from arbitrage.domain.errors import AuthRefused, ConfigError, ExchangeError
from arbitrage.domain.events import ArbStepped, Event, StrangeOrderSeen, TraderStarted, TradingStateChanged
from arbitrage.domain.legging import LegHistory
from arbitrage.domain.order_name import is_desk_name
from arbitrage.domain.params import SECOND
from arbitrage.domain.ports import Gateway, MarketRules, OpenOrder
from arbitrage.domain.units import EXCHANGES, Exchange, Ns
from exchanges import registry
from exchanges.records import Grant, Scope
from fast_path.journal import Journal
from workers.process import Backoff, Context
from workers.today import DAY_NS, DAYS_KEPT
from workers.treasury import Treasury

LONGEST_WAIT_S = 5.0
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

T = TypeVar("T")


class Past(msgspec.Struct, frozen=True):
    """What the journal tells: the newest image of each arb that still matters, and every run there was."""

    images: dict[str, Arb]
    run_ids: frozenset[str]
    dust: DustLedger = msgspec.field(default_factory=DustLedger)
    """Of all arbs there ever were."""
    legs: LegHistory = msgspec.field(default_factory=LegHistory)
    modes: frozenset[str] = frozenset()
    """What the traders of before were connected to."""
    level: str = ""
    """The trading state that was journalled last; empty when none ever was."""


def read_past(journal: Journal, markets: Sequence[str], heard: Callable[[Event], None] = lambda event: None) -> Past:
    """Fold the journal. ConfigError when an arb is open on a market that is not watched any more.

    `heard` is told every event.

    Arbs that closed days before the newest one are left out: a journal of years needs no memory of years.
    """
    images: dict[str, Arb] = {}
    closed: deque[tuple[Ns, str]] = deque()
    run_ids, modes = set(), set()
    dust, legs, level = DustLedger(), LegHistory(), ""
    for record in journal.replay():
        heard(record.event)
        match record.event:
            case ArbStepped(arb):
                images[arb.arb_id] = arb
                dust.fold(arb)
                legs.fold(arb)
                if arb.closed_wall_ns is not None:
                    closed.append((arb.closed_wall_ns, arb.arb_id))
                    _drop_old(images, closed)
            case TraderStarted(run_id, mode=mode):
                run_ids.add(run_id)
                modes.add(mode)
            case TradingStateChanged(level=newest):
                level = newest
    orphans = sorted({arb.market for arb in images.values() if not arb.is_closed and arb.market not in markets})
    if orphans:
        raise ConfigError([f"KARB_MARKETS lacks {market}, where an arb is still open" for market in orphans])
    return Past(images, frozenset(run_ids), dust, legs, frozenset(modes), level)


def _drop_old(images: dict[str, Arb], closed: "deque[tuple[Ns, str]]") -> None:
    newest_ns, _ = closed[-1]
    while newest_ns - closed[0][0] > DAYS_KEPT * DAY_NS:
        closed_ns, arb_id = closed.popleft()
        arb = images.get(arb_id)
        if arb is not None and arb.closed_wall_ns == closed_ns:
            del images[arb_id]


def new_run_id(wall_ns: int, fence: int, used: Iterable[str]) -> str:
    """Return an id that no run of this journal had: second and fence, in base 36.

    Orders are named after it, and an exchange burns a name for ever (upbit.md §1.4): a clock that was
    set back must not bring one back.
    """
    taken, second = set(used), wall_ns // SECOND
    while (run_id := f"{_base36(second)}{_base36(fence)}") in taken:
        second += 1
    return run_id


def _base36(number: int) -> str:
    text = ""
    while True:
        number, rest = divmod(number, 36)
        text = DIGITS[rest] + text
        if not number:
            return text


async def refuse_withdrawing_keys(context: Context) -> tuple[str, ...]:
    """Return what is not proven of the keys, in words. ConfigError names every key that reaches withdrawals (R5.1).

    An exchange that is away, or whose answer proves nothing, does not hold up the evening out of old arbs:
    it is logged and counted, `doctor` calls it a problem, and no live order leaves (domain/arming.py).
    """
    market = context.env.markets[0]
    asked = [registry.key_rights(exchange, context.env, context.clock).findings(market) for exchange in EXCHANGES]
    problems, unproven = [], []
    for exchange, found in zip(EXCHANGES, await asyncio.gather(*asked), strict=True):
        withdrawals = found[Scope.VIEW_WITHDRAWALS]
        match withdrawals.grant:
            case Grant.GRANTED:
                problems.append(f"the key of {exchange} reaches withdrawals: make one without that right")
            case Grant.NOT_PROVEN:
                context.counters.add("key_rights_unproven")
                context.log.warning("key_rights_unproven", exchange=exchange, detail=withdrawals.detail)
                unproven.append(f"that the key of {exchange} reaches no withdrawals is not proven")
            case Grant.DENIED:
                context.log.info("key_rights_proven", exchange=exchange)
        unproven += [
            f"that the key of {exchange} may {scope.replace('_', ' ')} is not proven ({found[scope].detail})"
            for scope in (Scope.VIEW_ASSETS, Scope.VIEW_ORDERS)
            if found[scope].grant is not Grant.GRANTED
        ]
    if problems:
        raise ConfigError(problems)
    context.counters.set("key_faults", len(unproven))
    return tuple(unproven)


class Start:
    """Asks both exchanges, side by side, for what must be known."""

    def __init__(
        self,
        context: Context,
        gateways: Mapping[Exchange, Gateway],
        journal: Journal,
        treasury: Treasury,
        take_rules: Callable[[Exchange, MarketRules], None],
        halt: Callable[[TradingLevel, str], None],
    ) -> None:
        self._context = context
        self._halt = halt
        self._gateways = gateways
        self._journal = journal
        self._treasury = treasury
        self._take_rules = take_rules

    async def ask(self, images: Mapping[str, Arb]) -> None:
        """Return once everything is known. ConfigError when a key is refused."""
        try:
            async with asyncio.TaskGroup() as group:
                for exchange in EXCHANGES:
                    group.create_task(self._ask(exchange, images))
        except ExceptionGroup as errors:
            refused, others = errors.split(ConfigError)
            if refused is None or others is not None:
                raise
            problems = [error.problems for error in refused.exceptions if isinstance(error, ConfigError)]
            raise ConfigError([problem for each in problems for problem in each]) from None

    async def _ask(self, exchange: Exchange, images: Mapping[str, Arb]) -> None:
        gateway = self._gateways[exchange]
        await self._until_had(f"balances {exchange}", partial(self._treasury.read, exchange))
        seen = await self._until_had(f"open orders {exchange}", gateway.open_orders)
        self._name_strangers(seen, images)
        for market in self._context.env.markets:
            rules = await self._until_had(f"rules {exchange} {market}", partial(gateway.market_rules, market))
            self._take_rules(exchange, rules)

    async def _until_had(self, what: str, ask: Callable[[], Awaitable[T]]) -> T:
        backoff = Backoff(self._context.clock.mono_ns())
        while True:
            try:
                return await ask()
            except AuthRefused as error:
                raise ConfigError([f"{what}: the exchange refused the key: {error}"]) from None
            except ExchangeError as error:
                self._context.log.warning("start_held_up", what=what, error=str(error))
                await asyncio.sleep(min(backoff.next_s(), LONGEST_WAIT_S))

    def _name_strangers(self, seen: Sequence[OpenOrder], images: Mapping[str, Arb]) -> None:
        """Journal orders of other hands; one of a desk's that the journal does not know halts: it is not all there."""
        orders = [order for arb in images.values() for order in arb.orders]
        ours = {order.client_order_id for order in orders} | {order.exchange_order_id for order in orders}
        for one in seen:
            name = one.client_order_id or ""
            # A hedge of this very run, of an arb it took over, is younger than the images.
            if name in ours or one.exchange_order_id in ours or name.rpartition("-")[0] in images:
                continue
            self._context.counters.add("strange_orders")
            self._journal.append(
                StrangeOrderSeen(
                    one.exchange,
                    one.market,
                    one.exchange_order_id,
                    one.client_order_id,
                    self._context.clock.wall_ns(),
                ),
                durable=False,
            )
            if is_desk_name(name):
                self._halt(TradingLevel.HALTED, f"{one.exchange} has order {name}, which our journal does not know")
