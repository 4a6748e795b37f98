"""What an outcome proves, and that nothing between proof and proof is taken for one (R3.1)."""

import msgspec
import pytest

from arbitrage.domain.errors import AuthRefused, NotSent, ReadFailed
from arbitrage.domain.order import OrderOn, OrderReport, RefusalReason
from arbitrage.domain.ports import Accepted, Found, NotFound, Refused, Unknown
from exchanges.bithumb.profile import FACTS as BITHUMB
from exchanges.fields import Fields
from exchanges.reads import Reads
from exchanges.transport import HttpAnswer, Lost, Stopped, Unsent
from exchanges.upbit.profile import FACTS as UPBIT
from exchanges.verdict import command_answer, lookup_answer, read_body


def read(body: bytes) -> OrderReport:
    return Reads(Fields(UPBIT.exchange)).accepted(body)


def read_bithumb(body: bytes) -> OrderReport:
    return Reads(Fields(BITHUMB.exchange)).accepted(body)


def http(status: int, body: bytes) -> HttpAnswer:
    return HttpAnswer(status, {}, body, 5, 9)


def error(name: str) -> bytes:
    return b'{"error":{"name":"' + name.encode() + b'","message":"m"}}'


@pytest.mark.parametrize("facts", [UPBIT, BITHUMB])
@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_2xx_with_an_id_is_accepted_with_both_times(facts, status) -> None:
    answer = command_answer(
        http(status, b'{"uuid":"u","state":"wait","executed_volume":"0","volume":"1"}'), facts, read
    )
    assert isinstance(answer, Accepted)
    assert answer.report.on is OrderOn.ACKED
    assert (answer.sent_mono_ns, answer.answered_mono_ns) == (5, 9)


def test_bithumbs_bare_acceptance_is_acked() -> None:
    answer = command_answer(http(201, b'{"order_id":"C01","market":"KRW-BTC","side":"bid"}'), BITHUMB, read_bithumb)
    assert isinstance(answer, Accepted)
    assert answer.report == OrderReport(OrderOn.ACKED, exchange_order_id="C01")


@pytest.mark.parametrize("facts", [UPBIT, BITHUMB])
@pytest.mark.parametrize(
    "outcome",
    [
        Lost("cut"),
        http(200, b""),
        http(200, b"<html>"),
        http(200, b'{"market":"KRW-BTC"}'),
        http(200, error("insufficient_funds_bid")),
        http(301, b""),
        http(400, b"no json"),
        http(404, b'{"name":"not_found","message":"No Route matched with those values"}'),
        http(408, error("x")),
        http(409, error("x")),
        http(500, error("insufficient_funds_bid")),
        http(502, b"<html>bad gateway</html>"),
        http(503, b""),
    ],
)
def test_what_proves_nothing_is_unknown(facts, outcome) -> None:
    assert isinstance(command_answer(outcome, facts, read), Unknown)


@pytest.mark.parametrize("facts", [UPBIT, BITHUMB])
def test_before_bytes_left_it_is_refused(facts) -> None:
    assert command_answer(Unsent("connect failed"), facts, read) == Refused(RefusalReason.NOT_SENT, "connect failed")
    assert command_answer(Stopped("halted"), facts, read) == Refused(RefusalReason.STOPPED, "halted")


@pytest.mark.parametrize(
    ("status", "name", "reason"),
    [
        (400, "insufficient_funds_bid", RefusalReason.INSUFFICIENT_FUNDS),
        (400, "under_min_total_ask", RefusalReason.UNDER_MINIMUM),
        (400, "over_krw_funds_bid", RefusalReason.OVER_MAXIMUM),
        (400, "invalid_price_bid", RefusalReason.PRICE_INVALID),
        (400, "notfoundmarket", RefusalReason.MARKET_UNKNOWN),
        (403, "market_offline", RefusalReason.MARKET_OFFLINE),
        (401, "jwt_verification", RefusalReason.AUTH),
        (401, "a_name_never_seen", RefusalReason.AUTH),
        (403, "out_of_scope", RefusalReason.AUTH),
        (400, "a_name_never_seen", RefusalReason.OTHER),
        (404, "order_not_found", RefusalReason.ORDER_NOT_FOUND),
    ],
)
def test_upbits_refusals_are_mapped(status: int, name: str, reason: RefusalReason) -> None:
    answer = command_answer(http(status, error(name)), UPBIT, read)
    assert answer == Refused(reason, f"HTTP {status} {name}: m")


