"""What `manage.py doctor` asks both exchanges: clock, keys, rights, fees, rules, wallets, streams. Nothing is ordered.

Each check stands alone: one that cannot be made says why, and the others go on. No Django here.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_CEILING, Decimal
from email.utils import parsedate_to_datetime

from arbitrage.domain.errors import AuthRefused, ConfigError, ExchangeError, ReadFailed
from arbitrage.domain.instrument import in_force, kst_date
from arbitrage.domain.ports import MarketRules
from arbitrage.domain.preflight import (
    SECOND_NS,
    Check,
    ClockSample,
    FeeCharged,
    clock_check,
    expiry_check,
    fee_check,
    figure_check,
)
from arbitrage.domain.units import EXCHANGES, PPM, Exchange, Ns, Ppm, Price, base_of, exact_sum, units_ceil, units_text
from arbitrage.domain.wire import ExchangeWire, Wire
from exchanges import registry
from exchanges.reader import SyncReader
from exchanges.records import Grant, NotOffered, Scope, TickTold, fingerprint
from exchanges.transport import Clock, Request, SyncTransport
from karb_project.env import Env
from workers.preflight_streams import stream_checks
from workers.process import Clock as MachineClock

CLOCK_SAMPLES = 8
CLOCK_APART_S = 0.13
"""Eight answers over a second bound the offset to about the time between two, within ten requests a second."""
CHARGED_DAYS = 7
_KST = timezone(timedelta(hours=9))


class Preflight:
    """Looks at both exchanges; `KARB_PREFLIGHT` in the settings names it."""

    def __init__(self, env: Env, wire: Wire, clock: Clock | None = None) -> None:
        self._env = env
        self._wire = wire
        self._clock = MachineClock() if clock is None else clock

    def examine(self) -> Iterator[Check]:
        """Yield every check as it is made, exchange by exchange."""
        for exchange in EXCHANGES:
            problems = registry.config_problems((exchange,), self._env)
            yield Check(f"{exchange} config", "address and keys are set", "; ".join(problems))
            if not problems:
                yield from self._examine(exchange, self._wire.of(exchange))

    def _examine(self, exchange: Exchange, wire: ExchangeWire) -> Iterator[Check]:
        with closing(registry.sync_reader(exchange, self._env, self._clock)) as reader:
            reader.use_wire(wire)
            looks = ExchangeLook(exchange, self._env, self._clock, reader)
            for name, look in looks.all():
                yield _made(f"{exchange} {name}", look)
        yield from asyncio.run(stream_checks(exchange, self._env, self._clock, wire))


def _made(name: str, look: Callable[[str], Check]) -> Check:
    try:
        return look(name)
    except AuthRefused as error:
        return Check(name, problem=f"the key was refused: {error}")
    except (ExchangeError, ConfigError) as error:
        return Check(name, problem=str(error))


class ExchangeLook:
    """The checks of one exchange that are reads."""

    def __init__(self, exchange: Exchange, env: Env, clock: Clock, reader: SyncReader) -> None:
        self._exchange = exchange
        self._env = env
        self._clock = clock
        self._reader = reader
        self._facts = registry.facts(exchange)
        self._ticks = in_force(self._facts.ticks, kst_date(Ns(clock.wall_ns())))
        self._rules: dict[str, MarketRules] = {}

    def all(self) -> tuple[tuple[str, Callable[[str], Check]], ...]:
        """Return every check by name, in the order of asking."""
        return (
            ("clock", self.clock),
            ("key", self.key),
            ("rights", self.rights),
            ("key expiry", self.expiry),
            ("markets", self.markets),
            ("fees", self.fees),
            ("ticks", self.ticks),
            ("minimums", self.minimums),
            ("wallets", self.wallets),
        )

    def clock(self, name: str) -> Check:
        """Compare our clock with the exchange's by the Date of its answers: there is no time endpoint
        (bithumb.md §3.3)."""
        samples = []
        with closing(SyncTransport(registry.addresses(self._exchange, self._env)[0], self._clock)) as transport:
            for number in range(CLOCK_SAMPLES):
                time.sleep(CLOCK_APART_S if number else 0)
                sent = self._clock.wall_ns()
                answer = transport.send(Request("GET", self._facts.paths.market_list))
                samples.append(ClockSample(Ns(sent), Ns(self._clock.wall_ns()), _date_ns(answer.headers.get("date"))))
        return clock_check(name, samples)

    def key(self, name: str) -> Check:
        """See whether the key is taken at all, and from this address."""
        try:
            held = self._reader.balances()
        except AuthRefused as error:
            if error.name in self._facts.address_names:
                return Check(name, problem=f"{error}: put this server's address on the key's allow-list")
            raise
        return Check(name, f"accepted, {len(held)} assets held")

    def rights(self, name: str) -> Check:
        """See what the key may do: assets and orders must be seen, withdrawals must not (R5.1)."""
        found = {one.scope: one for one in self._reader.scopes(self._env.markets[0])}
        problems = [
            f"{scope} is missing ({found[scope].detail})"
            for scope in (Scope.VIEW_ASSETS, Scope.VIEW_ORDERS)
            if found[scope].grant is not Grant.GRANTED
        ]
        withdrawals = found[Scope.VIEW_WITHDRAWALS]
        if withdrawals.grant is Grant.GRANTED:
            problems.append("the key reaches withdrawals: make one without that right, K-Arb never needs it")
        elif withdrawals.grant is Grant.NOT_PROVEN:
            problems.append(f"whether the key reaches withdrawals is not proven ({withdrawals.detail})")
        return Check(name, "sees assets and orders, reaches no withdrawals", "; ".join(problems))

    def expiry(self, name: str) -> Check:
        """See when the key in use ends."""
        mark = fingerprint(registry.credentials(self._exchange, self._env).access_key)
        listed = self._reader.keys()
        ends = {key.fingerprint: key.expires_wall_ns for key in listed}.get(mark)
        text = "" if ends is None else datetime.fromtimestamp(ends // SECOND_NS, _KST).strftime("%Y-%m-%d %H:%M KST")
        return expiry_check(name, ends, Ns(self._clock.wall_ns()), text)

    def markets(self, name: str) -> Check:
        """See whether every watched market is listed and unwarned."""
        listed = {row.market: row for row in self._reader.market_list()}
        missing = [market for market in self._env.markets if market not in listed]
        warned = [market for market in self._env.markets if market in listed and listed[market].is_warned]
        problems = [f"{market} is not listed" for market in missing]
        problems += [f"{market} carries a warning ({', '.join(listed[market].flags)})" for market in warned]
        return Check(name, f"{len(self._env.markets)} watched, all listed", "; ".join(problems))

    def fees(self, name: str) -> Check:
        """Compare the fee believed, told and charged, on the market where most is told."""
        believed = self._env.upbit_fee_ppm if self._exchange is Exchange.UPBIT else self._env.bithumb_fee_ppm
        told = max(_ppm(max(rules.bid_fee, rules.ask_fee)) for rules in self._all_rules())
        now = Ns(self._clock.wall_ns())
        rows = self._reader.closed_orders(Ns(now - CHARGED_DAYS * 86_400 * SECOND_NS), now)
        filled = [row for row in rows if row.executed_funds and row.paid_fee is not None]
        charged = FeeCharged(
            len(filled),
            exact_sum(row.executed_funds for row in filled if row.executed_funds is not None),
            exact_sum(row.paid_fee for row in filled if row.paid_fee is not None),
        )
        return fee_check(name, Ppm(believed), told, charged if filled else None)

    def ticks(self, name: str) -> Check:
        """Compare the price steps the exchange names with our table; where it names none, say so."""
        told = self._reader.ticks(self._env.markets)
        if isinstance(told, NotOffered):
            return Check(name, f"not told by the exchange; the table of {self._ticks.valid_from} is used")
        problems = [check.problem for check in map(self._tick, told) if check.problem]
        missing = set(self._env.markets) - {row.market for row in told}
        problems += [f"no price step is told for {market}" for market in sorted(missing)]
        return Check(name, f"{len(told)} markets as in the table of {self._ticks.valid_from}", "; ".join(problems))

    def _tick(self, told: TickTold) -> Check:
        best = self._reader.book(told.market).bids
        if not best:
            raise ReadFailed(f"the book of {told.market} has no bids")
        ours = self._ticks.tick_at(Price(best[0].price))
        return figure_check("", f"the price step of {told.market}", units_text(ours), units_text(told.tick))

    def minimums(self, name: str) -> Check:
        """Compare the smallest order the exchange takes with what our rules assume."""
        ours = units_text(self._facts.min_notional)
        checks = [
            figure_check("", f"the minimum of {rules.market}", ours, units_text(units_ceil(rules.min_total)))
            for rules in self._all_rules()
        ]
        stopped = [f"{rules.market} is not traded now" for rules in self._all_rules() if not rules.is_active]
        problems = [check.problem for check in checks if check.problem] + stopped
        return Check(name, f"{ours} KRW on {len(checks)} markets", "; ".join(problems))

    def wallets(self, name: str) -> Check:
        """See whether every coin can move in and out: where it cannot, prices are of a caged market (peers.md §5)."""
        states = self._reader.wallets()
        problems = []
        for asset in map(base_of, self._env.markets):
            rows = [row for row in states if row.asset == asset]
            if not any(row.can_deposit and row.can_withdraw for row in rows):
                words = ", ".join(sorted({row.state for row in rows})) or "not listed"
                problems.append(f"{asset} moves on no network ({words})")
        return Check(name, f"{len(self._env.markets)} coins move in and out", "; ".join(problems))

    def _all_rules(self) -> list[MarketRules]:
        for market in self._env.markets:
            if market not in self._rules:
                self._rules[market] = self._reader.market_rules(market)
        return list(self._rules.values())


def _ppm(rate: Decimal) -> Ppm:
    return Ppm(int((rate * PPM).to_integral_value(ROUND_CEILING)))


def _date_ns(text: str | None) -> Ns:
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        raise ReadFailed(f"the answer's Date was {text!r}, must be an HTTP date") from None
    return Ns(int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()) * SECOND_NS)
