"""Legacy words off the tape: tickers, trades, candles (bithumb.md §1.3, §2.3)."""

from arbitrage.domain.units import SCALE, Side
from exchanges.simulator.bars import DAY, MINUTE, Bar, Span, absorb
from exchanges.simulator.dialect import Call, News
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks, HourText
from exchanges.simulator.dialects.legacy import PARAMETER, LegacyRefusal, answer, symbol_of, whole_count
from exchanges.simulator.kst import kst_parts
from exchanges.simulator.money import FINE, fine_text, funds_of, plain_text
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.tape import Day, Print, Tape
from exchanges.simulator.wire import Response

INTERVALS = {
    "1m": (Span.MINUTES, 1),
    "3m": (Span.MINUTES, 3),
    "5m": (Span.MINUTES, 5),
    "10m": (Span.MINUTES, 10),
    "30m": (Span.MINUTES, 30),
    "1h": (Span.MINUTES, 60),
    "6h": (Span.MINUTES, 360),
    "12h": (Span.MINUTES, 720),
    "24h": (Span.DAYS, 1),
}
_MOST_CANDLES = 3_000
TICK_WINDOWS = {"30M": 30 * MINUTE, "1H": 60 * MINUTE, "12H": 720 * MINUTE, "24H": DAY}
MID = "MID"
"""Since midnight in Korea."""
_NO_DAY = dict.fromkeys(
    (
        "opening_price",
        "closing_price",
        "min_price",
        "max_price",
        "units_traded",
        "acc_trade_value",
        "prev_closing_price",
        "units_traded_24H",
        "acc_trade_value_24H",
        "fluctate_24H",
        "fluctate_rate_24H",
    ),
    "0",
)


def ticker_words(sim: SimExchange, market: str, now: int) -> dict[str, str]:
    """Return one ticker's members without its date, all text; what is not of 24 hours runs from 00:00 KST (§1.3)."""
    tape = sim.market.tape(sim.exchange, market)
    day = tape.day(now)
    if day is None:
        return dict(_NO_DAY)
    before = _window(tape, DAY, now)
    base = before.opening if before is not None else day.previous_close
    change = day.price - base
    return {
        "opening_price": plain_text(day.opening),
        "closing_price": plain_text(day.price),
        "min_price": plain_text(day.low),
        "max_price": plain_text(day.high),
        "units_traded": plain_text(day.volume),
        "acc_trade_value": fine_text(day.value),
        "prev_closing_price": plain_text(day.previous_close),
        "units_traded_24H": plain_text(day.volume_24h),
        "acc_trade_value_24H": fine_text(day.value_24h),
        "fluctate_24H": plain_text(change),
        "fluctate_rate_24H": _percent(change, base),
    }


