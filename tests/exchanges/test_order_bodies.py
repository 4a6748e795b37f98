"""Every order kind on the wire: exact bodies, and the text that is hashed (upbit.md §1.4, bithumb.md §3.6)."""

import json
from typing import Any

import pytest
from order_makers import make_order

from arbitrage.domain.order import Order, OrderKind, TimeInForce
from arbitrage.domain.units import SCALE, Exchange, Krw, Price, Qty, Side
from exchanges.bithumb import codec as bithumb
from exchanges.signed_token import query_hash
from exchanges.upbit import codec as upbit
from exchanges.upbit.profile import Smp

BY_FUNDS: dict[str, Any] = {"price": Price(0), "qty": Qty(0), "funds": Krw(20_000 * SCALE)}
ASK: dict[str, Any] = {"side": Side.ASK}
NO_PRICE: dict[str, Any] = {**ASK, "price": Price(0)}
TIF = TimeInForce
CASES: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"tif": TIF.GTC}, {"side": "bid", "type": "limit", "price": "4321000", "volume": "0.01"}),
    ({"tif": TIF.IOC}, {"side": "bid", "type": "limit", "price": "4321000", "volume": "0.01", "time_in_force": "ioc"}),
    ({"tif": TIF.FOK}, {"side": "bid", "type": "limit", "price": "4321000", "volume": "0.01", "time_in_force": "fok"}),
    (
        {"tif": TIF.POST_ONLY, **ASK},
        {"side": "ask", "type": "limit", "price": "4321000", "volume": "0.01", "time_in_force": "post_only"},
    ),
    ({"kind": OrderKind.MARKET_BUY, **BY_FUNDS}, {"side": "bid", "type": "price", "price": "20000"}),
    ({"kind": OrderKind.MARKET_SELL, **NO_PRICE}, {"side": "ask", "type": "market", "volume": "0.01"}),
    (
        {"kind": OrderKind.BEST, **BY_FUNDS},
        {"side": "bid", "type": "best", "price": "20000", "time_in_force": "ioc"},
    ),
    (
        {"kind": OrderKind.BEST, "tif": TIF.FOK, **BY_FUNDS},
        {"side": "bid", "type": "best", "price": "20000", "time_in_force": "fok"},
    ),
    (
        {"kind": OrderKind.BEST, **NO_PRICE},
        {"side": "ask", "type": "best", "volume": "0.01", "time_in_force": "ioc"},
    ),
    (
        {"kind": OrderKind.BEST, "tif": TIF.FOK, **NO_PRICE},
        {"side": "ask", "type": "best", "volume": "0.01", "time_in_force": "fok"},
    ),
    (
        {"tif": TIF.GTC, "price": Price(4843), "qty": Qty(1), **ASK},
        {"side": "ask", "type": "limit", "price": "0.00004843", "volume": "0.00000001"},
    ),
]
IDS = [
    f"{wire['side']}-{wire['type']}-{wire.get('time_in_force', 'none')}-{index}"
    for index, (_, wire) in enumerate(CASES)
]


def hashed(body: bytes) -> str:
    return "&".join(f"{key}={value}" for key, value in json.loads(body).items())


@pytest.mark.parametrize(("changes", "wire"), CASES, ids=IDS)
def test_upbit(changes: dict[str, Any], wire: dict[str, str]) -> None:
    body, query = upbit.order_body(make_order(**changes), Smp.CANCEL_TAKER)
    expected = {"market": "KRW-ETH", "side": wire["side"], "ord_type": wire["type"], "identifier": "arb-17-b"}
    expected |= {key: value for key, value in wire.items() if key not in ("side", "type")}
    if wire.get("time_in_force") != "post_only":
        expected["smp_type"] = "cancel_taker"
    assert json.loads(body) == expected
    assert query == hashed(body)


@pytest.mark.parametrize(("changes", "wire"), CASES, ids=IDS)
def test_bithumb(changes: dict[str, Any], wire: dict[str, str]) -> None:
    body, query = bithumb.order_body(make_order(Exchange.BITHUMB, **changes))
    expected = {"market": "KRW-ETH", "side": wire["side"], "order_type": wire["type"], "client_order_id": "arb-17-b"}
    expected |= {key: value for key, value in wire.items() if key not in ("side", "type")}
    assert json.loads(body) == expected
    assert query == hashed(body)


@pytest.mark.parametrize("smp", list(Smp))
def test_self_trade_rule_is_named_unless_it_is_the_accounts_own(smp: Smp) -> None:
    body, query = upbit.order_body(make_order(), smp)
    assert json.loads(body).get("smp_type") == (None if smp is Smp.ACCOUNT else smp.value)
    assert query.endswith("" if smp is Smp.ACCOUNT else f"&smp_type={smp.value}")


@pytest.mark.parametrize("smp", list(Smp))
def test_post_only_never_names_one(smp: Smp) -> None:
    assert b"smp_type" not in upbit.order_body(make_order(tif=TIF.POST_ONLY), smp)[0]


def test_bytes_of_the_hot_order_stay_as_they_were_signed() -> None:
    order: Order = make_order()
    body, query = upbit.order_body(order, Smp.ACCOUNT)
    assert body == (
        b'{"market":"KRW-ETH","side":"bid","ord_type":"limit","price":"4321000","volume":"0.01",'
        b'"identifier":"arb-17-b","time_in_force":"ioc"}'
    )
    assert query_hash(query) == query_hash(
        "market=KRW-ETH&side=bid&ord_type=limit&price=4321000&volume=0.01&identifier=arb-17-b&time_in_force=ioc"
    )
