"""Upbit's words for prints, tickers and candles, on REST and on the stream (upbit.md §1.2, §3.3, §3.5, §3.6).

Candle members beyond the ones named there are those the official SDK types.
"""

from arbitrage.domain.units import DECIMALS, SCALE
from exchanges.simulator.bars import Bar, Span
from exchanges.simulator.dialect import Access, Call, Format, News, Route, StreamType
from exchanges.simulator.dialects import print_words as words
from exchanges.simulator.dialects.print_words import Fields, float_text, number_text, quoted, rate_text
from exchanges.simulator.dialects.shared import listed_markets
from exchanges.simulator.dialects.upbit_quirks import OldTickerFields
from exchanges.simulator.kst import KST_OFFSET_NS
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.tape import Tape
from exchanges.simulator.wire import Response

_RATE_DECIMALS = 10
_STREAM_SPANS = {"candle.1s": (Span.SECONDS, 1)} | {
    f"candle.{minutes}m": (Span.MINUTES, minutes) for minutes in words.MINUTES
}
LIVE_KINDS = frozenset({"trade", "ticker", *_STREAM_SPANS})
"""upbit.md §3.1."""


_OLD = ("is_trading_suspended", "market_warning")


def _trades(sim: SimExchange, call: Call) -> Response:
    tape, prints = words.asked_prints(sim, call, "days_ago", 0)
    return words.array_answer([words.print_fields(tape, one, float_text) for one in prints])


def _ticker(sim: SimExchange, call: Call) -> Response:
    return _tickers(sim, listed_markets(call.params.one("markets"), sim.market.markets), call.now)


# Without quote_currencies all are shown: whether it may be left out is not established.
def _all_tickers(sim: SimExchange, call: Call) -> Response:
    quotes = (call.params.one("quote_currencies") or "KRW").upper().split(",")
    return _tickers(sim, [market for market in sim.market.markets if market.split("-")[0] in quotes], call.now)


def _tickers(sim: SimExchange, markets: list[str], now: int) -> Response:
    news = [sim.find_news(market, now) for market in markets]
    return words.array_answer([_ticker_row(one) for one in news if one is not None])


