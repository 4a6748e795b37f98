"""What is looked at before real money is risked, and how each finding is judged. Pure.

A check is well, or has a problem and what to do about it. What an exchange does not tell is said so,
and is no problem (R4.2, R5.1).
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from arbitrage.domain.units import PPM, Ns, Ppm, percent_text

SECOND_NS = 1_000_000_000
MAX_OFFSET_NS = 500_000_000
"""A clock further off than this makes tokens late (bithumb.md §3.2) and ages wrong."""
EXPIRY_SOON_NS = 7 * 86_400 * SECOND_NS
FEE_SLACK_PPM: Ppm = Ppm(1)
"""Fees are cut to 0.01 KRW an order on Bithumb (bithumb.md §3.9): a rate read off small orders is a little low."""


class Check(msgspec.Struct, frozen=True):
    """One thing looked at. `problem` is empty when it is well."""

    name: str
    found: str = ""
    problem: str = ""


class ClockSample(msgspec.Struct, frozen=True):
    """One answer's HTTP Date (whole seconds) beside our own clock right before and after it, in ns UTC."""

    sent_wall_ns: Ns
    received_wall_ns: Ns
    date_ns: Ns


def clock_offset(samples: Iterable[ClockSample]) -> tuple[Ns, Ns] | None:
    """Return the least and the greatest offset (theirs minus ours) that all samples allow; None when they contradict.

    A Date names the second in which the answer was made; each sample bounds the offset to a second plus the
    way there and back, and samples at other moments within the second narrow it down.
    """
    low, high = None, None
    for sample in samples:
        least = sample.date_ns - sample.received_wall_ns
        most = sample.date_ns + SECOND_NS - sample.sent_wall_ns
        low = least if low is None else max(low, least)
        high = most if high is None else min(high, most)
    if low is None or high is None or low > high:
        return None
    return Ns(low), Ns(high)


def clock_check(name: str, samples: Sequence[ClockSample]) -> Check:
    """Judge our clock by the exchange's: a problem only where every allowed offset is too large."""
    offset = clock_offset(samples)
    if offset is None:
        return Check(name, problem="answers contradict each other: a clock was set meanwhile; run this again")
    low, high = offset
    found = f"exchange is {_ms(low)} to {_ms(high)} ms ahead of this machine"
    if low > MAX_OFFSET_NS or high < -MAX_OFFSET_NS:
        return Check(name, found, f"{found}, must be within {_ms(MAX_OFFSET_NS)} ms: set the clock (chrony, ntp)")
    return Check(name, found)


def _ms(ns: int) -> str:
    return str(ns // 1_000_000)


def expiry_check(name: str, ends: Ns | None, now: Ns, date_text: str) -> Check:
    """Judge when a key ends; `date_text` is the same moment for people. None = the exchange does not list the key."""
    if ends is None:
        return Check(name, problem="the exchange does not list the key that is used: was it deleted?")
    if ends <= now:
        return Check(name, problem=f"the key ended on {date_text}: make a new one")
    if ends - now < EXPIRY_SOON_NS:
        return Check(name, problem=f"the key ends on {date_text}: make a new one before that")
    return Check(name, f"the key holds until {date_text}")


class FeeCharged(msgspec.Struct, frozen=True):
    """What was really paid on closed orders: sums in KRW as the exchange wrote them."""

    orders: int
    funds: Decimal
    paid: Decimal


def fee_check(name: str, believed: Ppm, told: Ppm, charged: FeeCharged | None) -> Check:
    """Judge the fee: what the desk believes, what the exchange tells, what it charged (R3.2; bithumb.md §5.4)."""
    found = f"told {percent_text(told)}, believed {percent_text(believed)}"
    problems = []
    if told != believed:
        problems.append(f"the exchange tells {percent_text(told)}, the desk believes {percent_text(believed)}")
    if charged is not None and charged.funds > 0:
        rate = Ppm(int(charged.paid * PPM / charged.funds))
        found += f", charged {percent_text(rate)} on {charged.orders} orders"
        if rate > max(told, believed) + FEE_SLACK_PPM:
            problems.append(f"{charged.orders} closed orders were charged {percent_text(rate)}")
    else:
        found += ", no closed order to compare"
    if problems:
        return Check(name, found, "; ".join(problems) + ": a coupon may have run out")
    return Check(name, found)


def figure_check(name: str, what: str, ours: str, theirs: str) -> Check:
    """Judge one figure that must be the same here and there."""
    if ours == theirs:
        return Check(name, f"{what} {theirs}")
    return Check(name, f"{what} {theirs}", f"{what} is {theirs} there, {ours} here: the rule has changed, do not trade")
