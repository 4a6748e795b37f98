"""Answers of both exchanges, from the samples of upbit.md and bithumb.md."""

import json
from decimal import Decimal

import pytest

from arbitrage.domain.events import Holding
from arbitrage.domain.frame_spec import FrameDecoder
from arbitrage.domain.order import Fill, OrderOn
from arbitrage.domain.ports import OpenOrder, RefusedWire
from arbitrage.domain.units import SCALE, Exchange
from exchanges import reads
from exchanges.bithumb.profile import FACTS as BITHUMB
from exchanges.fields import Fields
from exchanges.reads import Reads
from exchanges.shapes import WireMarket, is_warned
from exchanges.upbit.profile import FACTS as UPBIT

MARKET_BUY = {
    "uuid": "0b7c", "side": "bid", "ord_type": "price", "price": "20000", "state": "cancel", "market": "KRW-ETH",
    "created_at": "2026-11-22T10:00:00+09:00", "reserved_fee": "10", "remaining_fee": "0.000017725",
    "paid_fee": "9.999982275", "locked": "0.035467725", "prevented_locked": "0", "executed_volume": "0.00462855",
    "trades_count": 1, "trades": [{"market": "KRW-ETH", "uuid": "5e1f", "price": "4321000", "volume": "0.00462855",
    "funds": "19999.96455", "trend": "up", "created_at": "2026-11-22T10:00:00+09:00", "side": "bid"}],
}  # fmt: skip

BITHUMB_ORDER = {
    "uuid": "C0101000009900000001", "client_order_id": "arb-0001", "side": "ask", "ord_type": "limit",
    "price": "131245000", "state": "wait", "market": "KRW-BTC", "created_at": "2026-11-20T10:11:12+09:00",
    "volume": "0.02", "remaining_volume": "0.011", "reserved_fee": "0", "remaining_fee": "0", "paid_fee": "472.48",
    "locked": "0.011", "executed_volume": "0.009", "executed_funds": "1181205", "trades_count": 1,
    "time_in_force": None, "stp_type": "cancel_taker", "trades": [{"market": "KRW-BTC",
    "uuid": "C0101000000990000001", "price": "131245000", "volume": "0.009", "funds": "1181205", "side": "ask",
    "created_at": "2026-11-20T10:11:15+09:00"}],
}  # fmt: skip


OF_UPBIT = Reads(Fields(Exchange.UPBIT))
OF_BITHUMB = Reads(Fields(Exchange.BITHUMB))


def report_of(order: dict[str, object], **changes: object):
    return OF_BITHUMB.order(json.dumps(order | changes).encode(), "arb-0001")


def test_filled_market_buy_in_state_cancel_keeps_its_fill_and_nine_decimals() -> None:
    report = OF_UPBIT.order(json.dumps(MARKET_BUY).encode(), "any")
    assert report.on is OrderOn.CANCELED
    assert report.executed_qty == 462_855
    assert report.paid_fee == Decimal("9.999982275")
    assert report.executed_funds is None
    fill = Fill("5e1f", 4_321_000 * SCALE, 462_855, Decimal("19999.96455"), 1795309200_000_000_000)  # type: ignore[arg-type]
    assert report.fills == (fill,)


def test_bithumb_v1_read_of_a_working_order() -> None:
    report = report_of(BITHUMB_ORDER)
    assert report.on is OrderOn.PART_FILL
    assert report.exchange_order_id == "C0101000009900000001"
    assert report.executed_qty == 900_000
    assert report.executed_funds == Decimal(1181205)
    assert [fill.trade_id for fill in report.fills] == ["C0101000000990000001"]


