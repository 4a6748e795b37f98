"""The three incidents as data: times that shrink, waits of the wire that do not, stand-ins for coins not listed."""

import pytest

from exchanges.simulator.incidents import INCIDENTS, SOLANA_THEFT, scenario_words


def test_a_coin_that_is_not_listed_is_played_by_the_smallest_that_are():
    words = scenario_words(SOLANA_THEFT, ("KRW-BTC", "KRW-ETH", "KRW-XRP"), 60)
    assert {step["market"] for step in words["steps"] if "market" in step} == {"KRW-ETH", "KRW-XRP"}
    assert [step["currency"] for step in words["steps"] if "currency" in step] == ["XRP", "ETH"]


@pytest.mark.parametrize("name", INCIDENTS)
def test_a_factor_shortens_times_and_not_the_waits_of_the_wire(name):
    slow, fast = (scenario_words(INCIDENTS[name], ("KRW-BTC", "KRW-ETH"), factor)["steps"] for factor in (1, 100))
    for one, other in zip(slow, fast, strict=True):
        for member in one:
            scaled = member in ("at_ns", "over_ns", "lasts_ns", "within_ns")
            assert one[member] == (other[member] * 100 if scaled else other[member]), member
    assert [step["at_ns"] for step in slow] == sorted(step["at_ns"] for step in slow)
    assert 2 * 3_600 * 10**9 < slow[-1]["at_ns"] <= 86_400 * 10**9
