"""Bithumb's words (JWT generation) for prints, tickers and candles, REST and stream (bithumb.md §3.3, §6.1)."""

from exchanges.simulator.bars import Bar, Span
from exchanges.simulator.dialect import Access, Call, Format, News, Route, StreamType
from exchanges.simulator.dialects import print_words as words
from exchanges.simulator.dialects.print_words import Fields, number_text, quoted, rate_text
from exchanges.simulator.dialects.shared import listed_markets
from exchanges.simulator.kst import KST_OFFSET_NS
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.tape import Day, Tape
from exchanges.simulator.wire import Response, WireRefusal

LIVE_KINDS = frozenset({"trade", "ticker"})
"""There are no candles on the stream (bithumb.md §3.3)."""
MOST_MARKETS = 200
"""Of one ticker call, since 2026-10-13 (bithumb.md §3.3)."""
_REST_RATE_DECIMALS = 4
_STREAM_RATE_DECIMALS = 8


def _trades(sim: SimExchange, call: Call) -> Response:
    tape, prints = words.asked_prints(sim, call, "daysAgo", KST_OFFSET_NS)
    return words.array_answer([words.print_fields(tape, one, number_text) for one in prints])


def ticker_route(shift_ns: int) -> Route:
    """Return /v1/ticker, whose stamps run `shift_ns` ahead of the time they mean (bithumb.md §3.3: nine hours)."""

    def answer(sim: SimExchange, call: Call) -> Response:
        text = (call.params.one("markets") or "").upper()
        if text.count(",") >= MOST_MARKETS:
            raise WireRefusal(400, words.BAD, f"'markets' must be ≤ {MOST_MARKETS} items")
        news = [sim.find_news(market, call.now) for market in listed_markets(text, sim.market.markets)]
        return words.array_answer([_ticker_row(one, shift_ns) for one in news if one is not None])

    return Route(Access.PUBLIC, "ticker", answer)


