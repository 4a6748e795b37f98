"""Money, wallets, fees, keys and other people's orders on the desk's own account (peers.md §10, account)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import PPM, Side
from exchanges.simulator.cash import CashFault
from exchanges.simulator.keys import Scope
from exchanges.simulator.kst import SECOND
from exchanges.simulator.money import fine_of_text, units_of_text
from exchanges.simulator.orders import Draft, OrdType
from exchanges.simulator.steps import Fault
from exchanges.simulator.tariff import FULL_RATE_PPM
from exchanges.simulator.trouble.act import Act, Amount, Key, Market, account_of, market_named
from exchanges.simulator.trouble.fault import Span
from exchanges.simulator.wallets import WalletState

if TYPE_CHECKING:
    from exchanges.simulator.account import Account
    from exchanges.simulator.sim_exchange import SimExchange
    from exchanges.simulator.simulator import Simulator

Asset = Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
Rate = Annotated[int, msgspec.Meta(ge=0, le=PPM)]


class Deposit(Act, frozen=True, kw_only=True, tag="deposit"):
    """An amount comes in."""

    access_key: Key = ""
    asset: Asset
    amount: Amount
    delay_ns: Span = 0

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        account = account_of(sim, self.access_key)
        sim.cash.deposit(account, self.asset, fine_of_text(self.amount), now, delay_ns=self.delay_ns)


class Withdraw(Act, frozen=True, kw_only=True, tag="withdraw"):
    """An amount is held and leaves."""

    access_key: Key = ""
    asset: Asset
    amount: Amount
    delay_ns: Span = 30 * SECOND

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        account = account_of(sim, self.access_key)
        done = sim.cash.withdraw(account, self.asset, fine_of_text(self.amount), now, delay_ns=self.delay_ns)
        if isinstance(done, CashFault):
            raise ConfigError([f"withdraw {self.amount} {self.asset} was refused: {done}"])


class WalletChanged(Act, frozen=True, kw_only=True, tag="wallet_changed"):
    """A coin's wallet opens or closes; without a coin all of them."""

    currency: Annotated[str, msgspec.Meta(max_length=20)] = ""
    state: WalletState = WalletState.PAUSED

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        if self.currency:
            sim.wallets.change(self.currency, self.state, now)
        else:
            sim.wallets.change_all(self.state, now)


class FeeChanged(Act, frozen=True, kw_only=True, tag="fee_changed"):
    """Another fee tier counts, now or later."""

    bid_fee_ppm: Rate
    ask_fee_ppm: Rate
    after_ns: Span = 0

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        sim.tariff.change(self.bid_fee_ppm, self.ask_fee_ppm, now + self.after_ns)


class CouponExpired(Act, frozen=True, kw_only=True, tag="coupon_expired"):
    """The fee coupon lapses: the full rate counts, 0.25 % on Bithumb (bithumb.md §5.4)."""

    fee_ppm: Rate = FULL_RATE_PPM

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        sim.tariff.change(self.fee_ppm, self.fee_ppm, now)


class KeyRevoked(Act, frozen=True, kw_only=True, tag="key_revoked"):
    """A key is deleted: from now on it is unknown."""

    access_key: Key = ""

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        sim.keys.revoke(self.access_key or account_of(sim, "").access_key)


class KeyExpired(Act, frozen=True, kw_only=True, tag="key_expired"):
    """A key reaches its end."""

    access_key: Key = ""

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        sim.keys.limit(self.access_key or account_of(sim, "").access_key, expires_ns=now)


class KeyLimited(Act, frozen=True, kw_only=True, tag="key_limited"):
    """A key may do less, or only from some addresses; what is null stays."""

    access_key: Key = ""
    scopes: tuple[Scope, ...] | None = None
    ips: tuple[Annotated[str, msgspec.Meta(max_length=45)], ...] | None = None

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        key = self.access_key or account_of(sim, "").access_key
        sim.keys.limit(key, scopes=self.scopes, ips=self.ips)


