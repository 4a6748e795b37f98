"""Tick tables and rounding in a named direction."""

import msgspec
import pytest
from desk_builders import e8, instrument

from arbitrage.domain.instrument import Instrument, TickBand, TickTable
from arbitrage.domain.units import Exchange, Price, Qty

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
