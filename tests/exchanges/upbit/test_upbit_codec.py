"""Upbit's words, from the samples of upbit.md."""

import json
from decimal import Decimal

import pytest

from arbitrage.domain.errors import FrameInvalid
from arbitrage.domain.events import Holding
from arbitrage.domain.order import Fill, OrderOn
from arbitrage.domain.ports import AnnouncementNews, BalanceNews, OrderNews
from arbitrage.domain.units import SCALE, Exchange, Price, Qty
from exchanges.fields import Fields
from exchanges.upbit.codec import AnnouncementReader, NewsReader, book_subscription
from exchanges.upbit.profile import STREAMS
from exchanges.words import private_subscription

TRADE = {
    "type": "myOrder", "code": "KRW-ETH", "uuid": "0b7c", "ask_bid": "BID", "order_type": "limit", "state": "trade",
    "trade_uuid": "5e1f", "price": 4321000, "avg_price": 4321000, "volume": 0.004, "remaining_volume": 0.006,
    "executed_volume": 0.004, "trades_count": 1, "reserved_fee": 21.605, "remaining_fee": 12.963, "paid_fee": 8.642,
    "locked": 25938.963, "executed_funds": 17284, "time_in_force": None, "trade_fee": 8.642, "is_maker": True,
    "identifier": "arb-17", "smp_type": None, "prevented_volume": 0, "prevented_locked": 0,
    "trade_timestamp": 1795000001456, "order_timestamp": 1795000000000, "timestamp": 1795000001460,
    "stream_type": "REALTIME",
}  # fmt: skip


read_news = NewsReader(Fields(Exchange.UPBIT)).read


def news_of(**changes: object) -> OrderNews:
    """Return what the sample trade of upbit.md §3.7 says after `changes`; None as value keeps the key as null."""
    news = read_news(json.dumps(TRADE | changes).encode())
    assert isinstance(news, OrderNews)
    return news


def test_trade_event_names_its_fill_and_cumulative_figures() -> None:
    news = news_of()
    assert news.client_order_id == "arb-17"
    assert news.exchange_order_id == "0b7c"
    report = news.report
    assert report.on is OrderOn.PART_FILL
    assert report.executed_qty == 400_000
    assert report.executed_funds == Decimal(17284)
    assert report.paid_fee == Decimal("8.642")
    fill = Fill("5e1f", Price(4_321_000 * SCALE), Qty(400_000), Decimal(17284), 1795000001456_000_000, True)  # type: ignore[arg-type]
    assert report.fills == (fill,)


def test_fill_funds_are_the_exact_product_beyond_eight_decimals() -> None:
    report = news_of(price=Decimal("102945000.1").__float__(), volume=0.00009713).report
    assert report.fills[0].funds == Decimal("102945000.1") * Decimal("0.00009713")


@pytest.mark.parametrize(
    ("changes", "on"),
    [
        ({"remaining_volume": 0, "executed_volume": 0.01}, OrderOn.FULL_FILL),
        ({"remaining_volume": 0, "executed_volume": 0.006, "prevented_volume": 0.004}, OrderOn.PART_FILL),
        ({"remaining_volume": None}, OrderOn.PART_FILL),
        ({"state": "wait", "volume": 0.01, "executed_volume": 0}, OrderOn.ACKED),
        ({"state": "wait", "volume": 0.01}, OrderOn.PART_FILL),
        ({"state": "done", "volume": 0.01, "executed_volume": 0.01}, OrderOn.FULL_FILL),
        ({"state": "done", "volume": 0.01}, OrderOn.CANCELED),
        ({"state": "cancel", "volume": 0.01}, OrderOn.CANCELED),
        ({"state": "cancel", "volume": 0.01, "executed_volume": 0.01}, OrderOn.FULL_FILL),
        ({"state": "cancel", "volume": 0.01, "executed_volume": None}, OrderOn.ACKED),
        ({"state": "prevented", "volume": 0.01}, OrderOn.PART_FILL),
        ({"state": "something_new", "volume": 0.01, "executed_volume": 0}, OrderOn.ACKED),
        ({"state": None, "volume": 0.01, "executed_volume": 0}, OrderOn.ACKED),
    ],
)
def test_state_claims_no_more_than_the_volume_proves(changes: dict[str, object], on: OrderOn) -> None:
    assert news_of(**changes).report.on is on


def test_only_a_trade_event_names_a_fill() -> None:
    assert news_of(state="cancel", volume=0.01).report.fills == ()
    assert news_of(trade_uuid=None).report.fills == ()


def test_absent_and_null_identifier_mean_the_same() -> None:
    assert news_of(identifier=None).client_order_id is None
    without = {key: value for key, value in TRADE.items() if key != "identifier"}
    news = read_news(json.dumps(without).encode())
    assert isinstance(news, OrderNews)
    assert news.client_order_id is None


