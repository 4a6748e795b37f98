"""Frames of both exchanges' shapes, as they were seen on the wire, through one spec-driven decoder."""

import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from desk_builders import LONG_SPEC
from hypothesis import given
from hypothesis import strategies as st

from arbitrage.domain.book import MAX_LEVELS, ladder_fault
from arbitrage.domain.errors import FrameInvalid
from arbitrage.domain.frame_spec import FrameDecoder, FrameSpec, TimeUnit, _plain_units, whole_number
from arbitrage.domain.units import INT64_MAX

FRAMES = Path(__file__).parents[2] / "frames"
SIMPLE = FrameSpec(
    name="simple",
    version=1,
    type_key="ty",
    type_value="orderbook",
    market_key="cd",
    time_key="tms",
    time_unit=TimeUnit.MILLISECONDS,
    units_key="obu",
    ask_price_key="ap",
    bid_price_key="bp",
    ask_qty_key="as",
    bid_qty_key="bs",
)
REST = msgspec.structs.replace(LONG_SPEC, type_key=None, type_value=None, market_key="market")
ROW = {"ap": 1001, "bp": 1000, "as": 1, "bs": 2}


def frame(*rows: object, **changes: object) -> bytes:
    whole = {"ty": "orderbook", "cd": "KRW-XRP", "tms": 1_790_134_742_106, "obu": rows} | changes
    return json.dumps(whole, separators=(",", ":")).encode()


def decoded(data: bytes, spec: FrameSpec = SIMPLE):
    return FrameDecoder(spec).decode(data)


def recorded(proto: str) -> list[bytes]:
    lines = (json.loads(line) for line in (FRAMES / "wire-2026-09-23.jsonl").read_text().splitlines())
    return [line["raw"].encode() for line in lines if line["proto"] == proto and line["kind"] == "orderbook"]


def test_a_recorded_upbit_frame_with_exponents_is_read_digit_by_digit():
    book = decoded(recorded("upbit-ws-default")[0], LONG_SPEC)
    assert (book.market, book.exchange_ns) == ("KRW-BTC", 1_790_134_742_106_000_000)
    assert [(level.price, level.qty) for level in book.asks] == [
        (11_653_900_000_000_000, 2_054_761),
        (11_654_200_000_000_000, 77_720),
    ]
    assert [(level.price, level.qty) for level in book.bids] == [
        (11_653_800_000_000_000, 8_120_946),
        (11_653_700_000_000_000, 1_129_382),
    ]


def test_every_recorded_book_of_both_exchanges_is_tradable_after_padding_is_dropped():
    seen = 0
    for proto, spec, unit in (
        ("upbit-ws-default", LONG_SPEC, TimeUnit.MILLISECONDS),
        ("upbit-ws-simple", SIMPLE, TimeUnit.MILLISECONDS),
        ("bithumb-ws-v2", LONG_SPEC, TimeUnit.MICROSECONDS),
    ):
        for data in recorded(proto):
            book = decoded(data, msgspec.structs.replace(spec, time_unit=unit))
            assert ladder_fault(book.bids, book.asks) is None, data
            assert 1_790_000_000 * 10**9 < book.exchange_ns < 1_800_000_000 * 10**9
            seen += 1
    assert seen == 7


def test_a_recorded_frame_whose_time_was_cut_off_is_no_book():
    with pytest.raises(FrameInvalid, match="missing required field `tms`"):
        decoded(recorded("bithumb-ws-v2-simple")[0])


def test_padding_and_dust_are_dropped_where_they_stand():
    # upbit.md §3.4: an emptied level has price and size 0; bithumb.md §6.1: a live price can show size 0.
    book = decoded(frame({"ap": 0, "bp": 1000, "as": 0, "bs": 2}, {"ap": 1002, "bp": 999, "as": 0.000000001, "bs": 0}))
    assert book.asks == ()
    assert [(level.price, level.qty) for level in book.bids] == [(100_000_000_000, 200_000_000)]


def test_a_rest_book_has_no_type_and_the_same_ladder():
    data = {"market": "KRW-XRP", "timestamp": 1, "orderbook_units": []}
    assert decoded(json.dumps(data).encode(), REST).exchange_ns == 1_000_000


def test_time_may_be_text_and_counts_in_the_unit_of_the_spec():
    micro = msgspec.structs.replace(SIMPLE, time_unit=TimeUnit.MICROSECONDS)
    assert decoded(frame(ROW, tms="1732796700301434"), micro).exchange_ns == 1_732_796_700_301_434_000


def test_levels_past_the_thirtieth_are_left_out():
    rows = [{"ap": 2000 + i, "bp": 1000 - i, "as": 1, "bs": 1} for i in range(40)]
    book = decoded(frame(*rows))
    assert len(book.asks) == len(book.bids) == MAX_LEVELS == 30
    assert book.asks[-1].price == 2029 * 10**8


ODD = [0, 1, True, 1001, 1.5, 1e-9, 1e25, 10**25, 10**40, -1, -(10**40), "1", "x", None, "1E3", [1], 999.123456789]


def answer(read, data):
    try:
        return read(data)
    except FrameInvalid as error:
        return str(error)


def read_by_levels(decoder, data):
    decoder._rows = None
    try:
        return answer(decoder.decode, data)
    finally:
        decoder._rows = FrameDecoder(SIMPLE)._rows


@given(st.lists(st.fixed_dictionaries({key: st.sampled_from(ODD) for key in ROW}), max_size=32))
def test_a_row_known_from_an_earlier_frame_reads_as_its_levels_do(rows):
    data = frame(*rows)
    decoder = FrameDecoder(SIMPLE)
    expected = read_by_levels(decoder, data)
    assert [answer(decoder.decode, data) for _ in range(2)] == [expected, expected]
    assert answer(FrameDecoder(SIMPLE).decode, data) == expected


