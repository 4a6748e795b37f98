"""The legacy generation drifts too: what is grave there is what is grave anywhere (bithumb.md §1)."""

import pytest
from drift_bench import Drifting

from arbitrage.domain.drift import Drift
from arbitrage.domain.errors import ReadFailed
from arbitrage.domain.ports import Accepted, Unknown
from exchanges.simulator.trouble.fault import Lane, Scope
from exchanges.simulator.trouble.shapes import ExtraField, FieldRenamed
from exchanges.simulator.trouble.transport import StatusAnswered, Text


async def test_balances_that_are_nowhere_stop_trading(legacy: Drifting) -> None:
    held = await legacy.gateway.balances()
    assert held
    legacy.arm(FieldRenamed(from_="data", to="result", object="info/balance"))
    with pytest.raises(ReadFailed):
        await legacy.gateway.balances()
    assert [where for where, _ in legacy.drift(Drift.UNREADABLE)] == ["balances"]
    assert not legacy.is_traded


async def test_extra_members_change_nothing(legacy: Drifting) -> None:
    held = await legacy.gateway.balances()
    legacy.arm(ExtraField())
    order = legacy.bench.taking(await legacy.bench.book(), "extra-1")
    assert isinstance(await legacy.gateway.place(order), Accepted)
    assert {holding.asset for holding in await legacy.gateway.balances()} >= {holding.asset for holding in held}
    assert legacy.drift(Drift.UNREADABLE) == []
    assert legacy.is_traded


@pytest.mark.parametrize("body", list(Text))
async def test_a_server_error_leaves_the_order_unknown_and_is_no_drift_of_shape(legacy: Drifting, body: Text) -> None:
    order = legacy.bench.taking(await legacy.bench.book(), "error-1")
    legacy.arm(StatusAnswered(status=502, body=body), Scope(lane=Lane.ORDER, count=1))
    assert isinstance(await legacy.gateway.place(order), Unknown)
    assert [where for where, _ in legacy.drift(Drift.ERROR)] == ["place"]
    assert legacy.drift(Drift.UNREADABLE) == []
    assert legacy.is_traded


async def test_an_acceptance_without_its_id_is_unknown_and_stops_trading(legacy: Drifting) -> None:
    order = legacy.bench.taking(await legacy.bench.book(), "id-1")
    legacy.arm(FieldRenamed(from_="order_id", to="number"))
    assert isinstance(await legacy.gateway.place(order), Unknown)
    assert not legacy.is_traded
