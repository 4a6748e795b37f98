"""Another fee than the rules say is told from rounding, and from no fee told at all."""

from decimal import Decimal

import msgspec
import pytest
from desk_builders import instrument
from order_makers import make_order

from arbitrage.domain.fee_check import is_other_fee
from arbitrage.domain.order import Fill, OrderState
from arbitrage.domain.units import SCALE, Exchange, Ns, Price, Qty

FUNDS = Decimal(1_000_000)
FILL = Fill("1", Price(4_000_000 * SCALE), Qty(SCALE // 4), FUNDS, Ns(1))


def charged(fee: str, *, fills=(FILL,)):
    executed = Qty(SCALE // 4)
    return make_order(
        Exchange.BITHUMB,
        state=OrderState.FILLED,
        qty=executed,
        executed_qty=executed,
        executed_funds=FUNDS,
        paid_fee=Decimal(fee),
        fills=fills,
    )


RULES = msgspec.structs.replace(instrument(Exchange.BITHUMB, fee_ppm=400), fee_step_dec=Decimal("0.01"))


@pytest.mark.parametrize(
    ("fee", "is_other"),
    [("400", False), ("399.99", False), ("410.01", False), ("410.02", True), ("389.98", True), ("2500", True)],
)
def test_what_is_off_by_more_than_rounding_is_another_fee(fee, is_other):
    assert is_other_fee(charged(fee), RULES) is is_other


def test_no_fee_told_says_nothing():
    assert not is_other_fee(charged("0"), RULES)


def test_what_fills_do_not_prove_says_nothing():
    assert not is_other_fee(charged("2500", fills=()), RULES)
