"""One scale: exact where promised, rounded in the direction named, and no number that costs time."""

from decimal import Decimal

import pytest

from arbitrage.domain.units import (
    EXCHANGES,
    INT64_MAX,
    Exchange,
    Side,
    base_of,
    exact_product,
    fee_ceil,
    notional_ceil,
    notional_floor,
    other_exchange,
    percent_text,
    to_decimal,
    units_ceil,
    units_exact,
    units_floor,
    units_text,
)


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("0", 0),
        ("1", 10**8),
        ("1.16539E8", 11_653_900_000_000_000),
        ("0.00000001", 1),
        ("1E-8", 1),
        ("-0.5", -50_000_000),
        ("0.010000000000", 1_000_000),
        ("92233720368.54775807", INT64_MAX),
        ("-92233720368.54775807", -INT64_MAX),
    ],
)
def test_exact_units_read_every_spelling(text, units):
    assert units_exact(Decimal(text)) == units
    assert to_decimal(units) == Decimal(text)


NO_AMOUNT = ["NaN", "sNaN", "Infinity", "-Infinity", "1E+31", "1E+900000", "1E+9999999", "1." + "0" * 60 + "1"]


@pytest.mark.parametrize("text", [*NO_AMOUNT, "0.000000001", "92233720368.54775808", "-92233720368.54775808"])
def test_what_is_not_exact_or_no_amount_is_refused(text):
    with pytest.raises(ValueError):
        units_exact(Decimal(text))


@pytest.mark.parametrize("text", NO_AMOUNT)
def test_rounding_refuses_what_is_no_amount(text):
    for rounded in (units_floor, units_ceil):
        with pytest.raises(ValueError):
            rounded(Decimal(text))


@pytest.mark.parametrize(
    ("text", "floor", "ceil"),
    [
        ("9999.047850001", 999_904_785_000, 999_904_785_001),
        ("0.00000000000000000001", 0, 1),
        ("-0.00000000000000000001", -1, 0),
        ("0.99999999999999999999", 99_999_999, 10**8),
        ("100", 10**10, 10**10),
        ("1E+20", 10**28, 10**28),
    ],
)
def test_rounding_goes_in_the_direction_named(text, floor, ceil):
    assert (units_floor(Decimal(text)), units_ceil(Decimal(text))) == (floor, ceil)


@pytest.mark.parametrize(
    ("units", "text"),
    [
        (432_100_000_000, "4321"),
        (1, "0.00000001"),
        (-150_000_000, "-1.5"),
        (0, "0"),
        (10**9, "10"),
        (13_700_100_050_000_000, "137001000.5"),
        (-1, "-0.00000001"),
    ],
)
def test_wire_text_has_no_exponent_and_no_trailing_zero(units, text):
    assert units_text(units) == text
    assert units_exact(Decimal(text)) == units


@pytest.mark.parametrize(
    ("ppm", "text"), [(1_500, "0.15 %"), (10_000, "1 %"), (1_000_000, "100 %"), (-1, "-0.0001 %"), (0, "0 %")]
)
def test_a_share_is_told_in_percent(ppm, text):
    assert percent_text(ppm) == text


def test_a_sale_is_rounded_down_a_purchase_and_a_fee_up():
    assert (notional_floor(3, 33_333_333), notional_ceil(3, 33_333_333)) == (0, 1)
    assert (notional_floor(3, 10**8), notional_ceil(3, 10**8)) == (3, 3)
    assert (fee_ceil(999_904_785_000, 500), fee_ceil(1, 500), fee_ceil(0, 500)) == (499_952_393, 1, 0)


def test_funds_of_a_fill_are_the_whole_product():
    # upbit.md §1.6: 0.00009713 at 102,945,000.
    assert exact_product(102_945_000 * 10**8, 9_713) == Decimal("9999.04785")
    assert str(exact_product(INT64_MAX, INT64_MAX)) == "8507059173023461584739.6907784232501249"


def test_sides_and_exchanges_know_their_opposites():
    assert (Side.BID.opposite, Side.ASK.opposite, Side.BID.sign, Side.ASK.sign) == (Side.ASK, Side.BID, 1, -1)
    assert [other_exchange(exchange) for exchange in EXCHANGES] == [Exchange.BITHUMB, Exchange.UPBIT]
    assert base_of("KRW-BTC") == "BTC"
