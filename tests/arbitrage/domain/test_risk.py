"""The gate: each reason flips on its own input alone, in the order promised, and absurd input closes it."""

import math
from decimal import Decimal

import msgspec
import pytest
from desk_builders import MS, SECOND, e8, signal

from arbitrage.domain.controls import Controls, TradingLevel
from arbitrage.domain.exposure import Exposure
from arbitrage.domain.params import GateMode, Params, WalletPolicy
from arbitrage.domain.risk import CHECKS, Approved, Denied, DenyReason, check
from arbitrage.domain.units import Exchange, Krw, Ns, Ppm, Qty

NOW = Ns(1_000 * SECOND)
PARAMS = Params(
    min_edge_ppm=300,
    max_edge_ppm=50_000,
    surcharge_ppm=3_700,
    max_open_arbs=4,
    max_orders_per_s=16,
    max_daily_loss_krw=e8(500_000),
    max_daily_notional_krw=e8(20_000_000),
    max_exchange_net_krw=e8(30_000_000),
    max_loop_lag_ns=200 * MS,
)
CONTROLS = Controls(TradingLevel.ACTIVE, Ns(NOW - 200 * MS), 3)
SIGNAL = msgspec.structs.replace(signal(), buy_book_mono_ns=Ns(NOW - 100 * MS), sell_book_mono_ns=Ns(NOW - 50 * MS))
KRW_NEEDED = e8(2_001_000)
CALM = Exposure(
    open_arbs=3,
    open_arbs_market=0,
    unresolved_legs=0,
    orders_last_second=14,
    daily_pnl=Krw(-e8(500_000) + 1),
    daily_notional=Krw(e8(18_000_000)),
    breakers_tripped=0,
    exchange_net=Krw(e8(28_000_000)),
    krw_spendable=Krw(KRW_NEEDED),
    base_spendable=Qty(e8("0.5")),
    balances_read_ns=Ns(NOW - 15 * SECOND),
    strain_ppm=899_999,
    strain_shadow_ppm=3_700,
    discount_left=Krw(0),
    legging_gain_ppm=1,
    legging_risk_ppm=0,
    buy_fee_ppm=Ppm(500),
    buy_min_notional=Krw(e8(2_000_000)),
    sell_min_notional=Krw(e8(2_010_000)),
    exchange_rest_until_ns=NOW,
    market_pause_until_ns=NOW,
    market_rest_until_ns=NOW,
    streams_down=0,
    buy_request_budget=2,
    sell_request_budget=2,
    book_delay_ns=700 * MS,
    widest_spread_ppm=Ppm(30_000),
    price_jump_ppm=Ppm(20_000),
    ladder_still_ns=2 * SECOND,
    trouble_points=100,
    market_warnings=0,
    wallets_suspended=0,
    loop_lag_ns=Ns(200 * MS),
    locks_closed=0,
)


def asked(*, now=NOW, **changes) -> Approved | Denied:
    """Ask the gate with the calm inputs, each change put where the field of that name lives."""
    parts = {"signal": SIGNAL, "exposure": CALM, "controls": CONTROLS, "params": PARAMS}
    for name, value in changes.items():
        owner = next(key for key, part in parts.items() if name in type(part).__struct_fields__)
        parts[owner] = msgspec.structs.replace(parts[owner], **{name: value})
    return check(**parts, now=now)


def test_the_calm_desk_at_every_limit_is_approved_with_the_whole_quantity():
    assert asked() == Approved(Qty(e8("0.5")))


