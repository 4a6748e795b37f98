"""Words both exchanges take alike: ids, pages, the private subscription, and who signs a request."""

import re
from collections.abc import Sequence
from typing import Protocol

import msgspec

from arbitrage.domain.order import Order, OrderKind, TimeInForce
from arbitrage.domain.units import units_text

CLIENT_ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
"""The narrower of the two rules (bithumb.md §3.6; Upbit takes 64 characters, upbit.md §1.4)."""
WIRE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
PAGE = 100
"""Rows of one page of resting orders, the most both exchanges give (upbit.md §1.7, bithumb.md §3.5)."""
MAX_PAGES = 50


KIND_WORDS: dict[OrderKind, str] = {
    OrderKind.LIMIT: "limit",
    OrderKind.MARKET_BUY: "price",
    OrderKind.MARKET_SELL: "market",
    OrderKind.BEST: "best",
}
TIF_WORDS: dict[TimeInForce, str] = {
    TimeInForce.IOC: "ioc",
    TimeInForce.FOK: "fok",
    TimeInForce.POST_ONLY: "post_only",
}
"""GTC has no word: the member is left out (upbit.md §1.4, bithumb.md §3.6)."""
Members = list[tuple[str, str]]
_LIMIT, _GTC, _IOC = OrderKind.LIMIT, TimeInForce.GTC, TimeInForce.IOC


def order_members(order: Order, kind_key: str, client_id_key: str) -> Members:
    """Return the members of an order's body, in the order in which they are sent and hashed.

    Upbit and Bithumb differ in two names only (upbit.md §1.4, bithumb.md §3.6). `price` is a unit price,
    or the total KRW of an order given by funds; figures are text made from ints.
    """
    members = [("market", order.market), ("side", order.side), (kind_key, KIND_WORDS[order.kind])]
    if order.is_by_funds:
        members.append(("price", units_text(order.funds)))
    else:
        if order.kind is _LIMIT:
            members.append(("price", units_text(order.price)))
        members.append(("volume", units_text(order.qty)))
    members.append((client_id_key, order.client_order_id))
    if order.kind in (_LIMIT, OrderKind.BEST) and order.tif is not _GTC:
        members.append(("time_in_force", TIF_WORDS[order.tif]))
    return members


def order_words(order: Order, kind_key: str, client_id_key: str, more: Members) -> tuple[bytes, str]:
    """Return an order's body and its text for the hash; `more` are members put behind.

    A limit order, the only one the desk sends, is written without a list between: half the time.
    """
    if order.kind is not _LIMIT:
        return body_and_query(order_members(order, kind_key, client_id_key) + more)
    price, volume, side = units_text(order.price), units_text(order.qty), order.side
    body = (
        f'{{"market":"{order.market}","side":"{side}","{kind_key}":"limit","price":"{price}","volume":"{volume}",'
        f'"{client_id_key}":"{order.client_order_id}"'
    )
    query = (
        f"market={order.market}&side={side}&{kind_key}=limit&price={price}&volume={volume}"
        f"&{client_id_key}={order.client_order_id}"
    )
    if order.tif is not _GTC:
        tif = "ioc" if order.tif is _IOC else TIF_WORDS[order.tif]
        body += f',"time_in_force":"{tif}"'
        query += f"&time_in_force={tif}"
    for name, value in more:
        body += f',"{name}":"{value}"'
        query += f"&{name}={value}"
    return f"{body}}}".encode("ascii"), query


def body_and_query(members: Members) -> tuple[bytes, str]:
    """Return the JSON body and its members as `k=v&…`, in body order (upbit.md §2, bithumb.md §3.2).

    All values are free of quotes and `&`: the gateway checks ids and markets before.
    """
    body = ",".join([f'"{key}":"{value}"' for key, value in members])
    return f"{{{body}}}".encode("ascii"), "&".join([f"{key}={value}" for key, value in members])


def ids_query(key: str, ids: Sequence[str]) -> str:
    """Return an array in a query: `key` (which ends in `[]`) for each id (upbit.md §2)."""
    return "&".join(f"{key}={one}" for one in ids)


def ids_body(key: str, ids: Sequence[str]) -> tuple[bytes, str]:
    """Return the body `{key: [ids]}` and its text for the hash: `key[]=` for each (bithumb.md §3.2)."""
    return msgspec.json.encode({key: list(ids)}), ids_query(f"{key}[]", ids)


class Signer(Protocol):
    """Makes one request's token."""

    def token(self, query: str, now_wall_ms: int) -> str:
        """Return a fresh token over the un-encoded query text; empty = nothing to hash."""


def page_query(page: int) -> str:
    """Return the query for one page of resting orders (upbit.md §1.7, bithumb.md §3.5)."""
    return f"state=wait&page={page}&limit={PAGE}"


def private_subscription(ticket: str, keys: str = "DEFAULT") -> str:
    """Return the subscription to all own orders and balances (upbit.md §3.2: no codes for myAsset;
    bithumb.md §6.3: codes omitted = all). `keys` is DEFAULT or SIMPLE."""
    parts = [{"ticket": ticket}, {"type": "myOrder"}, {"type": "myAsset"}, {"format": keys}]
    return msgspec.json.encode(parts).decode()
