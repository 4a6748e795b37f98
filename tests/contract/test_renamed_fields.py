"""An exchange renames a member: nothing is guessed, the drift is kept, an override heals it in the running process."""

from collections.abc import Callable

import pytest
from contract_bench import MARKET, Bench, Can, ended, listening, renamed, until

from arbitrage.domain.errors import ConfigError, ReadFailed
from arbitrage.domain.order import OrderOn
from arbitrage.domain.ports import Accepted, Found, NotFound, Unknown
from arbitrage.domain.units import Exchange
from arbitrage.domain.wire import ExchangeWire
from exchanges.rest_gateway import RestGateway

pytestmark = pytest.mark.needs(Can.MAP_FIELDS)


def use(gateway: RestGateway, fields: dict[str, dict[str, str]]) -> None:
    gateway.use_wire(ExchangeWire(fields=fields))


def drifted(gateway: RestGateway) -> set[str]:
    return {where for where, _ in gateway.drift.counts}


async def test_renamed_executed_volume_is_unknown_until_the_map_follows(bench: Bench, gateway: RestGateway) -> None:
    order = bench.taking(await bench.book(), "renamed-1")
    assert isinstance(await gateway.place(order), Accepted)
    await ended(gateway, order)
    with renamed(bench, "executed_volume", "filled_volume"):
        assert isinstance(await gateway.query(order), Unknown)
        assert gateway.drift.samples[-1].finding == "HTTP 200: order: Object missing required field `executed_volume`"
        use(gateway, {"order": {"executed_qty": "filled_volume"}})
        found = await gateway.query(order)
        assert isinstance(found, Found)
        assert (found.report.on, found.report.executed_qty) == (OrderOn.FULL_FILL, order.qty)
    assert isinstance(await gateway.query(order), Unknown)
    use(gateway, {})
    assert isinstance(await gateway.query(order), Found)


@pytest.mark.parametrize(
    ("old", "new", "where", "overrides", "read"),
    [
        ("balance", "available", "balances", {"balance": {"free": "available"}}, lambda g: g.balances()),
        ("locked", "held", "balances", {"balance": {"locked": "held"}}, lambda g: g.balances()),
        ("bid_fee", "buy_fee", "market_rules", {"chance": {"bid_fee": "buy_fee"}}, lambda g: g.market_rules(MARKET)),
        (
            "min_total",
            "min_sum",
            "market_rules",
            {"chance_side": {"min_total": "min_sum"}},
            lambda g: g.market_rules(MARKET),
        ),
    ],
)
async def test_renamed_member_of_a_read_fails_it_until_the_map_follows(
    bench: Bench, gateway: RestGateway, old: str, new: str, where: str, overrides: dict, read: Callable
) -> None:
    before = await read(gateway)
    with renamed(bench, old, new):
        with pytest.raises(ReadFailed):
            await read(gateway)
        assert where in drifted(gateway)
        use(gateway, overrides)
        assert await read(gateway) == before


async def test_renamed_id_of_an_acknowledgement_is_unknown_and_the_order_is_found(
    bench: Bench, gateway: RestGateway
) -> None:
    order = bench.taking(await bench.book(), "renamed-2")
    word = "uuid" if bench.exchange is Exchange.UPBIT else "order_id"
    with renamed(bench, word, "number"):
        assert isinstance(await gateway.place(order), Unknown)
        assert "place" in drifted(gateway)
    assert (await ended(gateway, order)).on is OrderOn.FULL_FILL
    with renamed(bench, word, "number"):
        use(gateway, {"accepted": {"exchange_order_id": "number"}})
        second = bench.taking(await bench.book(), "renamed-3")
        assert isinstance(await gateway.place(second), Accepted)


async def test_renamed_error_name_proves_nothing_until_the_map_follows(bench: Bench, gateway: RestGateway) -> None:
    order = bench.taking(await bench.book(), "nobody-2")
    with renamed(bench, "name", "code"):
        assert isinstance(await gateway.query(order), Unknown)
        use(gateway, {"error": {"name": "code"}})
        assert await gateway.query(order) == NotFound()


async def test_absent_usual_member_is_read_over_and_noted(bench: Bench, gateway: RestGateway) -> None:
    order = bench.taking(await bench.book(), "renamed-4")
    await gateway.place(order)
    await ended(gateway, order)
    with renamed(bench, "paid_fee", "fee_paid"):
        found = await gateway.query(order)
        assert isinstance(found, Found)
        assert found.report.paid_fee is None
        assert gateway.drift.counts[("query", "order.paid_fee was absent")] == 1
        use(gateway, {"order": {"paid_fee": "fee_paid"}})
        found = await gateway.query(order)
        assert isinstance(found, Found)
        assert found.report.paid_fee is not None


async def test_renamed_id_in_private_frames_is_noted_and_healed_on_the_open_stream(
    bench: Bench, gateway: RestGateway
) -> None:
    word = "uuid" if bench.exchange is Exchange.UPBIT else "order_id"
    async with listening(gateway) as news:
        with renamed(bench, word, "number"):
            first = bench.taking(await bench.book(), "renamed-5")
            await gateway.place(first)
            await until(lambda: "private_news" in drifted(gateway))
            assert news.of("renamed-5") == []
            use(gateway, {"order_news": {"exchange_order_id": "number"}})
            second = bench.taking(await bench.book(), "renamed-6")
            await gateway.place(second)
            await until(lambda: any(item.report.on is OrderOn.FULL_FILL for item in news.of("renamed-6")))
        assert [state.value for state in news.states()] == ["connecting", "up"]


def test_override_that_cannot_be_used_changes_nothing(bench: Bench) -> None:
    gateway = bench.gateway()
    use(gateway, {"order": {"qty": "amount"}})
    with pytest.raises(ConfigError):
        use(gateway, {"order": {"qty": "uuid"}})
    assert getattr(gateway, "_jwt", gateway)._reads._fields.name("order", "qty") == "amount"
