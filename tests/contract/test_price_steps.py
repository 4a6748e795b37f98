"""Price steps: the exchange's own word is truth where it gives one, and what differs is not traded."""

import msgspec
import pytest
from contract_bench import MARKET, Bench, Can, renamed

from arbitrage.domain.errors import ReadFailed
from arbitrage.domain.instrument import TickBand, TickTable
from arbitrage.domain.units import SCALE, Price
from exchanges import registry
from exchanges.rest_gateway import RestGateway

HALF_WON = TickTable("2026-11-26", (TickBand(Price(0), Price(SCALE // 2)),))


async def test_steps_of_the_rules_are_used_and_have_no_fault(bench: Bench, gateway: RestGateway) -> None:
    rules = await gateway.market_rules(MARKET)
    assert rules.tick_fault == ""
    made = registry.instrument(bench.exchange, MARKET, msgspec.structs.replace(rules, ticks=HALF_WON))
    assert made.ticks is HALF_WON
    newest = registry.instrument(bench.exchange, MARKET, None).ticks
    assert registry.instrument(bench.exchange, MARKET, rules).ticks == newest


@pytest.mark.needs(Can.TELL_TICKS)
async def test_changed_step_is_seen_at_the_next_question(bench: Bench, gateway: RestGateway) -> None:
    sim = bench.simulator.exchange(bench.exchange)
    sim.set_rules(ticks=HALF_WON)
    rules = await gateway.market_rules(MARKET)
    assert rules.tick_fault == "price step was 0.5, the table of 2025-07-31 says 1000"


@pytest.mark.needs(Can.TELL_TICKS)
async def test_step_that_is_not_told_any_more_is_no_rule_at_all(bench: Bench, gateway: RestGateway) -> None:
    with renamed(bench, "tick_size", "step"), pytest.raises(ReadFailed):
        await gateway.market_rules(MARKET)
    with renamed(bench, "market", "code"), pytest.raises(ReadFailed):
        await gateway.market_rules(MARKET)


@pytest.mark.needs(Can.TELL_TICKS)
async def test_many_looks_in_a_row_wait_for_their_turn_instead_of_failing(bench: Bench, gateway: RestGateway) -> None:
    faults = [(await gateway.market_rules(market)).tick_fault for _ in range(6) for market in (MARKET, "KRW-ETH")]
    assert faults == [""] * 12
