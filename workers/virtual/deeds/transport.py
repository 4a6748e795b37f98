"""Requests and answers that are cut, late, in pieces, or refused by whatever stands before the exchange."""

from random import Random

from arbitrage.domain.params import SECOND
from exchanges.simulator.trouble.fault import Effect, Fault, Lane, Scope
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
from workers.virtual.deeds.deed import Act, armed, span


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
        ]
    )
    if rng.random() < 0.3:
        slow = RequestDelayed if rng.random() < 0.5 else AnswerDelayed
        fault = slow(typical_ns=span(rng, 20, 1_500), most_ns=4 * SECOND)
        return armed(rng, fault, Scope(lasts_ns=span(rng, 500, 8_000), lane=rng.choice(list(Lane)[:6])))
    lane = rng.choice([Lane.ORDER, Lane.ORDER, Lane.ORDER, Lane.CANCEL, Lane.LOOKUP, Lane.LOOKUP, Lane.ACCOUNT])
    return armed(rng, fault, Scope(lane=lane, count=rng.choice([1, 1, 1, 2, 4])))
