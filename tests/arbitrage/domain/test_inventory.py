"""The shadow price: where stock lies, what that adds to the edge wanted, and where it ends."""

from decimal import Decimal

import msgspec
import pytest
from desk_builders import e8, signal

from arbitrage.domain.balances import Wallets
from arbitrage.domain.events import Holding
from arbitrage.domain.inventory import Strain, discounted, lean_ppm, shadow_ppm, strain_of, with_shadow
from arbitrage.domain.params import Params
from arbitrage.domain.signal import EDGE_LOST, Caps
from arbitrage.domain.units import PPM, Exchange, Krw, Ns, Qty

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
PARAMS = Params(min_edge_ppm=300, soft_band_ppm=400_000, hard_band_ppm=900_000, surcharge_ppm=600, max_discount_ppm=400)


def strained(coins: int, krw: int = 0) -> Strain:
    return Strain(coins, krw, 0, 0)


def wallets_with(**amounts: str) -> Wallets:
    """Return wallets holding e.g. `upbit_ETH="3"`."""
    made = Wallets()
    for exchange in (UPBIT, BITHUMB):
        held = [
            Holding(name.partition("_")[2], Decimal(amount), Decimal(0))
            for name, amount in amounts.items()
            if name.startswith(exchange)
        ]
        made.replace_all(exchange, held, Ns(1))
    return made


@pytest.mark.parametrize(
    ("here", "there", "share", "lean"),
    [
        (0, 0, 500_000, 0),
        (5, 5, 500_000, 0),
        (10, 0, 500_000, PPM),
        (0, 10, 500_000, -PPM),
        (75, 25, 500_000, 500_000),
        (25, 75, 500_000, -500_000),
        (2, 1, 500_000, 333_333),
        (1, 2, 500_000, -333_333),
        (8, 2, 800_000, 0),
        (9, 1, 800_000, 500_000),
        (4, 6, 800_000, -500_000),
        (1, 0, 800_000, PPM),
        (0, 1, 800_000, -PPM),
    ],
)
def test_lean_is_the_part_of_the_way_from_the_wanted_split_to_an_empty_side(here, there, share, lean):
    assert lean_ppm(here, there, share) == lean


def test_an_arb_is_strained_by_coins_where_it_buys_and_by_krw_where_it_sells():
    wallets = wallets_with(upbit_ETH="9", bithumb_ETH="1", upbit_KRW="250000", bithumb_KRW="750000")
    buying_on_upbit = strain_of(wallets, "ETH", UPBIT, BITHUMB, PARAMS)
    assert buying_on_upbit == Strain(coins_ppm=800_000, krw_ppm=500_000, coins_over=0, krw_over=0)
    selling_on_upbit = strain_of(wallets, "ETH", BITHUMB, UPBIT, PARAMS)
    assert selling_on_upbit == Strain(-800_000, -500_000, coins_over=e8(4), krw_over=e8(250_000))
    assert (buying_on_upbit.ppm, selling_on_upbit.ppm) == (800_000, -800_000)


def test_the_split_wanted_is_a_setting():
    wallets = wallets_with(upbit_ETH="8", bithumb_ETH="2", upbit_KRW="8", bithumb_KRW="2")
    mostly_upbit = msgspec.structs.replace(PARAMS, upbit_share_ppm=800_000)
    for buy, sell in ((UPBIT, BITHUMB), (BITHUMB, UPBIT)):
        assert strain_of(wallets, "ETH", buy, sell, mostly_upbit) == Strain(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("coins", "krw", "both"),
    [
        (700_000, 200_000, 700_000),
        (-300_000, -800_000, -800_000),
        (700_000, -700_000, 0),
        (700_000, -200_000, 500_000),
        (0, 0, 0),
    ],
)
def test_alike_the_worse_counts_and_opposed_the_difference(coins, krw, both):
    assert strained(coins, krw).ppm == both
    assert strained(-coins, -krw).ppm == -both


@pytest.mark.parametrize(
    ("strain", "shadow"),
    [
        (0, 0),
        (400_000, 0),
        (400_001, 1),
        (650_000, 300),
        (900_000, 600),
        (PPM, 600),
        (-400_000, 0),
        (-400_001, 0),
        (-650_000, -200),
        (-900_000, -400),
        (-PPM, -400),
    ],
)
def test_between_the_bands_the_shadow_grows_evenly_and_is_rounded_against_us(strain, shadow):
    assert shadow_ppm(strained(strain), PARAMS, fees_ppm=900, discount_left=1) == shadow


def test_a_spent_budget_ends_discounts_and_leaves_surcharges():
    assert shadow_ppm(strained(-PPM), PARAMS, fees_ppm=900, discount_left=0) == 0
    assert shadow_ppm(strained(PPM), PARAMS, fees_ppm=900, discount_left=0) == 600


def test_a_discount_ends_where_the_prices_alone_would_lose():
    generous = msgspec.structs.replace(PARAMS, max_discount_ppm=5_000)
    assert shadow_ppm(strained(-PPM), generous, fees_ppm=900, discount_left=1) == -1_200
    assert shadow_ppm(strained(-PPM), generous, fees_ppm=0, discount_left=1) == -300


def test_at_a_discount_no_more_is_moved_than_lies_on_the_wrong_side():
    caps = Caps(Krw(e8(1_000)), Qty(e8(5)))
    by_coins = Strain(-800_000, -100_000, coins_over=e8(2), krw_over=e8(10))
    assert with_shadow(caps, by_coins, -100) == Caps(Krw(e8(1_000)), Qty(e8(2)), -100)
    by_krw = Strain(-100_000, -800_000, coins_over=e8(2), krw_over=e8(10))
    assert with_shadow(caps, by_krw, -100) == Caps(Krw(e8(10)), Qty(e8(5)), -100)
    assert with_shadow(caps, by_krw, 100) == Caps(Krw(e8(1_000)), Qty(e8(5)), 100)


def test_what_is_on_its_way_out_does_not_count_as_stock():
    wallets = wallets_with(upbit_ETH="9", bithumb_ETH="1")
    before = wallets.version
    assert strain_of(wallets, "ETH", UPBIT, BITHUMB, PARAMS).coins_ppm == 800_000
    assert wallets.version == before
    wallets.replace_all(UPBIT, [Holding("ETH", Decimal(1), Decimal(2))], Ns(2))
    assert strain_of(wallets, "ETH", UPBIT, BITHUMB, PARAMS).coins_ppm == 500_000
    assert wallets.version > before


def test_only_what_goes_beyond_the_plain_arb_is_paid_for():
    plain = signal(qty="0.5", buy=4_000_000, sell=4_008_000)
    # 0.5 more that earn 100 KRW instead of the 600 that the least edge of 300 ppm would be.
    found = msgspec.structs.replace(
        plain, qty=Qty(e8(1)), buy_cost=Krw(e8(4_000_000)), sell_proceeds=Krw(plain.sell_proceeds + e8(2_000_100))
    )
    sent = discounted(found, plain, PARAMS, discount_left=e8(500))
    assert (sent.qty, sent.discount) == (e8(1), e8(500))
    assert discounted(found, plain, PARAMS, discount_left=e8(500) - 1) is plain
    assert discounted(plain, plain, PARAMS, discount_left=e8(500)) is plain


def test_with_no_plain_arb_all_of_it_is_paid_for_and_the_gate_decides():
    found = signal(qty="0.5", buy=4_000_000, sell=3_999_000)
    for left in (e8(1_100), 0):
        assert discounted(found, EDGE_LOST, PARAMS, discount_left=left).discount == e8(1_100)