@given(st.lists(st.sampled_from([ROW, ROW | {"ap": 1002}, ROW | {"bs": 0}, ROW | {"bp": 0, "bs": 0}]), max_size=32))
def test_frames_of_sound_rows_are_read_the_same_however_often_they_come(rows):
    data = frame(*rows)
    decoder = FrameDecoder(SIMPLE)
    expected = read_by_levels(decoder, data)
    assert [decoder.decode(data) for _ in range(2)] == [expected, expected]


MORE = ["},{", 'x"},{"ap":7', [{"ap": 1}, {"ap": 2}], {"x": {}}, [[{}], [{}]], '\\"},{"bp":1,"more":"']


@given(
    st.lists(st.sampled_from([ROW, ROW | {"bp": 0, "bs": 0}, *(ROW | {"more": more} for more in MORE)]), max_size=32)
)
def test_rows_that_hold_what_looks_like_an_end_of_a_row_are_read_as_their_levels_are(rows):
    data = frame(*rows)
    decoder = FrameDecoder(SIMPLE)
    expected = read_by_levels(decoder, data)
    assert [decoder.decode(data) for _ in range(2)] == [expected, expected]
    assert len(expected.asks) == min(len(rows), MAX_LEVELS)


def test_a_frame_with_blanks_between_its_rows_is_read_all_the_same():
    data = frame(ROW, ROW | {"ap": 1002, "bp": 999})
    assert decoded(data.replace(b",", b" , ")) == decoded(data)


def test_rows_repeated_under_another_time_are_not_put_together_again():
    decoder = FrameDecoder(SIMPLE)
    first, second = decoder.decode(frame(ROW, tms=1)), decoder.decode(frame(ROW, tms=2))
    assert (first.exchange_ns, second.exchange_ns) == (1_000_000, 2_000_000)
    assert second.bids is first.bids
    assert second.asks is first.asks


def test_a_row_too_long_to_keep_is_read_all_the_same():
    assert decoded(frame(ROW | {"more": "x" * 2000})) == decoded(frame(ROW))


def test_sizes_are_cut_to_the_scale_and_to_int64():
    book = decoded(frame(ROW | {"as": 1.999999999, "bs": 1e25}))
    assert (book.asks[0].qty, book.bids[0].qty) == (199_999_999, INT64_MAX)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"\xff\xfe"',
        frame(ROW)[:-3],
        frame(ROW, ty="ticker"),
        frame(ROW, cd=7),
        frame(ROW, tms=0),
        frame(ROW, tms=-1),
        frame(ROW, tms=10**13 * 10**6),
        frame(ROW, tms="soon"),
        frame(ROW, tms=1.5),
        frame(ROW, obu={}),
        frame({"ap": 1001, "bp": 1000, "as": 1}),
        frame(ROW | {"ap": "NaN"}),
        frame(ROW | {"as": "Infinity"}),
        frame(ROW | {"ap": None}),
        frame(ROW | {"ap": -1}),
        frame(ROW | {"bs": -1}),
        frame(ROW | {"ap": 1000.000000001}),
        frame(ROW | {"ap": 1e12}),
        frame(ROW | {"as": "1E+900000"}),
        frame(ROW | {"ap": "1E+900000"}),
    ],
)
def test_what_is_no_book_is_refused_at_once_and_quoted(data):
    with pytest.raises(FrameInvalid, match="simple: "):
        decoded(data)


def test_a_spec_travels_as_json_and_refuses_what_it_does_not_know():
    assert msgspec.json.decode(msgspec.json.encode(SIMPLE), type=FrameSpec) == SIMPLE
    with pytest.raises(msgspec.ValidationError, match="unknown field `depth`"):
        msgspec.json.decode(b'{"depth": 1}', type=FrameSpec)


def test_another_mapping_reads_renamed_keys_without_code():
    renamed = msgspec.structs.replace(SIMPLE, market_key="m", ask_price_key="a")
    data = frame({"a": 1001, "bp": 1000, "as": 1, "bs": 2}, m="KRW-NEW")
    assert (decoded(data, renamed).market, decoded(data, renamed).asks[0].price) == ("KRW-NEW", 1001 * 10**8)


@given(
    st.one_of(
        st.decimals(min_value=0, max_value=10**10, places=8).map(str),
        st.decimals(min_value=0, max_value=10**10).map(str),
        st.integers(0, 10**10).map(str),
        st.floats(0, 1e10, allow_nan=False).map(repr),
    )
)
def test_digits_read_alone_give_what_decimal_gives(text):
    plain = _plain_units(text.encode())
    assert plain is None or plain == Decimal(text) * 10**8


@pytest.mark.parametrize("text", ["1E8", "1.5E-3", '"5"', "0.123456789", "null", "1" * 30])
def test_what_is_not_plain_digits_takes_the_careful_way(text):
    assert _plain_units(text.encode()) is None


@pytest.mark.parametrize(
    "text",
    ["1790000000123", '"1790000000123"', "1790000000123.0", "1.790000000123E12", "1790000000123.00000000000000000000"],
)
def test_a_time_is_the_same_however_it_is_spelled(text):
    assert whole_number(msgspec.Raw(text.encode())) == 1_790_000_000_123


@pytest.mark.parametrize(
    "text", ["1.5", '"x"', "null", "true", "[1]", "1E999999999", '"NaN"', '"Infinity"', '"1_0"x', ""]
)
def test_what_is_no_whole_number_is_no_time(text):
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        whole_number(msgspec.Raw(text.encode()))