class ManualTrade(Act, frozen=True, kw_only=True, tag="manual_trade"):
    """The owner places an order of their own: with a price and a volume, for a total in KRW, or of a volume."""

    access_key: Key = ""
    market: Market
    side: Side
    price: Amount = "0"
    """Unit price of a limit order, or the total of a market buy; 0 = a market sell."""
    volume: Amount = "0"
    """0 = a market buy."""

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        _place(simulator, sim, account_of(sim, self.access_key), self, now)


class SecondBot(Act, frozen=True, kw_only=True, tag="second_bot"):
    """A second program trades on the same account: the same order `count` times, every `every_ns`."""

    access_key: Key = ""
    market: Market
    side: Side
    price: Amount = "0"
    volume: Amount = "0"
    count: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 10
    every_ns: Annotated[int, msgspec.Meta(ge=1_000_000, le=3600 * SECOND)] = SECOND

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        account, draft = account_of(sim, self.access_key), _draft(self)
        market_named(simulator, self.market)

        # What is refused is not tried again: nobody looks after it.
        def turn(at: int) -> None:
            sim.place_own(account, draft, at)

        for number in range(self.count):
            simulator.at(now + number * self.every_ns, turn)


class TradeReversed(Act, frozen=True, kw_only=True, tag="trade_reversed"):
    """The exchange takes a fill back; without an id the account's last one (peers.md §5, 2026-02-06)."""

    access_key: Key = ""
    trade_id: Annotated[str, msgspec.Meta(max_length=64)] = ""

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        account = account_of(sim, self.access_key)
        trades = [
            trade
            for order in sim.matching.orders.values()
            if order.access_key == account.access_key
            for trade in order.trades
        ]
        last = max(trades, key=lambda trade: trade.at_ns, default=None)
        done = sim.cash.reverse(self.trade_id or ("" if last is None else last.trade_id), now)
        if isinstance(done, CashFault):
            raise ConfigError([f"trade {self.trade_id or 'last'} was not reversed: {done}"])


class TradesReversed(Act, frozen=True, kw_only=True, tag="trades_reversed"):
    """The exchange takes back every fill on a market within a time, from whoever had it (peers.md §5, 2026-02-06)."""

    market: Market
    within_ns: Span

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        market_named(simulator, self.market)
        orders = [order for order in sim.matching.orders.values() if order.draft.market == self.market]
        recent = [trade for order in orders for trade in order.trades if trade.at_ns >= now - self.within_ns]
        trade_ids = dict.fromkeys(trade.trade_id for trade in sorted(recent, key=lambda trade: trade.at_ns))
        # One that was taken back before is not found again.
        short = [name for name in trade_ids if sim.cash.reverse(name, now) is CashFault.FUNDS_SHORT]
        if short:
            raise ConfigError([f"trade {name} was not reversed: {CashFault.FUNDS_SHORT}" for name in short])


def _place(simulator: Simulator, sim: SimExchange, account: Account, asked: ManualTrade, now: int) -> None:
    market_named(simulator, asked.market)
    fault = sim.place_own(account, _draft(asked), now)
    if isinstance(fault, Fault):
        raise ConfigError([f"order on {asked.market} was refused: {fault}"])


def _draft(asked: ManualTrade | SecondBot) -> Draft:
    try:
        price, volume = units_of_text(asked.price) or None, units_of_text(asked.volume) or None
    except ValueError as error:
        raise ConfigError([str(error)]) from None
    if price is not None and volume is not None:
        kind = OrdType.LIMIT
    else:
        kind = OrdType.PRICE if asked.side is Side.BID else OrdType.MARKET
        wanted = price if asked.side is Side.BID else volume
        if wanted is None:
            raise ConfigError(["a bid needs a price or both, an ask a volume or both"])
    return Draft(asked.market, asked.side, kind, price, volume, None, None)


ACCOUNT_ACTS: tuple[type[Act], ...] = (
    Deposit,
    Withdraw,
    WalletChanged,
    FeeChanged,
    CouponExpired,
    KeyRevoked,
    KeyExpired,
    KeyLimited,
    ManualTrade,
    SecondBot,
    TradeReversed,
    TradesReversed,
)
