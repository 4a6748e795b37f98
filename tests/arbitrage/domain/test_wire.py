"""Wire settings: shipped by default, every finding at once with field, value and bound, the same after a journey."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbitrage.domain.frame_spec import FrameDecoder, FrameSpec, TimeUnit
from arbitrage.domain.units import Exchange
from arbitrage.domain.wire import (
    SHIPPED_WIRE,
    WIRE_MAX,
    Duty,
    ExchangeWire,
    Generation,
    Shipped,
    Wire,
    is_wire_key,
    spec_problems,
    wire_from_bytes,
    wire_problems,
    wire_to_bytes,
)

BOOK = FrameSpec(
    name="book",
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
KNOWN = Shipped({"book": BOOK}, {"account": {"currency": "currency", "free": "balance", "locked": "locked"}})
SHIPPED = {Exchange.UPBIT: KNOWN, Exchange.BITHUMB: KNOWN}


def of(exchange: Exchange, **settings: object) -> Wire:
    return Wire({exchange: ExchangeWire(**settings)})


def test_an_empty_set_is_as_shipped_and_has_no_finding():
    assert wire_problems(Wire(), SHIPPED) == []
    assert Wire().of(Exchange.UPBIT) is SHIPPED_WIRE
    assert [SHIPPED_WIRE.generation(duty) for duty in Duty] == [Generation.JWT] * 3
    assert SHIPPED_WIRE.spec(BOOK) is BOOK


def test_an_override_goes_by_the_name_of_the_spec_it_replaces():
    renamed = msgspec.structs.replace(BOOK, version=2, units_key="levels")
    wire = of(Exchange.UPBIT, frames={"book": renamed})
    assert wire_problems(wire, SHIPPED) == []
    assert wire.of(Exchange.UPBIT).spec(BOOK) is renamed
    assert wire.of(Exchange.BITHUMB).spec(BOOK) is BOOK


def test_a_set_travels_and_comes_back_the_same_and_always_as_the_same_bytes():
    wire = of(
        Exchange.BITHUMB,
        generations={Duty.ORDERS: Generation.LEGACY, Duty.BOOKS: Generation.JWT},
        compare=frozenset({Duty.READS, Duty.BOOKS}),
        frames={"book": msgspec.structs.replace(BOOK, version=2)},
        fields={"account": {"free": "available"}},
    )
    assert wire_from_bytes(wire_to_bytes(wire), SHIPPED) == (wire, [])
    turned = msgspec.structs.replace(
        wire.of(Exchange.BITHUMB), generations={Duty.BOOKS: Generation.JWT, Duty.ORDERS: Generation.LEGACY}
    )
    assert wire_to_bytes(Wire({Exchange.BITHUMB: turned})) == wire_to_bytes(wire)
    assert wire_to_bytes(Wire()) == b'{"exchanges":{}}'


def test_legacy_and_comparison_are_bithumbs_alone():
    settings = {"generations": {Duty.BOOKS: Generation.LEGACY}, "compare": frozenset({Duty.BOOKS})}
    assert wire_problems(of(Exchange.BITHUMB, **settings), SHIPPED) == []
    assert wire_problems(of(Exchange.UPBIT, **settings), SHIPPED) == [
        "upbit.generations.books was legacy, must be one of jwt",
        "upbit.compare was books, must be empty: there is one generation to read",
    ]


def test_all_findings_come_at_once():
    bad = msgspec.structs.replace(BOOK, name="other", version=0, units_key="", type_value=None, ask_qty_key="bs")
    wire = of(
        Exchange.UPBIT,
        frames={"book": bad, "tape": BOOK},
        fields={"account": {"free": "locked", "price": "p"}, "order": {"state": "s"}},
    )
    assert wire_problems(wire, SHIPPED) == [
        "upbit.frames.book.name was 'other', must be 'book'",
        "upbit.frames.book.version was 0, must be at least 1",
        "upbit.frames.book.units_key was '', must be 1 to 64 characters without blanks or quotes",
        "upbit.frames.book.type_value was None, must be there when type_key is",
        "upbit.frames.book.bid_qty_key was 'bs', must differ from ask_qty_key",
        "upbit.frames.tape is unknown, must be one of book",
        "upbit.fields.account.price is unknown, must be one of currency, free, locked",
        "upbit.fields.account.locked was 'locked', must differ from free",
        "upbit.fields.order is unknown, must be one of account",
    ]


def test_two_members_may_change_places():
    assert wire_problems(of(Exchange.UPBIT, fields={"account": {"free": "locked", "locked": "balance"}}), SHIPPED) == []


def test_a_type_value_without_its_key_and_twins_at_the_top_are_found():
    odd = msgspec.structs.replace(BOOK, type_key=None, time_key="cd")
    assert spec_problems("book", odd) == [
        "type_value was 'orderbook', must be absent when type_key is",
        "time_key was 'cd', must differ from market_key",
    ]


@pytest.mark.parametrize("key", ["", "a b", 'a"b', "a\\b", "a\nb", "a'b", "x" * 65])
def test_what_cannot_be_a_member_is_refused(key):
    assert not is_wire_key(key)
    assert wire_problems(of(Exchange.UPBIT, fields={"account": {"free": key}}), SHIPPED) == [
        f"upbit.fields.account.free was {key!r}, must be 1 to 64 characters without blanks or quotes"
    ]


@pytest.mark.parametrize("key", ["ap", "ask_price", "priceKrw", "가격", "x" * 64, "uuids[]"])
def test_what_can_be_a_member_is_let_in(key):
    assert wire_problems(of(Exchange.UPBIT, fields={"account": {"free": key}}), SHIPPED) == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"exchanges":{"kraken":{}}}',
        b'{"exchanges":{"upbit":{"generations":{"books":"v9"}}}}',
        b'{"exchanges":{"upbit":{"frames":{"book":{"name":"book"}}}}}',
        b'{"exchanges":{"upbit":{"wings":1}}}',
        b'{"more":1}',
    ],
)
def test_what_is_no_set_is_one_finding_and_no_wire(data):
    wire, found = wire_from_bytes(data, SHIPPED)
    assert wire is None
    assert len(found) == 1


def test_a_set_larger_than_its_place_in_memory_is_refused():
    members = {f"{n:03d}": "x" * 63 for n in range(1000)}
    wide = Shipped({}, {"account": {name: name for name in members}})
    wire = of(Exchange.UPBIT, fields={"account": {name: f"{name}{'x' * 61}" for name in members}})
    size = len(wire_to_bytes(wire))
    assert size > WIRE_MAX
    found = wire_problems(wire, {Exchange.UPBIT: wide})
    assert found == [f"wire has {size} bytes, must have at most 65536"]


def test_ladder_spec_is_checked_for_the_keys_its_own_layout_reads() -> None:
    from exchanges.bithumb.legacy_profile import STREAM_SPEC as LADDERS

    assert spec_problems(LADDERS.name, LADDERS) == []
    twin = msgspec.structs.replace(LADDERS, asks_key="bids", content_key=None)
    assert spec_problems(LADDERS.name, twin) == ["bids_key was 'bids', must differ from asks_key"]
    bare = msgspec.structs.replace(LADDERS, asks_key="")
    assert spec_problems(LADDERS.name, bare) == [
        "asks_key was '', must be 1 to 64 characters without blanks or quotes",
    ]


GOOD = wire_to_bytes(
    of(
        Exchange.BITHUMB,
        generations={Duty.ORDERS: Generation.LEGACY},
        compare=frozenset({Duty.READS}),
        frames={"book": msgspec.structs.replace(BOOK, version=2)},
        fields={"account": {"free": "available"}},
    )
)


@given(st.integers(0, len(GOOD)), st.integers(0, 8), st.binary(max_size=8))
def test_damaged_bytes_are_findings_or_settings_that_travel_again(at, cut, instead):
    wire, found = wire_from_bytes(GOOD[:at] + instead + GOOD[at + cut :], SHIPPED)
    assert (wire is None) == bool(found)
    if wire is not None:
        assert wire_from_bytes(wire_to_bytes(wire), SHIPPED) == (wire, [])
        for settings in wire.exchanges.values():
            for spec in settings.frames.values():
                FrameDecoder(spec)


@given(st.binary(max_size=200))
def test_any_bytes_are_findings_or_settings(data):
    wire, found = wire_from_bytes(data, SHIPPED)
    assert (wire is None) == bool(found)


def test_deep_nesting_is_a_finding():
    assert wire_from_bytes(b'{"exchanges":' * 50_000, SHIPPED)[0] is None
    assert wire_from_bytes(b"[" * 100_000, SHIPPED)[0] is None
