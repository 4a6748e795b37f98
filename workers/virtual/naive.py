"""Three traders as many people write them, on the same made-up desk and the same trouble: what they lose.

They see the same books, find the same gaps with the same sizes and use the same gateways. What they lack
is all that comes after the first answer: no journal, no look-up, no hedge, no switch, no age of a book.
"""

import asyncio
from enum import StrEnum
from itertools import count

import msgspec

from arbitrage.domain.arb import Moment
from arbitrage.domain.arb_step import open_arb
from arbitrage.domain.instrument import Instrument
from arbitrage.domain.order import Order
from arbitrage.domain.params import SECOND
from arbitrage.domain.ports import Accepted, Answer, Gateway
from arbitrage.domain.signal import Caps, NoSignal, Signal, find_signal
from arbitrage.domain.units import EXCHANGES, SCALE, Exchange, Krw, Qty
from exchanges import registry
from exchanges.gateways import gateway
from fast_path.books import BookReader
from workers.virtual.owners import OWNER
from workers.virtual.run import Plan, do_deeds, lived_as_drawn, make_well
from workers.virtual.world import World
from workers.virtual.worth import Worth, worth_of

LOOKS_EVERY_S = 0.05
RESTS_S = 1.0
REST_S = 20.0
"""Made-up time in the end, for fills that come late."""
TRIES = 5
"""How often the stubborn one sends a leg that it got no good answer for."""
_CAPS = Caps(krw_to_spend=Krw(50_000_000 * SCALE), base_to_sell=Qty(10 * SCALE))


class Bot(StrEnum):
    """Who trades. KARB is the real desk."""

    KARB = "karb"
    RETRY = "naive-retry"
    SINGLE = "naive-single"
    EXIT = "naive-exit"


class NaiveBot:
    """One of the three: RETRY sends again on any error, SINGLE does not care, EXIT gives up for good."""

    def __init__(self, world: World, bot: Bot) -> None:
        self.orders = 0
        """How many orders it sent."""
        self._world = world
        self._bot = bot
        self._numbers = count(1)
        self._gateways: dict[Exchange, Gateway] = {}
        self._rules: dict[Exchange, Instrument] = {}

    async def trade(self) -> None:
        """Trade until cancelled, or until it gives up."""
        OWNER.set(self._bot.value)
        world, market = self._world, self._world.env.markets[0]
        self._gateways = {one: gateway(one, world.env, world.clock, last_check=self._sends) for one in EXCHANGES}
        await asyncio.gather(*(one.open() for one in self._gateways.values()))
        try:
            for one in EXCHANGES:
                rules = await self._gateways[one].market_rules(market)
                self._rules[one] = registry.instrument(one, market, rules)
            readers = {one: BookReader(world.env.shm_dir, one, world.env.markets) for one in EXCHANGES}
            while True:
                await asyncio.sleep(LOOKS_EVERY_S)
                signal = self._find(readers)
                if signal is None:
                    continue
                if not await self._take(signal):
                    return
                await asyncio.sleep(RESTS_S)
        finally:
            for way in self._gateways.values():
                await way.close()

    def _sends(self, exchange: Exchange, order: Order) -> None:
        self.orders += 1
        self._world.note(self._bot.value, "sends", f"{exchange} {order.client_order_id} {order.side} {order.qty}")

    def _find(self, readers: dict[Exchange, BookReader]) -> Signal | None:
        world = self._world
        views = {one: readers[one].read(0) for one in EXCHANGES}
        for buy, sell in (EXCHANGES, EXCHANGES[::-1]):
            cheap, dear = views[buy], views[sell]
            if cheap is None or dear is None:
                return None
            buying, selling = self._rules[buy], self._rules[sell]
            found = find_signal(
                dear.book, cheap.book, buying, selling, world.operator.params, _CAPS, world.clock.mono_ns()
            )
            if not isinstance(found, NoSignal):
                return found
        return None

    async def _take(self, signal: Signal) -> bool:
        """Send both legs; False when it gives up."""
        clock = self._world.clock
        now = Moment(clock.mono_ns(), clock.wall_ns())
        arb, _ = open_arb(
            signal, arb_id=f"naive{next(self._numbers)}", params=self._world.operator.params, params_epoch=1, now=now
        )
        answers = await asyncio.gather(*(self._send(leg) for leg in arb.orders))
        return self._bot is not Bot.EXIT or all(isinstance(answer, Accepted) for answer in answers)

    async def _send(self, leg: Order) -> Answer:
        answer = await self._gateways[leg.exchange].place(leg)
        for attempt in range(1, TRIES if self._bot is Bot.RETRY else 1):
            if isinstance(answer, Accepted):
                break
            again = msgspec.structs.replace(leg, client_order_id=f"{leg.client_order_id}{attempt}")
            answer = await self._gateways[leg.exchange].place(again)
        return answer


class BotOutcome(msgspec.Struct, frozen=True):
    """What a naive trader made of one run."""

    seed: int
    orders: int
    worth: Worth


def run_naive(plan: Plan, bot: Bot) -> BotOutcome:
    """Let a naive trader live through one run."""

    async def live(world: World) -> BotOutcome:
        opening, trader = world.holdings(), NaiveBot(world, bot)
        trading = asyncio.get_running_loop().create_task(trader.trade())
        do_deeds(world, plan)
        await asyncio.sleep(plan.trades_for_s - world.loop.now_ns / SECOND)
        make_well(world)
        trading.cancel()
        await asyncio.gather(trading, return_exceptions=True)
        await asyncio.sleep(REST_S)
        return BotOutcome(plan.seed, trader.orders, worth_of(world, opening))

    return lived_as_drawn(plan, live)
