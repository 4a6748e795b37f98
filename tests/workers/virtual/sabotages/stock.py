"""What could go wrong with lopsided stock."""

from arbitrage.domain import risk
from tests.sabotage import Edit
from tests.workers.virtual.sabotages.sabotage import Sabotage, wrong
from workers.desk import TradingDesk
from workers.virtual.deeds.deed import Family as F

SABOTAGES: dict[str, Sabotage] = {
    "a side is emptied to the end": wrong(
        {F.ORDERS},
        "emptied_further",
        Edit(risk.is_stock_lopsided, "q.params.hard_band_ppm", "PPM"),
        seed=505,
    ),
    "balances of any age will do": wrong(
        {F.ACCOUNT, F.TRANSPORT},
        "stale_balance",
        Edit(risk.is_balance_stale, "return not q.exposure.balances_read_ns or", "return False and"),
        seed=514,
    ),
    "discounts have no budget": wrong(
        {F.ACCOUNT},
        "discount_overspent",
        Edit(
            TradingDesk._discount_left,
            "self._params().discount_budget_krw - self.today.discount(now_wall) - planned",
            "10**15",
        ),
        seed=525,
    ),
}
