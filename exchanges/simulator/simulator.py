"""Both exchanges on one market and one agenda: the whole simulator without a socket or a clock.

In memory: make one with a start time, call `exchange(...).handle(...)`, and `advance` to `next_due()`.
"""

from collections.abc import Callable
from random import Random

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import EXCHANGES, Exchange, base_of
from exchanges.simulator.account import Account
from exchanges.simulator.agenda import Agenda
from exchanges.simulator.config import SimConfig, market_problems
from exchanges.simulator.dialect import Dialect, Ids
from exchanges.simulator.dialects.bithumb import BithumbIds
from exchanges.simulator.dialects.bithumb_quirks import problems_of
from exchanges.simulator.dialects.bithumb_rest import BithumbDialect
from exchanges.simulator.dialects.legacy_rest import LegacyDialect
from exchanges.simulator.dialects.upbit import UpbitIds
from exchanges.simulator.dialects.upbit_quirks import problems_of as upbit_problems
from exchanges.simulator.dialects.upbit_rest import UpbitDialect
from exchanges.simulator.faults import Faults
from exchanges.simulator.kst import SECOND, kst_text
from exchanges.simulator.market import Market
from exchanges.simulator.recording import Recording, read_recording
from exchanges.simulator.regimes import Regime
from exchanges.simulator.rules import Rules, bithumb_rules, upbit_rules
from exchanges.simulator.seeds import stream
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.state import Kept, Nowhere, Sink, StateLog, account_line, fold
from karb_project.env import DEFAULT_MARKETS

_YEAR_NS = 365 * 86_400 * SECOND