OFFENCES = [
    (DenyReason.TRADING_STATE, {"level": TradingLevel.REDUCING}),
    (DenyReason.TRADING_STATE, {"level": TradingLevel.HALTED}),
    (DenyReason.INPUT_INVALID, {"open_arbs": -1}),
    (DenyReason.INPUT_INVALID, {"qty": 0}),
    (DenyReason.INPUT_INVALID, {"discount": -1}),
    (DenyReason.INPUT_INVALID, {"strain_ppm": -1_000_001}),
    (DenyReason.INPUT_INVALID, {"strain_shadow_ppm": 3_701}),
    (DenyReason.INPUT_INVALID, {"strain_shadow_ppm": -401}),
    (DenyReason.INPUT_INVALID, {"sell_exchange": Exchange.UPBIT}),
    (DenyReason.MARKET_PAUSED, {"market_pause_until_ns": NOW + 1}),
    (DenyReason.CONTROL_STALE, {"beat_mono_ns": NOW - 3 * SECOND - 1}),
    (DenyReason.CONTROL_STALE, {"beat_mono_ns": NOW + 20 * MS + 1}),
    (DenyReason.CONTROL_STALE, {"beat_mono_ns": 0}),
    (DenyReason.MARKET_NOT_ALLOWED, {"markets": ("KRW-BTC",)}),
    (DenyReason.BOOK_STALE, {"buy_book_mono_ns": NOW - 700 * MS - 1}),
    (DenyReason.BOOK_STALE, {"sell_book_mono_ns": NOW - 700 * MS - 1}),
    (DenyReason.BOOK_STALE, {"buy_book_mono_ns": NOW + 20 * MS + 1}),
    (DenyReason.BOOKS_APART, {"buy_book_mono_ns": NOW - 350 * MS - 1}),
    (DenyReason.BOOKS_APART, {"sell_book_mono_ns": NOW - 400 * MS - 1}),
    (DenyReason.BOOK_DELAYED, {"book_delay_ns": 700 * MS + 1}),
    (DenyReason.SPREAD_ABNORMAL, {"widest_spread_ppm": 30_001}),
    (DenyReason.PRICE_JUMPED, {"price_jump_ppm": 20_001}),
    (DenyReason.LADDER_FROZEN, {"ladder_still_ns": 2 * SECOND + 1}),
    (DenyReason.EXCHANGE_RESTING, {"exchange_rest_until_ns": NOW + 1}),
    (DenyReason.EXCHANGE_UNSTABLE, {"trouble_points": 101}),
    (DenyReason.STREAM_DOWN, {"streams_down": 1}),
    (DenyReason.MARKET_RESTING, {"market_rest_until_ns": NOW + 1}),
    (DenyReason.MARKET_WARNED, {"market_warnings": 1}),
    (DenyReason.WALLET_SUSPENDED, {"wallets_suspended": 1}),
    (DenyReason.ROUTE_UNRESOLVED, {"unresolved_legs": 1}),
    (DenyReason.MARKET_BUSY, {"open_arbs_market": 1}),
    (DenyReason.OPEN_ARBS, {"open_arbs": 4}),
    (DenyReason.ORDER_RATE, {"orders_last_second": 15}),
    (DenyReason.DAILY_LOSS, {"daily_pnl": -e8(500_000)}),
    (DenyReason.DAILY_NOTIONAL, {"daily_notional": e8(18_000_000) + 1}),
    (DenyReason.BREAKER, {"breakers_tripped": 1}),
    (DenyReason.EXCHANGE_EXPOSURE, {"exchange_net": e8(28_000_000) + 1}),
    (DenyReason.BALANCE_STALE, {"balances_read_ns": NOW - 15 * SECOND - 1}),
    (DenyReason.BALANCE_STALE, {"balances_read_ns": NOW + 20 * MS + 1}),
    (DenyReason.BALANCE_STALE, {"balances_read_ns": 0}),
    (DenyReason.KRW_SHORT, {"krw_spendable": KRW_NEEDED - 1}),
    (DenyReason.KRW_SHORT, {"buy_fee_ppm": 501}),
    (DenyReason.BASE_SHORT, {"base_spendable": e8("0.5") - 1}),
    (DenyReason.UNDER_MINIMUM, {"buy_min_notional": e8(2_000_000) + 1}),
    (DenyReason.UNDER_MINIMUM, {"sell_min_notional": e8(2_010_000) + 1}),
    (DenyReason.EDGE_TOO_GOOD, {"net_edge_ppm": 50_001}),
    (DenyReason.EDGE_TOO_SMALL, {"net_edge_ppm": 299}),
    (DenyReason.EDGE_TOO_SMALL, {"fees": SIGNAL.sell_proceeds - SIGNAL.buy_cost}),
    (DenyReason.EDGE_TOO_SMALL, {"min_edge_ppm": 301}),
    (DenyReason.LEGGING_RISK, {"legging_gain_ppm": 0}),
    (DenyReason.LEGGING_RISK, {"legging_gain_ppm": -5}),
    (DenyReason.LEGGING_RISK, {"legging_risk_ppm": 1}),
    (DenyReason.STOCK_LOPSIDED, {"strain_ppm": 900_000}),
    (DenyReason.DISCOUNT_SPENT, {"discount": 1}),
    (DenyReason.REQUEST_BUDGET, {"buy_request_budget": 1}),
    (DenyReason.REQUEST_BUDGET, {"sell_request_budget": 1}),
    (DenyReason.LOOP_LAG, {"loop_lag_ns": 200 * MS + 1}),
    (DenyReason.OBSERVE_ONLY, {"gate_mode": GateMode.OBSERVE_ONLY}),
    (DenyReason.NOT_ARMED, {"locks_closed": 1}),
]


