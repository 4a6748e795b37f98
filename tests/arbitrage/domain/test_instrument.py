"""Tick tables and rounding in a named direction."""

import msgspec
import pytest
from desk_builders import e8, instrument

from arbitrage.domain.instrument import Instrument, TickBand, TickTable, in_force, kst_date, tick_fault
from arbitrage.domain.units import Exchange, Ns, Price, Qty

# The upper half of upbit.md §5.1 (2025-07-31).
ROWS = [(10, "0.1"), (100, "1"), (1000, "1"), (5000, "5"), (10_000, "10"), (500_000, "500"), (1_000_000, "1000")]
TABLE = TickTable("2025-07-31", tuple(TickBand(Price(e8(low)), Price(e8(tick))) for low, tick in ROWS))
ETH: Instrument = msgspec.structs.replace(instrument(Exchange.UPBIT), ticks=TABLE)


@pytest.mark.parametrize(
    ("price", "down", "up"),
    [
        ("10", "10", "10"),
        ("99.95", "99.9", "100"),
        ("999.5", "999", "1000"),
        ("4999.00000001", "4999", "5000"),
        ("5004.9", "5000", "5005"),
        ("9999", "9995", "10000"),
        ("999999.99999999", "999500", "1000000"),
        ("1000000", "1000000", "1000000"),
        ("137001000.00000001", "137001000", "137002000"),
    ],
)
def test_prices_round_to_the_tick_of_their_band(price, down, up):
    assert (ETH.price_down(e8(price)), ETH.price_up(e8(price))) == (e8(down), e8(up))


@pytest.mark.parametrize(("price", "tick"), [("10", "0.1"), ("99.99999999", "0.1"), ("100", "1"), ("5000", "5")])
def test_a_band_begins_at_its_own_price(price, tick):
    assert TABLE.tick_at(e8(price)) == e8(tick)


@pytest.mark.parametrize("rounded", [ETH.price_down, ETH.price_up, TABLE.tick_at])
def test_a_price_below_every_band_is_not_traded(rounded):
    with pytest.raises(ValueError, match="no tick band covers price 999999999"):
        rounded(e8("9.99999999"))


def test_quantities_round_down_to_the_lot():
    assert ETH.qty_down(e8("0.12345678")) == e8("0.12345678")
    assert msgspec.structs.replace(ETH, lot_step=Qty(e8("0.001"))).qty_down(e8("0.0019")) == e8("0.001")
    assert msgspec.structs.replace(ETH, lot_step=Qty(e8(1))).qty_down(e8("0.9")) == 0


def test_the_base_asset_comes_from_the_market():
    assert ETH.base == "ETH"


DAY = TickTable("2026-11-26", (TickBand(Price(0), Price(e8("1"))),))
TO_COME = TickTable("2026-11-27", (TickBand(Price(0), Price(e8("5"))),))
# 2026-11-26T14:59:59Z is 23:59:59 in Korea, a second later the next day has begun there.
LAST_SECOND = Ns(1_795_705_199 * 10**9)


def test_table_of_a_day_to_come_waits_for_its_day_in_korea():
    tables = (TABLE, DAY, TO_COME)
    assert (kst_date(LAST_SECOND), kst_date(Ns(LAST_SECOND + 10**9))) == ("2026-11-26", "2026-11-27")
    assert in_force(tables, kst_date(LAST_SECOND)) is DAY
    assert in_force(tables, kst_date(Ns(LAST_SECOND + 10**9))) is TO_COME
    assert in_force(tables, "2026-11-25") is TABLE


def test_before_every_table_the_oldest_counts():
    assert in_force((DAY, TO_COME), "2020-01-01") is DAY


@pytest.mark.parametrize("told", ["5", "1"])
def test_at_the_edge_of_a_band_either_step_is_right(told):
    assert tick_fault(TABLE, Price(e8(told)), [Price(e8("4999")), Price(e8("5000"))]) == ""


@pytest.mark.parametrize(
    ("told", "near", "fault"),
    [
        (None, ["5000"], "the exchange names no price step"),
        ("0.5", ["4999", "5000"], "price step was 0.5, the table of 2025-07-31 says 1 or 5"),
        ("1000", ["5000"], "price step was 1000, the table of 2025-07-31 says 5"),
        ("5", [], "price step was 5, the table of 2025-07-31 says nothing to compare with"),
        ("1", ["5"], "no tick band covers price 500000000"),
    ],
)
def test_a_step_that_is_not_ours_is_a_fault(told, near, fault):
    step = None if told is None else Price(e8(told))
    assert tick_fault(TABLE, step, [Price(e8(price)) for price in near]) == fault
