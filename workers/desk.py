"""What the trader knows of itself while it trades: quotes, exposure, today's figures, levels, rests.

The executor asks it for quotes and levels and tells it what ended; the engine asks it for exposure.
"""

from collections.abc import Callable, Mapping, Sequence

from arbitrage.domain.arb import Arb, Moment
from arbitrage.domain.balances import Shortage, Wallets
from arbitrage.domain.book import Book, book_fault
from arbitrage.domain.breakers import Trip
from arbitrage.domain.conduct import Conduct
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.dust import DustLedger, taken_over
from arbitrage.domain.events import TradingStateChanged
from arbitrage.domain.exposure import Exposure
from arbitrage.domain.fee_check import is_other_fee
from arbitrage.domain.hedge import Quote
from arbitrage.domain.instrument import Instrument
from arbitrage.domain.inventory import Strain, shadow_ppm
from arbitrage.domain.legging import PARTS_PPM, LegHistory, Odds, best_odds, is_whole_best, leader, lone_cost_ppm
from arbitrage.domain.order import Order, OrderRole, OrderState, RefusalReason
from arbitrage.domain.params import Params
from arbitrage.domain.ports import Accepted, Answer, Gateway, Refused
from arbitrage.domain.risk import DenyReason
from arbitrage.domain.signal import Signal
from arbitrage.domain.slippage import slippage_ppm
from arbitrage.domain.stability import Trouble
from arbitrage.domain.units import EXCHANGES, PPM, QUOTE, Exchange, Krw, Ns, Ppm, Qty, base_of, percent_text
from fast_path.books import BookReader
from fast_path.executor import Executor
from fast_path.journal import Journal
from workers.breaker_watch import BreakerWatch
from workers.integrity_watch import IntegrityWatch
from workers.pauses import Cause, Pauses
from workers.process import Context
from workers.rests import Rests
from workers.swing_watch import SwingWatch
from workers.today import Today

EXCHANGE_WIDE = frozenset({RefusalReason.RATE_LIMITED, RefusalReason.NOT_SENT, RefusalReason.AUTH})
"""Refusals that say something of the whole exchange, not of one market."""


