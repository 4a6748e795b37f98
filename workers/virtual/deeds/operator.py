"""What the operator does: kill switch, parameters, wire settings, restarts; at any moment and at any door."""

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.params import MS, SECOND
from arbitrage.domain.units import EXCHANGES, SCALE, Exchange
from arbitrage.domain.wire import Duty, ExchangeWire, Generation, Wire
from fast_path.cut import cut, mend
from workers.virtual.deeds.deed import Act, span
from workers.virtual.world import World


def draw(rng: Random) -> tuple[str, Act]:
    """Return one such deed: its words and what it does."""
    kinds: tuple[Callable[[Random], tuple[str, Act]], ...]
    kinds = (_switch, _switch, _switch_at_door, _switch_at_door, _part, _params, _params, _wire, _restart, _cut_off)
    return rng.choice(kinds)(rng)


def _press(rng: Random) -> tuple[str, Act]:
    level = rng.choice([TradingLevel.REDUCING, TradingLevel.HALTED])
    lasts = span(rng, 50, 8_000) / SECOND

    def press(world: World) -> None:
        world.operator.set_level(level)
        world.loop.call_later(lasts, world.operator.resume)

    return f"{level.name} for {lasts:.1f} s", press


def _switch(rng: Random) -> tuple[str, Act]:
    return _press(rng)


def _switch_at_door(rng: Random) -> tuple[str, Act]:
    words, press = _press(rng)
    doors = rng.randint(1, 20)

    def press_between(world: World) -> None:
        if world.life is not None and world.life.is_running:
            world.life.at_door(doors, lambda door: press(world))

    return f"{words}, pressed at door {doors}", press_between


def _cut_off(rng: Random) -> tuple[str, Act]:
    lasts, doors = span(rng, 50, 8_000) / SECOND, rng.randint(1, 20)

    def back(world: World) -> None:
        mend(world.control, "campaign", "operator", world.clock.wall_ns())
        world.operator.resume()

    def press(world: World) -> None:
        if not world.control.is_cut():
            world.note("operator", "cuts orders off")
            cut(world.control, "campaign", "operator", world.clock.wall_ns())
            world.loop.call_later(lasts, back, world)

    def press_between(world: World) -> None:
        if world.life is not None and world.life.is_running:
            world.life.at_door(doors, lambda door: press(world))

    return f"orders cut off at door {doors} for {lasts:.1f} s", press_between


def _part(rng: Random) -> tuple[str, Act]:
    """One exchange, or one market, is held back or paused."""
    level = rng.choice([TradingLevel.REDUCING, TradingLevel.HALTED])
    exchange, which, lasts = rng.choice(EXCHANGES), rng.randrange(6), span(rng, 50, 8_000)

    def market_of(world: World) -> str:
        return world.env.markets[which % len(world.env.markets)]

    def hold_exchange(world: World) -> None:
        world.operator.set_exchange_level(exchange, level)
        world.loop.call_later(lasts / SECOND, world.operator.set_exchange_level, exchange, TradingLevel.ACTIVE)

    def hold_market(world: World) -> None:
        world.operator.set_market_level(market_of(world), level)
        world.loop.call_later(lasts / SECOND, world.operator.set_market_level, market_of(world), TradingLevel.ACTIVE)

    match rng.randrange(3):
        case 0:
            return f"{exchange} {level.name} for {lasts / SECOND:.1f} s", hold_exchange
        case 1:
            return f"market {which} {level.name} for {lasts / SECOND:.1f} s", hold_market
        case _:
            return f"market {which} paused for {lasts / SECOND:.1f} s", lambda world: world.operator.pause(
                market_of(world), lasts
            )


def _params(rng: Random) -> tuple[str, Act]:
    """Other parameters that can be used, or a set that cannot."""
    if rng.random() < 0.3:
        bad = rng.choice(({"min_edge_ppm": -1}, {"max_book_age_ns": 0}, {"hedge_max_attempts": 0}))

        def offer(world: World) -> None:
            world.operator.offer_params(**bad)
            world.later(10.0, world.operator.change_params, world.operator.params)

        return f"parameters that cannot be used: {bad}", offer
    drawn: dict[str, Any] = {
        "max_notional_krw": rng.choice((100_000, 1_000_000, 3_000_000)) * SCALE,
        "min_edge_ppm": rng.choice((100, 300, 600)),
        "max_book_age_ns": rng.choice((300, 700, 1_000)) * MS,
        "max_book_skew_ns": rng.choice((150, 300)) * MS,
        "cancel_after_ns": rng.choice((2, 5, 10)) * SECOND,
        "query_after_ns": rng.choice((200, 500)) * MS,
        "hedge_patience_ns": rng.choice((0, 200)) * MS,
        "max_open_arbs": rng.choice((1, 2, 4)),
        "max_orders_per_s": rng.choice((2, 4, 16)),
        "max_daily_loss_krw": rng.choice((1_000, 500_000)) * SCALE,
    }
    names = rng.sample(sorted(drawn), rng.randint(1, 4))
    changed = {name: drawn[name] for name in names}
    lasts = span(rng, 2_000, 20_000) / SECOND

    def change(world: World) -> None:
        before = world.operator.params
        world.operator.change_params(msgspec.structs.replace(before, **changed))
        world.later(lasts, world.operator.change_params, before)

    return f"parameters {changed} for {lasts:.1f} s", change


def _wire(rng: Random) -> tuple[str, Act]:
    """Bithumb's older generation serves some duties for a while."""
    duties = rng.sample(list(Duty), rng.randint(1, len(Duty)))
    lasts = span(rng, 3_000, 25_000) / SECOND
    older = Wire({Exchange.BITHUMB: ExchangeWire(generations=dict.fromkeys(duties, Generation.LEGACY))})

    def switch(world: World) -> None:
        world.operator.change_wire(older)
        world.later(lasts, world.operator.change_wire, Wire())

    return f"bithumb {', '.join(sorted(duties))} by the legacy generation for {lasts:.1f} s", switch


def _restart(rng: Random) -> tuple[str, Act]:
    def restart(world: World) -> None:
        if world.life is not None and world.life.is_ready:
            world.note("operator", "asks the trader to end")
            world.life.context.stopping.set()

    return "trader asked to end, and started again", restart
