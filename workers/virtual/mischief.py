"""What goes wrong in one run: a list of deeds with their times, drawn from the run's seed.

Deeds of a family can be left out by name. Each deed ends by itself; after the last one there is time to
come to rest.
"""

from collections.abc import Callable
from enum import StrEnum
from random import Random

import msgspec

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.params import MS, SECOND
from arbitrage.domain.units import EXCHANGES, Exchange, Side, base_of
from exchanges.simulator.cash import CashFault
from exchanges.simulator.money import fine_of_text
from exchanges.simulator.orders import Draft, OrdType
from exchanges.simulator.regimes import Regime
from exchanges.simulator.trouble.fault import Effect, Fault, Lane, Scope
from exchanges.simulator.trouble.frames import (
    BookCrossed,
    FramesDoubled,
    FramesLost,
    FramesReordered,
    HandshakeRefused,
    JumpBack,
    LadderFrozen,
    OneSided,
    PongOnly,
    SlowDrain,
    StreamEnds,
    StreamFrozen,
    TimestampFrozen,
)
from exchanges.simulator.trouble.orders import (
    AnswerLost,
    CancelTooLate,
    FilledAfterCancel,
    FillsDelayed,
    LiquidityGone,
    LookupLags,
    MissingInLists,
    OrderLost,
    OrderRefused,
    PartLabelled,
    Rule,
    RuleRefused,
)
from exchanges.simulator.trouble.transport import (
    AnswerDelayed,
    AnswerDripped,
    AnswerTruncated,
    CutAfter,
    CutBefore,
    NeverAnswered,
    RequestDelayed,
    ResetAtAccept,
    ResetMidAnswer,
    StatusAnswered,
    Text,
)
from workers.virtual.world import World


class Family(StrEnum):
    """Kinds of deeds that can be asked for by name."""

    TRANSPORT = "transport"
    ORDERS = "orders"
    BOOKS = "books"
    NETWORK = "network"
    CRASH = "crash"
    HOST = "host"
    OPERATOR = "operator"
    ACCOUNT = "account"
    EXCHANGE = "exchange"


class Deed(msgspec.Struct, frozen=True):
    """One thing that goes wrong. `act` is told the world."""

    at_ns: int
    family: Family
    word: str
    act: Callable[[World], None]


