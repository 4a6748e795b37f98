"""Money without orders: deposits, withdrawals, wallets, fees, fills taken back (upbit.md §1.9, bithumb.md §5.4)."""

import pytest

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Exchange
from exchanges.simulator.cash import CashFault, Kind, Progress
from exchanges.simulator.kst import SECOND
from exchanges.simulator.money import FINE
from exchanges.simulator.tariff import FULL_RATE_PPM
from exchanges.simulator.wallets import BlockState, WalletState

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
BOOK = [("100000000", "5"), ("100001000", "5")], [("99000000", "5"), ("98999000", "5")]
BUY = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "100000000", "volume": "0.01"}


def frames(frame):
    """Return recording lines with books that stand still."""
    return [frame(one, "KRW-BTC", *BOOK) for one in Exchange]


class Desk:
    """One account on Upbit with its cash desk."""

    def __init__(self, world):
        self.world = world
        self.sim = world.simulator.exchange(UPBIT)
        self.cash, self.wallets = self.sim.cash, self.sim.wallets
        self.account = self.sim.accounts["AK-U"]
        self.heard = []
        self.cash.on_assets = lambda account, assets, at: self.heard.append(assets)

    @property
    def now(self):
        """Return the time."""
        return self.world.now

    def balance(self, asset):
        """Return free and locked as the wire shows them."""
        return self.world.balances(UPBIT).get(asset, ("0", "0"))


@pytest.fixture
def desk(make_world, frame, tmp_path):
    return Desk(make_world(frames(frame), markets=("KRW-BTC", "KRW-ETH"), state_dir=tmp_path))


@pytest.fixture
def reborn(make_world, frame, tmp_path):
    def again(desk):
        totals = desk.world.simulator.totals()
        desk.world.simulator.close()
        fresh = Desk(make_world(frames(frame), markets=("KRW-BTC", "KRW-ETH"), state_dir=tmp_path))
        assert fresh.world.simulator.totals() == totals
        return fresh

    return again


def test_deposit_is_seen_at_once_and_credited_when_it_is_through(desk, reborn):
    totals = desk.world.simulator.totals()
    one = desk.cash.deposit(desk.account, "BTC", 2 * FINE, desk.now, delay_ns=SECOND, txid="0xabc")
    assert (one.progress, desk.balance("BTC"), desk.heard) == (Progress.PROCESSING, ("1", "0"), [])
    again = reborn(desk)
    again.world.pass_ms(1_000)
    assert again.balance("BTC") == ("3", "0")
    assert again.heard == [("BTC",)]
    (kept,) = again.cash.of(again.account, Kind.DEPOSIT)
    assert (kept.movement_id, kept.progress, kept.txid, kept.done_ns) == (
        one.movement_id,
        Progress.DONE,
        "0xabc",
        one.due_ns,
    )
    assert again.world.simulator.totals() == totals
    assert reborn(again).balance("BTC") == ("3", "0")


def test_deposit_waits_for_a_closed_wallet(desk):
    desk.wallets.change("BTC", WalletState.WITHDRAW_ONLY, desk.now)
    desk.cash.deposit(desk.account, "BTC", FINE, desk.now)
    desk.world.pass_ms(61_000)
    assert desk.balance("BTC") == ("1", "0")
    desk.wallets.change("BTC", WalletState.WORKING, desk.now)
    desk.world.pass_ms(60_000)
    assert desk.balance("BTC") == ("2", "0")


