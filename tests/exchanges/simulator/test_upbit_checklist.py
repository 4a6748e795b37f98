"""The twenty rows of upbit.md §8, one test each, named after its row."""

import json
from collections import Counter
from decimal import Decimal

import pytest

from arbitrage.domain.units import Exchange
from exchanges.simulator.closing import Streams
from exchanges.simulator.conversation import ABNORMAL
from exchanges.simulator.dialects.upbit import limits
from exchanges.simulator.dialects.upbit_quirks import Padding, UpbitQuirks
from exchanges.simulator.kst import parse_time
from exchanges.simulator.rules import UPBIT_SMP, Smp
from exchanges.simulator.stream import Session
from exchanges.simulator.trouble.orders import FilledAfterCancel
from exchanges.simulator.wallets import WalletState
from exchanges.simulator.wire import Request

UPBIT = Exchange.UPBIT
ASKS = [("100000000", "0.001"), ("100001000", "5")]
BIDS = [("99999000", "5"), ("99998000", "5")]
BUY = {"market": "KRW-BTC", "side": "bid", "ord_type": "price", "price": "20000"}
REST = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "90000000", "volume": "0.001"}


@pytest.fixture
def still(make_world, frame):
    """Return a maker of worlds with one market that stands still."""

    def make(asks=ASKS, bids=BIDS, **quirks):
        return make_world([frame(UPBIT, "KRW-BTC", asks, bids)], upbit_quirks=UpbitQuirks(**quirks))

    return make


@pytest.fixture
def world(still):
    return still()


def sim_of(world):
    return world.simulator.exchange(UPBIT)


def get(world, path, query=""):
    return world.ask(UPBIT, "GET", path, query)


def public(world):
    session = sim_of(world).connect(Request("GET", "/websocket/v1"), world.now)
    assert isinstance(session, Session)
    return session


def private(world, sign):
    headers = {"authorization": sign("AK-U", sim_of(world).accounts["AK-U"].secret.decode(), "")}
    session = sim_of(world).connect(Request("GET", "/websocket/v1/private", "", headers), world.now)
    assert isinstance(session, Session)
    return session


def say(world, session, *parts):
    session.receive(json.dumps([{"ticket": "t"}, *parts]).encode(), world.now)


def heard(session):
    frames = [json.loads(out.data, parse_float=Decimal) for out in session.outbox]
    session.outbox.clear()
    return frames


def test_row_1_post_answers_wait_and_the_fill_shows_after_a_delay(world):
    sim_of(world).set_rules(meet_delay_ms=(500, 500))
    placed = world.order(UPBIT, **BUY, identifier="r1")
    assert (placed["state"], placed["executed_volume"], placed["trades_count"]) == ("wait", "0", 0)
    world.pass_ms(499)
    assert world.find(UPBIT, "r1")["trades"] == []
    world.pass_ms(2)
    assert world.find(UPBIT, "r1")["executed_volume"] == "0.0002"


def test_row_2_absent_members_are_left_out_by_order_type(world):
    assert "volume" not in world.order(UPBIT, **BUY)
    assert "price" not in world.order(UPBIT, market="KRW-BTC", side="ask", ord_type="market", volume="0.001")
    best = world.order(UPBIT, market="KRW-BTC", side="bid", ord_type="best", price="10000", time_in_force="ioc")
    assert ("remaining_volume" in best, "smp_type" in best, best["time_in_force"]) == (False, True, "ioc")
    assert {"identifier", "executed_funds", "trades"}.isdisjoint(world.order(UPBIT, **REST))


def test_row_3_bid_locks_funds_with_the_fee_ask_locks_coins_and_fees_are_not_rounded(world):
    bid = world.order(UPBIT, **REST | {"price": "90001000", "volume": "0.00012345"})
    assert (bid["locked"], bid["reserved_fee"]) == ("11116.178761725", "5.555311725")
    ask = world.order(UPBIT, market="KRW-BTC", side="ask", ord_type="limit", price="110000000", volume="0.001")
    assert (ask["locked"], ask["reserved_fee"]) == ("0.001", "0")


