"""Bithumb's error names (JWT generation), each with how sure it is: one table to correct (bithumb.md §3.10)."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from arbitrage.domain.units import Side
from exchanges.simulator.auth import AuthFault
from exchanges.simulator.dialects.reading import Wrong
from exchanges.simulator.steps import Fault
from exchanges.simulator.wire import WireRefusal


class Source(StrEnum):
    """Where a name comes from."""

    DOCUMENTED = "documented"
    GUESSED = "guessed"
    """Not in the official list of 2026-10-27, and never captured."""


class Named(msgspec.Struct, frozen=True):
    """One error as the wire has it; `{side}` in a name is filled in."""

    status: int
    name: str
    source: Source = Source.DOCUMENTED
    message: str = ""


PARAMETER = Named(400, "invalid_parameter", message="잘못된 파라미터입니다.")
NOT_FOUND = Named(404, "order_not_found", message="주문을 찾지 못했습니다.")
NOT_READY = Named(422, "order_not_ready", message="주문이 아직 준비되지 않았습니다.")
OUT_OF_SCOPE = Named(401, "out_of_scope", message="허용되지 않은 기능입니다.")
TOO_MANY_REQUESTS = Named(429, "too_many_requests", Source.GUESSED, "요청 수 제한을 초과하였습니다.")
TWO_FACTOR = Named(400, "two_factor_auth_required", message="2차 인증이 필요합니다.")

ORDER_FAULTS: Mapping[Fault, Named] = {
    Fault.MARKET_UNKNOWN: PARAMETER,
    Fault.PRICE_OFF_TICK: Named(400, "invalid_price_{side}", message="주문 가격 단위가 올바르지 않습니다."),
    Fault.CLIENT_ID_INVALID: PARAMETER,
    Fault.CLIENT_ID_BURNED: Named(400, "duplicate_client_order_id", Source.GUESSED, "이미 사용된 주문 ID입니다."),
    Fault.UNDER_MINIMUM: Named(400, "under_min_total", Source.GUESSED, "최소 주문 금액보다 작습니다."),
    Fault.OVER_MAXIMUM: PARAMETER,
    Fault.FUNDS_SHORT: Named(400, "insufficient_funds_{side}", Source.GUESSED, "주문 가능 금액이 부족합니다."),
    Fault.BEYOND_DEPTH: PARAMETER,
    Fault.MARKET_OFFLINE: Named(403, "market_offline", Source.GUESSED, "거래가 중지된 마켓입니다."),
    Fault.MARKET_BUSY: Named(400, "too_many_orders", Source.GUESSED, "주문이 일시적으로 제한되었습니다."),
    Fault.PRICE_UNDER_LIMIT: Named(400, "under_price_limit_{side}", message="주문 가능 가격보다 낮습니다."),
    Fault.POST_ONLY_TAKES: PARAMETER,
    Fault.FOK_SHORT: PARAMETER,
    Fault.SELF_TRADE: Named(400, "cross_trading", message="자전거래 가능성이 있는 주문입니다."),
    Fault.NOT_CANCELABLE: NOT_FOUND,
}

WRONG: Mapping[Wrong, str] = {
    Wrong.MEMBER: PARAMETER.name,
    Wrong.PRICE: "invalid_price",
    Wrong.VOLUME: PARAMETER.name,
    Wrong.TIF: PARAMETER.name,
}
"""What an order's malformed members are called."""

AUTH_FAULTS: Mapping[AuthFault, Named] = {
    AuthFault.MISSING: Named(401, "jwt_verification"),
    AuthFault.MALFORMED: Named(401, "jwt_verification"),
    AuthFault.KEY_UNKNOWN: Named(401, "invalid_access_key", Source.GUESSED),
    AuthFault.SIGNATURE: Named(401, "jwt_verification"),
    AuthFault.CLAIMS: Named(401, "jwt_verification"),
    AuthFault.EXPIRED: Named(401, "expired_jwt"),
    AuthFault.QUERY_HASH: Named(401, "invalid_query_payload"),
    AuthFault.NONCE_USED: Named(401, "jwt_verification"),
    AuthFault.IP_NOT_ALLOWED: Named(401, "NotAllowIP"),
    AuthFault.KEY_EXPIRED: Named(401, "invalid_access_key", Source.GUESSED),
    AuthFault.OUT_OF_SCOPE: OUT_OF_SCOPE,
    AuthFault.WITHDRAW_LOCKED: OUT_OF_SCOPE,
}


def refusal(named: Named, message: str = "", side: Side | None = None) -> WireRefusal:
    """Return the error to raise; `message` replaces the table's own."""
    name = named.name.format(side="" if side is None else side.value)
    return WireRefusal(named.status, name, message or named.message)


def order_refusal(fault: Fault, side: Side) -> WireRefusal:
    """Return why an order was not taken."""
    return refusal(ORDER_FAULTS.get(fault, PARAMETER), side=side)


def bad(message: str) -> WireRefusal:
    """Return `invalid_parameter` with what was wrong."""
    return refusal(PARAMETER, message)
