"""The campaign can fail: every sabotage of the trading path breaks a rule within a few runs."""

import pytest

from tests.sabotage import apply
from tests.workers.virtual.sabotages import arming, executor, gate, gateways, journal, limits, steps, stock, wallets
from tests.workers.virtual.sabotages.sabotage import FIRST_SEED, SEEDS, Sabotage
from workers.virtual.run import run

SABOTAGES: dict[str, Sabotage] = {
    **gateways.SABOTAGES,
    **executor.SABOTAGES,
    **steps.SABOTAGES,
    **gate.SABOTAGES,
    **journal.SABOTAGES,
    **wallets.SABOTAGES,
    **stock.SABOTAGES,
    **arming.SABOTAGES,
    **limits.SABOTAGES,
}


@pytest.mark.parametrize("name", SABOTAGES, ids=lambda name: name.replace(" ", "_"))
def test_a_sabotage_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage = SABOTAGES[name]
    apply(monkeypatch, sabotage.edits)
    seed, broken = sabotage.shown_by()
    print(f"shown by seed {seed}: {sorted(broken)}")
    if seed is None:
        pytest.fail(f"none of {sorted(sabotage.rules)} was broken in {SEEDS} runs; {sorted(broken) or 'nothing'} was")


def test_without_a_sabotage_the_same_runs_break_no_rule() -> None:
    for families in sorted({sabotage.families for sabotage in SABOTAGES.values()}, key=sorted):
        sabotage = next(one for one in SABOTAGES.values() if one.families == families)
        outcome = run(sabotage.plan(FIRST_SEED))
        assert outcome.violations == ()
        assert outcome.arbs > 0