def test_row_4_market_buy_floors_the_volume_ends_cancel_and_the_rest_comes_back(still):
    world = still([("4321000", "10")], [("4320000", "10")])
    world.order(UPBIT, **BUY, identifier="r4")
    world.pass_ms(100)
    order = world.find(UPBIT, "r4")
    assert (order["state"], order["executed_volume"], order["locked"]) == ("cancel", "0.00462855", "0.035467725")
    assert (order["paid_fee"], order["remaining_fee"]) == ("9.999982275", "0.000017725")
    assert world.balances(UPBIT)["KRW"] == ("99979990.035467725", "0")


def test_row_5_delete_answers_a_stale_wait_then_cancel_or_fill_and_closed_orders_keep_locked(world):
    world.order(UPBIT, **REST, identifier="r5")
    world.pass_ms(100)
    status, answer = world.ask(UPBIT, "DELETE", "/v1/order", "identifier=r5")
    assert (status, answer["state"]) == (200, "wait")
    assert world.find(UPBIT, "r5")["state"] == "wait"
    world.pass_ms(100)
    closed = get(world, "/v1/orders/closed", "states[]=cancel")[1]
    assert [(row["state"], row["locked"], row["remaining_fee"]) for row in closed] == [("cancel", "90045", "45")]
    assert world.balances(UPBIT)["KRW"] == ("100000000", "0")
    world.order(UPBIT, **REST, identifier="race")
    world.pass_ms(100)
    world.simulator.faults(UPBIT).arm(FilledAfterCancel(after_ns=1_000_000))
    assert world.ask(UPBIT, "DELETE", "/v1/order", "identifier=race")[0] == 200
    world.pass_ms(100)
    assert world.find(UPBIT, "race")["state"] == "done", "a fill came first"


def test_row_6_cancel_and_new_may_yield_no_new_order(world):
    world.order(UPBIT, **REST, identifier="r6")
    world.pass_ms(100)
    world.simulator.faults(UPBIT).arm(FilledAfterCancel(after_ns=1_000_000))
    body = {"prev_order_identifier": "r6", "new_ord_type": "limit", "new_volume": "0.001", "new_price": "80000000"}
    status, answer = world.ask(UPBIT, "POST", "/v1/orders/cancel_and_new", body=body)
    assert status == 200
    world.pass_ms(200)
    status, missing = get(world, "/v1/order", f"uuid={answer['new_order_uuid']}")
    assert (status, missing["error"]["name"]) == (404, "order_not_found")


def test_row_7_identifier_is_burned_for_ever(world):
    world.ask(UPBIT, "POST", "/v1/orders", body=REST | {"volume": "9", "identifier": "r7"})
    for _ in range(2):
        status, answer = world.ask(UPBIT, "POST", "/v1/orders", body=REST | {"identifier": "r7"})
        assert (status, answer["error"]["name"]) == (400, "duplicated_identifier")
        world.pass_ms(600_000)
    assert sim_of(world).matching.orders == {}


def test_row_8_market_order_beyond_the_shown_levels_is_refused_by_a_name_of_choice(still):
    for name, expected in (("create_{side}_error", "create_bid_error"), ("volume_too_large", "volume_too_large")):
        world = still(ASKS[:1], BIDS[:1], beyond_depth_name=name)
        status, answer = world.ask(UPBIT, "POST", "/v1/orders", body=BUY | {"price": "100001"})
        assert (status, answer["error"]["name"]) == (400, expected)
        assert world.balances(UPBIT)["KRW"] == ("100000000", "0")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"price": "4999000", "volume": "0.001"}, "under_min_total_bid"),
        ({"volume": "11.2"}, "over_krw_funds_bid"),
        ({"price": "90000500"}, "invalid_price_bid"),
    ],
)
def test_row_9_minimum_maximum_and_tick(world, change, name):
    status, answer = world.ask(UPBIT, "POST", "/v1/orders", body=REST | change)
    assert (status, answer["error"]["name"]) == (400, name)