@pytest.mark.parametrize(
    ("changes", "on"),
    [
        ({"state": "done"}, OrderOn.CANCELED),
        ({"state": "done", "executed_volume": "0.02"}, OrderOn.FULL_FILL),
        ({"state": "wait", "executed_volume": "0"}, OrderOn.ACKED),
        ({"state": "nonsense", "executed_volume": "0"}, OrderOn.ACKED),
        ({"state": "cancel", "executed_volume": 0}, OrderOn.CANCELED),
        ({"state": "cancel", "executed_volume": "0.020"}, OrderOn.FULL_FILL),
    ],
)
def test_end_needs_a_word_and_a_volume(changes: dict[str, object], on: OrderOn) -> None:
    assert report_of(BITHUMB_ORDER, **changes).on is on


def test_unknown_keys_null_keys_and_numeric_ids_are_borne() -> None:
    report = report_of(BITHUMB_ORDER, brand_new={"a": [1]}, trades=None, uuid=12345678901234567890, paid_fee=None)
    assert report.exchange_order_id == "12345678901234567890"
    assert report.fills == ()
    assert report.paid_fee is None


def test_fill_without_funds_is_price_times_volume() -> None:
    trade = dict(BITHUMB_ORDER["trades"][0])  # type: ignore[call-overload]
    del trade["funds"]
    assert report_of(BITHUMB_ORDER, trades=[trade]).fills[0].funds == Decimal("1181205")


@pytest.mark.parametrize(
    "changes",
    [
        {"uuid": None},
        {"uuid": ""},
        {"state": None},
        {"executed_volume": None},
        {"executed_volume": "-1"},
        {"executed_volume": "0.000000001"},
        {"executed_volume": "1e400"},
        {"executed_volume": "NaN"},
        {"trades": [{"uuid": "x"}]},
        {"trades": "none"},
    ],
)
def test_order_that_cannot_be_believed_is_a_value_error(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        report_of(BITHUMB_ORDER, **changes)


def test_answer_about_another_order_is_a_value_error() -> None:
    data = json.dumps(BITHUMB_ORDER).encode()
    assert OF_BITHUMB.order(data, "arb-0001").on is OrderOn.PART_FILL
    with pytest.raises(ValueError, match="arb-0002"):
        OF_BITHUMB.order(data, "arb-0002")


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2026-11-22T10:00:00+09:00", 1795309200_000_000_000),
        ("2026-11-22T01:00:00Z", 1795309200_000_000_000),
        ("2026-11-22T10:00:00.123456+09:00", 1795309200_123_456_000),
    ],
)
def test_times_with_and_without_microseconds(text: str, ns: int) -> None:
    assert reads.iso_ns(text) == ns


def test_time_without_zone_is_a_value_error() -> None:
    with pytest.raises(ValueError):
        reads.iso_ns("2026-11-22T10:00:00")


def test_balances_of_upbit_md_1_3() -> None:
    data = (
        b'[{"currency":"KRW","balance":"1500000.47088291","locked":"20010","avg_buy_price":"0",'
        b'"avg_buy_price_modified":true,"unit_currency":"KRW"},{"currency":"ETH","balance":"0.12","locked":"0.05"}]'
    )
    assert OF_UPBIT.balances(data) == (
        Holding("KRW", Decimal("1500000.47088291"), Decimal(20010)),
        Holding("ETH", Decimal("0.12"), Decimal("0.05")),
    )


def test_accounts_turned_into_an_object_is_a_value_error() -> None:
    with pytest.raises(ValueError):
        OF_UPBIT.balances(b'{"accounts":[]}')


def test_rules_take_the_dearer_minimum() -> None:
    chance = {
        "bid_fee": "0.0005", "ask_fee": "0.0004",
        "market": {"id": "KRW-ETH", "bid": {"currency": "KRW", "min_total": "5000"},
                   "ask": {"currency": "ETH", "min_total": 6000}, "max_total": "1000000000", "state": "active"},
    }  # fmt: skip
    rules = OF_BITHUMB.rules(json.dumps(chance).encode())
    assert rules.min_total == 6000
    assert rules.max_total == 1_000_000_000
    assert (rules.bid_fee, rules.ask_fee) == (Decimal("0.0005"), Decimal("0.0004"))
    assert rules.is_active
    chance["market"]["state"] = "preview"  # type: ignore[index]
    assert not OF_BITHUMB.rules(json.dumps(chance).encode()).is_active


