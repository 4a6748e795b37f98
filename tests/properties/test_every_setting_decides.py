"""Every field of a parameter set changes what the desk does: no dead knobs (R4.2).

Most are changed in a life on made-up time: the same seed, the same trouble, one field different, another history.
What a made-up machine cannot show (it is never late, and loses little) is asked of the rule that reads the field.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest
from desk_builders import MS, SECOND, e8, moment, opened, signal
from engine_room import CALM, NOW

from arbitrage.domain.arb import OrderHeard
from arbitrage.domain.arb_step import advance
from arbitrage.domain.balances import Wallets
from arbitrage.domain.book import Level
from arbitrage.domain.breakers import COUNT, PPM_OF_ORDERS, Figure, Figures, tripped
from arbitrage.domain.controls import Controls, TradingLevel
from arbitrage.domain.events import Holding
from arbitrage.domain.frame_spec import DecodedBook
from arbitrage.domain.legging import LegHistory, best_odds, leader, lone_cost_ppm
from arbitrage.domain.order import OrderOn, OrderReport
from arbitrage.domain.pace_policy import Load, Pace, judged, paced
from arbitrage.domain.params import DEFAULT_PARAMS, GateMode, Params, WalletPolicy, problems
from arbitrage.domain.ports import Accepted, Unknown
from arbitrage.domain.risk import check
from arbitrage.domain.units import EXCHANGES, QUOTE, SCALE, Exchange, Ns, Price, Qty, to_decimal
from workers.confirming import supports
from workers.virtual.deeds.deed import Family
from workers.virtual.run import PARAMS, Plan, run

F = Family


@dataclass(frozen=True)
class Life:
    """Where a change shows: a story of some seconds, and what else is unusual in both lives of it."""

    value: object
    seed: int = 1
    """One that shows it; tried first. Others are only when what happens in a life has changed since."""
    families: frozenset[Family] = frozenset({F.EXCHANGE})
    about: int = 1
    seconds: int = 12
    besides: dict[str, object] = field(default_factory=dict)


def orders(value: object, seed: int = 11) -> Life:
    return Life(value, seed, frozenset({F.ORDERS}), 14, 25)


def orders_and_wires(value: object, seed: int = 404) -> Life:
    return Life(value, seed, frozenset({F.ORDERS, F.TRANSPORT}), 20, 30)


def account(value: object, seed: int = 2) -> Life:
    return Life(value, seed, frozenset({F.ACCOUNT, F.EXCHANGE}), 14, 30)


LIVES: dict[str, Life] = {
    "gate_mode": Life(GateMode.OBSERVE_ONLY),
    "markets": Life(("KRW-BTC",)),
    "min_edge_ppm": Life(0),
    "max_edge_ppm": Life(900),
    "book_share_ppm": Life(1_000),
    "max_slippage_ppm": Life(0),
    "max_qty": Life({"ETH": 10**6}),
    "max_notional_krw": Life(e8(5_000)),
    "upbit_share_ppm": account(50_000),
    "soft_band_ppm": account(30_000, seed=10),
    "hard_band_ppm": account(1_000_000),
    "surcharge_ppm": account(0),
    "max_discount_ppm": Life(0, seconds=25, besides={"upbit_share_ppm": 450_000}),
    "discount_budget_krw": Life(0, seconds=25, besides={"upbit_share_ppm": 450_000}),
    "max_balance_age_ns": Life(1 * SECOND),
    "max_book_skew_ns": Life(10 * MS),
    "max_control_age_ns": orders_and_wires(200 * MS),
    "max_open_arbs": orders(1, seed=2),
    "max_orders_per_s": Life(2),
    "rest_after_arb_ns": Life(0),
    "max_price_jump_ppm": Life(1_000),
    "max_spread_ppm": Life(100),
    "max_trouble_points": orders(1),
    "pause_ns": Life(1 * SECOND, seed=5, besides={"max_slippage_alert_ppm": 100}),
    "max_daily_notional_krw": Life(e8(10_000)),
    "max_exchange_net_krw": Life(e8(10_000)),
    "max_slippage_alert_ppm": Life(100, seed=2),
    "max_arb_loss_krw": orders_and_wires(e8(100), seed=2),
    "max_unhedged_krw": orders(e8(10_000)),
    "max_failures_in_a_row": Life(1, seconds=25),
    "max_orders_per_minute": Life(2),
    "query_after_ns": orders(50 * MS),
    "cancel_after_ns": orders(200 * MS, seed=2),
    "unresolved_deadline_ns": orders(1 * SECOND),
    "hedge_patience_ns": orders(0, seed=2),
    "hedge_limit_ns": orders(500 * MS, seed=4),
    "hedge_max_attempts": orders(1, seed=4),
    "hedge_slippage_ppm": orders(0),
    "hedge_max_loss_krw": orders(e8(1_000)),
    "hedge_hold_ns": orders(250 * MS, seed=21),
    "confirm_above_krw": Life(0),
    "confirm_within_ns": Life(50 * MS, seed=75, seconds=25, besides={"confirm_above_krw": 0}),
    "hard_leg_fill_ppm": Life(1_000_000),
}


SEEDS = range(1, 26)


def lived(life: Life, seed: int, changes: dict[str, object]) -> str:
    """Return the digest of one life's history."""
    params = msgspec.structs.replace(PARAMS, **changes)
    assert problems(params) == []
    return run(Plan(seed, life.families, life.about, life.seconds, given=params)).digest