def test_row_10_both_algorithms_unencoded_hash_and_nonce_once(world, sign):
    secret = sim_of(world).accounts["AK-U"].secret.decode()
    text = "states[]=wait&states[]=watch"
    for alg in ("HS256", "HS512"):
        headers = {"authorization": sign("AK-U", secret, text, alg)}
        request = Request("GET", "/v1/orders/open", "states%5B%5D=wait&states%5B%5D=watch", headers)
        assert world.send(UPBIT, request).status == 200
        again = world.send(UPBIT, request)
        assert (again.status, json.loads(again.body)["error"]["name"]) == (401, "nonce_used")
    encoded = {"authorization": sign("AK-U", secret, "states%5B%5D=wait")}
    wrong = world.send(UPBIT, Request("GET", "/v1/orders/open", "states%5B%5D=wait", encoded))
    assert json.loads(wrong.body)["error"]["name"] == "invalid_query_payload"


def test_row_11_remaining_requests_plain_429_and_418_for_who_keeps_pushing(world):
    ask = Request("GET", "/v1/trades/ticks", "market=KRW-BTC")
    first = world.send(UPBIT, ask)
    assert dict(first.headers)["Remaining-Req"] == "group=crix-trades; min=600; sec=9"
    answers = [world.send(UPBIT, ask) for _ in range(25)]
    assert Counter(answer.status for answer in answers) == {200: 9, 429: 10, 418: 6}
    assert next(answer.body for answer in answers if answer.status == 429) == b"Too many API requests."


def test_row_12_binary_frames_replaced_subscriptions_no_ack_and_units_that_fall_back(make_world):
    world = make_world(markets=("KRW-BTC",))
    session = public(world)
    say(world, session, {"type": "trade", "codes": ["KRW-NOPE"]})
    assert session.outbox == [], "no acknowledgement"
    say(world, session, {"type": "orderbook", "codes": ["KRW-BTC.1"]})
    assert [out.is_binary for out in session.outbox] == [True]
    assert len(heard(session)[0]["orderbook_units"]) == 1
    say(world, session, {"type": "orderbook", "codes": ["KRW-BTC.7"]})
    world.pass_ms(600)
    assert {len(frame["orderbook_units"]) for frame in heard(session)} == {30}, "7 is no unit"
    say(world, session, {"type": "orderbook", "codes": ["KRW-BTC"], "level": 7})
    world.pass_ms(600)
    assert heard(session) == []


def test_row_13_idle_close_after_120_s_text_ping_and_error_frames(world):
    silent, pinging = public(world), public(world)
    pinging.receive(b"PING", world.now)
    world.pass_ms(119_999)
    assert silent.close_code is None
    world.pass_ms(2)
    assert (silent.close_code, pinging.close_code) == (ABNORMAL, None)
    assert heard(pinging) == [{"status": "UP"}] * 13
    say(world, pinging, {"codes": ["KRW-BTC"]})
    assert heard(pinging)[0]["error"]["name"] == "NO_TYPE"


def test_row_14_snapshot_then_realtime_full_books_mixed_numbers_and_padding_of_choice(still):
    for padding, ranks in ((Padding.ZEROS, 2), (Padding.CUT, 1)):
        world = still(asks=[ASKS[0], ("0", "0")], padding=padding)
        session = public(world)
        say(world, session, {"type": "orderbook", "codes": ["KRW-BTC"]})
        world.pass_ms(600)
        raw = [out.data for out in session.outbox]
        frames = heard(session)
        assert [frame["stream_type"] for frame in frames[:3]] == ["SNAPSHOT", "REALTIME", "REALTIME"]
        assert {len(frame["orderbook_units"]) for frame in frames} == {ranks}
        assert not {"sequence", "seq", "checksum"} & set(frames[0])
        assert b'"level":0' in raw[0]
        assert b'"ask_price":1.0E8' in raw[0]
    rest = world.send(UPBIT, Request("GET", "/v1/orderbook", "markets=KRW-BTC"))
    assert b'"ask_price":100000000,' in rest.body, "REST writes the same price as an int"


