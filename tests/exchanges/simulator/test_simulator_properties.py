"""Whatever is ordered: nothing is created or lost, nothing goes below zero, the log tells the same story."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arbitrage.domain.units import Exchange
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.matching import Fault
from exchanges.simulator.money import FINE
from exchanges.simulator.orders import Draft, OrdType, Side, Tif, combination_fault
from exchanges.simulator.simulator import Simulator

START_NS = 1_795_400_000_000_000_000
UNIT = 10**8

_prices = st.integers(min_value=115_000, max_value=118_000).map(lambda ticks: ticks * 1_000 * UNIT)
_volumes = st.integers(min_value=5_000, max_value=2 * UNIT)
_funds = st.integers(min_value=5_000 * UNIT, max_value=90_000_000 * UNIT)
_drafts = st.builds(
    Draft,
    market=st.just("KRW-BTC"),
    side=st.sampled_from(Side),
    ord_type=st.sampled_from(OrdType),
    price=st.one_of(st.none(), _prices, _funds),
    volume=st.one_of(st.none(), _volumes),
    tif=st.sampled_from([None, *Tif]),
    client_order_id=st.none(),
).filter(lambda draft: combination_fault(draft) is None)
_steps = st.lists(
    st.tuples(st.sampled_from(Exchange), st.one_of(_drafts, st.just("cancel")), st.integers(0, 400)),
    min_size=1,
    max_size=25,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(_steps, st.integers(1, 1_000))
def test_every_asset_is_conserved_and_no_hold_goes_below_zero(steps, seed):
    accounts = tuple(
        AccountSpec(exchange, "AK", "s", {"KRW": 100_000_000 * FINE, "BTC": FINE}) for exchange in Exchange
    )
    simulator = Simulator(SimConfig(seed=seed, markets=("KRW-BTC",), accounts=accounts), START_NS)
    totals, now = simulator.totals(), START_NS
    for exchange, what, wait_ms in steps:
        matching = simulator.venue(exchange).matching
        account = matching.accounts["AK"]
        if what == "cancel":
            for order in [order for order in matching.orders.values() if order.is_open]:
                matching.cancel(order, now)
        else:
            placed = matching.place(account, what, now)
            assert isinstance(placed, Fault) or placed.locked > 0
        now += wait_ms * 1_000_000
        while (due := simulator.next_due()) <= now:
            simulator.advance(due)
        assert simulator.totals() == totals
        open_orders = [order for order in matching.orders.values() if order.is_open]
        for asset in ("KRW", "BTC"):
            assert account.free[asset] >= 0
            held = sum(order.locked for order in open_orders if order.lock_asset == asset)
            assert account.locked.get(asset, 0) == held
    for exchange in Exchange:
        for order in simulator.venue(exchange).matching.orders.values():
            assert order.executed_qty == sum(trade.qty for trade in order.trades)
            assert order.executed_funds == sum(trade.funds for trade in order.trades)
            assert order.paid_fee == sum(trade.fee for trade in order.trades)
            if order.draft.volume is not None:
                assert order.executed_qty <= order.draft.volume