def _ticker_row(news: News) -> Fields:
    day = words.day_of(news)
    date, time = _compact(day.last_ns)
    date_kst, time_kst = _compact(day.last_ns + KST_OFFSET_NS)
    change = day.price - day.previous_close
    rate = words.rate_units(change, day.previous_close)
    return {
        "market": quoted(news.last.market),
        "trade_date": quoted(date),
        "trade_time": quoted(time),
        "trade_date_kst": quoted(date_kst),
        "trade_time_kst": quoted(time_kst),
        "trade_timestamp": str(day.last_ns // words.MS),
        "opening_price": float_text(day.opening),
        "high_price": float_text(day.high),
        "low_price": float_text(day.low),
        "trade_price": float_text(day.price),
        "prev_closing_price": float_text(day.previous_close),
        "change": quoted(words.change_word(change)),
        "change_price": float_text(abs(change)),
        "change_rate": rate_text(abs(rate), _RATE_DECIMALS),
        "signed_change_price": float_text(change),
        "signed_change_rate": rate_text(rate, _RATE_DECIMALS),
        "trade_volume": float_text(day.last_qty),
        "acc_trade_price": float_text(words.value_units(day.value)),
        "acc_trade_price_24h": float_text(words.value_units(day.value_24h)),
        "acc_trade_volume": float_text(day.volume),
        "acc_trade_volume_24h": float_text(day.volume_24h),
        "highest_52_week_price": float_text(day.highest),
        "highest_52_week_date": quoted(words.clock(day.highest_ns)[0]),
        "lowest_52_week_price": float_text(day.lowest),
        "lowest_52_week_date": quoted(words.clock(day.lowest_ns)[0]),
        "timestamp": str(news.at_ns // words.MS),
    }


def _candle(sim: SimExchange, tape: Tape, span: Span, unit: int, bar: Bar) -> Fields:
    fields = words.candle_fields(tape, bar, float_text)
    return fields | words.span_fields(tape, span, unit, bar, float_text, _RATE_DECIMALS)


_SPANS = (
    ("seconds", Span.SECONDS, 1),
    *((f"minutes/{minutes}", Span.MINUTES, minutes) for minutes in words.MINUTES),
    ("days", Span.DAYS, 1),
    ("weeks", Span.WEEKS, 1),
    ("months", Span.MONTHS, 1),
    ("years", Span.YEARS, 1),
)
PRINT_ROUTES = {
    ("GET", "/v1/trades/ticks"): Route(Access.PUBLIC, "crix-trades", _trades),
    ("GET", "/v1/ticker"): Route(Access.PUBLIC, "ticker", _ticker),
    ("GET", "/v1/ticker/all"): Route(Access.PUBLIC, "ticker", _all_tickers),
    **words.candle_routes("candles", _SPANS, 0, _candle),
}


class UpbitPrints:
    """Upbit's side of the `Dialect` for trade, ticker and candle frames."""

    old_ticker_fields: OldTickerFields

    def live_frame(self, kind: str, news: News, stream_type: StreamType, fmt: Format) -> bytes:
        """Return one frame; within it some numbers are floats, some are not (upbit.md §3.3)."""
        if kind == "trade":
            fields = _trade_fields(news)
        elif kind == "ticker":
            fields = _ticker_fields(news)
            if self.old_ticker_fields is OldTickerFields.GONE:
                fields = {key: value for key, value in fields.items() if key not in _OLD}
        else:
            fields = _candle_fields(kind, news)
        fields["stream_type"] = quoted(stream_type.value)
        short = _TICKER_SHORT if kind == "ticker" else _SHORT
        return words.frame(fields, short if fmt.is_simple else None)


def _trade_fields(news: News) -> Fields:
    one = news.last
    previous = news.tape.previous_close(one.at_ns) or one.price
    date, time = words.clock(one.at_ns)
    return {
        "type": '"trade"',
        "code": quoted(one.market),
        "timestamp": str(news.at_ns // words.MS),
        "trade_date": quoted(date),
        "trade_time": quoted(time),
        "trade_timestamp": str(one.at_ns // words.MS),
        "trade_price": float_text(one.price),
        "trade_volume": float_text(one.qty),
        "ask_bid": quoted(words.taker_word(one.taker_side)),
        "prev_closing_price": _fixed(previous),
        "change": quoted(words.change_word(one.price - previous)),
        "change_price": _fixed(abs(one.price - previous)),
        "sequential_id": str(one.stream_id),
        "best_ask_price": number_text(one.best_ask),
        "best_ask_size": number_text(one.best_ask_qty),
        "best_bid_price": number_text(one.best_bid),
        "best_bid_size": number_text(one.best_bid_qty),
    }


def _ticker_fields(news: News) -> Fields:
    row, day, listing = _ticker_row(news), words.day_of(news), news.listing
    fields = {"type": '"ticker"', "code": row["market"]}
    for key in _PRICES:
        fields[key] = row[key]
    fields |= {
        "ask_bid": quoted(words.taker_word(day.last_side)),
        "acc_ask_volume": float_text(day.volume - day.bought),
        "acc_bid_volume": float_text(day.bought),
    }
    for key in _TIMES:
        fields[key] = row[key]
    return fields | {
        "market_state": quoted(listing.state.value),
        "is_trading_suspended": "true" if listing.is_suspended else "false",
        "delisting_date": _date_object(listing.delisting_date),
        "market_warning": '"CAUTION"' if listing.has_warning else '"NONE"',
        "timestamp": row["timestamp"],
        "acc_trade_price_24h": row["acc_trade_price_24h"],
        "acc_trade_volume_24h": row["acc_trade_volume_24h"],
    }


def _candle_fields(kind: str, news: News) -> Fields:
    span, unit = _STREAM_SPANS[kind]
    bar = news.tape.candles(span, unit, 1, news.last.at_ns + 1)[0]
    row = words.candle_fields(news.tape, bar, float_text)
    row["timestamp"] = str(news.at_ns // words.MS)
    names = [key for key in row if key != "market"]
    names.remove("timestamp")
    return {"type": quoted(kind), "code": row["market"], **{key: row[key] for key in (*names, "timestamp")}}


def _compact(at_ns: int) -> tuple[str, str]:
    date, time = words.clock(at_ns)
    return date.replace("-", ""), time.replace(":", "")


# As the official SDK reads it; the documents only say "Date" (upbit.md §3.6).
def _date_object(date: str | None) -> str:
    if date is None:
        return "null"
    year, month, day = map(int, date.split("-"))
    return f'{{"year":{year},"month":{month},"day":{day}}}'


# Eight decimals, as the frames recorded in 2021 have them (tests/frames/README.md).
def _fixed(units: int) -> str:
    return f"{units // SCALE}.{units % SCALE:0{DECIMALS}d}"


_PRICES = (
    "opening_price",
    "high_price",
    "low_price",
    "trade_price",
    "prev_closing_price",
    "acc_trade_price",
    "change",
    "change_price",
    "signed_change_price",
    "change_rate",
    "signed_change_rate",
    "trade_volume",
    "acc_trade_volume",
)
_TIMES = (
    "trade_date",
    "trade_time",
    "trade_timestamp",
    "highest_52_week_price",
    "highest_52_week_date",
    "lowest_52_week_price",
    "lowest_52_week_date",
)
_SHORT = {
    "type": "ty",
    "code": "cd",
    "timestamp": "tms",
    "trade_date": "td",
    "trade_time": "ttm",
    "trade_timestamp": "ttms",
    "trade_price": "tp",
    "trade_volume": "tv",
    "ask_bid": "ab",
    "prev_closing_price": "pcp",
    "change": "c",
    "change_price": "cp",
    "sequential_id": "sid",
    "best_ask_price": "bap",
    "best_ask_size": "bas",
    "best_bid_price": "bbp",
    "best_bid_size": "bbs",
    "stream_type": "st",
    "opening_price": "op",
    "high_price": "hp",
    "low_price": "lp",
    "signed_change_price": "scp",
    "change_rate": "cr",
    "signed_change_rate": "scr",
    "acc_trade_volume": "atv",
    "acc_trade_volume_24h": "atv24h",
    "acc_trade_price": "atp",
    "acc_trade_price_24h": "atp24h",
    "acc_ask_volume": "aav",
    "acc_bid_volume": "abv",
    "highest_52_week_price": "h52wp",
    "highest_52_week_date": "h52wdt",
    "lowest_52_week_price": "l52wp",
    "lowest_52_week_date": "l52wdt",
    "market_state": "ms",
    "is_trading_suspended": "its",
    "delisting_date": "dd",
    "market_warning": "mw",
    "candle_date_time_utc": "cdttmu",
    "candle_date_time_kst": "cdttmk",
    "candle_acc_trade_volume": "catv",
    "candle_acc_trade_price": "catp",
}
_TICKER_SHORT = _SHORT | {"trade_date": "tdt"}
"""upbit.md §3.5, §3.6."""