class TradingDesk:
    """The executor's `Desk` and the engine's exposure, over one trader's state."""

    def __init__(
        self,
        context: Context,
        *,
        gateways: Mapping[Exchange, Gateway],
        instruments: Mapping[tuple[Exchange, str], Instrument],
        readers: Mapping[Exchange, BookReader],
        wallets: Wallets,
        journal: Journal,
        executor: Callable[[], Executor],
        params: Callable[[], Params],
        wanted: Callable[[Exchange], None],
        dust: DustLedger,
        legs: LegHistory,
        conduct: Conduct,
        locks_closed: Callable[[], int],
    ) -> None:
        self.today = Today()
        self.streams_up: set[Exchange] = set()
        self.on_other_fee: Callable[[Exchange, Ppm], None] = lambda *_: None
        """Told the exchange that charged another fee than its rules said, and what they said."""
        self._context = context
        self._clock = context.clock
        self._gateways = gateways
        self._instruments = dict(instruments)
        self._readers = readers
        self._wallets = wallets
        self._journal = journal
        self._executor = executor
        self._params = params
        self._wanted = wanted
        self.dust = dust
        self._legs = legs
        self._weighed: tuple[Signal | None, Odds] = (None, Odds(PPM, 0, 0))
        self._locks_closed = locks_closed
        self._index = {market: index for index, market in enumerate(context.env.markets)}
        self._places = {(exchange, market): f"{exchange} {market}" for exchange, market in instruments}
        self._rests = Rests()
        self.pauses = Pauses(context, journal, params)
        self.integrity = IntegrityWatch(context, readers, params, self.pauses)
        self.breakers = BreakerWatch(
            context,
            conduct=conduct,
            today=self.today,
            journal=journal,
            open_arbs=lambda: self._executor().open_arbs(),
            params=params,
            lower=self._trip,
        )
        self.swings = SwingWatch(context.env.markets, readers)

    # For the executor

    def now(self) -> Moment:
        """Return both clocks."""
        clock = self._clock
        return Moment(clock.mono_ns(), clock.wall_ns())

    def quotes(self, market: str) -> Mapping[Exchange, Quote]:
        """Return what both exchanges offer; a stale or unhealthy book is None."""
        base = base_of(market)
        swings = self.swings.of(self._index[market])
        return {
            exchange: Quote(
                self._instruments[exchange, market],
                self._book(exchange, market),
                Qty(self._wallets.spendable(exchange, base, 0)),
                Krw(self._wallets.spendable(exchange, QUOTE, 0)),
                usual_spread_ppm=swings.usual_spread_ppm(exchange),
                sigma_ppm=swings.sigma_ppm(),
            )
            for exchange in EXCHANGES
        }

    def _book(self, exchange: Exchange, market: str) -> Book | None:
        view = self._readers[exchange].read(self._index[market])
        if view is None:
            return None
        book = view.book
        return None if book_fault(book, self._clock.mono_ns(), Ns(self._params().max_book_age_ns)) else book

    def level(self, market: str) -> TradingLevel:
        """Return the kill switch's position for `market`, its pause left out: a pause stops no hedge."""
        control = self._context.control
        levels = (
            control.level(),
            control.market_level(market),
            *(control.exchange_level(exchange) for exchange in EXCHANGES),
        )
        return max(levels)

    def dust_for(self, signal: Signal) -> int:
        """Return the dust of earlier arbs that an arb of `signal` takes over."""
        buys = self._instruments[signal.buy_exchange, signal.market]
        return taken_over(self.dust, signal, buys, self._instruments[signal.sell_exchange, signal.market])

    def part_ppm(self, signal: Signal) -> int:
        """Return how much of `signal` is worth sending; all of it where nothing is."""
        whole = self._odds(signal, (PPM,))
        self._weighed = signal, whole
        if is_whole_best(whole, signal):
            return PPM
        best = self._odds(signal, PARTS_PPM)
        return best.part_ppm if best.worth > 0 else PPM

    def _odds(self, signal: Signal, parts_ppm: tuple[int, ...]) -> Odds:
        # What sending the best of these parts brings and risks: the legging rule.
        params, swings, now_wall = self._params(), self.swings.of(self._index[signal.market]), self._clock.wall_ns()
        buy, sell, market = signal.buy_exchange, signal.sell_exchange, signal.market
        lone_ppm = lone_cost_ppm(
            params,
            fees_ppm=self._instruments[buy, market].fee_ppm + self._instruments[sell, market].fee_ppm,
            spread_ppm=max(swings.usual_spread_ppm(buy), swings.usual_spread_ppm(sell)),
            sigma_ppm=swings.sigma_ppm(),
        )
        first = leader(self._legs, signal, params, now_wall)
        return best_odds(
            self._legs,
            signal,
            lone_ppm,
            weight_ppm=params.legging_weight_ppm,
            first=first,
            now_wall=now_wall,
            parts_ppm=parts_ppm,
        )

    def leader_for(self, signal: Signal) -> OrderRole | None:
        """Return the leg that goes first, None for both together."""
        first = leader(self._legs, signal, self._params(), self._clock.wall_ns())
        if first is not None:
            self._context.counters.add("hard_leg_first")
        return first

    def reserve(self, legs: Sequence[Order]) -> Shortage | None:
        """Reserve for both legs at once, or for none."""
        shortage = self._wallets.reserve(legs, self._fees(legs[0].market), self._params().reserve_ppm)
        if shortage is not None:
            self._context.counters.add("shortfalls")
            self._wanted(shortage.exchange)
        return shortage

    def release(self, arb_id: str) -> None:
        """Give back whatever is reserved for an arb of which nothing was sent."""
        self._wallets.release_arb(arb_id)

    def hold(self, order: Order) -> None:
        """Reserve for a hedge, or for an order found alive at a restart."""
        self._wallets.hold(order, self._fees(order.market))

    def settle(self, order: Order) -> None:
        """Give back what an ended order did not take, and read the balances anew; its rules, too, after another fee."""
        self._wallets.settle(order, self._context.clock.mono_ns())
        self._wanted(order.exchange)
        instrument = self._instruments[order.exchange, order.market]
        if is_other_fee(order, instrument):
            self.on_other_fee(order.exchange, instrument.fee_ppm)

    def closed(self, arb: Arb) -> None:
        """Count an arb that ended and let its market rest."""
        self.today.add(arb)
        self.dust.fold(arb)
        self._legs.fold(arb)
        self._wallets.release_arb(arb.arb_id)
        self._weigh(arb)
        self._rests.rest(arb.market, self._context.clock.mono_ns() + self._params().rest_after_arb_ns)

    def _weigh(self, arb: Arb) -> None:
        """Compare what was expected with what came of it; pause a market that was off by too much (R1.3, R3.2)."""
        slippage, counters = slippage_ppm(arb), self._context.counters
        if slippage is None:
            return
        counters.add("slippage_arbs")
        counters.set("slippage_last_ppm", slippage)
        counters.set("slippage_worst_ppm", max(slippage, counters.get("slippage_worst_ppm")))
        if abs(slippage) > self._params().max_slippage_alert_ppm:
            detail = f"arb {arb.arb_id} was {percent_text(slippage)} off its expected prices"
            self.pauses.pause(arb.market, Cause.SLIPPAGE, detail)

    def answered(self, order: Order, answer: Answer) -> None:
        """Rest an exchange that refuses or loses orders; a refused key stops the opening of arbs (R3.1)."""
        exchange, place = order.exchange, self._places[order.exchange, order.market]
        self._legs.answered(exchange, answer)
        if isinstance(answer, Accepted):
            self._rests.well(exchange)
            self._rests.well(place)
            return
        reason = answer.reason if isinstance(answer, Refused) else None
        if reason is RefusalReason.STOPPED:
            return
        name = exchange if reason is None or reason in EXCHANGE_WIDE else place
        rest_ns = self._rests.trouble(name, self._context.clock.mono_ns())
        if isinstance(answer, Refused):
            self.integrity.troubled(exchange, Trouble.REFUSED)
        self._context.counters.add("rests")
        self.log("rested", name=name, rest_ns=rest_ns, reason=reason or "unknown")
        if reason is RefusalReason.AUTH:
            self.halt(TradingLevel.REDUCING, f"{exchange} refused our key")

    def _trip(self, trip: Trip) -> None:
        self.halt(TradingLevel.REDUCING, f"breaker {trip.name}: {trip.detail}", breaker=trip.name)

    def halt(self, level: TradingLevel, reason: str, *, breaker: str = "") -> None:
        """Lower the trading state to at least `level`, in memory, in the latch file and in the journal."""
        self.log("trading_lowered", level=level.name, reason=reason)
        if self._context.control.level() >= level:
            return
        self._context.control.set_level(level, reason, "trader")
        self._journal.append(
            TradingStateChanged(level.name.lower(), reason, self._context.clock.wall_ns(), breaker), durable=False
        )

    def tell_of_level(self, told: str) -> None:
        """Journal that a trader lowered the desk when it died before it could: a person must hear of it."""
        level, latch = self._context.control.level(), self._context.control.latch()
        if level is not TradingLevel.ACTIVE and latch.get("by") == "trader" and told != level.name.lower():
            reason, now = str(latch.get("reason", "")), self._context.clock.wall_ns()
            self._journal.append(TradingStateChanged(level.name.lower(), reason, now), durable=False)

    def log(self, event: str, **fields: object) -> None:
        """Write one log line."""
        self._context.log.info(event, **fields)

    # For the trader

    def set_instrument(self, instrument: Instrument) -> None:
        """Take over rules the exchange changed."""
        self._instruments[instrument.exchange, instrument.market] = instrument

    def _fees(self, market: str) -> dict[Exchange, int]:
        return {exchange: self._instruments[exchange, market].fee_ppm for exchange in EXCHANGES}

    def doubt(self, reason: DenyReason, signal: Signal | None) -> None:
        """Pause a market where what was denied is more likely a broken price than a chance (R1.3)."""
        if signal is None:
            return
        if reason is DenyReason.EDGE_TOO_GOOD:
            self.pauses.pause(signal.market, Cause.EDGE_TOO_GOOD, f"edge of {percent_text(signal.net_edge_ppm)}")
        elif reason is DenyReason.PRICE_JUMPED:
            self.integrity.distrust(signal.market, self.integrity.sight(self._index[signal.market]).jump)

    # For the engine

    def discount_left(self) -> Krw:
        """Return what bringing stock back may still cost today (KST), what open arbs may cost taken off."""
        planned = sum([arb.signal.discount for arb in self._executor().open_arbs()])
        return self._discount_left(planned, self._context.clock.wall_ns())

    def _discount_left(self, planned: int, now_wall: Ns) -> Krw:
        return Krw(max(0, self._params().discount_budget_krw - self.today.discount(now_wall) - planned))

    def exposure(self, signal: Signal, now: Ns, strain: Strain) -> Exposure:
        """Return what the gate needs to know about ourselves at the moment of `signal`; `strain` is its own, of now."""
        context, executor, wallets, params = self._context, self._executor(), self._wallets, self._params()
        market, buy, sell = signal.market, signal.buy_exchange, signal.sell_exchange
        buys, sells = self._instruments[buy, market], self._instruments[sell, market]
        here = unresolved = planned = 0
        for arb in executor.open_arbs():
            planned += arb.signal.discount
            if arb.market == market:
                here += 1
                for order in arb.orders:
                    unresolved += order.state is OrderState.UNKNOWN
        now_wall = self._clock.wall_ns()
        pnl, bought = self.today.figures(now_wall)
        left = self._discount_left(planned, now_wall)
        sight = self.integrity.sight(self._index[market])
        weighed, odds = self._weighed
        if weighed is not signal:
            odds = self._odds(signal, (PPM,))
        return Exposure(
            open_arbs=executor.open_count,
            open_arbs_market=here,
            unresolved_legs=unresolved,
            orders_last_second=executor.orders_last_second(now),
            daily_pnl=pnl,
            daily_notional=bought,
            breakers_tripped=len(self.breakers.tripped(now)),
            exchange_net=self.breakers.net(buy, sell, now),
            krw_spendable=Krw(wallets.spendable(buy, QUOTE, params.reserve_ppm)),
            base_spendable=Qty(wallets.spendable(sell, buys.base, params.reserve_ppm)),
            balances_read_ns=min(wallets.read_mono_ns(buy), wallets.read_mono_ns(sell)),
            strain_ppm=strain.ppm,
            strain_shadow_ppm=shadow_ppm(strain, params, fees_ppm=buys.fee_ppm + sells.fee_ppm, discount_left=left),
            discount_left=left,
            legging_gain_ppm=odds.gain_ppm,
            legging_risk_ppm=odds.risk_ppm,
            buy_fee_ppm=Ppm(buys.fee_ppm),
            buy_min_notional=buys.min_notional,
            sell_min_notional=sells.min_notional,
            exchange_rest_until_ns=self._rests.until(buy, sell),
            market_pause_until_ns=context.control.paused_until_mono_ns(market),
            market_rest_until_ns=self._rests.until(market, self._places[buy, market], self._places[sell, market]),
            streams_down=(buy not in self.streams_up) + (sell not in self.streams_up),
            buy_request_budget=max(0, self._gateways[buy].budget().orders - executor.unsent(buy)),
            sell_request_budget=max(0, self._gateways[sell].budget().orders - executor.unsent(sell)),
            book_delay_ns=sight.delay_ns,
            widest_spread_ppm=sight.widest_spread_ppm,
            price_jump_ppm=Ppm(sight.jump.ppm),
            ladder_still_ns=sight.still_ns,
            trouble_points=self.integrity.trouble_points(now),
            market_warnings=context.control.market_warnings(market),
            wallets_suspended=context.control.wallets_suspended(market),
            loop_lag_ns=context.loop_lag_ns,
            locks_closed=self._locks_closed(),
        )
