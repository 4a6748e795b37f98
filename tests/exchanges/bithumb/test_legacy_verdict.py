"""What a legacy answer proves: a code in the body, and for 5600 nothing but its text (bithumb.md §1.1, §1.6)."""

import json

import msgspec
import pytest

from arbitrage.domain.errors import AuthRefused, NotSent, ReadFailed
from arbitrage.domain.order import OrderOn, RefusalReason
from arbitrage.domain.ports import Accepted, Refused, Unknown
from arbitrage.domain.units import Exchange
from exchanges.bithumb.legacy_codec import LegacyReads
from exchanges.bithumb.legacy_profile import FAMILIES, LegacySettings
from exchanges.bithumb.legacy_verdict import EMPTY, command_answer, heeded_status, read_data
from exchanges.fields import Fields
from exchanges.transport import HttpAnswer, Lost, Stopped, Unsent

READ = LegacyReads(Fields(Exchange.BITHUMB), LegacySettings()).envelope
NOTHING_OPEN = "거래 진행중인 내역이 존재하지 않습니다."


def answered(http: int, **words: object) -> HttpAnswer:
    return HttpAnswer(http, {}, json.dumps(words).encode(), 5, 9)


def test_success_with_an_order_id_is_accepted() -> None:
    answer = command_answer(answered(200, status="0000", order_id="C0101"), None, READ)
    assert isinstance(answer, Accepted)
    assert (answer.report.on, answer.report.exchange_order_id) == (OrderOn.ACKED, "C0101")
    assert (answer.sent_mono_ns, answer.answered_mono_ns) == (5, 9)
    assert isinstance(command_answer(answered(200, status="0000"), "C0101", READ), Accepted)


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        ("5100", "Bad Request.(Request Time:reqTime1/nowTime2)", RefusalReason.AUTH),
        ("5300", "Invalid Apikey", RefusalReason.AUTH),
        ("5302", "Method Not Allowed.(Access IP)", RefusalReason.AUTH),
        ("5500", "Invalid Parameter", RefusalReason.INVALID_REQUEST),
        ("5600", "주문량이 사용가능 KRW를 초과하였습니다.", RefusalReason.INSUFFICIENT_FUNDS),
        ("5600", "주문량이 사용가능 BTC을 초과하였습니다.", RefusalReason.INSUFFICIENT_FUNDS),
        ("5600", "최소 주문금액은 500 KRW 입니다.", RefusalReason.UNDER_MINIMUM),
        ("5600", "입력값을 확인해주세요.", RefusalReason.INVALID_REQUEST),
        ("5600", "접속 차단된 IP입니다.", RefusalReason.AUTH),
        ("5600", "Too Many Connections", RefusalReason.RATE_LIMITED),
        ("5600", NOTHING_OPEN, RefusalReason.ORDER_NOT_FOUND),
    ],
)
@pytest.mark.parametrize("http", [200, 400])
def test_code_or_text_that_proves_a_refusal(http: int, code: str, message: str, reason: RefusalReason) -> None:
    answer = command_answer(answered(http, status=code, message=message), None, READ)
    assert isinstance(answer, Refused)
    assert answer.reason is reason
    assert answer.detail.startswith(f"{code}: ")


@pytest.mark.parametrize(
    "outcome",
    [
        Lost("no answer within 3000 ms"),
        answered(200, status="0000"),
        answered(200, status="5400", message="Database Fail"),
        answered(200, status="5900", message="Unknown Error"),
        answered(200, status="9999", message="a code of tomorrow"),
        answered(200, status="5600", message="a text of tomorrow"),
        answered(200, status="5600", message="Please try again"),
        answered(200, status="5600", message="회원 자산을 가져올 수 없습니다. 잠시 후 이용 부탁드립니다."),
        answered(500, status="5500", message="Invalid Parameter"),
        answered(302, status="0000", order_id="C01"),
        HttpAnswer(200, {}, b"<html>inspection</html>", 1, 2),
        HttpAnswer(200, {}, b"", 1, 2),
        HttpAnswer(429, {}, b"Too many requests", 1, 2),
        HttpAnswer(200, {}, b'{"error":{"name":404}}', 1, 2),
    ],
)
def test_what_proves_nothing_is_unknown(outcome: HttpAnswer | Lost) -> None:
    assert isinstance(command_answer(outcome, None, READ), Unknown)


def test_what_never_left_is_refused_as_such() -> None:
    assert command_answer(Unsent("no connection"), None, READ) == Refused(RefusalReason.NOT_SENT, "no connection")
    assert command_answer(Stopped("halted"), None, READ) == Refused(RefusalReason.STOPPED, "halted")


def test_no_open_orders_is_an_empty_list_where_a_list_was_asked_for() -> None:
    nothing = answered(200, status="5600", message=NOTHING_OPEN)
    assert read_data(nothing, READ, lambda: EMPTY) == EMPTY
    with pytest.raises(ReadFailed, match="5600"):
        read_data(nothing, READ)
    assert msgspec.json.decode(read_data(answered(200, status="0000", data=[1]), READ)) == [1]


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (answered(400, status="5100", message="Bad Request(Auth Data)"), AuthRefused),
        (answered(200, status="5600", message="접속 차단된 IP입니다."), AuthRefused),
        (answered(200, status="5500", message="상장 코인이 아닙니다."), ReadFailed),
        (answered(200, status="5600", message="a text of tomorrow"), ReadFailed),
        (answered(503, status="0000", data=[]), ReadFailed),
        (HttpAnswer(200, {}, b"<html>", 1, 2), ReadFailed),
        (Lost("cut"), ReadFailed),
        (Unsent("none"), NotSent),
    ],
)
def test_reads_that_fail_say_what_to_do_next(outcome: HttpAnswer | Lost | Unsent, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_data(outcome, READ, lambda: EMPTY)


@pytest.mark.parametrize(
    ("outcome", "heeded"),
    [
        (answered(200, status="5600", message="Too Many Connections"), 429),
        (answered(400, status="5600", message="Please try again"), 429),
        (answered(200, status="5600", message=NOTHING_OPEN), 200),
        (answered(200, status="5500", message="Please try again"), 200),
        (answered(200, status="0000", data=[1]), 200),
        (HttpAnswer(418, {}, b"<html>", 1, 2), 418),
        (HttpAnswer(429, {}, b"", 1, 2), 429),
    ],
)
def test_budget_learns_of_too_many_requests_from_the_text_whatever_http_says(outcome: HttpAnswer, heeded: int) -> None:
    assert heeded_status(outcome, READ) == heeded


def test_every_family_names_its_source_and_is_written_as_it_is_looked_for() -> None:
    for family in FAMILIES:
        assert family.source
        assert all(word == "".join(word.split()).casefold() for word in family.words)