class LegacyPrints:
    """What the paths of trades and candles answer."""

    def __init__(self, quirks: BithumbQuirks) -> None:
        self._quirks = quirks

    def transactions(self, sim: SimExchange, market: str, call: Call) -> Response:
        """Answer the newest trades, oldest of them first; the date is KST text, whole seconds, no id."""
        count = whole_count(call, 20, 100)
        prints = sim.market.tape(sim.exchange, market).prints()[-count:]
        return answer([self._row(one) for one in prints])

    def candles(self, sim: SimExchange, market: str, interval: str, now: int) -> Response:
        """Answer candles, oldest first: time in ms, open, close, high, low, volume, in that order."""
        if interval not in INTERVALS:
            raise LegacyRefusal(PARAMETER, "Invalid Parameter")
        span, unit = INTERVALS[interval]
        bars = sim.market.tape(sim.exchange, market).candles(span, unit, _MOST_CANDLES, now + 1)
        return answer([_candle(bar) for bar in reversed(bars)])

    def _row(self, one: Print) -> dict[str, str]:
        date, time = kst_parts(one.at_ns)
        hour = time[:2] if self._quirks.legacy_hour_text is HourText.PADDED else time[:2].removeprefix("0")
        return {
            "transaction_date": f"{date[:4]}-{date[4:6]}-{date[6:]} {hour}:{time[2:4]}:{time[4:]}",
            "type": one.taker_side.value,
            "units_traded": plain_text(one.qty),
            "price": plain_text(one.price),
            "total": str(funds_of(one.price, one.qty) // FINE),
        }


def tick_content(news: News, tick_type: str) -> dict[str, str]:
    """Return the content of a ticker frame over one window, all text, date and time in KST (bithumb.md §2.3)."""
    day = news.tape.day(news.at_ns)
    bar = _today(day) if tick_type == MID else _window(news.tape, TICK_WINDOWS[tick_type], news.at_ns)
    previous = bar.opening if bar is not None else news.last.price
    if tick_type == MID and day is not None:
        previous = day.previous_close
    bar = bar or _flat(news.last)
    date, time = kst_parts(news.at_ns)
    change = bar.closing - previous
    sold = bar.volume - bar.bought
    return {
        "symbol": symbol_of(news.last.market),
        "tickType": tick_type,
        "date": date,
        "time": time,
        "openPrice": plain_text(bar.opening),
        "closePrice": plain_text(bar.closing),
        "lowPrice": plain_text(bar.low),
        "highPrice": plain_text(bar.high),
        "value": fine_text(bar.value),
        "volume": plain_text(bar.volume),
        "sellVolume": plain_text(sold),
        "buyVolume": plain_text(bar.bought),
        "prevClosePrice": plain_text(previous),
        "chgRate": _percent(change, previous),
        "chgAmt": plain_text(change),
        "volumePower": plain_text(bar.bought * 100 * SCALE // sold // 10**6 * 10**6) if sold else "500",
    }


def transaction_row(one: Print) -> dict[str, str]:
    """Return one trade of a transaction frame: who took as a number, 1 sells and 2 buys (bithumb.md §2.3)."""
    buys = one.taker_side is Side.BID
    date, time = kst_parts(one.at_ns)
    micros = one.at_ns // 1_000 % 1_000_000
    return {
        "symbol": symbol_of(one.market),
        "buySellGb": "2" if buys else "1",
        "contPrice": plain_text(one.price),
        "contQty": plain_text(one.qty),
        "contAmt": fine_text(funds_of(one.price, one.qty)),
        "contDtm": f"{date[:4]}-{date[4:6]}-{date[6:]} {time[:2]}:{time[2:4]}:{time[4:]}.{micros:06d}",
        "updn": "up" if buys else "dn",
    }


def _candle(bar: Bar) -> list[object]:
    prices = (bar.opening, bar.closing, bar.high, bar.low, bar.volume)
    return [bar.start_ns // 1_000_000, *map(plain_text, prices)]


# Everything printed in the last `length_ns`, by whole minutes; None when nothing was.
def _window(tape: Tape, length_ns: int, now: int) -> Bar | None:
    minutes = tape.candles(Span.MINUTES, 1, length_ns // MINUTE, now + 1)
    recent = [bar for bar in reversed(minutes) if bar.start_ns > now - length_ns]
    if not recent:
        return None
    whole = recent[0]
    for bar in recent[1:]:
        absorb(whole, bar)
    return whole


def _today(day: Day | None) -> Bar | None:
    if day is None:
        return None
    figures = (day.opening, day.high, day.low, day.price, day.volume, day.bought, day.value)
    return Bar(0, *figures, day.last_ns)


def _flat(last: Print) -> Bar:
    return Bar(0, last.price, last.price, last.price, last.price, 0, 0, 0, last.at_ns)


# A change in per cent with two decimals, cut.
def _percent(change: int, base: int) -> str:
    if not base:
        return "0"
    hundredths = abs(change) * 10_000 // base
    sign = "-" if change < 0 and hundredths else ""
    return sign + plain_text(hundredths * 10**6)
