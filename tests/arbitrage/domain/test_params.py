"""Parameter sets: sound by default, every finding at once, nothing unknown or out of bounds let in."""

import json

import msgspec
import pytest

from arbitrage.domain.params import (
    DEFAULT_PARAMS,
    GateMode,
    Params,
    is_market,
    params_from_bytes,
    params_to_bytes,
    problems,
)

NUMBERS = [name for name, value in msgspec.structs.asdict(DEFAULT_PARAMS).items() if type(value) is int]


def encoded(**changes: object) -> bytes:
    return json.dumps(json.loads(params_to_bytes(DEFAULT_PARAMS)) | changes).encode()


def test_the_defaults_are_the_registers_and_have_no_finding():
    assert problems(DEFAULT_PARAMS) == []
    assert (DEFAULT_PARAMS.book_share_ppm, DEFAULT_PARAMS.max_slippage_ppm) == (100_000, 1_000)
    assert (DEFAULT_PARAMS.max_qty, DEFAULT_PARAMS.reserve_ppm) == ({"BTC": 10_000_000}, 50_000)
    assert (DEFAULT_PARAMS.query_after_ns, DEFAULT_PARAMS.cancel_after_ns) == (500_000_000, 10_000_000_000)
    assert (DEFAULT_PARAMS.max_edge_ppm, DEFAULT_PARAMS.gate_mode) == (50_000, GateMode.TRADE)


def test_a_set_travels_and_comes_back_the_same():
    changed = Params(markets=("KRW-BTC",), max_qty={"ETH": 3}, gate_mode=GateMode.OBSERVE_ONLY, min_edge_ppm=1)
    assert params_from_bytes(params_to_bytes(changed)) == (changed, [])


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_is_bounded_on_both_sides(name):
    for value in (-1, 10**19):
        params, found = params_from_bytes(encoded(**{name: value}))
        assert params is None
        assert any(finding.startswith(f"{name} was {value}, must be between ") for finding in found), found


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [1.5, "1", None, True, [1]])
def test_what_is_no_whole_number_is_refused_by_name(name, value):
    params, found = params_from_bytes(encoded(**{name: value}))
    assert params is None
    assert len(found) == 1
    assert f"$.{name}" in found[0]


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"min_edge_ppm": 400, "max_edge_ppm": 400}, "max_edge_ppm was 400, must be above min_edge_ppm 400"),
        (
            {"max_book_age_ns": 200_000_000, "max_book_skew_ns": 200_000_001},
            "max_book_skew_ns was 200000001, must be at most max_book_age_ns 200000000",
        ),
        ({"markets": ["KRW-BTC", "krw-btc"]}, "markets has 'krw-btc', must look like KRW-BTC"),
        ({"max_qty": {"BTC": 0}}, "max_qty.BTC was 0, must be above 0"),
    ],
)
def test_fields_are_checked_against_each_other(changes, finding):
    assert params_from_bytes(encoded(**changes)) == (None, [finding])


def test_all_findings_are_told_at_once():
    wrong = Params(min_edge_ppm=-1, max_open_arbs=0, markets=("",), max_qty={"BTC": -1})
    assert len(problems(wrong)) == 4


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b'{"gate_mode": "live"}', b'{"min_edge": 1}', b"\xff"])
def test_malformed_bytes_are_a_finding_and_not_an_error(data):
    params, found = params_from_bytes(data)
    assert params is None
    assert len(found) == 1


@pytest.mark.parametrize("text", ["KRW-BTC", "KRW-1INCH", "A-B", "ABCDEFGHIJ-ABCDEFGHIJKLMNO"])
def test_market_codes_are_accepted(text):
    assert is_market(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "KRW",
        "KRW-",
        "-BTC",
        "krw-btc",
        "KRW-BTC-X",
        "KRW BTC",
        "KRW-BTC\n",
        "KRW-ＢＴＣ",
        "ABCDEFGHIJK-A",
        "A-ABCDEFGHIJKLMNOP",
    ],
)
def test_anything_else_is_no_market(text):
    assert not is_market(text)
