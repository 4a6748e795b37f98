"""Figures on the screen: formats, charts, and the parameter form's units."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from arbitrage import display
from arbitrage.charts import FOOT, HEIGHT, bar_chart
from arbitrage.domain.params import DEFAULT_PARAMS, Params
from arbitrage.params_form import FIELDS, Unit, from_text, to_text


@pytest.mark.parametrize(
    ("amount", "told"),
    [("1234.5", "1,234.50"), ("-0.005", "0.00"), ("-1234567.891", "-1,234,567.89"), ("0", "0.00")],
)
def test_krw(amount, told):
    assert display.krw(Decimal(amount)) in (told, f"-{told}")


@pytest.mark.parametrize(
    ("amount", "told"),
    [("-1234.00000000000000000001", "-1,234.00000000000000000001"), ("-0.5", "-0.5"), ("1E+6", "1,000,000")],
)
def test_exact_shows_every_digit(amount, told):
    assert display.exact(Decimal(amount)) == told


@pytest.mark.parametrize(
    ("ns", "told"),
    [(999, "999 ns"), (12_340, "12.3 µs"), (456_000, "456 µs"), (1_500_000_000, "1.5 s"), (250_000_000_000, "250 s")],
)
def test_duration(ns, told):
    assert display.duration(ns) == told


def test_age():
    now = datetime(2026, 11, 23, tzinfo=UTC)
    ages = [0.4, 11, 150, 7_300, 200_000]
    told = [display.age(now - timedelta(seconds=each), now) for each in ages]
    assert told == ["0.4 s", "11 s", "2 min", "2 h", "2 d"]
    assert display.age(None) == "never"
    assert display.age(now + timedelta(seconds=9), now) == "0.0 s"


def test_bars_stand_on_and_hang_below_the_zero_line():
    chart = bar_chart([("00", Decimal(30), "a"), ("01", Decimal(-10), "b"), ("02", Decimal(0), "c")])
    room = HEIGHT - FOOT
    gain, loss, nothing = chart.bars
    assert chart.zero_y == round(room * 0.75, 2)
    assert (gain.y, gain.height, gain.is_gain) == (0, chart.zero_y, True)
    assert (loss.y, loss.height, loss.is_gain) == (chart.zero_y, round(room * 0.25, 2), False)
    assert nothing.height == 0
    assert chart.top_text == "30"


def test_a_chart_of_nothing_is_empty():
    assert bar_chart([]).is_empty
    assert bar_chart([("00", Decimal(0), "")]).is_empty
    assert not bar_chart([("00", Decimal("0.00000001"), "")]).is_empty


def test_every_parameter_has_words():
    assert set(FIELDS) == set(Params.__struct_fields__)
    suffixes = {"_krw": Unit.KRW, "_ppm": Unit.PERCENT, "_ns": Unit.MS}
    for name, words in FIELDS.items():
        for suffix, unit in suffixes.items():
            if name.endswith(suffix):
                assert words.unit is unit, name


def test_every_default_comes_back_from_its_text():
    plain = msgspec.to_builtins(DEFAULT_PARAMS)
    for name, words in FIELDS.items():
        value = plain[name]
        back = from_text(words, to_text(words, value))
        assert back == (list(value) if words.unit is Unit.MARKETS else value), name


@given(st.integers(-(10**17), 10**17), st.sampled_from([Unit.KRW, Unit.PERCENT, Unit.MS, Unit.COUNT]))
def test_every_stored_number_comes_back_from_its_text(value, unit):
    words = next(each for each in FIELDS.values() if each.unit is unit)
    assert from_text(words, to_text(words, value)) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("max_notional_krw", "1.000000001"),
        ("max_notional_krw", "1e9"),
        ("max_notional_krw", "NaN"),
        ("max_notional_krw", ""),
        ("max_notional_krw", "1-2"),
        ("max_notional_krw", "٣"),
        ("min_edge_ppm", "0.00001"),
        ("max_book_age_ns", "0.0000001"),
        ("max_open_arbs", "1.5"),
        ("max_qty", "BTC"),
        ("max_qty", "BTC 0.1\nBTC 0.2"),
        ("max_qty", "BTC 0.000000001"),
        ("max_qty", "BTC 1e5"),
    ],
)
def test_what_can_not_be_kept_exactly_is_refused(name, text):
    with pytest.raises(ValidationError):
        from_text(FIELDS[name], text)


def test_markets_and_qtys_are_read_from_lines():
    assert from_text(FIELDS["markets"], "KRW-BTC\nKRW-ETH, KRW-XRP") == ["KRW-BTC", "KRW-ETH", "KRW-XRP"]
    assert from_text(FIELDS["max_qty"], "BTC 0.1\n\nETH: 2") == {"BTC": 10_000_000, "ETH": 200_000_000}