def deeds(seed: int, families: frozenset[Family], *, until_ns: int, about: int) -> list[Deed]:
    """Return about `about` deeds between 2 s and `until_ns`, in order of time."""
    rng = Random(f"{seed}/mischief")  # noqa: S311  # nosec B311: a story, not a secret
    found = []
    for _ in range(rng.randint(max(1, about // 2), about + about // 2)):
        family = rng.choice(sorted(families))
        word, act = _DRAW[family](rng)
        found.append(Deed(rng.randint(2 * SECOND, until_ns), family, word, act))
    return sorted(found, key=lambda deed: deed.at_ns)


Act = Callable[[World], None]


def _armed(rng: Random, fault: Fault, scope: Scope) -> tuple[str, Act]:
    exchange = rng.choice(EXCHANGES)
    words = " ".join(
        f"{name}={value}" for name, value in msgspec.structs.asdict(scope).items() if value != getattr(Scope(), name)
    )

    def act(world: World) -> None:
        world.faults(exchange).arm(fault, scope)

    return f"{exchange} {fault!r} {words}", act


def _span(rng: Random, least_ms: int, most_ms: int) -> int:
    return rng.randint(least_ms, most_ms) * MS


def _transport(rng: Random) -> tuple[str, Act]:
    effect = rng.choice(list(Effect))
    status, name = rng.choice(
        [(500, "internal_server_error"), (502, "bad_gateway"), (503, "unavailable"), (429, "too_many_requests")]
    )
    fault: Fault = rng.choice(
        [
            CutBefore(),
            CutAfter(),
            NeverAnswered(effect=effect),
            ResetMidAnswer(part=rng.randint(0, 200)),
            AnswerTruncated(part=rng.randint(0, 200)),
            AnswerDripped(part=64, pace_ns=_span(rng, 1, 400)),
            StatusAnswered(status=status, body=rng.choice(list(Text)), name=name, effect=Effect.NOT_TAKEN),
            StatusAnswered(status=rng.choice([500, 502, 504]), body=rng.choice(list(Text)), name=name, effect=effect),
            ResetAtAccept(),
        ]
    )
    if rng.random() < 0.3:
        slow = RequestDelayed if rng.random() < 0.5 else AnswerDelayed
        fault = slow(typical_ns=_span(rng, 20, 1_500), most_ns=4 * SECOND)
        return _armed(rng, fault, Scope(lasts_ns=_span(rng, 500, 8_000), lane=rng.choice(list(Lane)[:6])))
    lane = rng.choice([Lane.ORDER, Lane.ORDER, Lane.ORDER, Lane.CANCEL, Lane.LOOKUP, Lane.LOOKUP, Lane.ACCOUNT])
    return _armed(rng, fault, Scope(lane=lane, count=rng.choice([1, 1, 1, 2, 4])))


def _orders(rng: Random) -> tuple[str, Act]:
    fault: Fault = rng.choice(
        [
            AnswerLost(),
            AnswerLost(),
            OrderLost(),
            OrderRefused(status=400, name="market_offline"),
            RuleRefused(rule=rng.choice([Rule.FUNDS_SHORT, Rule.UNDER_MINIMUM, Rule.PRICE_OFF_TICK])),
            FillsDelayed(delay_ns=_span(rng, 20, 6_000)),
            # Past the desk's patience: it cancels, and what then happens to a cancel can happen.
            FillsDelayed(delay_ns=_span(rng, 8_000, 16_000)),
            LiquidityGone(),
            LiquidityGone(),
            PartLabelled(state=rng.choice(["done", "cancel"])),
            FilledAfterCancel(after_ns=_span(rng, 1, 3_000)),
            CancelTooLate(),
        ]
    )
    if rng.random() < 0.25:
        lag: Fault = LookupLags(lag_ns=_span(rng, 100, 4_000), status=rng.choice([404, 422]))
        scope = Scope(lasts_ns=_span(rng, 2_000, 15_000))
        if rng.random() < 0.5:
            return _unseen(rng.choice(EXCHANGES), lag, scope)
        return _armed(rng, rng.choice([lag, MissingInLists()]), scope)
    return _armed(rng, fault, Scope(count=rng.choice([1, 1, 2])))


def _unseen(exchange: Exchange, lag: Fault, scope: Scope) -> tuple[str, Act]:
    """An order is taken, its answer is lost, and whoever asks for it is told that there is none."""

    def act(world: World) -> None:
        world.faults(exchange).arm(lag, scope)
        world.faults(exchange).arm(AnswerLost(), Scope(count=2))

    return f"{exchange} AnswerLost() and {lag!r}", act


def _books(rng: Random) -> tuple[str, Act]:
    fault: Fault = rng.choice(
        [
            PongOnly(),
            StreamFrozen(),
            FramesLost(),
            TimestampFrozen(),
            LadderFrozen(),
            OneSided(empty=rng.choice(list(Side))),
            BookCrossed(),
            FramesReordered(),
            JumpBack(),
            SlowDrain(delay_ns=_span(rng, 300, 3_000)),
            FramesDoubled(),
            StreamEnds(after_ns=_span(rng, 100, 4_000)),
            HandshakeRefused(status=rng.choice([401, 429, 503])),
        ]
    )
    lane = rng.choice([Lane.STREAM, Lane.STREAM, Lane.EVENTS])
    chance = rng.choice([1_000_000, 1_000_000, 300_000])
    return _armed(rng, fault, Scope(lane=lane, lasts_ns=_span(rng, 500, 12_000), chance_ppm=chance))


def _network(rng: Random) -> tuple[str, Act]:
    exchange = rng.choice(EXCHANGES)
    lasts = _span(rng, 200, 9_000) / SECOND
    match rng.randrange(4):
        case 0:
            return f"{exchange} all connections cut", lambda world: world.link(exchange).cut()
        case 1:

            def swallow(world: World) -> None:
                link = world.link(exchange)
                link.swallows = True

                def heal() -> None:
                    # Bytes were lost: what is left of those connections is of no use to anybody.
                    link.swallows = False
                    link.cut()

                world.loop.call_later(lasts, heal)

            return f"{exchange} cable out for {lasts:.1f} s", swallow
        case 2:

            def refuse(world: World) -> None:
                link = world.link(exchange)
                link.refuses = True
                link.cut()
                world.loop.call_later(lasts, setattr, link, "refuses", False)

            return f"{exchange} unreachable for {lasts:.1f} s", refuse
        case _:
            delay = rng.uniform(0.002, 0.4)

            def slow(world: World) -> None:
                link = world.link(exchange)
                usual, link.delay_s = link.delay_s, lambda: delay
                world.loop.call_later(lasts, setattr, link, "delay_s", usual)

            return f"{exchange} {delay * 1000:.0f} ms away for {lasts:.1f} s", slow


def _crash(rng: Random) -> tuple[str, Act]:
    doors = rng.randint(1, 14)
    loses_tail = rng.random() < 0.4
    share = rng.random()

    def act(world: World) -> None:
        life = world.life
        if life is None or not life.is_running:
            return
        if loses_tail:
            world.note("world", "power cut")
            life.cut_power(lambda synced, size: synced + int((size - synced) * share))
        else:
            life.die_at_door(doors)

    return "power cut" if loses_tail else f"kill -9 at door {doors}", act


def _host(rng: Random) -> tuple[str, Act]:
    lasts = _span(rng, 200, 6_000) / SECOND
    match rng.randrange(4):
        case 0:

            def fill(world: World) -> None:
                world.fill_disk(is_full=True)
                world.loop.call_later(lasts, lambda: world.fill_disk(is_full=False))

            return f"disk full for {lasts:.1f} s", fill
        case 1:
            step = rng.choice([-1, 1]) * _span(rng, 100, 90_000)

            def wrong(world: World) -> None:
                world.step_clock(step)
                world.loop.call_later(lasts, world.set_clock_right)

            return f"wall clock wrong by {step / SECOND:.1f} s for {lasts:.1f} s", wrong
        case 2:

            def silence(world: World) -> None:
                world.bridge_beats = False
                world.loop.call_later(2 * lasts, setattr, world, "bridge_beats", True)

            return f"bridge silent for {2 * lasts:.1f} s", silence
        case _:
            return "a second trader is started", lambda world: world.start_rival()


def _operator(rng: Random) -> tuple[str, Act]:
    level = rng.choice([TradingLevel.REDUCING, TradingLevel.HALTED])
    lasts = _span(rng, 50, 8_000) / SECOND
    doors = rng.randint(1, 14)

    def press(world: World) -> None:
        world.set_level(level)
        world.loop.call_later(lasts, world.resume)

    def press_between(world: World) -> None:
        if world.life is not None and world.life.is_running:
            world.life.at_door(doors, lambda door: press(world))

    if rng.random() < 0.5:
        return f"{level.name} for {lasts:.1f} s", press
    return f"{level.name} for {lasts:.1f} s, pressed at door {doors}", press_between


def _account(rng: Random) -> tuple[str, Act]:
    exchange = rng.choice(EXCHANGES)
    kind = rng.randrange(3)
    krw = str(rng.randint(10_000, 5_000_000))

    def move(world: World) -> None:
        sim, now = world.exchange(exchange), world.true_clock.wall_ns()
        account = world.account(exchange)
        if kind == 0:
            sim.cash.deposit(account, "KRW", fine_of_text(krw), now)
        elif isinstance(fault := sim.cash.withdraw(account, "KRW", fine_of_text(krw), now, delay_ns=SECOND), CashFault):
            world.note(exchange.value, "withdrawal refused", fault.value)

    def trade(world: World) -> None:
        market = world.env.markets[0]
        bid = rng.random() < 0.5
        draft = Draft(
            market,
            Side.BID if bid else Side.ASK,
            OrdType.PRICE if bid else OrdType.MARKET,
            int(krw) * 10**8 if bid else None,
            None if bid else 10**6,
            None,
            None,
        )
        taken = world.exchange(exchange).matching.place(world.account(exchange), draft, world.true_clock.wall_ns())
        world.note("owner", "trades by hand", f"{exchange} {base_of(market)} {taken!r:.60}")

    if kind == 2:
        return f"owner trades by hand on {exchange}", trade
    return f"{'deposit' if kind == 0 else 'withdrawal'} of {krw} KRW on {exchange}", move


def _exchange(rng: Random) -> tuple[str, Act]:
    exchange: Exchange = rng.choice(EXCHANGES)
    if rng.random() < 0.5:
        regime = rng.choice(list(Regime))
        return f"market turns {regime.value}", lambda world: world.simulator.simulator.market.set_regime(
            regime, world.true_clock.wall_ns()
        )
    lasts = _span(rng, 2_000, 20_000) / SECOND

    def close(world: World) -> None:
        closing = world.exchange(exchange).closing
        if not closing.is_whole:
            closing.begin(world.true_clock.wall_ns())
            world.loop.call_later(lasts, lambda: closing.end(world.true_clock.wall_ns()))

    return f"{exchange} in maintenance for {lasts:.1f} s", close


_DRAW: dict[Family, Callable[[Random], tuple[str, Act]]] = {
    Family.TRANSPORT: _transport,
    Family.ORDERS: _orders,
    Family.BOOKS: _books,
    Family.NETWORK: _network,
    Family.CRASH: _crash,
    Family.HOST: _host,
    Family.OPERATOR: _operator,
    Family.ACCOUNT: _account,
    Family.EXCHANGE: _exchange,
}
