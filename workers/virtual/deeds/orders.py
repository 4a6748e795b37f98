"""Orders that are taken, lost, refused, filled late or labelled wrongly, and lists that leave them out."""

from random import Random

from arbitrage.domain.units import EXCHANGES, Exchange
from exchanges.simulator.trouble.fault import Fault, Scope
from exchanges.simulator.trouble.orders import (
    AnswerLost,
    CancelTooLate,
    FilledAfterCancel,
    FilledAfterEnd,
    FillsDelayed,
    LiquidityGone,
    LookupLags,
    LookupOutdated,
    MissingInLists,
    OrderLost,
    OrderRefused,
    PartLabelled,
    Rule,
    RuleRefused,
)
from workers.virtual.deeds.deed import Act, armed, span
from workers.virtual.world import World


def draw(rng: Random) -> tuple[str, Act]:
    """Return one such deed: its words and what it does."""
    fault: Fault = rng.choice(
        [
            AnswerLost(),
            AnswerLost(),
            OrderLost(),
            OrderRefused(status=400, name="market_offline"),
            RuleRefused(rule=rng.choice([Rule.FUNDS_SHORT, Rule.UNDER_MINIMUM, Rule.PRICE_OFF_TICK])),
            FillsDelayed(delay_ns=span(rng, 20, 6_000)),
            # Past the desk's patience: it cancels, and what then happens to a cancel can happen.
            FillsDelayed(delay_ns=span(rng, 8_000, 30_000)),
            LiquidityGone(),
            LiquidityGone(),
            PartLabelled(state=rng.choice(["done", "cancel"])),
            FilledAfterCancel(after_ns=span(rng, 1, 3_000)),
            CancelTooLate(),
            FilledAfterEnd(after_ns=span(rng, 1, 5_000)),
        ]
    )
    if rng.random() < 0.25:
        lag: Fault = LookupLags(lag_ns=span(rng, 100, 4_000), status=rng.choice([404, 422]))
        scope = Scope(lasts_ns=span(rng, 2_000, 15_000))
        if rng.random() < 0.5:
            return _unseen(rng.choice(EXCHANGES), lag, scope)
        if rng.random() < 0.3:
            return armed(rng, LookupOutdated(), Scope(lasts_ns=span(rng, 5_000, 120_000)))
        return armed(rng, rng.choice([lag, MissingInLists()]), scope)
    return armed(rng, fault, Scope(count=rng.choice([1, 1, 2])))


def _unseen(exchange: Exchange, lag: Fault, scope: Scope) -> tuple[str, Act]:
    """An order is taken, its answer is lost, and whoever asks for it is told that there is none."""

    def act(world: World) -> None:
        world.faults(exchange).arm(lag, scope)
        world.faults(exchange).arm(AnswerLost(), Scope(count=2))

    return f"{exchange} AnswerLost() and {lag!r}", act
