"""Requests and answers that are cut, late, in pieces, or refused by whatever stands before the exchange."""

from random import Random

from arbitrage.domain.params import SECOND
from arbitrage.domain.units import EXCHANGES, Exchange
from exchanges.simulator.trouble.fault import Effect, Fault, Lane, Scope
from exchanges.simulator.trouble.transport import (
    AnswerDelayed,
    AnswerDoubled,
    AnswerDripped,
    AnswerTruncated,
    BodyReplaced,
    CutAfter,
    CutBefore,
    NeverAnswered,
    RequestDelayed,
    ResetAtAccept,
    ResetMidAnswer,
    StatusAnswered,
    Text,
)
from workers.virtual.deeds.deed import Act, armed, span
from workers.virtual.world import World


def draw(rng: Random) -> tuple[str, Act]:
    """Return one such deed: its words and what it does."""
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
            AnswerDripped(part=64, pace_ns=span(rng, 1, 400)),
            StatusAnswered(status=status, body=rng.choice(list(Text)), name=name, effect=Effect.NOT_TAKEN),
            StatusAnswered(status=rng.choice([500, 502, 504]), body=rng.choice(list(Text)), name=name, effect=effect),
            ResetAtAccept(),
            AnswerDoubled(),
            BodyReplaced(body=rng.choice(list(Text)[1:])),
        ]
    )
    if rng.random() < 0.15:
        return _limits(rng)
    if rng.random() < 0.3:
        slow = RequestDelayed if rng.random() < 0.5 else AnswerDelayed
        fault = slow(typical_ns=span(rng, 20, 1_500), most_ns=4 * SECOND)
        return armed(rng, fault, Scope(lasts_ns=span(rng, 500, 8_000), lane=rng.choice(list(Lane)[:6])))
    if rng.random() < 0.15:
        return _too_many_and_done(rng)
    lane = rng.choice([Lane.ORDER, Lane.ORDER, Lane.ORDER, Lane.CANCEL, Lane.LOOKUP, Lane.LOOKUP, Lane.ACCOUNT])
    return _counted(rng, fault, lane)


def _too_many_and_done(rng: Random) -> tuple[str, Act]:
    """What is too much here is done all the same there: an order is taken, and its answer says 429 or 418."""
    status = rng.choice([429, 429, 418])
    answer = StatusAnswered(
        status=status, body=rng.choice(list(Text)), name="too_many_requests", effect=rng.choice(list(Effect))
    )
    return _counted(rng, answer, rng.choice([Lane.ORDER, Lane.ORDER, Lane.CANCEL, Lane.LOOKUP, Lane.ACCOUNT]))


def _counted(rng: Random, fault: Fault, lane: Lane) -> tuple[str, Act]:
    return armed(rng, fault, Scope(lane=lane, count=rng.choice([1, 1, 1, 2, 4])))


def lift_blocks(world: World, exchange: Exchange) -> None:
    """Count requests anew, by the usual limits, with nobody blocked."""
    sim = world.exchange(exchange)
    sim.use_gate(sim.gate.rules)


def _limits(rng: Random) -> tuple[str, Act]:
    """Too many requests, as the exchange counts them: less is allowed than documented, or a block for a known time."""
    exchange, lasts = rng.choice(EXCHANGES), span(rng, 1_000, 12_000)
    if rng.random() < 0.5:
        blocked = StatusAnswered(status=418, body=Text.PLAIN, retry_after_s=-(-lasts // SECOND))
        lane = rng.choice([Lane.ANY, Lane.ORDER, Lane.LOOKUP])

        def block(world: World) -> None:
            world.faults(exchange).arm(blocked, Scope(lane=lane, lasts_ns=lasts))

        return f"{exchange} blocks us with 418 for {lasts / SECOND:.1f} s, lane {lane}", block
    ppm = rng.choice([50_000, 100_000, 300_000])

    def scale(world: World) -> None:
        world.exchange(exchange).gate.scale(ppm)
        world.loop.call_later(lasts / SECOND, lift_blocks, world, exchange)

    return f"{exchange} allows {ppm // 10_000} % of its requests for {lasts / SECOND:.1f} s", scale
