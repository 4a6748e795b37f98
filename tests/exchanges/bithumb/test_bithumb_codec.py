"""Bithumb's words, from the samples of bithumb.md."""

import json
from decimal import Decimal

import pytest

from arbitrage.domain.errors import FrameInvalid
from arbitrage.domain.events import Holding
from arbitrage.domain.order import Fill, OrderOn
from arbitrage.domain.ports import BalanceNews, OrderNews
from arbitrage.domain.units import SCALE, Exchange, Price, Qty
from exchanges.bithumb.codec import NewsReader, book_subscription
from exchanges.fields import Fields
from exchanges.words import private_subscription

TRADE = {
    "type": "myOrder", "stream_type": "REALTIME", "code": "KRW-BTC", "order_id": "C0101000009900000004",
    "client_order_id": "arb-0004", "side": "buy", "order_type": "limit", "state": "trade", "time_in_force": "ioc",
    "order_price": 131245000, "order_quantity": 0.02, "order_amount": 2624900, "trade_id": "C0101000000990000004",
    "trade_price": 131240000, "trade_quantity": 0.012, "trade_amount": 1574880, "executed_quantity": 0.012,
    "remaining_quantity": 0.008, "executed_amount": 1574880, "paid_fee": 629.95, "order_timestamp": 1790000000100,
    "trade_timestamp": 1790000000120, "timestamp": 1790000000140,
}  # fmt: skip


read_news = NewsReader(Fields(Exchange.BITHUMB)).read


def news_of(**changes: object) -> OrderNews:
    """Return what the sample of bithumb.md §6.3 says after `changes`; None drops the key, as v2 does."""
    fields = {key: value for key, value in (TRADE | changes).items() if value is not None}
    news = read_news(json.dumps(fields).encode())
    assert isinstance(news, OrderNews)
    return news


def test_trade_event_names_its_fill_and_cumulative_figures() -> None:
    news = news_of()
    assert news.client_order_id == "arb-0004"
    assert news.exchange_order_id == "C0101000009900000004"
    report = news.report
    assert report.on is OrderOn.PART_FILL
    assert report.executed_qty == 1_200_000
    assert report.executed_funds == Decimal(1574880)
    assert report.paid_fee == Decimal("629.95")
    fill = Fill(
        "C0101000000990000004", Price(131_240_000 * SCALE), Qty(1_200_000), Decimal(1574880), 1790000000120_000_000  # type: ignore[arg-type]
    )  # fmt: skip
    assert report.fills == (fill,)


@pytest.mark.parametrize(
    ("changes", "on"),
    [
        ({"executed_quantity": 0.02, "remaining_quantity": 0}, OrderOn.FULL_FILL),
        ({"state": "done"}, OrderOn.CANCELED),
        ({"state": "done", "executed_quantity": 0.02}, OrderOn.FULL_FILL),
        ({"state": "cancel", "executed_quantity": 0}, OrderOn.CANCELED),
        ({"state": "cancel", "executed_quantity": None}, OrderOn.ACKED),
        ({"state": "wait", "executed_quantity": 0}, OrderOn.ACKED),
        ({"state": "wait"}, OrderOn.PART_FILL),
        ({"state": "new_word", "executed_quantity": 0.02}, OrderOn.FULL_FILL),
        ({"state": "new_word"}, OrderOn.PART_FILL),
        ({"order_quantity": None, "executed_quantity": 0.02}, OrderOn.PART_FILL),
    ],
)
def test_part_filled_ioc_that_ends_done_is_not_a_full_fill(changes: dict[str, object], on: OrderOn) -> None:
    assert news_of(**changes).report.on is on


def test_fill_funds_do_not_come_from_the_wires_double() -> None:
    report = news_of(trade_price=116_110_000, trade_quantity=0.00059999, trade_amount=69664.83890000001).report
    assert report.fills[0].funds == Decimal("69664.8389")


def test_balances_are_text() -> None:
    frame = (
        b'{"type":"myAsset","assets":[{"currency":"KRW","balance":"152340.25","locked":"0"}],'
        b'"asset_timestamp":1,"timestamp":2,"stream_type":"REALTIME"}'
    )
    assert read_news(frame) == BalanceNews((Holding("KRW", Decimal("152340.25"), Decimal(0)),))


@pytest.mark.parametrize(
    "changes", [{"order_id": None}, {"trade_price": None}, {"trade_quantity": -0.1}, {"executed_quantity": "x"}]
)
def test_figures_that_cannot_be_believed_are_frame_invalid(changes: dict[str, object]) -> None:
    with pytest.raises(FrameInvalid):
        news_of(**changes)


def test_subscriptions_are_whole_requests() -> None:
    assert json.loads(book_subscription("t1", ("KRW-BTC",)))[1:] == [
        {"type": "orderbook", "codes": ["KRW-BTC"]},
        {"format": "DEFAULT"},
    ]
    assert json.loads(private_subscription("t2"))[1:3] == [{"type": "myOrder"}, {"type": "myAsset"}]


def test_short_keys_say_what_the_long_ones_say() -> None:
    simple = (
        b'{"ty":"myOrder","st":"REALTIME","cd":"KRW-BTC","oid":"C0101000009900000004","coid":"arb-0004","sd":"buy",'
        b'"ot":"limit","s":"trade","tif":"ioc","op":131245000,"oq":0.02,"oa":2624900,"tid":"C0101000000990000004",'
        b'"tp":131240000,"tq":0.012,"ta":1574880,"rq":0.008,"eq":0.012,"ea":1574880,"pf":629.95,"otms":1,'
        b'"ttms":1790000000120,"tms":3}'
    )
    assert read_news(simple) == news_of()


def test_why_an_order_was_cancelled_is_kept_for_people() -> None:
    assert news_of(state="cancel", cancel_type="stp_cancel", canceling_order_id="C01").report.detail == (
        "cancel stp_cancel"
    )


def test_market_buy_has_no_volume_to_be_filled_by() -> None:
    news = news_of(order_type="price", order_quantity=0, executed_quantity=0.02, state="done")
    assert news.report.on is OrderOn.CANCELED


def test_what_a_trade_lacks_is_noted() -> None:
    noted: list[str] = []
    reader = NewsReader(Fields(Exchange.BITHUMB), lambda finding, data: noted.append(finding))
    reader.read(json.dumps({key: value for key, value in TRADE.items() if key != "paid_fee"}).encode())
    reader.read(b'{"type":"myOrder","order_id":"C01","state":"wait"}')
    assert noted == ["order_news.paid_fee was absent"]