@pytest.mark.parametrize("name", LIVES)
def test_another_value_is_another_history(name):
    life = LIVES[name]
    other = {**life.besides, name: life.value}
    for seed in dict.fromkeys((life.seed, *SEEDS)):
        if lived(life, seed, life.besides) != lived(life, seed, other):
            print(f"shown by seed {seed}")
            return
    pytest.fail(f"{name} = {life.value} decided nothing in {len(SEEDS)} lives")


CONTROLS = Controls(TradingLevel.ACTIVE, NOW, 1)
FOUND = msgspec.structs.replace(signal(), buy_book_mono_ns=NOW, sell_book_mono_ns=NOW)
WELL = Figures(
    day_pnl=Figure(0, QUOTE),
    session_pnl=Figure(0, QUOTE),
    worst_loss=Figure(0, QUOTE),
    unhedged=Figure(0, QUOTE),
    failures_in_a_row=Figure(0, COUNT),
    refused=Figure(0, PPM_OF_ORDERS),
    orders_last_minute=Figure(0, COUNT),
)


def gated(params: Params, age_ns: int = 0, **exposure: object) -> object:
    found = msgspec.structs.replace(FOUND, buy_book_mono_ns=Ns(NOW - age_ns), sell_book_mono_ns=Ns(NOW - age_ns))
    return check(found, msgspec.structs.replace(CALM, **exposure), CONTROLS, params, NOW)


def broken(params: Params, **figures: Figure) -> object:
    return tripped(msgspec.structs.replace(WELL, **figures), params)


def capped(params: Params) -> object:
    wallets = Wallets()
    for exchange in EXCHANGES:
        wallets.replace_all(exchange, [Holding(QUOTE, to_decimal(e8(1_000)), to_decimal(0))], Ns(1))
    return wallets.caps(*EXCHANGES, "ETH", params.reserve_ppm)


def not_found_after_a_second(params: Params) -> object:
    arb = opened(params)
    leg = arb.orders[0].client_order_id
    for at, on in ((0, OrderOn.SENT), (100, OrderOn.OUTCOME_LOST)):
        arb, _ = advance(arb, OrderHeard(leg, OrderReport(on)), moment(at))
    return advance(arb, OrderHeard(leg, OrderReport(OrderOn.NOT_FOUND), moment(1_000).mono_ns), moment(1_100))[0].state


def led(params: Params) -> object:
    history = LegHistory()
    for _ in range(20):
        history.answered(Exchange.UPBIT, Accepted(OrderReport(OrderOn.ACKED), Ns(0), Ns(900 * MS)))
    history.answered(Exchange.BITHUMB, Unknown("cut"))
    return leader(history, FOUND, params, Ns(0))


def odds(params: Params) -> object:
    lone = lone_cost_ppm(params, fees_ppm=900, spread_ppm=0, sigma_ppm=0)
    return best_odds(LegHistory(), FOUND, lone, weight_ppm=params.legging_weight_ppm, first=None, now_wall=Ns(0))


def confirmed(params: Params) -> object:
    levels = tuple(
        (Level(Price(limit + sign * 300 * SCALE), Qty(1)),)
        for limit, sign in ((FOUND.buy_limit, 1), (FOUND.sell_limit, -1))
    )
    asks, bids = (DecodedBook(FOUND.market, Ns(1), one, one) for one in levels)
    return supports(FOUND, asks, bids, params.confirm_slack_ppm)


ASKED: dict[str, tuple[object, Callable[[Params], object]]] = {
    "reserve_ppm": (0, capped),
    "max_book_age_ns": (300 * MS, lambda params: gated(params, 400 * MS)),
    "max_ladder_still_ns": (200 * MS, lambda params: gated(params, ladder_still_ns=SECOND)),
    "max_loop_lag_ns": (10 * MS, lambda params: gated(params, loop_lag_ns=Ns(100 * MS))),
    "max_frame_to_order_ns": (10 * MS, lambda params: judged(Pace(), Load(20 * MS, 0), params)),
    "pace_max_steps": (0, lambda params: judged(Pace(), Load(SECOND, 0), params)),
    "pace_edge_step_ppm": (0, lambda params: paced(params, Pace(1)).min_edge_ppm),
    "suspended_wallets": (WalletPolicy.TRADE, lambda params: gated(params, wallets_suspended=1)),
    "max_daily_loss_krw": (e8(1_000), lambda params: broken(params, day_pnl=Figure(-e8(1_000), QUOTE))),
    "max_session_loss_krw": (e8(1_000), lambda params: broken(params, session_pnl=Figure(-e8(1_000), QUOTE))),
    "max_refused_ppm": (1_000, lambda params: broken(params, refused=Figure(2_000, PPM_OF_ORDERS))),
    "not_found_grace_ns": (500 * MS, not_found_after_a_second),
    "confirm_slack_ppm": (0, confirmed),
    "hard_leg_trouble_ppm": (0, led),
    "hard_leg_latency_ns": (1 * MS, led),
    "legging_weight_ppm": (0, odds),
    "reaction_ns": (50 * MS, odds),
    "risk_kappa_ppm": (0, odds),
    "risk_sigma_ppm": (5_000, odds),
}


@pytest.mark.parametrize("name", ASKED)
def test_another_value_is_another_answer(name):
    value, ask = ASKED[name]
    changed = msgspec.structs.replace(DEFAULT_PARAMS, **{name: value})
    assert problems(changed) == []
    assert ask(DEFAULT_PARAMS) != ask(changed)


ELSEWHERE = {"pace_window_ns"}
"""How long a window lasts: `tests/workers/virtual/test_pace.py` lets some pass."""


def test_no_field_is_left_out():
    told = [*LIVES, *ASKED, *ELSEWHERE]
    assert sorted(told) == sorted(Params.__struct_fields__)
