"""What Bithumb's legacy generation calls the members we read, as data (bithumb.md §1, §2, §7.1).

Object -> our member -> their member, as in `field_maps.py`, which takes these in.
"""

LEGACY: dict[str, dict[str, str]] = {
    "legacy_envelope": {
        "status": "status",
        "message": "message",
        "data": "data",
        "exchange_order_id": "order_id",
    },
    "legacy_open_order": {
        "exchange_order_id": "order_id",
        "base": "order_currency",
        "quote": "payment_currency",
        "side": "type",
        "price": "price",
        "qty": "units",
        "remaining_qty": "units_remaining",
        "placed_us": "order_date",
    },
    "legacy_order": {
        "side": "type",
        "state": "order_status",
        "base": "order_currency",
        "quote": "payment_currency",
        "qty": "order_qty",
        "fills": "contract",
    },
    "legacy_fill": {
        "at_us": "transaction_date",
        "price": "price",
        "qty": "units",
        "fee": "fee",
        "fee_asset": "fee_currency",
    },
    "legacy_transaction": {
        "kind": "search",
        "at_us": "transfer_date",
        "qty": "units",
        "price": "price",
        "fee": "fee",
    },
    # A coin's name in small letters follows each.
    "legacy_balance": {"free": "available_", "locked": "in_use_"},
    "legacy_account": {"fee_rate": "trade_fee"},
    "legacy_book": {
        "at_ms": "timestamp",
        "base": "order_currency",
        "quote": "payment_currency",
        "bids": "bids",
        "asks": "asks",
    },
    "legacy_book_level": {"price": "price", "qty": "quantity"},
    "legacy_depth": {"kind": "type", "content": "content"},
    "legacy_depth_content": {"changes": "list", "at_us": "datetime"},
    "legacy_depth_change": {"symbol": "symbol", "side": "orderType", "price": "price", "qty": "quantity"},
}
