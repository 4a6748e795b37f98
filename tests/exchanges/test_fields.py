"""Field maps: every shape is mapped, an override is checked as a whole, and decoders follow it."""

import inspect

import msgspec
import pytest

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import EXCHANGES, Exchange
from exchanges import list_shapes, shapes
from exchanges.bithumb import codec as bithumb
from exchanges.bithumb import legacy_books, legacy_codec
from exchanges.field_maps import SHIPPED
from exchanges.fields import Fields, Shape, field_problems
from exchanges.upbit import codec as upbit


def shapes_of(*modules: object) -> list[type[Shape]]:
    found = []
    for module in modules:
        for _, thing in inspect.getmembers(module, inspect.isclass):
            if issubclass(thing, Shape) and thing is not Shape:
                found.append(thing)
    return found


OF = {
    Exchange.UPBIT: shapes_of(shapes, list_shapes, upbit),
    Exchange.BITHUMB: shapes_of(shapes, list_shapes, bithumb, legacy_codec, legacy_books),
}
SHAPELESS = ("error", "error_body", "legacy_balance")
"""Read by name: bodies that may be anything, and members that end in a coin's name."""


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_every_mapped_member_is_one_of_a_shape(exchange: Exchange) -> None:
    members: dict[str, set[str]] = {}
    for shape in OF[exchange]:
        members.setdefault(shape.object_name, set()).update(field.name for field in msgspec.structs.fields(shape))
    for name, mapped in SHIPPED[exchange].items():
        if name not in SHAPELESS:
            assert set(mapped) <= members[name], name


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_every_member_that_must_be_there_is_mapped(exchange: Exchange) -> None:
    for shape in OF[exchange]:
        mapped = SHIPPED[exchange].get(shape.object_name)
        if mapped is not None:
            needed = {field.name for field in msgspec.structs.fields(shape) if field.required}
            assert needed | set(shape.usual) <= set(mapped), shape


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_shipped_maps_have_no_problem(exchange: Exchange) -> None:
    maps = SHIPPED[exchange]
    assert field_problems(exchange, maps) == []


def test_override_reaches_the_object_it_names_and_no_other() -> None:
    fields = Fields(Exchange.UPBIT, {"trade": {"qty": "size"}})
    order = (
        b'{"uuid":"u","state":"done","executed_volume":"1","volume":"1",'
        b'"trades":[{"uuid":"t","price":"5","size":"1","created_at":"x"}]}'
    )
    assert fields.one(shapes.WireOrder, order).trades[0].qty == 1  # type: ignore[index]
    with pytest.raises(ValueError, match="size"):
        fields.one(shapes.WireOrder, order.replace(b'"size"', b'"volume"'))
    assert fields.one(shapes.WireOrderRow, order).qty == 1
    with pytest.raises(ValueError, match="volume"):
        Fields(Exchange.UPBIT).one(shapes.WireOrder, order)


def test_every_finding_about_an_override_comes_at_once() -> None:
    overrides = {
        "order": {"executed_qty": "uuid", "colour": "c", "state": ""},
        "balance": {"free": "a\x07b", "locked": "l" * 65},
        "trade": {"qty": "a b", "price": '"'},
        "nothing": {"a": "b"},
    }
    with pytest.raises(ConfigError) as caught:
        Fields(Exchange.UPBIT, overrides)
    found = caught.value.problems
    assert len(found) == 8
    for part in (
        "upbit.order.colour: no such member",
        "upbit.order.state was ''",
        "upbit.order: exchange_order_id and executed_qty would both read 'uuid'",
        "upbit.balance.free was 'a\\x07b'",
        "upbit.balance.locked was 'lll",
        "upbit.trade.qty was 'a b'",
        "upbit.trade.price was '\"'",
        "upbit.nothing: no such object",
    ):
        assert any(part in finding for finding in found), part


def test_two_members_may_swap_names() -> None:
    fields = Fields(Exchange.BITHUMB, {"balance": {"free": "locked", "locked": "balance"}})
    row = fields.one(shapes.WireBalance, b'{"currency":"KRW","balance":"1","locked":"2"}')
    assert (row.free, row.locked) == (2, 1)


def test_a_member_the_exchange_does_not_send_is_never_read() -> None:
    row = Fields(Exchange.UPBIT).one(shapes.WireMarket, b'{"market":"KRW-A","market_warning":"CAUTION","warning":"X"}')
    assert row.warning is None


def test_name_says_what_the_exchange_calls_a_member_now() -> None:
    fields = Fields(Exchange.UPBIT, {"error": {"name": "code"}})
    assert fields.name("error", "name") == "code"
    assert Fields(Exchange.UPBIT).name("error", "name") == "name"
