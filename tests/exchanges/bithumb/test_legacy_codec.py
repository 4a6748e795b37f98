"""Legacy answers, from the samples of bithumb.md §1."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from legacy_answers import DETAIL, MATCH, OPEN
from order_makers import make_order

from arbitrage.domain.events import Holding
from arbitrage.domain.order import OrderOn
from arbitrage.domain.units import SCALE, Exchange, Price, Qty, Side
from exchanges.bithumb import legacy_codec as codec
from exchanges.bithumb import legacy_forms as forms
from exchanges.bithumb.legacy_profile import LegacySettings
from exchanges.fields import Fields


def reads(overrides: dict[str, dict[str, str]] | None = None, **settings: Any) -> codec.LegacyReads:
    return codec.LegacyReads(Fields(Exchange.BITHUMB, overrides), LegacySettings(**settings))


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def detail(**changes: object) -> codec.Detail:
    return reads().detail(raw(DETAIL | changes), "C01")


@pytest.mark.parametrize("shape", [DETAIL, [DETAIL]], ids=["object", "array of one"])
def test_filled_order_names_its_fills_and_its_fee(shape: object) -> None:
    found = reads().detail(raw(shape), "C01")
    assert (found.market, found.side) == ("KRW-BTC", Side.ASK)
    report = found.report
    assert (report.on, report.exchange_order_id, report.executed_qty) == (OrderOn.FULL_FILL, "C01", 1_000_000)
    assert report.paid_fee == Decimal("524.98")
    assert report.executed_funds == Decimal("1312450")
    (fill,) = report.fills
    assert (fill.price, fill.qty, fill.funds) == (131_245_000 * SCALE, 1_000_000, Decimal("1312450"))
    assert fill.at_wall_ns == 1790000003000000_000
    assert fill.trade_id == "1790000003000000-13124500000000000-1000000-1"


@pytest.mark.parametrize(
    ("changes", "on", "executed"),
    [
        ({"order_status": "Pending", "contract": []}, OrderOn.ACKED, 0),
        ({"order_status": "Pending", "contract": None}, OrderOn.ACKED, 0),
        ({"order_status": "Pending", "order_qty": "0.02"}, OrderOn.PART_FILL, 1_000_000),
        ({"order_status": "Cancel", "order_qty": "0.02"}, OrderOn.CANCELED, 1_000_000),
        ({"order_status": "Cancel", "contract": []}, OrderOn.CANCELED, 0),
        ({"order_status": "Completed", "order_qty": "0.02"}, OrderOn.CANCELED, 1_000_000),
        ({"order_status": "NewWord", "order_qty": "0.02"}, OrderOn.PART_FILL, 1_000_000),
    ],
)
def test_truth_is_the_sum_of_the_fills_whatever_the_status(changes: dict[str, Any], on: OrderOn, executed: int) -> None:
    report = detail(**changes).report
    assert (report.on, report.executed_qty) == (on, executed)


def test_fills_that_are_alike_have_names_of_their_own_at_every_reading() -> None:
    twice = DETAIL["contract"] * 2
    first, second = (detail(contract=twice, order_qty="0.02").report.fills for _ in range(2))
    assert len({fill.trade_id for fill in first}) == 2
    assert first == second


def test_times_of_fills_can_be_set_to_run_nine_hours_ahead() -> None:
    (fill,) = reads(fill_hours_ahead=9).detail(raw(DETAIL), "C01").report.fills
    assert fill.at_wall_ns == (1790000003000000 - 9 * 3_600_000_000) * 1000


@pytest.mark.parametrize(
    "changes",
    [
        {"order_qty": "1_0"},
        {"order_qty": " 1"},
        {"order_qty": "-1"},
        {"order_qty": "x"},
        {"type": "buy"},
        {"contract": [DETAIL["contract"][0] | {"fee_currency": "BTC"}]},
        {"contract": [DETAIL["contract"][0] | {"transaction_date": "1790000003000"}]},
        {"order_status": None},
    ],
)
def test_figures_that_cannot_be_believed_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        detail(**changes)


def test_two_orders_for_one_are_refused() -> None:
    with pytest.raises(ValueError, match="told of 2"):
        reads().detail(raw([DETAIL, DETAIL]), "C01")


def test_missing_fee_is_not_told_rather_than_zero() -> None:
    row = {key: value for key, value in DETAIL["contract"][0].items() if key != "fee"}
    assert detail(contract=[row]).report.paid_fee is None


def test_open_order_with_thousands_separators() -> None:
    (row,) = reads().open_rows(raw([OPEN]))
    assert row == codec.OpenRow(
        "C0101000001234567890",
        "KRW-BTC",
        Side.BID,
        Price(131_245_000 * SCALE),
        Qty(1_000_000),
        Qty(400_000),
        1790000000123456_000,  # type: ignore[arg-type]
    )


def test_transactions_of_the_other_side_are_left_out_and_a_minus_is_no_figure() -> None:
    rows = raw([MATCH, MATCH | {"search": "1"}, MATCH | {"search": 4}])
    found, count = reads().transactions(rows, Side.ASK)
    assert count == 3
    assert found == (
        codec.Match(
            Side.ASK,
            Price(131_245_000 * SCALE),
            Qty(1_000_000),
            Decimal("1312450"),
            Decimal("524.98"),
            1790000003000000_000,  # type: ignore[arg-type]
        ),
    )


def test_balances_are_read_by_the_coins_in_their_names() -> None:
    members = {
        "total_krw": "1,000,000", "in_use_krw": "50,000", "available_krw": "950,000.12345",
        "total_btc": "0.25", "in_use_btc": "0.05", "available_btc": "0.20", "xcoin_last_btc": "131245000",
    }  # fmt: skip
    assert reads().balances(raw(members)) == (
        Holding("KRW", Decimal("950000.12345"), Decimal(50_000)),
        Holding("BTC", Decimal("0.20"), Decimal("0.05")),
    )
    with pytest.raises(ValueError, match="in_use_btc"):
        reads().balances(raw({"available_btc": "1"}))
    with pytest.raises(ValueError, match="without any"):
        reads().balances(raw({"date": "1"}))


def test_fee_is_a_text_rate() -> None:
    assert reads().trade_fee(raw({"created": 1388118018000, "trade_fee": "0.0025"})) == Decimal("0.0025")


def test_forms_name_market_and_side_in_small_letters_and_whole_prices_without_a_point() -> None:
    order = make_order(Exchange.BITHUMB, market="KRW-BTC", price=Price(400_000 * SCALE), qty=Qty(1_234_567))
    path, members = forms.place_form(order)
    assert path == "/trade/place"
    assert dict(members) == {
        "order_currency": "BTC", "payment_currency": "KRW", "units": "0.01234567", "price": "400000", "type": "bid",
    }  # fmt: skip
    assert forms.market_form(order, order.qty)[0] == "/trade/market_buy"
    assert dict(forms.market_form(order, order.qty)[1])["units"] == "0.01234567"
    assert forms.market_form(msgspec.structs.replace(order, side=Side.ASK), order.qty)[0] == "/trade/market_sell"
    assert dict(forms.cancel_form("KRW-BTC", Side.ASK, "C01")[1]) == {
        "type": "ask", "order_id": "C01", "order_currency": "BTC", "payment_currency": "KRW",
    }  # fmt: skip
    assert dict(forms.transactions_form("KRW-BTC", Side.BID, 50)[1])["searchGb"] == "1"
    assert forms.symbol_of("KRW-BTC") == "BTC_KRW"


def test_renamed_members_are_read_again_once_the_map_follows() -> None:
    renamed = {key if key != "order_qty" else "order_volume": value for key, value in DETAIL.items()}
    with pytest.raises(ValueError, match="order_qty"):
        reads().detail(raw(renamed), "C01")
    mended = reads({"legacy_order": {"qty": "order_volume"}})
    assert mended.detail(raw(renamed), "C01").report.executed_qty == 1_000_000
    members = {"free_krw": "1", "in_use_krw": "2"}
    with pytest.raises(ValueError, match="without any"):
        reads().balances(raw(members))
    mended = reads({"legacy_balance": {"free": "free_"}})
    assert mended.balances(raw(members)) == (Holding("KRW", Decimal(1), Decimal(2)),)
