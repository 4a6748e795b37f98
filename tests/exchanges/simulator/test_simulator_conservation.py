"""Whatever is ordered, paid in or out, halted or taken back: every asset adds up, and a restart finds it so."""

import contextlib
import tempfile
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arbitrage.domain.units import Exchange, Side
from exchanges.simulator.cash import Kind
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.money import FINE
from exchanges.simulator.orders import Draft, OrdType, Tif, combination_fault, order_to_plain
from exchanges.simulator.rules import Smp
from exchanges.simulator.simulator import Simulator
from exchanges.simulator.steps import Fault
from exchanges.simulator.wallets import WalletState

START_NS = 1_795_400_000_000_000_000
UNIT = 10**8
MS = 1_000_000
ACCOUNTS = tuple(
    AccountSpec(exchange, key, "s", {"KRW": 100_000_000 * FINE, "BTC": FINE})
    for exchange in Exchange
    for key in ("one", "two")
)

# Inside the book's spread, mostly: there the orders of the accounts meet each other.
_prices = st.integers(min_value=116_485, max_value=116_515).map(lambda ticks: ticks * 1_000 * UNIT)
_kinds = st.sampled_from(
    [
        *[(OrdType.LIMIT, tif) for tif in (None, None, None, None, *Tif)],
        (OrdType.PRICE, None),
        (OrdType.MARKET, None),
        (OrdType.BEST, Tif.IOC),
        (OrdType.BEST, Tif.FOK),
    ]
)


def _draft(side, kind, price, funds, volume, smp):
    ord_type, tif = kind
    if ord_type in (OrdType.PRICE, OrdType.MARKET):
        ord_type = OrdType.PRICE if side is Side.BID else OrdType.MARKET
    by_funds = side is Side.BID and ord_type in (OrdType.PRICE, OrdType.BEST)
    asked = price if ord_type is OrdType.LIMIT else funds if by_funds else None
    draft = Draft("KRW-BTC", side, ord_type, asked, None if by_funds else volume, tif, None, smp)
    return draft if combination_fault(draft) is None else msgspec.structs.replace(draft, smp=None)