def test_rest_books_of_both_exchanges_have_time_in_ms() -> None:
    upbit = (
        b'[{"market":"KRW-ETH","timestamp":1795000000123,"total_ask_size":1,"total_bid_size":1,"orderbook_units":['
        b'{"ask_price":4322000,"bid_price":4321000,"ask_size":3.10021,"bid_size":0.84},'
        b'{"ask_price":4323000,"bid_price":4320000,"ask_size":4.843e-05,"bid_size":7.00045}],"level":0}]'
    )
    (book,) = reads.read_books(FrameDecoder(UPBIT.rest_spec), upbit)
    assert book.exchange_ns == 1795000000123_000_000
    assert book.asks[1].qty == 4843
    (book,) = reads.read_books(FrameDecoder(BITHUMB.rest_spec), upbit)
    assert book.bids[0].price == 4_321_000 * SCALE


def test_unsupported_level_is_an_empty_list_and_no_book() -> None:
    assert reads.read_books(FrameDecoder(UPBIT.rest_spec), b"[]") == ()


def test_open_orders_of_both_words() -> None:
    row = {"uuid": "a", "market": "KRW-BTC", "state": "wait", "executed_volume": "0"}
    upbit = json.dumps([row | {"identifier": "i1"}, row | {"uuid": "b"}]).encode()
    assert OF_UPBIT.open_orders(upbit) == (
        OpenOrder(Exchange.UPBIT, "KRW-BTC", "a", "i1"),
        OpenOrder(Exchange.UPBIT, "KRW-BTC", "b", None),
    )
    bithumb = json.dumps([row | {"client_order_id": "i1", "identifier": "of another exchange"}]).encode()
    assert OF_BITHUMB.open_orders(bithumb) == (OpenOrder(Exchange.BITHUMB, "KRW-BTC", "a", "i1"),)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"error":{"name":404,"message":"Code not found"}}', RefusedWire("404", "Code not found", 400)),
        (b'{"error":{"name":"x"}}', RefusedWire("x", "", 400)),
        (b'{"error":"text"}', RefusedWire("text", "", 400)),
        (b'{"name":"not_found","message":"No Route matched with those values"}', None),
        (b"Too many API requests.", None),
        (b"", None),
        (b"<html>", None),
        (b'{"error":', None),
        (b'[{"error":1}]', None),
    ],
)
def test_error_objects_and_what_is_none(body: bytes, error: RefusedWire | None) -> None:
    assert reads.wire_error(body, 400) == error


@pytest.mark.parametrize(
    ("old", "name"),
    [
        ("V1::Exceptions::InvalidQueryPayload", "invalid_query_payload"),
        ("V1::Exceptions::InsufficientFundsBid", "insufficient_funds_bid"),
        ("NotAllowIP", "NotAllowIP"),
        ("QUERY_PARAMETER_NOT_SUPPORTED", "QUERY_PARAMETER_NOT_SUPPORTED"),
    ],
)
def test_old_style_names_become_the_present_ones_and_others_stay(old: str, name: str) -> None:
    body = json.dumps({"error": {"name": old, "message": "m", "dialog": "client"}}).encode()
    assert reads.wire_error(body, 401) == RefusedWire(name, "m", 401)


def test_market_warnings_of_each_exchange() -> None:
    upbit = OF_UPBIT.many(
        WireMarket,
        b'[{"market":"KRW-A","market_event":{"warning":true,"caution":{}}},{"market":"KRW-B","market_warning":"CAUTION"},'
        b'{"market":"KRW-D","market_event":{"warning":false}}]',
    )
    assert [is_warned(row) for row in upbit] == [True, False, False]
    bithumb = OF_BITHUMB.many(
        WireMarket, b'[{"market":"KRW-B","market_warning":"CAUTION"},{"market":"KRW-C","market_warning":"NONE"}]'
    )
    assert [is_warned(row) for row in bithumb] == [True, False]
