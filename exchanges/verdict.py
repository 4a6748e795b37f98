"""What the outcome of a request proves. Pure: outcome in, answer of the house out (R3.1).

The rule: Refused needs proof that nothing came of the command, Accepted needs an answer we can
read, and everything between is Unknown.
"""

from collections.abc import Callable
from typing import assert_never

from arbitrage.domain.errors import AuthRefused, NotSent, ReadFailed
from arbitrage.domain.order import OrderReport, RefusalReason
from arbitrage.domain.ports import Accepted, Answer, Found, Lookup, NotFound, Refused, RefusedWire, Unknown
from arbitrage.domain.units import Ns
from exchanges.facts import Facts
from exchanges.reads import ERROR_NAMES, wire_error
from exchanges.transport import HttpAnswer, Lost, Outcome, Stopped, Unsent, redacted

_TOO_EARLY_OR_MANY = frozenset({408, 409, 418, 421, 422, 425, 429})
"""4xx statuses that do not by themselves say the command was looked at and turned down."""


def command_answer(
    outcome: Outcome,
    facts: Facts,
    read: Callable[[bytes], OrderReport],
    errors: tuple[str, str, str] = ERROR_NAMES,
) -> Answer:
    """Return what came of placing or cancelling an order.

    `read` turns a 2xx body into a report and raises ValueError when it cannot. Any 2xx counts as
    acceptance (201 and 200 are both seen, upbit.md §1.1, bithumb.md §3.6); a 2xx with an error
    object or without an id does not.
    """
    if isinstance(outcome, HttpAnswer):
        return _command_http(outcome, facts, read, errors)
    return without_answer(outcome)


def without_answer(outcome: Unsent | Stopped | Lost) -> Refused | Unknown:
    """Return what a command without an answer proves: only one that never left is refused."""
    match outcome:
        case Unsent(cause):
            return Refused(RefusalReason.NOT_SENT, redacted(cause))
        case Stopped(reason):
            return Refused(RefusalReason.STOPPED, reason)
        case Lost(cause):
            return Unknown(redacted(cause))
        case _:
            assert_never(outcome)


def _command_http(
    answer: HttpAnswer, facts: Facts, read: Callable[[bytes], OrderReport], errors: tuple[str, str, str]
) -> Answer:
    error = wire_error(answer.body, answer.status, errors)
    if 200 <= answer.status < 300:
        if error is not None:
            return Unknown(_words(error))
        try:
            return Accepted(read(answer.body), Ns(answer.sent_mono_ns), Ns(answer.answered_mono_ns))
        except ValueError as problem:
            return Unknown(redacted(f"HTTP {answer.status}: {problem}"))
    if answer.status in facts.limit_statuses:
        return Refused(RefusalReason.RATE_LIMITED, f"HTTP {answer.status}")
    if error is None or not 400 <= answer.status < 500:
        return Unknown(f"HTTP {answer.status}" if error is None else _words(error))
    return refusal_of(error, facts)


def refusal_of(error: RefusedWire, facts: Facts) -> Refused | Unknown:
    """Return what an error object of a 4xx answer, or of one order in an answer about several, proves."""
    if error.name in facts.unproven:
        return Unknown(_words(error))
    if error.name in facts.auth_names or error.http_status == 401:
        return Refused(RefusalReason.AUTH, _words(error))
    reason = facts.refusals.get(error.name)
    if reason is not None:
        return Refused(reason, _words(error))
    if error.http_status in _TOO_EARLY_OR_MANY:
        return Unknown(_words(error))
    return Refused(RefusalReason.OTHER, _words(error))


def lookup_answer(
    outcome: Outcome,
    facts: Facts,
    read: Callable[[bytes], OrderReport],
    errors: tuple[str, str, str] = ERROR_NAMES,
) -> Lookup:
    """Return what came of asking for one order. Only the documented 404 is `NotFound`."""
    if not isinstance(outcome, HttpAnswer):
        return Unknown(redacted(_cause(outcome)))
    error = wire_error(outcome.body, outcome.status, errors)
    if error is None and 200 <= outcome.status < 300:
        try:
            return Found(read(outcome.body))
        except ValueError as problem:
            return Unknown(redacted(f"HTTP {outcome.status}: {problem}"))
    if error is not None and outcome.status == 404 and error.name in facts.not_found_names:
        return NotFound()
    return Unknown(f"HTTP {outcome.status}" if error is None else _words(error))


def read_body(outcome: Outcome, facts: Facts, errors: tuple[str, str, str] = ERROR_NAMES) -> bytes:
    """Return the body of a read. NotSent, AuthRefused or ReadFailed when there is none to trust."""
    answer = answered(outcome)
    error = wire_error(answer.body, answer.status, errors)
    if error is None and 200 <= answer.status < 300:
        return answer.body
    if error is not None and (error.name in facts.auth_names or answer.status == 401):
        raise AuthRefused(_words(error), error.name)
    raise ReadFailed(f"HTTP {answer.status}" if error is None else _words(error))


def answered(outcome: Outcome) -> HttpAnswer:
    """Return the answer to a read. NotSent or ReadFailed when there is none."""
    match outcome:
        case HttpAnswer():
            return outcome
        case Unsent(cause) | Stopped(cause):
            raise NotSent(redacted(cause))
        case Lost(cause):
            raise ReadFailed(redacted(cause))
        case _:
            assert_never(outcome)


def _cause(outcome: Unsent | Lost | Stopped) -> str:
    match outcome:
        case Lost(cause):
            return cause
        case Unsent(text) | Stopped(text):
            return f"not sent: {text}"
        case _:
            assert_never(outcome)


def _words(error: RefusedWire) -> str:
    return redacted(f"HTTP {error.http_status} {error.name}: {error.message}")
