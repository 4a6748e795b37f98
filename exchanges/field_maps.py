"""What each exchange calls the members we read, as data (R1.1: fields mapped by configuration).

Object -> our member -> their member. The maps here are shipped; an override replaces single members at
run time (`fields.py`). An object is one kind of JSON object in an answer or a
private frame; a member our map lacks for an exchange is one that exchange does not send.
"""

from arbitrage.domain.units import Exchange
from exchanges.legacy_field_maps import LEGACY

FieldMaps = dict[str, dict[str, str]]

_TRADE = {"trade_id": "uuid", "price": "price", "qty": "volume", "funds": "funds", "at": "created_at"}
# upbit.md §1.5; bithumb.md §3.5 gives the same words on its /v1 reads.
_ORDER = {
    "exchange_order_id": "uuid",
    "client_order_id": "identifier",
    "market": "market",
    "side": "side",
    "kind": "ord_type",
    "state": "state",
    "price": "price",
    "qty": "volume",
    "executed_qty": "executed_volume",
    "executed_funds": "executed_funds",
    "paid_fee": "paid_fee",
    "tif": "time_in_force",
    "smp": "smp_type",
    "created_at": "created_at",
    "trades": "trades",
}
_ROW = {ours: theirs for ours, theirs in _ORDER.items() if ours != "trades"}
# upbit.md §1.3, §1.9, bithumb.md §3.2, §3.5: the same words on both.
_BOTH: FieldMaps = {
    "trade": _TRADE,
    "balance": {"asset": "currency", "free": "balance", "locked": "locked"},
    "chance": {
        "bid_fee": "bid_fee",
        "ask_fee": "ask_fee",
        "maker_bid_fee": "maker_bid_fee",
        "maker_ask_fee": "maker_ask_fee",
        "market": "market",
    },
    "chance_market": {
        "market": "id",
        "bid": "bid",
        "ask": "ask",
        "bid_types": "bid_types",
        "ask_types": "ask_types",
        "max_total": "max_total",
        "state": "state",
    },
    "chance_side": {"asset": "currency", "min_total": "min_total"},
    "key": {"access_key": "access_key", "expires": "expire_at"},
    "wallet": {
        "asset": "currency",
        "state": "wallet_state",
        "block_state": "block_state",
        "block_minutes": "block_elapsed_minutes",
        "network": "net_type",
        "network_name": "network_name",
    },
    "transfer": {
        "transfer_id": "uuid",
        "kind": "type",
        "asset": "currency",
        "network": "net_type",
        "tx_id": "txid",
        "state": "state",
        "qty": "amount",
        "fee": "fee",
        "created_at": "created_at",
        "done_at": "done_at",
    },
    # upbit.md §3.2: DEFAULT and SIMPLE frames tell themselves apart by this name.
    "news": {"type": "type", "type_simple": "ty"},
    "error_body": {"error": "error"},
    "error": {"name": "name", "message": "message"},
}

_UPBIT: FieldMaps = {
    **_BOTH,
    "order": _ORDER | {"prevented_qty": "prevented_volume"},
    "order_row": _ROW | {"prevented_qty": "prevented_volume"},
    # upbit.md §1.4, §1.7: an order object too, of which only the id is relied on.
    "accepted": {
        "exchange_order_id": "uuid",
        "client_order_id": "identifier",
        "state": "state",
        "qty": "volume",
        "executed_qty": "executed_volume",
    },
    # upbit.md §1.8
    "replaced": {
        "exchange_order_id": "uuid",
        "new_exchange_order_id": "new_order_uuid",
        "new_client_order_id": "new_order_identifier",
    },
    # upbit.md §1.7
    "cancels": {"done": "success", "failed": "failed"},
    "cancels_part": {"count": "count", "orders": "orders"},
    "cancels_row": {"exchange_order_id": "uuid", "client_order_id": "identifier", "market": "market"},
    # upbit.md §1.2
    "market": {"market": "market", "event": "market_event"},
    "market_event": {"is_warned": "warning", "cautions": "caution"},
    "instrument": {"market": "market", "quote": "quote_currency", "tick": "tick_size", "levels": "supported_levels"},
    # upbit.md §3.7
    "order_news": {
        "exchange_order_id": "uuid",
        "client_order_id": "identifier",
        "state": "state",
        "trade_id": "trade_uuid",
        "price": "price",
        "qty": "volume",
        "remaining_qty": "remaining_volume",
        "executed_qty": "executed_volume",
        "executed_funds": "executed_funds",
        "paid_fee": "paid_fee",
        "prevented_qty": "prevented_volume",
        "is_maker": "is_maker",
        "side": "ask_bid",
        "kind": "order_type",
        "traded_ms": "trade_timestamp",
    },
    "order_news_simple": {
        "exchange_order_id": "uid",
        "client_order_id": "id",
        "state": "s",
        "trade_id": "tuid",
        "price": "p",
        "qty": "v",
        "remaining_qty": "rv",
        "executed_qty": "ev",
        "executed_funds": "ef",
        "paid_fee": "pf",
        "prevented_qty": "pv",
        "is_maker": "im",
        "side": "ab",
        "kind": "ot",
        "traded_ms": "ttms",
    },
    # upbit.md §3.8
    "asset_news": {"assets": "assets"},
    "asset_news_simple": {"assets": "ast"},
    "asset_news_row": {"asset": "currency", "free": "balance", "locked": "locked"},
    "asset_news_row_simple": {"asset": "cu", "free": "b", "locked": "l"},
    "announcement": {
        "event": "event_type",
        "announcement_id": "uuid",
        "category": "category",
        "title": "title",
        "url": "url",
        "first_listed_at": "first_listed_at",
        "listed_at": "listed_at",
        "body": "body",
    },
}

