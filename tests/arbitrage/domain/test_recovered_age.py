import msgspec
import pytest
from desk_builders import moment, opened, quotes

from arbitrage.domain.arb import Arb, Cancel, Moment, OrderHeard, Tick
from arbitrage.domain.arb_step import advance, recovered
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.order import OrderOn, OrderReport
from arbitrage.domain.params import MS, SECOND
from arbitrage.domain.units import Ns, Qty

BUY, SELL = "t1-1-b", "t1-1-s"
BOOTED = Ns(7 * SECOND)
"""The monotonic clock of a machine that was started anew: it says nothing of what was before."""


def restarted(*wall_ms: int) -> Arb:
    """Return the arb of a trader that died with both legs sent and the purchase taken, read back at wall clocks."""
    arb = opened()
    for leg in (BUY, SELL):
        arb, _ = advance(arb, OrderHeard(leg, OrderReport(OrderOn.SENT)), moment(0))
    arb, _ = advance(arb, OrderHeard(BUY, OrderReport(OrderOn.ACKED)), moment(1))
    for each in wall_ms:
        arb, _ = recovered(arb, Moment(BOOTED, moment(each).wall_ns))
    return arb


def cancelled(arb: Arb, after_ms: int) -> list[str]:
    """Return what is cancelled so long after the restart."""
    now = Moment(Ns(BOOTED + after_ms * MS), moment(0).wall_ns)
    _, actions = advance(arb, Tick(quotes(None, None), TradingLevel.ACTIVE), now)
    return [action.order.client_order_id for action in actions if isinstance(action, Cancel)]


@pytest.mark.parametrize(
    ("wall_ms", "due_ms"),
    [((8_860,), 1_140), ((4_000, 8_860), 1_140), ((600_000,), 500), ((-3_600_000,), 500)],
    ids=["in time", "twice", "long after", "with the wall clock set back"],
)
def test_a_restart_does_not_put_off_the_cancel_of_an_order_that_works(wall_ms, due_ms):
    arb = restarted(*wall_ms)
    assert cancelled(arb, due_ms - 1) == []
    assert cancelled(arb, due_ms) == [BUY]


@pytest.mark.parametrize("wall_ms", [10_000, 10_001, 600_000, 365 * 86_400_000, -1, -3_600_000])
def test_the_age_of_an_order_that_works_is_at_most_the_time_until_its_cancel(wall_ms):
    works = restarted(wall_ms).orders[0]
    assert works.planned_mono_ns == BOOTED - 10 * SECOND


@pytest.mark.parametrize("wall_ms", [10_000, 10_001, 600_000, 365 * 86_400_000, -1, -3_600_000])
def test_the_age_of_an_order_that_ended_is_at_most_the_time_limit_of_a_lone_leg(wall_ms):
    arb = opened()
    arb, _ = advance(arb, OrderHeard(SELL, OrderReport(OrderOn.CANCELED, executed_qty=Qty(0))), moment(1))
    arb, _ = recovered(arb, Moment(BOOTED, moment(wall_ms).wall_ns))
    ended = arb.orders[1]
    assert (ended.planned_mono_ns, ended.heard_mono_ns) == (BOOTED - 10 * SECOND, BOOTED)


def test_an_order_nobody_knows_of_has_its_whole_time_to_be_found_after_a_restart():
    arb = restarted(600_000)
    unknown = next(order for order in arb.orders if order.client_order_id == SELL)
    assert unknown.planned_mono_ns == BOOTED
    now = Moment(Ns(BOOTED + 100 * MS), moment(600_100).wall_ns)
    arb, _ = advance(arb, OrderHeard(SELL, OrderReport(OrderOn.NOT_FOUND)), now)
    found = next(order for order in arb.orders if order.client_order_id == SELL)
    assert msgspec.structs.replace(found, heard_mono_ns=unknown.heard_mono_ns) == unknown