@pytest.mark.parametrize(("why", "change"), OFFENCES)
def test_each_reason_flips_on_its_own_input_alone(why, change):
    assert asked(**change) == Denied(why)


def test_every_reason_has_an_offence_and_a_check_in_the_same_order():
    assert [why for why, _ in CHECKS] == list(DenyReason)
    assert list(dict.fromkeys(why for why, _ in OFFENCES)) == list(DenyReason)
    assert CHECKS[0][0] is DenyReason.TRADING_STATE
    assert [why for why, _ in CHECKS[-2:]] == [DenyReason.OBSERVE_ONLY, DenyReason.NOT_ARMED]


def test_of_two_offences_the_earlier_check_is_told():
    pairs = [(OFFENCES[i], OFFENCES[j]) for i in range(len(OFFENCES)) for j in range(i + 1, len(OFFENCES))]
    asked_pairs = 0
    for (first, change), (second, other) in pairs:
        if first is not second and not change.keys() & other.keys():
            asked_pairs += 1
            assert asked(**other, **change) == Denied(first), (first, second)
    assert asked_pairs > 500


def test_a_market_named_in_the_set_is_allowed():
    assert isinstance(asked(markets=("KRW-BTC", "KRW-ETH")), Approved)


def test_a_book_received_just_after_our_now_is_fresh():
    assert isinstance(asked(buy_book_mono_ns=NOW + 20 * MS, sell_book_mono_ns=NOW), Approved)


NUMBERS = [
    *Exposure.__struct_fields__,
    *("qty", "buy_limit", "sell_limit", "buy_cost", "sell_proceeds", "fees", "net_edge_ppm"),
    *("buy_book_mono_ns", "sell_book_mono_ns", "beat_mono_ns"),
]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.0, Decimal(1), None, "1", True, -(10**30)])
@pytest.mark.parametrize("field", NUMBERS)
def test_what_is_no_sound_int_closes_the_gate(field, value):
    assert isinstance(asked(**{field: value}), Denied)


@pytest.mark.parametrize("field", NUMBERS)
def test_a_figure_of_another_scale_never_raises(field):
    for value in (0, 1, 2**63, 10**40):
        assert isinstance(asked(**{field: value}), Approved | Denied)


@pytest.mark.parametrize("now", [0, 1, NOW - SECOND, NOW + 4 * SECOND, 2**63, math.nan])
def test_a_clock_that_jumped_closes_the_gate(now):
    assert isinstance(asked(now=now), Denied)


def test_with_a_suspended_wallet_only_what_the_policy_allows_is_opened():
    def answer(policy: WalletPolicy, strain_ppm: int) -> object:
        return asked(wallets_suspended=2, suspended_wallets=policy, strain_ppm=strain_ppm)

    suspended = Denied(DenyReason.WALLET_SUSPENDED)
    assert [answer(WalletPolicy.DENY, strain) for strain in (-1, 0, 1)] == [suspended] * 3
    assert [answer(WalletPolicy.REPAIR, strain) == suspended for strain in (-1, 0, 1)] == [False, True, True]
    assert [answer(WalletPolicy.TRADE, strain) == suspended for strain in (-1, 0, 1)] == [False] * 3
