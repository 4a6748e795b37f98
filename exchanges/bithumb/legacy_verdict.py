"""What a legacy answer proves: the status code in the body, whatever HTTP says (bithumb.md §1.1, §1.6). Pure.

The rule is that of `verdict.py`: Refused needs proof that nothing came of the command, Accepted an answer we
can read, and everything between is Unknown.
"""

from collections.abc import Callable

import msgspec

from arbitrage.domain.drift import Drift
from arbitrage.domain.errors import AuthRefused, ReadFailed
from arbitrage.domain.order import OrderOn, OrderReport, RefusalReason
from arbitrage.domain.ports import Accepted, Answer, Refused, Unknown
from arbitrage.domain.units import Ns
from exchanges.bithumb.legacy_codec import Envelope
from exchanges.bithumb.legacy_profile import AUTH_CODES, CODES, FAMILIES, NOTICE, SUCCESS, Family, Kin
from exchanges.ratelimit import TOO_MANY
from exchanges.shapes import id_text
from exchanges.transport import HttpAnswer, Outcome, redacted
from exchanges.verdict import answered, without_answer

ReadEnvelope = Callable[[bytes], Envelope]
EMPTY = msgspec.Raw(b"[]")
"""What "nothing there" means for a listing."""


def family_of(message: str) -> Family | None:
    """Return the family of a 5600 text, None for one we do not know."""
    plain = "".join(message.split()).casefold()
    return next((one for one in FAMILIES if all(word in plain for word in one.words)), None)


def refusal_of(answer: Envelope) -> RefusalReason | None:
    """Return why a command was turned down; None when the code and text prove nothing."""
    if answer.status != NOTICE:
        return CODES.get(answer.status)
    family = family_of(answer.message)
    return None if family is None or family.kin is Kin.UNPROVEN else family.reason


def command_answer(outcome: Outcome, order_id: str | None, read: ReadEnvelope) -> Answer:
    """Return what came of placing (`order_id` None: the answer must name one) or cancelling an order."""
    return _command_http(outcome, order_id, read) if isinstance(outcome, HttpAnswer) else without_answer(outcome)


def _command_http(outcome: HttpAnswer, order_id: str | None, read: ReadEnvelope) -> Answer:
    # Errors come with HTTP 200 and with 400 (bithumb.md §1.1); beyond 500 nobody looked at the command for sure.
    try:
        answer = read(outcome.body)
    except ValueError as problem:
        return Unknown(redacted(f"HTTP {outcome.status}: {problem}"))
    if outcome.status >= 500:
        return Unknown(_words(answer))
    if answer.status == SUCCESS:
        named = order_id or id_text(answer.exchange_order_id)
        if named is None or outcome.status >= 300:
            return Unknown(f"HTTP {outcome.status}: status 0000 without an order_id")
        report = OrderReport(OrderOn.ACKED, exchange_order_id=named)
        return Accepted(report, Ns(outcome.sent_mono_ns), Ns(outcome.answered_mono_ns))
    reason = refusal_of(answer)
    return Unknown(_words(answer)) if reason is None else Refused(reason, _words(answer))


def drift_of(outcome: HttpAnswer) -> Drift:
    """Return what is wrong with an answer that proves nothing: a code other than success is an error; no code, or a
    success without an id, is another shape."""
    is_error = outcome.status >= 300 or (b'"status"' in outcome.body and b'"0000"' not in outcome.body)
    return Drift.ERROR if is_error else Drift.UNREADABLE


def read_data(outcome: Outcome, read: ReadEnvelope, on_empty: Callable[[], msgspec.Raw] | None = None) -> msgspec.Raw:
    """Return the `data` of a read. NotSent, AuthRefused or ReadFailed when there is none to trust.

    A listing without rows comes as an error (bithumb.md §1.4): `on_empty` says what stands for it.
    """
    http = answered(outcome)
    try:
        answer = read(http.body)
    except ValueError as problem:
        raise ReadFailed(redacted(f"HTTP {http.status}: {problem}")) from None
    if answer.status == SUCCESS and http.status < 300:
        return answer.data
    family = family_of(answer.message) if answer.status == NOTICE else None
    if family is not None and family.kin is Kin.EMPTY and on_empty is not None:
        return on_empty()
    if answer.status in AUTH_CODES or (family is not None and family.reason is RefusalReason.AUTH):
        raise AuthRefused(_words(answer))
    raise ReadFailed(_words(answer))


def heeded_status(outcome: HttpAnswer, read: ReadEnvelope) -> int:
    """Return the HTTP status that our request budget learns from: 429 when the text says we ask too much.

    Business errors come with HTTP 200 here, this one is told by its text alone (bithumb.md §1.1, §1.6).
    """
    try:
        answer = read(outcome.body)
    except ValueError:
        return outcome.status
    family = family_of(answer.message) if answer.status == NOTICE else None
    says_too_many = family is not None and family.reason is RefusalReason.RATE_LIMITED
    return TOO_MANY if says_too_many else outcome.status


def _words(answer: Envelope) -> str:
    return redacted(f"{answer.status}: {answer.message}")
