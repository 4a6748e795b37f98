"""How the desk names its orders, and how one is told from orders of other hands on the same account."""

import re

_NAME = re.compile(r"[0-9a-z]{6,24}-[1-9][0-9]*-[a-z][0-9]*")
"""Run id (second and fence in base 36), number of the arb, letter of the order: `toxni81-12-b`, `toxni81-12-h0`."""


def is_desk_name(client_order_id: str | None) -> bool:
    """Return whether an order of this name can only be a desk's; one without a name never is."""
    return client_order_id is not None and _NAME.fullmatch(client_order_id) is not None
