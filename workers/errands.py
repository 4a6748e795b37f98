"""What a trader does beside trading: hear the private streams, keep the rules fresh, read its mail."""

import asyncio
from collections.abc import Callable, Mapping

from arbitrage.domain.errors import ExchangeError
from arbitrage.domain.params import SECOND
from arbitrage.domain.ports import BalanceNews, Gateway, MarketRules, OrderNews, StreamNews, StreamState
from arbitrage.domain.stability import Trouble
from arbitrage.domain.units import EXCHANGES, Exchange, Ppm
from fast_path import mailbox
from fast_path.executor import Executor
from workers.desk import TradingDesk
from workers.process import Context
from workers.treasury import Treasury

RULES_EVERY_S = 300.0
FEES_APART_NS = 10 * SECOND
"""An exchange is asked no sooner again because of a fee that was not as its rules say."""
MAIL_EVERY_S = 1.0


class Errands:
    """Each errand runs until cancelled; a bug in one ends the trader."""

    def __init__(
        self,
        context: Context,
        gateways: Mapping[Exchange, Gateway],
        executor: Executor,
        desk: TradingDesk,
        treasury: Treasury,
        take_rules: Callable[[Exchange, MarketRules], None],
    ) -> None:
        self._context = context
        self._gateways = gateways
        self._executor = executor
        self._desk = desk
        self._treasury = treasury
        self._take_rules = take_rules
        self._rules_wanted = asyncio.Event()
        self._fees_asked: dict[Exchange, tuple[int, Ppm]] = {}
        desk.on_other_fee = self.doubt_fee

    def want_rules(self) -> None:
        """Ask for all rules to be read soon: quantity steps changed with the generation orders go through, say."""
        self._rules_wanted.set()

    def doubt_fee(self, exchange: Exchange, believed_ppm: Ppm) -> None:
        """Ask for an exchange's rules at once: it charged another fee. One that says the same again is left alone."""
        now = self._context.clock.mono_ns()
        asked = self._fees_asked.get(exchange)
        if asked is not None:
            at_ns, then_ppm = asked
            apart_ns = int(RULES_EVERY_S * SECOND) if then_ppm == believed_ppm else FEES_APART_NS
            if now - at_ns < apart_ns:
                return
        self._fees_asked[exchange] = now, believed_ppm
        self._context.counters.add(f"other_fees.{exchange}")
        self._context.log.warning("other_fee_charged", exchange=exchange, believed_ppm=believed_ppm)
        self._rules_wanted.set()

    async def listen(self, exchange: Exchange) -> None:
        """Fold the private stream into the arbs; after each (re)connect ask for what it missed."""
        async for news in self._gateways[exchange].private_news():
            match news:
                case OrderNews():
                    self._executor.hear(exchange, news)
                case BalanceNews():
                    self._treasury.want(exchange)
                case StreamNews(state):
                    self._stream_changed(exchange, state)

    def _stream_changed(self, exchange: Exchange, state: StreamState) -> None:
        self._context.log.info("private_stream_changed", exchange=exchange, state=state)
        match state:
            case StreamState.UP:
                self._desk.streams_up.add(exchange)
                self._executor.ask_again(exchange)
                self._treasury.want(exchange)
            case StreamState.DOWN:
                self._desk.streams_up.discard(exchange)
                self._context.counters.add("private_stream_downs")
                self._desk.integrity.troubled(exchange, Trouble.STREAM_FELL)
            case StreamState.CONNECTING | StreamState.DEGRADED:
                self._desk.streams_up.discard(exchange)

    async def keep_rules(self) -> None:
        """Read fees and bounds again now and then, and when wanted: a coupon that ran out turns profit into loss."""
        while True:
            try:
                async with asyncio.timeout(RULES_EVERY_S):
                    await self._rules_wanted.wait()
            except TimeoutError:
                pass
            self._rules_wanted.clear()
            # All of them: were only the doubted one read, its doubts could keep the others' turn from ever coming.
            for exchange in EXCHANGES:
                for market in self._context.env.markets:
                    try:
                        self._take_rules(exchange, await self._gateways[exchange].market_rules(market))
                    except ExchangeError as error:
                        self._context.log.warning("rules_not_read", exchange=exchange, error=str(error))
                        break

    async def read_mail(self) -> None:
        """Carry out what a person asked for; a request is removed once its effect is journalled."""
        directory = self._context.env.requests_dir
        while True:
            for path, request in mailbox.waiting(directory):
                if isinstance(request, str):
                    self._context.log.error("request_unreadable", file=path.name, error=request)
                    path.replace(path.with_suffix(".bad"))
                    continue
                done = self._executor.resolve(request.arb_id, f"{request.by}: {request.reason}")
                self._context.log.warning("arb_resolved" if done else "arb_not_stuck", arb_id=request.arb_id)
                path.unlink(missing_ok=True)
            await asyncio.sleep(MAIL_EVERY_S)
