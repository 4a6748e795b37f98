"""Upbit's error names, each with its status, and how they are spelled (upbit.md §1.2, §2, §4.1)."""

from exchanges.simulator.dialects.upbit_quirks import Spelling, UpbitQuirks
from exchanges.simulator.wire import WireRefusal

STATUS: dict[str, int] = {
    **dict.fromkeys(
        (
            "create_ask_error",
            "create_bid_error",
            "insufficient_funds_ask",
            "insufficient_funds_bid",
            "under_min_total_ask",
            "under_min_total_bid",
            "validation_error",
            "invalid_parameter",
            "invalid_time_in_force",
            "invalid_post_only",
            "duplicated_identifier",
            "over_krw_funds_bid",
            "over_krw_funds_ask",
            "notfoundmarket",
            "bad_request",
            "QUERY_PARAMETER_NOT_SUPPORTED",
            "withdraw_address_not_registered",
            "invalid_price_bid",
            "invalid_price_ask",
            "invalid_volume_bid",
            "invalid_volume_ask",
            "volume_too_large",
            "invalid_funds",
        ),
        400,
    ),
    **dict.fromkeys(
        (
            "invalid_query_payload",
            "jwt_verification",
            "expired_access_key",
            "nonce_used",
            "no_authorization_ip",
            "no_authorization_token",
            "invalid_access_key",
            "thirdparty_agreement_required",
        ),
        401,
    ),
    "out_of_scope": 403,
    "open_api_withdraw_locked": 403,
    "market_offline": 403,
    **dict.fromkeys(
        ("order_not_found", "deposit_not_found", "withdraw_not_found", "pocket_not_found", "currency_not_found"), 404
    ),
    "internal_server_error": 500,
}
"""Status of thirdparty_agreement_required is a guess: only its name was seen (upbit.md §2)."""

_MESSAGES = {
    "order_not_found": "주문을 찾지 못했습니다.",
    "invalid_query_payload": "Jwt의 query를 검증하는데 실패하였습니다.",
    "jwt_verification": "Jwt 토큰 검증에 실패했습니다.",
    "out_of_scope": "권한이 부족합니다.",
    "insufficient_funds_bid": "주문가능한 금액(KRW)이 부족합니다.",
    "insufficient_funds_ask": "주문가능한 금액이 부족합니다.",
}
_OLDER = {
    "no_authorization_ip": "no_authorization_i_p",
    "withdraw_address_not_registered": "withdraw_address_not_registerd",
}


def refusal(name: str, message: str = "") -> WireRefusal:
    """Return the refusal of this name with the status that belongs to it."""
    return WireRefusal(STATUS[name], name, message or _MESSAGES.get(name, name))


def error_words(refusal: WireRefusal, quirks: UpbitQuirks) -> dict[str, object]:
    """Return the error object of the exchange API in the spelling of `quirks`."""
    name, message = str(refusal.name), refusal.message
    if quirks.spelling is Spelling.OF_2019:
        old = "".join(part.capitalize() for part in name.split("_"))
        return {"name": f"V1::Exceptions::{old}", "message": message, "dialog": "client"}
    if quirks.spelling is Spelling.OLDER:
        name = _OLDER.get(name, name)
    return {"name": name, "message": message}
