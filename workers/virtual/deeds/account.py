"""What happens to the desk's accounts without the desk: money, wallets, fees, keys, the owner's own orders."""

from collections.abc import Callable
from random import Random

from arbitrage.domain.params import SECOND
from arbitrage.domain.units import EXCHANGES, Exchange, Side, base_of
from exchanges.simulator.auth import AuthFault
from exchanges.simulator.cash import CashFault
from exchanges.simulator.keys import Scope
from exchanges.simulator.money import fine_of_text
from exchanges.simulator.orders import Draft, OrdType
from exchanges.simulator.tariff import FULL_RATE_PPM
from exchanges.simulator.wallets import WalletState
from workers.virtual.deeds.deed import Act, span
from workers.virtual.world import FEES_PPM, RIGHTS, World

Draw = Callable[[Random, Exchange], tuple[str, Act]]


def draw(rng: Random) -> tuple[str, Act]:
    """Return one such deed: its words and what it does."""
    kind: Draw = rng.choice((_money, _money, _trade_by_hand, _trade_by_hand, _key, _key, _fees, _wallets, _reversal))
    return kind(rng, rng.choice(EXCHANGES))


def give_key_back(world: World, exchange: Exchange) -> None:
    """Let the desk's key be whole again: the owner made it anew under the same name."""
    sim, account = world.exchange(exchange), world.account(exchange)
    if sim.keys.find(account.access_key) is None or AuthFault.KEY_EXPIRED is _fault(world, exchange):
        world.note(exchange.value, "key given back")
    sim.keys.restore(
        {
            "access_key": account.access_key,
            "scopes": list(RIGHTS),
            "ips": [],
            "expires_ns": world.true_clock.wall_ns() + 365 * 86_400 * SECOND,
            "revoked": False,
            "withdraw_locked": False,
        }
    )


def usual_fees(world: World, exchange: Exchange) -> None:
    """Charge what was charged in the beginning."""
    rules, usual = world.exchange(exchange).rules, FEES_PPM[EXCHANGES.index(exchange)]
    if rules.bid_fee_ppm != usual:
        world.exchange(exchange).tariff.change(usual, usual, world.true_clock.wall_ns())


def _fault(world: World, exchange: Exchange) -> AuthFault | None:
    sim, account = world.exchange(exchange), world.account(exchange)
    key = sim.keys.find(account.access_key)
    return None if key is None else sim.keys.fault(key, "POST", "/v1/orders", "", world.true_clock.wall_ns())


def _key(rng: Random, exchange: Exchange) -> tuple[str, Act]:
    lasts = span(rng, 500, 15_000) / SECOND
    how = rng.choice(("revoked", "expired", "without the right to order", "without the right to look", "of another IP"))

    def take(world: World) -> None:
        keys, name = world.exchange(exchange).keys, world.account(exchange).access_key
        if how == "revoked":
            keys.revoke(name)
        elif how == "expired":
            keys.limit(name, expires_ns=world.true_clock.wall_ns())
        elif how == "of another IP":
            keys.limit(name, ips=("203.0.113.9",))
        else:
            lost = Scope.MAKE_ORDERS if how.endswith("order") else Scope.VIEW_ORDERS
            keys.limit(name, scopes=[right for right in map(Scope, RIGHTS) if right is not lost])
        world.loop.call_later(lasts, give_key_back, world, exchange)

    return f"key of {exchange} {how} for {lasts:.1f} s", take


def _money(rng: Random, exchange: Exchange) -> tuple[str, Act]:
    krw, comes = str(rng.randint(10_000, 5_000_000)), rng.random() < 0.5

    def move(world: World) -> None:
        sim, now = world.exchange(exchange), world.true_clock.wall_ns()
        account = world.account(exchange)
        if comes:
            sim.cash.deposit(account, "KRW", fine_of_text(krw), now)
        elif isinstance(fault := sim.cash.withdraw(account, "KRW", fine_of_text(krw), now, delay_ns=SECOND), CashFault):
            world.note(exchange.value, "withdrawal refused", fault.value)

    return f"{'deposit' if comes else 'withdrawal'} of {krw} KRW on {exchange}", move


def _trade_by_hand(rng: Random, exchange: Exchange) -> tuple[str, Act]:
    krw, bid = rng.randint(10_000, 5_000_000), rng.random() < 0.5

    def trade(world: World) -> None:
        market = world.env.markets[krw % len(world.env.markets)]
        price = world.best(exchange, market)
        draft = Draft(
            market,
            Side.BID if bid else Side.ASK,
            OrdType.PRICE if bid else OrdType.MARKET,
            krw * 10**8 if bid else None,
            None if bid else krw * 10**16 // price,
            None,
            None,
        )
        taken = world.exchange(exchange).place_own(world.account(exchange), draft, world.true_clock.wall_ns())
        world.note("owner", "trades by hand", f"{exchange} {base_of(market)} {taken!r:.60}")

    return f"owner {'buys' if bid else 'sells'} for {krw} KRW by hand on {exchange}", trade


def _fees(rng: Random, exchange: Exchange) -> tuple[str, Act]:
    ppm = rng.choice((FULL_RATE_PPM, 300, 700, 1_000))
    word = "coupon lapses" if ppm == FULL_RATE_PPM else f"fee becomes {ppm} ppm"

    def change(world: World) -> None:
        world.fees_changed = True
        world.exchange(exchange).tariff.change(ppm, ppm, world.true_clock.wall_ns())

    return f"{exchange} {word}", change


def _wallets(rng: Random, exchange: Exchange) -> tuple[str, Act]:
    lasts = span(rng, 2_000, 20_000) / SECOND

    def pause(world: World) -> None:
        wallets = world.exchange(exchange).wallets
        wallets.change_all(WalletState.PAUSED, world.true_clock.wall_ns())
        world.loop.call_later(lasts, lambda: wallets.change_all(WalletState.WORKING, world.true_clock.wall_ns()))

    return f"wallets of {exchange} suspended for {lasts:.1f} s", pause


def _reversal(rng: Random, exchange: Exchange) -> tuple[str, Act]:
    back = rng.randint(1, 4)

    def reverse(world: World) -> None:
        trades = [trade for order in world.every_order(exchange) for trade in order.trades]
        if len(trades) >= back:
            name = sorted(trades, key=lambda trade: trade.at_ns)[-back].trade_id
            done = world.exchange(exchange).cash.reverse(name, world.true_clock.wall_ns())
            world.note(exchange.value, "takes a trade back", done.value if isinstance(done, CashFault) else name)

    return f"{exchange} takes back its trade number {back} from the end", reverse
