"""Rows of the legacy generation as they were published (bithumb.md §1.4)."""

from typing import Any

DETAIL: dict[str, Any] = {
    "order_date": "1790000000123456", "type": "ask", "order_status": "Completed", "order_currency": "BTC",
    "payment_currency": "KRW", "watch_price": "0", "order_price": "131245000", "order_qty": "0.0100",
    "cancel_date": "", "cancel_type": "",
    "contract": [{"transaction_date": "1790000003000000", "price": "131245000", "units": "0.0100",
                  "fee_currency": "KRW", "fee": "524.98", "total": "1312450"}],
}  # fmt: skip
OPEN: dict[str, Any] = {
    "order_currency": "BTC", "payment_currency": "KRW", "order_id": "C0101000001234567890",
    "order_date": "1790000000123456", "type": "bid", "watch_price": "0", "units": "0.0100",
    "units_remaining": "0.0040", "price": "131,245,000", "stp_type": "cancel_taker",
}  # fmt: skip
MATCH: dict[str, Any] = {
    "search": "2", "transfer_date": 1790000003000000, "order_currency": "BTC", "payment_currency": "KRW",
    "units": "-0.0100", "price": "131245000", "amount": "1312450", "fee_currency": "KRW", "fee": "524.98",
    "order_balance": "1", "payment_balance": "2",
}  # fmt: skip
