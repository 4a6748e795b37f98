"""An exchange renames a member of /v1/accounts: nothing wrong is read, and all of it again once the map is mended."""

from story_exchange import Story
from story_life import until

from arbitrage.domain.units import Exchange
from arbitrage.domain.wire import ExchangeWire, Wire, wire_to_bytes

UPBIT = Exchange.UPBIT
MENDED = Wire({UPBIT: ExchangeWire(fields={"balance": {"free": "available"}})})


async def test_balances_are_read_again_after_the_map_is_mended_in_the_running_trader(story: Story) -> None:
    life = await story.live()
    life.context.beat()
    before = life.trader.wallets.spendable(UPBIT, "ETH", 0)
    drift = life.gateways[UPBIT].drift
    story.rewrite[UPBIT] = lambda path, body: body.replace(b'"balance":', b'"available":')
    life.trader.treasury.want(UPBIT)
    await until(lambda: drift.counts)
    assert {where for where, _ in drift.counts} == {"balances"}
    assert life.trader.wallets.spendable(UPBIT, "ETH", 0) == before
    last = life.trader.treasury._read_mono[UPBIT]

    life.context.control.write_wire(2, wire_to_bytes(MENDED))
    await until(lambda: life.context.control.heartbeats()["trader"].wire_epoch == 2)
    life.trader.treasury.want(UPBIT)
    await until(lambda: life.trader.treasury._read_mono[UPBIT] > last)
    assert life.trader.wallets.spendable(UPBIT, "ETH", 0) == before
    assert not life.run.done()