def _ticker_row(news: News, shift_ns: int) -> Fields:
    day = words.day_of(news)
    (date, time), (date_kst, time_kst) = words.clock(day.last_ns), words.clock(day.last_ns + KST_OFFSET_NS)
    return {
        "market": quoted(news.last.market),
        "trade_date": quoted(date.replace("-", "")),
        "trade_time": quoted(time.replace(":", "")),
        "trade_date_kst": quoted(date_kst.replace("-", "")),
        "trade_time_kst": quoted(time_kst.replace(":", "")),
        "trade_timestamp": str((day.last_ns + shift_ns) // words.MS),
        **_price_fields(day, _REST_RATE_DECIMALS),
        "trade_volume": number_text(day.last_qty),
        "acc_trade_price": number_text(words.value_units(day.value)),
        "acc_trade_price_24h": number_text(words.value_units(day.value_24h)),
        "acc_trade_volume": number_text(day.volume),
        "acc_trade_volume_24h": number_text(day.volume_24h),
        **_year_fields(day),
        "timestamp": str((news.at_ns + shift_ns) // words.MS),
    }


def _price_fields(day: Day, decimals: int) -> Fields:
    change = day.price - day.previous_close
    rate = words.rate_units(change, day.previous_close)
    return {
        "opening_price": number_text(day.opening),
        "high_price": number_text(day.high),
        "low_price": number_text(day.low),
        "trade_price": number_text(day.price),
        "prev_closing_price": number_text(day.previous_close),
        "change": quoted(words.change_word(change)),
        "change_price": number_text(abs(change)),
        "change_rate": rate_text(abs(rate), decimals),
        "signed_change_price": number_text(change),
        "signed_change_rate": rate_text(rate, decimals),
    }


def _year_fields(day: Day) -> Fields:
    highest, lowest = day.highest_ns + KST_OFFSET_NS, day.lowest_ns + KST_OFFSET_NS
    return {
        "highest_52_week_price": number_text(day.highest),
        "highest_52_week_date": quoted(words.clock(highest)[0]),
        "lowest_52_week_price": number_text(day.lowest),
        "lowest_52_week_date": quoted(words.clock(lowest)[0]),
    }


def _candle(sim: SimExchange, tape: Tape, span: Span, unit: int, bar: Bar) -> Fields:
    fields = words.candle_fields(tape, bar, number_text)
    return fields | words.span_fields(tape, span, unit, bar, number_text, _STREAM_RATE_DECIMALS)


_SPANS = (
    *((f"minutes/{minutes}", Span.MINUTES, minutes) for minutes in words.MINUTES),
    ("days", Span.DAYS, 1),
    ("weeks", Span.WEEKS, 1),
    ("months", Span.MONTHS, 1),
)
PRINT_ROUTES = {
    ("GET", "/v1/trades/ticks"): Route(Access.PUBLIC, "trades", _trades),
    **words.candle_routes("candles", _SPANS, KST_OFFSET_NS, _candle),
}


class BithumbPrints:
    """Bithumb's side of the `Dialect` for trade and ticker frames."""

    def live_frame(self, kind: str, news: News, stream_type: StreamType, fmt: Format) -> bytes:
        """Return one frame: dates and times in KST, stamps true (bithumb.md §6.1)."""
        fields = _trade_fields(news) if kind == "trade" else _ticker_fields(news)
        fields["stream_type"] = quoted(stream_type.value)
        short = _TICKER_SHORT if kind == "ticker" else _SHORT
        return words.frame(fields, short if fmt.is_simple else None)


def _trade_fields(news: News) -> Fields:
    one = news.last
    previous = news.tape.previous_close(one.at_ns) or one.price
    date, time = words.clock(one.at_ns + KST_OFFSET_NS)
    return {
        "type": '"trade"',
        "code": quoted(one.market),
        "trade_price": number_text(one.price),
        "trade_volume": number_text(one.qty),
        "ask_bid": quoted(words.taker_word(one.taker_side)),
        "prev_closing_price": number_text(previous),
        "change": quoted(words.change_word(one.price - previous)),
        "change_price": number_text(abs(one.price - previous)),
        "trade_date": quoted(date),
        "trade_time": quoted(time),
        "trade_timestamp": str(one.at_ns // words.MS),
        "sequential_id": str(one.stream_id),
        "timestamp": str(news.at_ns // words.MS),
    }


def _ticker_fields(news: News) -> Fields:
    day, listing = words.day_of(news), news.listing
    date, time = words.clock(day.last_ns + KST_OFFSET_NS)
    return {
        "type": '"ticker"',
        "code": quoted(news.last.market),
        **_price_fields(day, _STREAM_RATE_DECIMALS),
        "trade_volume": number_text(day.last_qty),
        "acc_trade_volume": number_text(day.volume),
        "acc_trade_volume_24h": number_text(day.volume_24h),
        "acc_trade_price": number_text(words.value_units(day.value)),
        "acc_trade_price_24h": number_text(words.value_units(day.value_24h)),
        "trade_date": quoted(date.replace("-", "")),
        "trade_time": quoted(time.replace(":", "")),
        "trade_timestamp": str(day.last_ns // words.MS),
        "ask_bid": quoted(words.taker_word(day.last_side)),
        "acc_ask_volume": number_text(day.volume - day.bought),
        "acc_bid_volume": number_text(day.bought),
        **_year_fields(day),
        "market_state": quoted(listing.state.value),
        "is_trading_suspended": "true" if listing.is_suspended else "false",
        "delisting_date": quoted(listing.delisting_date or ""),
        "market_warning": '"CAUTION"' if listing.has_warning else '"NONE"',
        "timestamp": str(news.at_ns // words.MS),
    }


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
}
_TICKER_SHORT = _SHORT | {"trade_date": "tdt"}
"""Recorded for books only (bithumb.md §6.1); for trades and tickers these are Upbit's: a guess."""
