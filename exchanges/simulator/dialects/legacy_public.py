"""The legacy `/public` paths: tickers, books, wallet states (bithumb.md §1.3)."""

from arbitrage.domain.units import Side, base_of
from exchanges.simulator.dialect import Call
from exchanges.simulator.dialects.bithumb_cash import MINIMUM
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks
from exchanges.simulator.dialects.legacy import (
    PARAMETER,
    LegacyRefusal,
    answer,
    ladders,
    level_words,
    market_of,
    millis,
    quote_of,
    whole_count,
)
from exchanges.simulator.dialects.legacy_prints import LegacyPrints, ticker_words
from exchanges.simulator.dialects.shared import NAMES
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wallets import Wallet
from exchanges.simulator.wire import Response

_DEPTH = 30
_ALL_DEPTH = 5
_QUOTES = ("KRW", "BTC")


def _tail(call: Call) -> list[str]:
    # The path below `/public/<what>/`.
    return [part for part in call.request.path.split("/")[3:] if part]


def _unlisted() -> LegacyRefusal:
    return LegacyRefusal(PARAMETER, "지원하지 않는 가상자산입니다.")


def listed(sim: SimExchange, symbol: str) -> str:
    """Return the market of `BTC_KRW` or `BTC`; LegacyRefusal 5500 when it is not listed."""
    market = market_of(symbol)
    if market not in sim.market.markets:
        raise _unlisted()
    return market


# `ALL_KRW`: every market of one payment currency; `ALL` alone means KRW. None for a single coin.
def _all_of(sim: SimExchange, symbol: str) -> list[str] | None:
    base, _, quote = symbol.partition("_")
    if base != "ALL":
        return None
    if (quote or "KRW") not in _QUOTES:
        raise _unlisted()
    return [market for market in sim.market.markets if quote_of(market) == (quote or "KRW")]


# A coin is open when it is on one of its networks.
def _is_open(wallets: list[Wallet]) -> dict[str, int]:
    return {
        "deposit_status": int(any(wallet.takes_deposits for wallet in wallets)),
        "withdrawal_status": int(any(wallet.takes_withdrawals for wallet in wallets)),
    }


class LegacyPublic:
    """What the `/public` paths answer."""

    def __init__(self, quirks: BithumbQuirks) -> None:
        self._quirks = quirks
        self._prints = LegacyPrints(quirks)

    def transactions(self, sim: SimExchange, call: Call) -> Response:
        """Answer the newest trades of one market."""
        return self._prints.transactions(sim, listed(sim, (_tail(call) or [""])[0]), call)

    def candles(self, sim: SimExchange, call: Call) -> Response:
        """Answer the candles of one market; 24 hours each unless another interval is named."""
        tail = [*_tail(call), "24h"]
        return self._prints.candles(sim, listed(sim, tail[0]), tail[1], call.now)

    def ticker(self, sim: SimExchange, call: Call) -> Response:
        """Answer one ticker, or ALL of them beside the key `date`."""
        tail = _tail(call) or ["ALL"]
        markets = _all_of(sim, tail[0])
        if markets is None:
            return answer({**ticker_words(sim, listed(sim, tail[0]), call.now), "date": millis(call.now)})
        rows: dict[str, object] = {base_of(market): ticker_words(sim, market, call.now) for market in markets}
        rows |= {coin: [] for coin in self._quirks.legacy_dead_coins}
        return answer({**rows, "date": millis(call.now)})

    def orderbook(self, sim: SimExchange, call: Call) -> Response:
        """Answer one book of at most 30 levels a side, or 5 of each market keyed by coin."""
        tail = _tail(call) or ["ALL"]
        markets = _all_of(sim, tail[0])
        if markets is None:
            market = listed(sim, tail[0])
            depth = whole_count(call, _DEPTH, _DEPTH)
            head = {"timestamp": millis(call.now), "payment_currency": quote_of(market)}
            return answer({**head, **self._book(sim, market, depth, call.now)})
        depth = whole_count(call, _ALL_DEPTH, _ALL_DEPTH)
        quote = tail[0].partition("_")[2] or "KRW"
        books = {base_of(market): self._book(sim, market, depth, call.now) for market in markets}
        return answer({"timestamp": millis(call.now), "payment_currency": quote, **books})

    def _book(self, sim: SimExchange, market: str, depth: int, now: int) -> dict[str, object]:
        sides = ladders(sim.view(market, now), self._quirks)
        return {
            "order_currency": base_of(market),
            "bids": level_words(sides[Side.BID][:depth]),
            "asks": level_words(sides[Side.ASK][:depth]),
        }

    def assets_status(self, sim: SimExchange, call: Call) -> Response:
        """Answer whether deposits and withdrawals are open: 1 or 0, per coin or per network."""
        tail = _tail(call) or ["ALL"]
        wallets = sim.wallets.shown(call.now)
        if tail[0] == "multichain":
            coins = self._coins(sim, tail[1] if len(tail) > 1 else "ALL")
            rows = [wallet for wallet in wallets if wallet.currency in coins]
            return answer([{"currency": row.currency, "net_type": row.net_type, **_is_open([row])} for row in rows])
        coins = self._coins(sim, tail[0])
        states = {coin: _is_open([wallet for wallet in wallets if wallet.currency == coin]) for coin in coins}
        return answer(states if tail[0] == "ALL" else states[tail[0]])

    def network_info(self, sim: SimExchange, call: Call) -> Response:
        """Answer the networks coins travel on."""
        nets = dict.fromkeys(net for coin in self._coins(sim, "ALL") for net in sim.wallets.networks(coin))
        return answer([{"net_type": net, "net_name": NAMES.get(net, (net, net))[1]} for net in nets])

    def withdraw_minimum(self, sim: SimExchange, call: Call) -> Response:
        """Answer the least quantity that can be withdrawn, per network."""
        tail = _tail(call)[1:] or ["ALL"]
        rows = [
            {"currency": coin, "net_type": net_type, "minimum": MINIMUM}
            for coin in self._coins(sim, tail[0])
            for net_type in sim.wallets.networks(coin)
        ]
        return answer(rows)

    def _coins(self, sim: SimExchange, coin: str) -> list[str]:
        coins = [base_of(market) for market in sim.market.markets if quote_of(market) == "KRW"]
        if coin == "ALL":
            return coins
        if coin not in coins:
            raise _unlisted()
        return [coin]
