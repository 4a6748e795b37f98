"""Every documented error of both exchanges, and every body that is none: what each proves.

upbit.md §2, §4.1; bithumb.md §3.10.
"""

import json

import pytest

from arbitrage.domain.errors import AuthRefused, ReadFailed
from arbitrage.domain.order import OrderOn, OrderReport, RefusalReason
from arbitrage.domain.ports import NotFound, Refused, Unknown
from exchanges.bithumb.profile import FACTS as BITHUMB
from exchanges.facts import Facts
from exchanges.transport import HttpAnswer
from exchanges.upbit.profile import FACTS as UPBIT
from exchanges.verdict import command_answer, lookup_answer, read_body

R = RefusalReason
UNPROVEN = None
Row = tuple[int, str, RefusalReason | None]

UPBIT_TABLE: list[Row] = [
    (400, "create_ask_error", R.INVALID_REQUEST),
    (400, "create_bid_error", R.INVALID_REQUEST),
    (400, "insufficient_funds_ask", R.INSUFFICIENT_FUNDS),
    (400, "insufficient_funds_bid", R.INSUFFICIENT_FUNDS),
    (400, "under_min_total_ask", R.UNDER_MINIMUM),
    (400, "under_min_total_bid", R.UNDER_MINIMUM),
    (400, "validation_error", R.INVALID_REQUEST),
    (400, "invalid_parameter", R.INVALID_REQUEST),
    (400, "invalid_time_in_force", R.INVALID_REQUEST),
    (400, "invalid_post_only", R.INVALID_REQUEST),
    (400, "duplicated_identifier", UNPROVEN),
    (400, "over_krw_funds_bid", R.OVER_MAXIMUM),
    (400, "over_krw_funds_ask", R.OVER_MAXIMUM),
    (400, "notfoundmarket", R.MARKET_UNKNOWN),
    (400, "bad_request", R.INVALID_REQUEST),
    (400, "QUERY_PARAMETER_NOT_SUPPORTED", R.INVALID_REQUEST),
    (400, "withdraw_address_not_registered", R.OTHER),
    (400, "withdraw_address_not_registerd", R.OTHER),
    (400, "invalid_price_bid", R.PRICE_INVALID),
    (400, "invalid_price_ask", R.PRICE_INVALID),
    (400, "invalid_volume_bid", R.QTY_INVALID),
    (400, "invalid_volume_ask", R.QTY_INVALID),
    (400, "volume_too_large", R.QTY_INVALID),
    (400, "invalid_funds", R.INVALID_REQUEST),
    (401, "invalid_query_payload", R.AUTH),
    (401, "jwt_verification", R.AUTH),
    (401, "expired_access_key", R.AUTH),
    (401, "nonce_used", R.AUTH),
    (401, "no_authorization_ip", R.AUTH),
    (401, "no_authorization_i_p", R.AUTH),
    (401, "no_authorization_token", R.AUTH),
    (401, "invalid_access_key", R.AUTH),
    (403, "out_of_scope", R.AUTH),
    (401, "out_of_scope", R.AUTH),
    (403, "open_api_withdraw_locked", R.AUTH),
    (400, "thirdparty_agreement_required", R.AUTH),
    (403, "market_offline", R.MARKET_OFFLINE),
    (404, "order_not_found", R.ORDER_NOT_FOUND),
    (404, "deposit_not_found", R.OTHER),
    (404, "withdraw_not_found", R.OTHER),
    (404, "pocket_not_found", R.OTHER),
    (404, "currency_not_found", R.OTHER),
    (500, "internal_server_error", UNPROVEN),
    (429, "too_many_requests", UNPROVEN),
    (418, "too_many_requests", UNPROVEN),
]
BITHUMB_TABLE: list[Row] = [
    (400, "invalid_parameter", R.INVALID_REQUEST),
    (400, "invalid_price", R.PRICE_INVALID),
    (400, "invalid_price_bid", R.PRICE_INVALID),
    (400, "invalid_price_ask", R.PRICE_INVALID),
    (400, "under_price_limit_bid", R.PRICE_INVALID),
    (400, "under_price_limit_ask", R.PRICE_INVALID),
    (400, "cross_trading", R.OTHER),
    (400, "bank_account_required", R.OTHER),
    (400, "two_factor_auth_required", R.OTHER),
    (400, "currency does not have a valid value", R.OTHER),
    (400, "withdraw_insufficient_balance", R.OTHER),
    (400, "travel_rule_consent_required", R.OTHER),
    (401, "invalid_query_payload", R.AUTH),
    (401, "jwt_verification", R.AUTH),
    (401, "expired_jwt", R.AUTH),
    (401, "NotAllowIP", R.AUTH),
    (401, "out_of_scope", R.AUTH),
    (403, "blocked_member_id", R.AUTH),
    (404, "order_not_found", R.ORDER_NOT_FOUND),
    (404, "deposit_not_found", R.OTHER),
    (404, "withdraw_not_found", R.OTHER),
    (422, "order_not_ready", UNPROVEN),
    (500, "server_error", UNPROVEN),
    # Names that only clients file (bithumb.md §3.10).
    (400, "insufficient_funds_bid", R.INSUFFICIENT_FUNDS),
    (400, "under_min_total", R.UNDER_MINIMUM),
    (400, "too_many_orders", R.OTHER),
    (429, "too_many_requests", UNPROVEN),
    (401, "invalid_access_key", R.AUTH),
    (400, "duplicate_client_order_id", UNPROVEN),
    (409, "id_conflict", UNPROVEN),
    (400, "cancel_not_allowed", R.ORDER_NOT_FOUND),
]
TABLES = [(UPBIT, *row) for row in UPBIT_TABLE] + [(BITHUMB, *row) for row in BITHUMB_TABLE]
IDS = [f"{facts.exchange}-{status}-{name}" for facts, status, name, _ in TABLES]
MESSAGES = ["주문가능한 금액(KRW)이 부족합니다.", "insufficient_funds_bid", "", "order_not_found"]


