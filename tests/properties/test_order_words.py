"""Orders written by the adapters and read by the simulated exchanges, whose words were written apart."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_makers import make_order

from arbitrage.domain.order import Order, OrderKind, TimeInForce
from arbitrage.domain.order_kind import SIDES, TIFS, kind_fault
from arbitrage.domain.units import INT64_MAX, Exchange, Krw, Price, Qty, Side
from exchanges.bithumb.codec import order_body as bithumb_body
from exchanges.simulator.dialects.reading import Wrong, read_draft
from exchanges.simulator.wire import body_params
from exchanges.upbit.codec import order_body as upbit_body
from exchanges.upbit.profile import Smp
from exchanges.words import body_and_query, order_members

WORDS: dict[Exchange, Any] = {
    Exchange.UPBIT: (lambda order: upbit_body(order, Smp.REDUCE), "ord_type", "identifier"),
    Exchange.BITHUMB: (bithumb_body, "order_type", "client_order_id"),
}
NAMES = {wrong: wrong.value for wrong in Wrong}
AMOUNTS = st.integers(min_value=1, max_value=INT64_MAX)
KIND_WORDS = {
    OrderKind.LIMIT: "limit",
    OrderKind.MARKET_BUY: "price",
    OrderKind.MARKET_SELL: "market",
    OrderKind.BEST: "best",
}


@st.composite
def sound_orders(draw: st.DrawFn) -> Order:
    """Return an order of any combination there is."""
    kind = draw(st.sampled_from(list(OrderKind)))
    side = SIDES.get(kind) or draw(st.sampled_from(list(Side)))
    by_funds = kind is OrderKind.MARKET_BUY or (kind is OrderKind.BEST and side is Side.BID)
    order = make_order(
        kind=kind,
        side=side,
        tif=draw(st.sampled_from(TIFS[kind])),
        price=Price(draw(AMOUNTS) if kind is OrderKind.LIMIT else 0),
        qty=Qty(0 if by_funds else draw(AMOUNTS)),
        funds=Krw(draw(AMOUNTS) if by_funds else 0),
        client_order_id=draw(st.from_regex(r"[A-Za-z0-9_-]{1,36}", fullmatch=True)),
    )
    assert kind_fault(order) is None
    return order


@pytest.mark.parametrize("exchange", list(Exchange))
@given(order=sound_orders())
def test_what_is_written_is_read_to_the_last_digit(exchange: Exchange, order: Order) -> None:
    make, type_word, id_word = WORDS[exchange]
    body, query = make(order)
    params = body_params(body)
    draft = read_draft(params, type_word, id_word, NAMES)
    assert (draft.market, draft.side, draft.ord_type.value) == (order.market, order.side, KIND_WORDS[order.kind])
    assert draft.client_order_id == order.client_order_id
    assert draft.price == (order.funds if order.is_by_funds else order.price or None)
    assert draft.volume == (order.qty or None)
    is_named = order.kind in (OrderKind.LIMIT, OrderKind.BEST) and order.tif is not TimeInForce.GTC
    assert (None if draft.tif is None else draft.tif.value) == (order.tif.value if is_named else None)
    # The short way of the hot order writes what the long one does.
    more = [("smp_type", "reduce")] if b"smp_type" in body else []
    assert (body, query) == body_and_query(order_members(order, type_word, id_word) + more)
    # What is hashed is what is sent, member for member, in order (upbit.md §2, bithumb.md §3.2).
    assert query == "&".join(f"{key}={value}" for key, value in params.pairs)


@given(
    kind=st.sampled_from(list(OrderKind)),
    side=st.sampled_from(list(Side)),
    tif=st.sampled_from(list(TimeInForce)),
    price=st.integers(-1, 1),
    qty=st.integers(-1, 1),
    funds=st.integers(-1, 1),
)
def test_what_we_let_pass_an_exchange_reads_too(
    kind: OrderKind, side: Side, tif: TimeInForce, price: int, qty: int, funds: int
) -> None:
    order = make_order(kind=kind, side=side, tif=tif, price=Price(price), qty=Qty(qty), funds=Krw(funds))
    if kind_fault(order) is None:
        for make, type_word, id_word in WORDS.values():
            read_draft(body_params(make(order)[0]), type_word, id_word, NAMES)
