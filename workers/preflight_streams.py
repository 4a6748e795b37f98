"""Whether both streams of an exchange can be reached and speak, and whether the key may order. Nothing is ordered."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from arbitrage.domain.errors import ConfigError, ExchangeError
from arbitrage.domain.frame_spec import DecodedBook
from arbitrage.domain.order import Order, OrderRole, OrderState, RefusalReason, TimeInForce
from arbitrage.domain.ports import (
    Accepted,
    Answer,
    Frame,
    Gateway,
    PrivateNews,
    Refused,
    StreamNews,
    StreamState,
    Unknown,
)
from arbitrage.domain.preflight import Check
from arbitrage.domain.units import SCALE, Exchange, Ns, Price, Qty, Side
from arbitrage.domain.wire import ExchangeWire
from exchanges import registry
from exchanges.gateways import gateway
from exchanges.transport import Clock
from karb_project.env import Env

WITHIN_S = 15.0


async def stream_checks(exchange: Exchange, env: Env, clock: Clock, wire: ExchangeWire) -> list[Check]:
    """Return what came of listening to both streams and of a test order, each bounded in time."""
    found = [await _public(exchange, env, clock, wire)]
    try:
        own = gateway(exchange, env, clock, last_check=lambda at, order: "the doctor orders nothing")
    except ConfigError as error:
        return [*found, Check(f"{exchange} private stream", problem=str(error))]
    own.use_wire(wire)
    try:
        found.append(await _private(exchange, own))
        found.append(await _may_order(exchange, env, clock, own))
    finally:
        await own.close()
    return found


async def _public(exchange: Exchange, env: Env, clock: Clock, wire: ExchangeWire) -> Check:
    name = f"{exchange} public stream"
    feed = registry.feed(exchange, env, clock)
    feed.use_wire(wire)
    first: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    causes = ["nothing came"]
    is_up = False

    def frame_came(frame: Frame) -> None:
        if not first.done():
            first.set_result(len(frame.data))

    def book_came(book: DecodedBook, wall_ns: Ns, mono_ns: Ns) -> None:
        # Books polled while the stream is away prove nothing of it; those folded from its diffs do.
        if is_up and not first.done():
            first.set_result(len(book.bids) + len(book.asks))

    def state_changed(state: StreamState, cause: str) -> None:
        nonlocal is_up
        is_up = state is StreamState.UP
        if cause:
            causes.append(cause)

    running = asyncio.create_task(feed.run(env.markets, frame_came, state_changed, book_came))
    try:
        async with asyncio.timeout(WITHIN_S):
            await first
    except TimeoutError:
        return Check(name, problem=f"no book within {WITHIN_S:.0f} s: {causes[-1]}")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return Check(name, "books come")


async def _private(exchange: Exchange, own: Gateway) -> Check:
    name = f"{exchange} private stream"
    news = own.private_news()
    try:
        async with asyncio.timeout(WITHIN_S):
            await _up(news)
    except TimeoutError:
        return Check(name, problem=f"not open within {WITHIN_S:.0f} s")
    finally:
        if isinstance(news, AsyncGenerator):
            await news.aclose()
    return Check(name, "open to this key")


async def _up(news: AsyncIterator[PrivateNews]) -> None:
    async for one in news:
        if isinstance(one, StreamNews) and one.state is StreamState.UP:
            return


async def _may_order(exchange: Exchange, env: Env, clock: Clock, own: Gateway) -> Check:
    """Send a test order where the exchange has one (upbit.md §1.3): it makes nothing."""
    name = f"{exchange} order right"
    market = env.markets[0]
    feed = registry.feed(exchange, env, clock)
    try:
        bids = (await feed.snapshot(market)).bids
    except ExchangeError as error:
        return Check(name, problem=f"no price for a test order: {error}")
    finally:
        await feed.close()
    if not bids:
        return Check(name, problem=f"no price for a test order: the book of {market} has no bids")
    await own.open()
    return _tested(name, market, await own.test(_test_order(exchange, market, bids[0].price, clock)))


def _test_order(exchange: Exchange, market: str, best: Price, clock: Clock) -> Order:
    rules = registry.instrument(exchange, market, None)
    price = rules.price_down(Price(best * 95 // 100))
    qty = rules.qty_down(Qty(2 * rules.min_notional * SCALE // price))
    now = Ns(clock.mono_ns())
    return Order(
        client_order_id=f"doctor-{clock.wall_ns()}",
        arb_id="doctor",
        role=OrderRole.BUY_LEG,
        exchange=exchange,
        market=market,
        side=Side.BID,
        price=price,
        qty=qty,
        tif=TimeInForce.GTC,
        state=OrderState.PLANNED,
        planned_wall_ns=Ns(clock.wall_ns()),
        planned_mono_ns=now,
        heard_mono_ns=now,
    )


def _tested(name: str, market: str, answer: Answer) -> Check:
    match answer:
        case Accepted():
            return Check(name, f"a test order on {market} would be taken")
        case Refused(RefusalReason.UNSUPPORTED):
            return Check(name, "not provable: this exchange has no test order")
        case Refused(RefusalReason.INSUFFICIENT_FUNDS):
            return Check(name, f"a test order on {market} was refused for want of funds only")
        case Refused(reason, detail):
            return Check(name, problem=f"a test order on {market} was refused: {reason} {detail}")
        case Unknown(cause):
            return Check(name, problem=f"a test order on {market} got no clear answer: {cause}")
