"""Words both exchanges take alike: ids, pages, the private subscription, and who signs a request."""

import re
from typing import Protocol

import msgspec

CLIENT_ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
"""The narrower of the two rules (bithumb.md §3.6; Upbit takes 64 characters, upbit.md §1.4)."""
WIRE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
PAGE = 100
"""Rows of one page of resting orders, the most both exchanges give (upbit.md §1.7, bithumb.md §3.5)."""
MAX_PAGES = 50


class Signer(Protocol):
    """Makes one request's token."""

    def token(self, query: str, now_wall_ms: int) -> str:
        """Return a fresh token over the un-encoded query text; empty = nothing to hash."""


def page_query(page: int) -> str:
    """Return the query for one page of resting orders (upbit.md §1.7, bithumb.md §3.5)."""
    return f"state=wait&page={page}&limit={PAGE}"


def private_subscription(ticket: str) -> str:
    """Return the subscription to all own orders and balances (upbit.md §3.2: no codes for myAsset;
    bithumb.md §6.3: codes omitted = all)."""
    parts = [{"ticket": ticket}, {"type": "myOrder"}, {"type": "myAsset"}, {"format": "DEFAULT"}]
    return msgspec.json.encode(parts).decode()