class Simulator:
    """Two exchanges, one market. All time comes from outside."""

    def __init__(self, config: SimConfig, now: int) -> None:
        """Set everything up at `now`. ConfigError: recording or state cannot be used, a market name is malformed."""
        self.recording: Recording | None = None
        if config.recording is not None:
            self.recording = read_recording(config.recording)
        recorded = {} if self.recording is None else self.recording.books
        self.markets = config.markets or (self.recording.markets if self.recording is not None else DEFAULT_MARKETS)
        problems = market_problems(self.markets) + problems_of(config.bithumb_quirks)
        problems += upbit_problems(config.upbit_quirks)
        if problems:
            raise ConfigError(problems)
        rules = {
            Exchange.UPBIT: upbit_rules(config.upbit_fee_ppm),
            Exchange.BITHUMB: bithumb_rules(config.bithumb_fee_ppm),
        }
        self._agenda = Agenda(now)
        usable = {key: book for key, book in recorded.items() if key[1] in self.markets}
        self.market = Market(self.markets, rules, config.seed, self._agenda, usable, config.activity)
        if config.regime is not Regime.NORMAL:
            self.market.set_regime(config.regime, now)
        self._log = None if config.state_dir is None else StateLog(config.state_dir)
        sink: Sink = Nowhere() if self._log is None else self._log
        kept = fold([] if self._log is None else self._log.load())
        self._exchanges: dict[Exchange, SimExchange] = {}
        for exchange in EXCHANGES:
            self._exchanges[exchange] = self._made(config, exchange, rules[exchange], sink, now)
            self._open_accounts(config, exchange, kept[exchange], sink, now)
        self.market.on_book = lambda exchange, market, at: self._exchanges[exchange].on_publication(market, at)
        self.market.on_print = lambda exchange, fresh: self._exchanges[exchange].on_print(fresh)

    def exchange(self, exchange: Exchange) -> SimExchange:
        """Return one exchange."""
        return self._exchanges[exchange]

    def faults(self, exchange: Exchange) -> Faults:
        """Return what can be made to go wrong on one exchange."""
        return self._exchanges[exchange].faults

    def advance(self, now: int) -> None:
        """Let everything happen that is due by `now`."""
        self._agenda.advance(now)

    def at(self, due_ns: int, run: Callable[[int], None]) -> None:
        """Call `run(time)` once `due_ns` has come."""
        self._agenda.at(due_ns, run)

    def next_due(self) -> int | None:
        """Return when something happens next."""
        return self._agenda.next_due()

    def close(self) -> None:
        """Let go of the state file."""
        if self._log is not None:
            self._log.close()

    def _made(self, config: SimConfig, exchange: Exchange, rules: Rules, sink: Sink, now: int) -> SimExchange:
        dialect: Dialect
        ids: Ids
        if exchange is Exchange.UPBIT:
            dialect, ids = UpbitDialect(config.upbit_quirks), UpbitIds(config.seed, now)
        else:
            dialect, ids = BithumbDialect(config.bithumb_quirks, self.markets), BithumbIds(now)
        older = LegacyDialect(config.bithumb_quirks) if exchange is Exchange.BITHUMB else None

        def draws(purpose: str) -> Random:
            return stream(config.seed, exchange, *purpose.split("/"))

        sim = SimExchange(dialect, rules, self.market, self._agenda, sink, draws, ids, older)
        sim.offers_deflate = config.offers_deflate
        sim.use_gate(config.upbit_gate if exchange is Exchange.UPBIT else config.bithumb_gate)
        if exchange is Exchange.UPBIT:
            sim.repeated_headers_from_ns = config.repeated_headers_from_ns
        return sim

    # Accounts of the keys file with the balances of the state; a key the state does not know yet is opened.
    def _open_accounts(self, config: SimConfig, exchange: Exchange, kept: Kept, sink: Sink, now: int) -> None:
        matching, keys = self._exchanges[exchange].matching, self._exchanges[exchange].keys
        for spec in config.accounts:
            if spec.exchange is not exchange or spec.account is not None:
                continue
            line = kept.accounts.get(spec.access_key)
            opened_ns = now if line is None else int(line["opened_ns"])
            expire_at = kst_text(now + _YEAR_NS) if line is None else str(line["expire_at"])
            account = Account(spec.access_key, spec.secret_key.encode(), opened_ns, expire_at)
            if line is None:
                account.free = dict(spec.balances)
                sink.append(account_line(exchange, account))
            else:
                account.free = kept.free[spec.access_key]
                account.locked = kept.locked[spec.access_key]
            matching.accounts[spec.access_key] = account
            keys.open(account).scopes = spec.scopes
        for spec in config.accounts:
            if spec.exchange is exchange and spec.account is not None:
                owner = matching.accounts[spec.account]
                keys.add(spec.access_key, spec.secret_key.encode(), owner).scopes = spec.scopes
        for operation in kept.operations:
            self._exchanges[exchange].operations.restore(operation)
        for access_key, client_order_id in kept.burned:
            matching.by_client_id[access_key, client_order_id] = None
        problems = []
        for order in kept.orders.values():
            if order.access_key not in matching.accounts:
                if order.is_open:
                    problems.append(f"--state has open orders of {order.access_key}, which --keys does not name")
            elif order.is_open and order.draft.market not in self.markets:
                problems.append(f"--state has an open order on {order.draft.market}, which is not listed")
            else:
                matching.restore(order, now)
        if problems:
            raise ConfigError(sorted(set(problems)))
        self._exchanges[exchange].operations.resume(now)

    def totals(self) -> dict[str, int]:
        """Return the sum of each asset over all accounts, the market, the fees and the outside world, in 10^-22.

        It never changes, whatever is ordered, paid in or out, or taken back.
        """
        sums: dict[str, int] = {}
        for sim in self._exchanges.values():
            matching = sim.matching
            for asset in {"KRW", *map(base_of, self.markets)}:
                held = sum(account.total(asset) for account in matching.accounts.values())
                held += matching.counterparty.balance.get(asset, 0) + sim.cash.outside.get(asset, 0)
                sums[asset] = sums.get(asset, 0) + held
            sums["KRW"] += matching.counterparty.fees
        return sums
