"""The week's figures, the two alerts of R6.1, and proposals that follow from them."""

from decimal import Decimal

import pytest

from arbitrage.domain.params import Params, problems
from arbitrage.domain.strategy_health import WINDOW_NS, AlertReason, ArbRow, Health, health
from arbitrage.domain.units import Ns

NOW = Ns(1_800_000_000 * 10**9)


def row(pnl: str, *, expected: str | None = None, at: int = NOW, legged: bool = False) -> ArbRow:
    return ArbRow(Ns(at), Decimal(pnl), Decimal(expected or pnl), Decimal(1_000_000), legged)


def of(rows, *, params=Params(), denials=None) -> Health:  # noqa: B008 - frozen
    return health(rows, signals=900, denials=denials or {}, opened=30, params=params, now_wall=NOW)


def test_figures_of_a_good_week():
    found = of([row("3000"), row("-1000"), row("500.25", expected="1000.25")])
    assert (found.arbs, found.wins, found.win_rate_ppm) == (3, 2, 666_666)
    assert (found.profit_krw, found.slippage_ppm) == (Decimal("2500.25"), 166)
    assert found.average_profit_krw is not None
    assert found.average_profit_krw.quantize(Decimal("0.0001")) == Decimal("833.4167")
    assert (found.alerts, found.proposals) == ((), ())


def test_only_the_seven_days_before_now_count():
    rows = [row("1", at=NOW - WINDOW_NS), row("2", at=NOW - WINDOW_NS + 1), row("4", at=NOW), row("8", at=NOW + 1)]
    assert of(rows).profit_krw == 6


def test_no_arbs_is_no_rate_and_no_alert():
    found = of([])
    assert (found.win_rate_ppm, found.average_profit_krw, found.slippage_ppm, found.alerts) == (None, None, None, ())


@pytest.mark.parametrize(
    ("pnls", "alerts"),
    [
        (["1", "0"], ()),
        (["9", "0", "0"], (AlertReason.WIN_RATE_LOW,)),
        (["1", "1", "-3"], (AlertReason.AVERAGE_PROFIT_NEGATIVE,)),
        (["-1"], (AlertReason.WIN_RATE_LOW, AlertReason.AVERAGE_PROFIT_NEGATIVE)),
        (["1", "-1"], ()),
    ],
)
def test_alerts_come_below_half_won_or_below_zero_earned(pnls, alerts):
    assert of([row(pnl) for pnl in pnls]).alerts == alerts


def test_slippage_and_lone_legs_alert_past_their_limits():
    assert of([row("1", expected="5001")]).alerts == ()
    assert of([row("1", expected="5002")]).alerts == (AlertReason.SLIPPAGE_HIGH,)
    legs = [row("1", legged=True)] + [row("1")] * 18
    assert of([*legs, row("1")]).alerts == ()
    assert of(legs).alerts == (AlertReason.LONE_LEGS_MANY,)


def test_funnel_runs_from_seen_to_won_with_denials_by_count():
    found = of([row("1"), row("-1")], denials={"book_stale": 5, "krw_short": 9, "base_short": 5})
    assert found.funnel == (
        ("seen", 900),
        ("denied.krw_short", 9),
        ("denied.base_short", 5),
        ("denied.book_stale", 5),
        ("opened", 30),
        ("closed", 2),
        ("won", 1),
    )


def test_a_losing_week_proposes_a_higher_edge_and_smaller_shares_within_bounds():
    found = of([row("-2000", expected="4000", legged=True)] * 20)
    assert [(p.field, p.now, p.proposed) for p in found.proposals] == [
        ("min_edge_ppm", 300, 6_300),
        ("book_share_ppm", 100_000, 50_000),
    ]
    assert problems(Params(min_edge_ppm=6_300, book_share_ppm=50_000)) == []


def test_too_few_arbs_propose_nothing_and_an_edge_at_its_ceiling_stays():
    assert of([row("-1")] * 19).proposals == ()
    tight = Params(min_edge_ppm=300, max_edge_ppm=320)
    assert of([row("-1")] * 20, params=tight).proposals == ()
