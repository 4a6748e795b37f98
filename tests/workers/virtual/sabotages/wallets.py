"""What could go wrong with reservations."""

from arbitrage.domain.balances import Wallets
from tests.sabotage import Edit
from tests.workers.virtual.sabotages.sabotage import Sabotage, wrong
from workers.virtual.deeds.deed import Family as F

SABOTAGES: dict[str, Sabotage] = {
    "reservations are never given back": wrong(
        {F.ORDERS},
        "still_reserved",
        Edit(Wallets._drop, "-= reservation.amount", "-= 0"),
    ),
}