def http(status: int, body: bytes) -> HttpAnswer:
    return HttpAnswer(status, {}, body, 5, 9)


def said(name: object, message: str = "m") -> bytes:
    return json.dumps({"error": {"name": name, "message": message}}).encode()


def acked(_body: bytes) -> OrderReport:
    return OrderReport(OrderOn.ACKED, exchange_order_id="x")


def unreadable(_body: bytes) -> OrderReport:
    raise ValueError("not an order")


@pytest.mark.parametrize(("facts", "status", "name", "reason"), TABLES, ids=IDS)
@pytest.mark.parametrize("message", MESSAGES)
def test_an_order_command_is_judged_by_status_and_name_whatever_the_message(
    facts: Facts, status: int, name: str, reason: RefusalReason | None, message: str
) -> None:
    answer = command_answer(http(status, said(name, message)), facts, acked)
    if reason is None:
        assert isinstance(answer, Unknown)
    else:
        assert isinstance(answer, Refused)
        assert answer.reason is reason


@pytest.mark.parametrize(("facts", "status", "name", "reason"), TABLES, ids=IDS)
def test_every_documented_name_is_known(facts: Facts, status: int, name: str, reason: object) -> None:
    assert name in facts.known_names or status >= 500 or status in facts.limit_statuses


@pytest.mark.parametrize(("facts", "status", "name", "reason"), TABLES, ids=IDS)
def test_only_order_not_found_says_an_order_is_not_there(facts: Facts, status: int, name: str, reason: object) -> None:
    answer = lookup_answer(http(status, said(name)), facts, acked)
    assert answer == NotFound() if name == "order_not_found" else isinstance(answer, Unknown)


@pytest.mark.parametrize(("facts", "status", "name", "reason"), TABLES, ids=IDS)
def test_a_read_that_is_refused_halts_only_for_the_key(facts: Facts, status: int, name: str, reason: object) -> None:
    with pytest.raises(AuthRefused if reason is R.AUTH else ReadFailed):
        read_body(http(status, said(name)), facts)


NO_ERROR_OBJECT = [
    b"",
    b"Too many API requests.",
    b"<html><body>Bad Gateway</body></html>",
    b'{"name":"not_found","message":"No Route matched with those values"}',
    b"[]",
    b'[{"error":{"name":"insufficient_funds_bid"}}]',
    b'{"error":null}',
    b"\xff\xfe",
    b'{"error":{"name":"insuff',
    b"null",
]


@pytest.mark.parametrize("facts", [UPBIT, BITHUMB], ids=["upbit", "bithumb"])
@pytest.mark.parametrize("body", NO_ERROR_OBJECT)
@pytest.mark.parametrize("status", [200, 201, 301, 400, 401, 403, 404, 408, 409, 418, 422, 429, 500, 502, 503, 504])
def test_a_body_without_an_error_object_proves_nothing_but_a_documented_limit(
    facts: Facts, status: int, body: bytes
) -> None:
    answer = command_answer(http(status, body), facts, unreadable)
    if status in facts.limit_statuses:
        assert answer == Refused(R.RATE_LIMITED, f"HTTP {status}")
    else:
        assert isinstance(answer, Unknown)
    assert isinstance(lookup_answer(http(status, body), facts, unreadable), Unknown)


@pytest.mark.parametrize("facts", [UPBIT, BITHUMB], ids=["upbit", "bithumb"])
@pytest.mark.parametrize(
    "body", [said(404, "Code not found"), said("insufficient_funds_bid"), said("jwt_verification"), b'{"error":"text"}']
)
def test_an_error_in_an_answer_of_200_is_never_an_order(facts: Facts, body: bytes) -> None:
    assert isinstance(command_answer(http(200, body), facts, acked), Unknown)
    assert isinstance(lookup_answer(http(200, body), facts, acked), Unknown)
    with pytest.raises((ReadFailed, AuthRefused)):
        read_body(http(200, body), facts)


@pytest.mark.parametrize("name", [400, 404, 4.5, None, True, ["x"], {"a": 1}])
def test_a_name_that_is_not_text_is_borne(name: object) -> None:
    for facts in (UPBIT, BITHUMB):
        answer = command_answer(http(400, said(name)), facts, acked)
        assert isinstance(answer, Refused)
        assert answer.reason is R.OTHER


def test_the_style_of_2019_is_judged_as_the_present_one() -> None:
    old = json.dumps(
        {"error": {"name": "V1::Exceptions::InsufficientFundsBid", "message": "m", "dialog": "client"}}
    ).encode()
    answer = command_answer(http(400, old), UPBIT, acked)
    assert isinstance(answer, Refused)
    assert answer.reason is R.INSUFFICIENT_FUNDS
    old = json.dumps({"error": {"name": "V1::Exceptions::OrderNotFound"}}).encode()
    assert lookup_answer(http(404, old), UPBIT, acked) == NotFound()
