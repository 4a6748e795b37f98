"""Capability 8: no order is refused for want of funds that the desk itself spent, whatever others do meanwhile.

Each story has 200 signals on shared balances; `--full` lives through 10,000 of them.
"""

import pytest
from reservation_story import lived

from arbitrage.domain import balances
from arbitrage.domain.balances import Wallets
from tests.sabotage import Edit, apply


@pytest.mark.timeout(3600)
def test_two_hundred_signals_share_balances_and_none_is_refused_for_want_of_funds(full_size) -> None:
    stories = full_size(100, 10_000)
    counted = lived(stories)
    assert counted["reserved"] + counted["short"] == stories * 200
    assert counted["reserved"] > 5_000
    assert counted["short"] > 5_000
    assert counted["hedges"] > 2_000
    for others in ("deposit", "withdrawal", "by_hand", "rests", "refused_for_others"):
        assert counted[others] > 50, others


@pytest.mark.parametrize(
    "edit",
    [
        Edit(balances._Purse.on_the_way, "return self.reserved + sum(amount for _, amount in self.spent)", "return 0"),
        Edit(balances._Purse.on_the_way, "self.reserved + sum(", "self.reserved + 0 * sum("),
        Edit(Wallets._set, "if ended_ns >= as_of_ns", "if False"),
        Edit(Wallets._set, "if as_of_ns < purse.as_of_ns:", "if False:"),
        Edit(Wallets.reserve, "wanted[reservation.exchange, reservation.asset] += reservation.amount", "pass"),
        Edit(Wallets._drop, "-= reservation.amount", "-= reservation.amount // 2"),
    ],
    ids=["nothing_on_the_way", "spent_forgotten", "spent_dropped_early", "old_reading_used", "not_asked", "half_back"],
)
def test_a_reservation_done_wrong_is_seen_within_a_few_stories(edit: Edit, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(monkeypatch, (edit,))
    with pytest.raises(AssertionError):
        lived(40)