_BITHUMB_V1 = {"client_order_id": "client_order_id", "smp": "stp_type", "cancel_type": "cancel_type"}
_BITHUMB: FieldMaps = {
    **_BOTH,
    "order": _ORDER | _BITHUMB_V1 | {"crossed_order_id": "canceling_uuid"},
    "order_row": _ROW | _BITHUMB_V1 | {"crossed_order_id": "canceling_uuid"},
    # bithumb.md §3.1, §3.5: /v2 lists have names of their own.
    "order_row_v2": _ROW
    | _BITHUMB_V1
    | {"exchange_order_id": "order_id", "kind": "order_type", "crossed_order_id": "canceling_order_id"},
    "order_page": {"rows": "data", "has_next": "has_next", "next_key": "next_key"},
    # bithumb.md §3.6, §3.7: an acceptance, not an order.
    "accepted": {"exchange_order_id": "order_id", "client_order_id": "client_order_id"},
    # bithumb.md §3.8
    "batch": {"rows": "batch_orders_response"},
    "batch_row": {
        "exchange_order_id": "order_id",
        "client_order_id": "client_order_id",
        "name": "name",
        "message": "message",
    },
    "cancels": {"done": "success", "failed": "fail"},
    "cancels_row": {"exchange_order_id": "order_id", "client_order_id": "client_order_id", "error": "error"},
    # bithumb.md §3.3
    "market": {"market": "market", "warning": "market_warning"},
    "market_warning": {"market": "market", "kind": "warning_type", "step": "warning_step", "ends": "end_date"},
    "notice": {
        "categories": "categories",
        "title": "title",
        "url": "pc_url",
        "listed_at": "published_at",
        "modified_at": "modified_at",
    },
    # bithumb.md §6.3
    "order_news": {
        "exchange_order_id": "order_id",
        "client_order_id": "client_order_id",
        "state": "state",
        "kind": "order_type",
        "qty": "order_quantity",
        "trade_id": "trade_id",
        "trade_price": "trade_price",
        "trade_qty": "trade_quantity",
        "executed_qty": "executed_quantity",
        "executed_funds": "executed_amount",
        "paid_fee": "paid_fee",
        "cancel_type": "cancel_type",
        "traded_ms": "trade_timestamp",
    },
    "order_news_simple": {
        "exchange_order_id": "oid",
        "client_order_id": "coid",
        "state": "s",
        "kind": "ot",
        "qty": "oq",
        "trade_id": "tid",
        "trade_price": "tp",
        "trade_qty": "tq",
        "executed_qty": "eq",
        "executed_funds": "ea",
        "paid_fee": "pf",
        "cancel_type": "ct",
        "traded_ms": "ttms",
    },
    "asset_news": {"assets": "assets"},
    "asset_news_row": {"asset": "currency", "free": "balance", "locked": "locked"},
}

SHIPPED: dict[Exchange, FieldMaps] = {Exchange.UPBIT: _UPBIT, Exchange.BITHUMB: _BITHUMB | LEGACY}
"""Every object read from each exchange, as documented in 2026."""
