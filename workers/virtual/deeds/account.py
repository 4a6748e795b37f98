"""What moves on the desk's accounts without the desk."""

from random import Random

from arbitrage.domain.params import SECOND
from arbitrage.domain.units import EXCHANGES, Side, base_of
from exchanges.simulator.cash import CashFault
from exchanges.simulator.money import fine_of_text
from exchanges.simulator.orders import Draft, OrdType
from workers.virtual.deeds.deed import Act
from workers.virtual.world import World


def draw(rng: Random) -> tuple[str, Act]:
    """Return one such deed: its words and what it does."""
    exchange = rng.choice(EXCHANGES)
    kind = rng.randrange(3)
    krw = str(rng.randint(10_000, 5_000_000))

    def move(world: World) -> None:
        sim, now = world.exchange(exchange), world.true_clock.wall_ns()
        account = world.account(exchange)
        if kind == 0:
            sim.cash.deposit(account, "KRW", fine_of_text(krw), now)
        elif isinstance(fault := sim.cash.withdraw(account, "KRW", fine_of_text(krw), now, delay_ns=SECOND), CashFault):
            world.note(exchange.value, "withdrawal refused", fault.value)

    def trade(world: World) -> None:
        market = world.env.markets[0]
        bid = rng.random() < 0.5
        draft = Draft(
            market,
            Side.BID if bid else Side.ASK,
            OrdType.PRICE if bid else OrdType.MARKET,
            int(krw) * 10**8 if bid else None,
            None if bid else 10**6,
            None,
            None,
        )
        taken = world.exchange(exchange).matching.place(world.account(exchange), draft, world.true_clock.wall_ns())
        world.note("owner", "trades by hand", f"{exchange} {base_of(market)} {taken!r:.60}")

    if kind == 2:
        return f"owner trades by hand on {exchange}", trade
    return f"{'deposit' if kind == 0 else 'withdrawal'} of {krw} KRW on {exchange}", move