@pytest.mark.parametrize(
    ("status", "name", "reason"),
    [
        (400, "invalid_price", RefusalReason.PRICE_INVALID),
        (401, "NotAllowIP", RefusalReason.AUTH),
        (403, "blocked_member_id", RefusalReason.AUTH),
        (400, "invalid_parameter", RefusalReason.INVALID_REQUEST),
        (400, "under_min_total", RefusalReason.UNDER_MINIMUM),
    ],
)
def test_bithumbs_refusals_are_mapped(status: int, name: str, reason: RefusalReason) -> None:
    answer = command_answer(http(status, error(name)), BITHUMB, read)
    assert isinstance(answer, Refused)
    assert answer.reason is reason


def test_numeric_error_names_are_borne() -> None:
    answer = command_answer(http(400, b'{"error":{"name":400,"message":"m"}}'), UPBIT, read)
    assert answer == Refused(RefusalReason.OTHER, "HTTP 400 400: m")


def test_repeated_id_is_unknown_because_the_first_may_live() -> None:
    assert isinstance(command_answer(http(400, error("duplicated_identifier")), UPBIT, read), Unknown)
    assert isinstance(command_answer(http(400, error("duplicate_client_order_id")), BITHUMB, read), Unknown)


def test_order_not_ready_proves_nothing() -> None:
    assert isinstance(command_answer(http(422, error("order_not_ready")), BITHUMB, read), Unknown)
    assert isinstance(lookup_answer(http(422, error("order_not_ready")), BITHUMB, read), Unknown)


@pytest.mark.parametrize("facts", [UPBIT, BITHUMB])
@pytest.mark.parametrize("status", [418, 429])
@pytest.mark.parametrize("body", [b"", b"Too many API requests.", error("too_many_requests"), error("blocked")])
def test_429_and_418_prove_nothing_about_an_order(facts, status: int, body: bytes) -> None:
    assert isinstance(command_answer(http(status, body), facts, read), Unknown)


def test_a_status_is_a_refusal_where_an_exchange_documents_it() -> None:
    sure = msgspec.structs.replace(UPBIT, limit_statuses=frozenset({429}))
    assert command_answer(http(429, b"Too many"), sure, read) == Refused(RefusalReason.RATE_LIMITED, "HTTP 429")
    assert isinstance(command_answer(http(418, b""), sure, read), Unknown)


@pytest.mark.parametrize("facts", [UPBIT, BITHUMB])
def test_only_the_documented_404_is_not_found(facts) -> None:
    assert lookup_answer(http(404, error("order_not_found")), facts, read) == NotFound()
    for outcome in (
        http(404, b'{"name":"not_found","message":"No Route matched"}'),
        http(404, error("something")),
        http(400, error("order_not_found")),
        http(200, error("order_not_found")),
        http(404, b""),
        Lost("cut"),
        Unsent("no"),
        http(200, b"[]"),
    ):
        assert isinstance(lookup_answer(outcome, facts, read), Unknown)


def test_found_carries_the_report() -> None:
    found = lookup_answer(http(200, b'{"uuid":"u","state":"done","volume":"1","executed_volume":"1"}'), UPBIT, read)
    assert isinstance(found, Found)
    assert found.report.on is OrderOn.FULL_FILL


def test_reads_raise_what_the_caller_must_do_next() -> None:
    assert read_body(http(200, b"[]"), UPBIT) == b"[]"
    with pytest.raises(AuthRefused):
        read_body(http(401, error("expired_access_key")), UPBIT)
    with pytest.raises(ReadFailed):
        read_body(http(200, b'{"error":{"name":404,"message":"Code not found"}}'), BITHUMB)
    with pytest.raises(ReadFailed):
        read_body(http(500, b""), UPBIT)
    with pytest.raises(ReadFailed):
        read_body(Lost("x"), UPBIT)
    with pytest.raises(NotSent):
        read_body(Unsent("x"), UPBIT)


def test_no_token_passes_into_a_cause() -> None:
    answer = command_answer(Lost("sent Authorization: Bearer abc.def-ghi"), UPBIT, read)
    assert answer == Unknown("sent Authorization: Bearer ***")