def test_balances_keep_every_digit() -> None:
    frame = (
        b'{"type":"myAsset","asset_uuid":"x","assets":[{"currency":"KRW","balance":1386929.37231066771348207123,'
        b'"locked":10329.670127489597585685}],"asset_timestamp":1,"timestamp":2,"stream_type":"REALTIME"}'
    )
    assert read_news(frame) == BalanceNews(
        (Holding("KRW", Decimal("1386929.37231066771348207123"), Decimal("10329.670127489597585685")),)
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"executed_volume": -1},
        {"executed_volume": 0.000000001},
        {"price": "NaN"},
        {"price": 1e300},
        {"trade_timestamp": None},
        {"uuid": None},
        {"paid_fee": "Infinity"},
        {"volume": [1]},
    ],
)
def test_figures_that_cannot_be_believed_are_frame_invalid(changes: dict[str, object]) -> None:
    with pytest.raises(FrameInvalid):
        read_news(json.dumps(TRADE | changes).encode())


def test_a_type_we_did_not_ask_for_is_nothing() -> None:
    assert read_news(b'{"type":"announcement","uuid":7}') is None


def test_subscriptions_are_whole_requests() -> None:
    assert json.loads(book_subscription("t1", ("KRW-BTC", "KRW-ETH"))) == [
        {"ticket": "t1"},
        {"type": "orderbook", "codes": ["KRW-BTC", "KRW-ETH"]},
        {"format": "SIMPLE"},
    ]
    assert json.loads(private_subscription("t2"))[1:3] == [{"type": "myOrder"}, {"type": "myAsset"}]


SIMPLE_TRADE = (
    b'{"ty":"myOrder","cd":"KRW-ETH","uid":"0b7c","ab":"BID","ot":"limit","s":"trade","tuid":"5e1f","p":4321000,'
    b'"ap":4321000,"v":0.004,"rv":0.006,"ev":0.004,"tc":1,"rsf":21.605,"rmf":12.963,"pf":8.642,"l":25938.963,'
    b'"ef":17284,"tif":null,"tf":8.642,"im":true,"id":"arb-17","smpt":null,"pv":0,"pl":0,"ttms":1795000001456,'
    b'"otms":1795000000000,"tms":1795000001460,"st":"REALTIME"}'
)


def test_short_keys_say_what_the_long_ones_say() -> None:
    assert read_news(SIMPLE_TRADE) == read_news(json.dumps(TRADE).encode())
    frame = b'{"ty":"myAsset","astuid":"x","ast":[{"cu":"KRW","b":5.25,"l":0}],"asttms":1,"tms":2,"st":"REALTIME"}'
    assert read_news(frame) == BalanceNews((Holding("KRW", Decimal("5.25"), Decimal(0)),))


@pytest.mark.parametrize(
    "changes",
    [
        {"order_type": "price", "volume": 0.004, "remaining_volume": 0, "executed_volume": 0.004},
        {"order_type": "best", "volume": 0.004, "remaining_volume": 0, "executed_volume": 0.004},
        {"order_type": "price", "state": "done", "volume": 0.004, "executed_volume": 0.004},
    ],
)
def test_order_given_by_funds_is_never_full_by_a_volume(changes: dict[str, object]) -> None:
    assert news_of(**changes).report.on in (OrderOn.PART_FILL, OrderOn.CANCELED)


def test_what_looks_changed_is_noted_and_read_over() -> None:
    noted: list[str] = []
    reader = NewsReader(Fields(Exchange.UPBIT), lambda finding, data: noted.append(finding))
    assert reader.read(json.dumps(TRADE | {"state": "melted", "paid_fee": None}).encode()) is not None
    assert noted == ["order_news.paid_fee was absent", "order_news.state was 'melted', a word never seen"]


@pytest.mark.parametrize("data", [b'{"status":"UP","uuid":"x"}', b"[]", b'{"type":null}', b'{"type":5}'])
def test_frame_without_a_type_is_invalid(data: bytes) -> None:
    with pytest.raises(FrameInvalid):
        read_news(data)


@pytest.mark.parametrize(("depth", "code"), [(1, "KRW-BTC.1"), (5, "KRW-BTC.5"), (15, "KRW-BTC.15"), (30, "KRW-BTC")])
@pytest.mark.parametrize("form", ["simple", "default"])
def test_subscription_asks_for_the_format_of_its_frames(form: str, depth: int, code: str) -> None:
    request = json.loads(book_subscription("t1", ("KRW-BTC",), STREAMS[form], depth))
    assert request[1:] == [{"type": "orderbook", "codes": [code]}, {"format": form.upper()}]


def test_announcement_is_read_and_other_types_are_not() -> None:
    reader = AnnouncementReader(Fields(Exchange.UPBIT))
    frame = (
        b'{"type":"announcement","event_type":"UPDATED","uuid":"u","category":"wallet","title":"t","url":"w",'
        b'"listed_at":"l"}'
    )
    assert reader.read(frame) == AnnouncementNews("u", "UPDATED", "wallet", "t", "w", "l")
    assert reader.read(json.dumps(TRADE).encode()) is None
    with pytest.raises(FrameInvalid):
        reader.read(b'{"type":"announcement"}')