def test_row_15_sequential_ids_are_milliseconds_times_ten_thousand_with_the_quote_beside_them(make_world):
    world = make_world(markets=("KRW-BTC",))
    session = public(world)
    say(world, session, {"type": "trade", "codes": ["KRW-BTC"]})
    world.pass_ms(60_000)
    trades = heard(session)
    ids = [trade["sequential_id"] for trade in trades]
    assert len(set(ids)) == len(ids) > 20
    assert ids != sorted(ids), "unique, not in order"
    assert all(0 <= trade["trade_timestamp"] - trade["sequential_id"] // 10_000 <= 15 for trade in trades)
    assert all(0 < trade["best_bid_price"] < trade["best_ask_price"] for trade in trades)


def test_row_16_own_orders_keep_nulls_are_numbers_and_begin_without_a_snapshot(world, sign):
    world.order(UPBIT, **REST, identifier="before")
    world.pass_ms(100)
    session = private(world, sign)
    say(world, session, {"type": "myOrder"})
    assert heard(session) == []
    world.order(UPBIT, **BUY, identifier="r16")
    world.pass_ms(100)
    frames = heard(session)
    assert [frame["state"] for frame in frames] == ["wait", "trade", "done"], "20,000 divide exactly here"
    assert (frames[0]["trade_uuid"], frames[0]["time_in_force"], frames[0]["is_maker"]) == (None, None, None)
    assert (frames[1]["price"], frames[1]["volume"], frames[1]["trade_fee"]) == (100000000, Decimal("0.0002"), 10)


def test_row_17_maintenance_refuses_hangs_cancels_what_is_priced_through_and_opens_wallets_later(make_world):
    world = make_world(markets=("KRW-BTC", "KRW-ETH"))
    sim = sim_of(world)
    session = public(world)
    say(world, session, {"type": "orderbook", "codes": ["KRW-BTC"]})
    best = get(world, "/v1/orderbook", "markets=KRW-BTC&count=1")[1][0]["orderbook_units"][0]
    low = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "volume": "0.001"}
    world.order(UPBIT, **low, price=str(round(best["bid_price"] * 0.9) // 1000 * 1000), identifier="survives")
    world.pass_ms(100)
    sim.closing.streams = Streams.FREEZE
    sim.closing.wallets_after_ns = 300 * 10**9
    sim.closing.begin(world.now)
    heard(session)
    world.pass_ms(5_000)
    assert (heard(session), session.close_code) == ([], None), "the socket hangs"
    status, answer = world.ask(UPBIT, "POST", "/v1/orders", body=REST)
    assert (status, answer["error"]["name"]) == (403, "market_offline")
    sim.closing.end(world.now)
    world.pass_ms(1_000)
    assert world.find(UPBIT, "survives")["state"] == "wait"
    world.pass_ms(298_000)
    assert sim.wallets.real("BTC").state is WalletState.PAUSED
    world.pass_ms(2_000)
    assert sim.wallets.real("BTC").state is WalletState.WORKING


def test_row_18_wallet_states_lag_minutes_behind_the_truth(world):
    sim_of(world).wallets.change("BTC", WalletState.PAUSED, world.now)
    states = []
    for _ in range(2):
        states.append(get(world, "/v1/status/wallet")[1][0]["wallet_state"])
        world.pass_ms(180_000)
    assert states == ["working", "paused"]


def test_row_19_what_omitting_smp_means_changes_on_2026_11_09(world, still):
    assert [(era.from_ns, era.default) for era in UPBIT_SMP] == [
        (0, Smp.NONE),
        (parse_time("2026-11-09T00:00:00+09:00"), Smp.CANCEL_MAKER),
    ]
    assert world.order(UPBIT, **REST)["smp_type"] == "cancel_maker"
    before = still(smp_always_from_ns=2**62)
    sim_of(before).set_rules(smp_eras=UPBIT_SMP[:1])
    assert "smp_type" not in before.order(UPBIT, **REST)
    assert before.order(UPBIT, **REST, smp_type="reduce")["smp_type"] == "reduce"


def test_row_20_orders_per_second_are_eight_or_twelve(still):
    assert limits(UpbitQuirks())["order"].at(parse_time("2026-08-21T20:59:59+09:00")).capacity == 8
    for most in (8, 12):
        world = still(orders_per_second=most)
        answers = [world.ask(UPBIT, "POST", "/v1/orders", body=REST)[0] for _ in range(most + 1)]
        assert answers == [201] * most + [429]