_drafts = st.builds(
    _draft,
    st.sampled_from(Side),
    _kinds,
    _prices,
    st.integers(5_000 * UNIT, 60_000_000 * UNIT),
    st.integers(5_000, UNIT // 4),
    st.sampled_from([None, *Smp]),
)
_rare = ["deposit", "withdraw", "stop_withdraw", "reverse", "shut", "open", "open", "fee", "restart"]
_acts = st.one_of(
    *[st.tuples(st.just("place"), _drafts)] * 6,
    st.tuples(st.just("replace"), _drafts),
    st.tuples(st.just("cancel"), st.none()),
    st.tuples(st.sampled_from(_rare), st.none()),
)
_steps = st.lists(
    st.tuples(st.sampled_from(["one", "two"]), _acts, st.sampled_from([0, 3, 20, 80, 200])), min_size=15, max_size=50
)


class Run:
    """One simulator that may be restarted, and what it should still hold."""

    def __init__(self, folder, seed):
        self.config = SimConfig(seed=seed, markets=("KRW-BTC",), accounts=ACCOUNTS, state_dir=folder)
        self.now = START_NS
        self.simulator = Simulator(self.config, self.now)
        self.totals = self.simulator.totals()

    def act(self, exchange, key, what, draft):
        """Do one thing."""
        sim = self.simulator.exchange(exchange)
        matching, cash, account = sim.matching, sim.cash, sim.accounts[key]
        mine = [order for order in matching.open_orders.values() if order.access_key == key]
        match what:
            case "place":
                placed = matching.place(account, draft, self.now)
                assert isinstance(placed, Fault) or placed.locked > 0
            case "replace" if mine:
                matching.replace(mine[0], draft, self.now)
            case "cancel":
                for order in mine:
                    matching.cancel(order, self.now)
            case "deposit":
                cash.deposit(account, "BTC", FINE // 7, self.now, delay_ns=50 * MS)
            case "withdraw":
                cash.withdraw_fees["BTC"] = FINE // 1_000
                cash.withdraw(account, "BTC", FINE // 9, self.now, delay_ns=80 * MS)
            case "stop_withdraw":
                for one in cash.of(account, Kind.WITHDRAWAL):
                    cash.cancel(account, one.movement_id, self.now)
            case "reverse":
                for order in list(matching.orders.values())[:3]:
                    for trade in order.trades[:1]:
                        cash.reverse(trade.trade_id, self.now)
            case "shut":
                sim.closing.begin(self.now)
            case "open":
                sim.closing.end(self.now)
                sim.wallets.change_all(WalletState.WORKING, self.now)
            case "fee":
                sim.tariff.change(2_500, 1_000, self.now + 30 * MS)
            case "restart":
                self.restart()

    def restart(self):
        """End the process and read the log: nothing may have changed."""
        before = self.image()
        self.simulator.close()
        self.simulator = Simulator(self.config, self.now)
        assert self.image() == before

    def image(self):
        """Return all that must survive."""
        image = {}
        for exchange in Exchange:
            sim = self.simulator.exchange(exchange)
            accounts = {
                key: ({k: v for k, v in a.free.items() if v}, {k: v for k, v in a.locked.items() if v})
                for key, a in sim.accounts.items()
            }
            orders = {order_id: order_to_plain(order) for order_id, order in sim.matching.orders.items()}
            image[exchange] = (accounts, orders, sim.cash.movements, sim.cash.outside)
        return image

    def pass_ms(self, ms):
        """Let time pass, event by event, and look after each."""
        end = self.now + ms * MS
        while (due := self.simulator.next_due()) is not None and due <= end:
            self.simulator.advance(due)
        self.now = end

    def check(self):
        """Assert that everything adds up."""
        assert self.simulator.totals() == self.totals
        for exchange in Exchange:
            sim = self.simulator.exchange(exchange)
            for key, account in sim.accounts.items():
                mine = [order for order in sim.matching.open_orders.values() if order.access_key == key]
                for asset in ("KRW", "BTC"):
                    assert account.free.get(asset, 0) >= 0
                    held = sum(order.locked for order in mine if order.lock_asset == asset)
                    assert account.locked.get(asset, 0) == held + sim.cash.held(account, asset)
            for order in sim.matching.orders.values():
                assert order.executed_qty == sum(trade.qty for trade in order.trades)
                assert order.paid_fee == sum(trade.fee for trade in order.trades)
                assert order.remaining_qty >= 0
                assert order.remaining_fee >= 0
                assert order.prevented_fee <= order.prevented_locked
                if order.draft.by_funds:
                    assert order.remaining_funds >= 0
            _check_book(sim)


# No two resting orders of different accounts stand through each other, and what everyone sees is never crossed.
def _check_book(sim):
    if sim.closing.is_closed("KRW-BTC"):
        return
    bids, asks = (sim.matching.register.resting.side("KRW-BTC", side).levels(30) for side in (Side.BID, Side.ASK))
    assert not bids or not asks or bids[0][0] < asks[0][0]
    view = sim.view("KRW-BTC", 0)
    assert not view.bids or not view.asks or view.bids[0][0] < view.asks[0][0]
    assert len(view.bids) <= 30
    assert len(view.asks) <= 30


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(Exchange), _steps, st.integers(1, 1_000))
def test_every_asset_adds_up_through_orders_cash_halts_and_restarts(exchange, steps, seed):
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder), seed)
        with contextlib.ExitStack() as at_end:
            at_end.callback(lambda: run.simulator.close())
            for key, (what, draft), wait_ms in steps:
                run.act(exchange, key, what, draft)
                run.pass_ms(wait_ms)
                run.check()
            run.restart()
            run.check()