def test_withdrawal_holds_amount_and_fee_then_leaves(desk, reborn):
    totals = desk.world.simulator.totals()
    desk.cash.withdraw_fees["BTC"] = FINE // 100
    one = desk.cash.withdraw(desk.account, "BTC", FINE // 2, desk.now, delay_ns=SECOND, address="bc1q")
    assert (one.progress, desk.balance("BTC")) == (Progress.WAITING, ("0.49", "0.51"))
    assert desk.cash.held(desk.account, "BTC") == 51 * FINE // 100
    again = reborn(desk)
    assert again.balance("BTC") == ("0.49", "0.51")
    again.world.pass_ms(1_000)
    assert again.balance("BTC") == ("0.49", "0")
    assert again.cash.held(again.account, "BTC") == 0
    assert again.world.simulator.totals() == totals
    assert again.cash.cancel(again.account, one.movement_id, again.now) is CashFault.NOT_FOUND


def test_cancelled_withdrawal_comes_back_and_never_leaves(desk, reborn):
    one = desk.cash.withdraw(desk.account, "KRW", 1_000 * FINE, desk.now, delay_ns=SECOND)
    assert desk.cash.cancel(desk.account, one.movement_id, desk.now).progress is Progress.CANCELLED
    desk.world.pass_ms(2_000)
    assert desk.balance("KRW") == ("100000000", "0")
    assert reborn(desk).balance("KRW") == ("100000000", "0")


def test_withdrawal_without_funds_or_through_a_closed_wallet_moves_nothing(desk):
    assert desk.cash.withdraw(desk.account, "BTC", 2 * FINE, desk.now) is CashFault.FUNDS_SHORT
    desk.wallets.change("BTC", WalletState.DEPOSIT_ONLY, desk.now)
    assert desk.cash.withdraw(desk.account, "BTC", FINE, desk.now) is CashFault.WALLET_CLOSED
    assert (desk.balance("BTC"), desk.cash.movements) == (("1", "0"), {})


def test_fill_is_taken_back_with_its_fee_and_the_order_still_shows_it(desk, reborn):
    desk.world.order(UPBIT, **BUY, identifier="a")
    desk.world.pass_ms(100)
    order = desk.world.find(UPBIT, "a")
    assert desk.balance("BTC") == ("1.01", "0")
    (one,) = desk.cash.reverse(order["trades"][0]["uuid"], desk.now)
    assert (one.kind, one.amount, one.krw, one.fee) == (
        Kind.REVERSAL,
        -FINE // 100,
        1_000_500 * FINE,
        500 * FINE,
    )
    assert (desk.balance("BTC"), desk.balance("KRW")) == (("1", "0"), ("100000000", "0"))
    assert desk.world.find(UPBIT, "a") == order
    assert desk.cash.reverse(one.trade_id, desk.now) is CashFault.NOT_FOUND
    assert reborn(desk).balance("KRW") == ("100000000", "0")


def test_fill_whose_coins_are_gone_is_not_taken_back(desk):
    desk.world.order(UPBIT, **BUY, identifier="a")
    desk.world.pass_ms(100)
    trade_id = desk.world.find(UPBIT, "a")["trades"][0]["uuid"]
    desk.cash.withdraw(desk.account, "BTC", 101 * FINE // 100, desk.now, delay_ns=0)
    desk.world.pass_ms(1)
    assert desk.cash.reverse(trade_id, desk.now) is CashFault.FUNDS_SHORT
    assert desk.balance("KRW") == ("98999500", "0")


def row(desk, currency="BTC"):
    """Return one row of /v1/status/wallet."""
    return next(row for row in desk.world.ask(UPBIT, "GET", "/v1/status/wallet")[1] if row["currency"] == currency)


def test_wallet_state_is_shown_minutes_after_it_is_true(desk, reborn):
    desk.wallets.change("BTC", WalletState.PAUSED, desk.now, block=BlockState.INACTIVE)
    assert (desk.wallets.real("BTC").state, row(desk)["wallet_state"]) == (WalletState.PAUSED, "working")
    again = reborn(desk)
    again.world.pass_ms(179_999)
    assert row(again)["wallet_state"] == "working"
    again.world.pass_ms(1)
    shown = row(again)
    assert (shown["wallet_state"], shown["block_state"], shown["block_elapsed_minutes"]) == ("paused", "inactive", 3)
    assert row(again, "ETH")["wallet_state"] == "working"


def test_each_network_of_a_coin_has_its_own_state(desk):
    desk.wallets.lag_ns = 0
    desk.wallets.add_network("ETH", "ARB")
    desk.wallets.change("ETH", WalletState.PAUSED, desk.now, net_type="ARB")
    rows = desk.world.ask(UPBIT, "GET", "/v1/status/wallet")[1]
    assert [(row["net_type"], row["wallet_state"]) for row in rows if row["currency"] == "ETH"] == [
        ("ETH", "working"),
        ("ARB", "paused"),
    ]
    with pytest.raises(ConfigError, match="upbit has no wallet ETH XYZ"):
        desk.wallets.change("ETH", WalletState.PAUSED, desk.now, net_type="XYZ")


def test_coupon_ends_at_its_moment_also_after_a_restart_and_open_orders_keep_their_rate(desk, reborn):
    sim = desk.world.simulator.exchange(BITHUMB)
    words = {"market": "KRW-BTC", "side": "bid", "order_type": "limit", "volume": "0.01"}
    sim.tariff.change(FULL_RATE_PPM, FULL_RATE_PPM, desk.now + 2 * SECOND)
    again = reborn(desk)
    again.world.order(BITHUMB, **words, price="100000000", client_order_id="before")
    again.world.order(BITHUMB, **words, price="98000000", client_order_id="resting")
    again.world.pass_ms(2_000)
    again.world.order(BITHUMB, **words, price="100000000", client_order_id="after")
    again.world.pass_ms(100)
    assert [again.world.find(BITHUMB, name)["paid_fee"] for name in ("before", "after")] == ["400", "2500"]
    assert again.world.find(BITHUMB, "resting")["reserved_fee"] == "392"
    assert again.world.ask(BITHUMB, "GET", "/v1/orders/chance", "market=KRW-BTC")[1]["bid_fee"] == "0.0025"
    again.world.simulator.exchange(BITHUMB).tariff.change(0, 100, desk.now)
    rules = reborn(again).world.simulator.exchange(BITHUMB).rules
    assert (rules.bid_fee_ppm, rules.ask_fee_ppm) == (0, 100)
