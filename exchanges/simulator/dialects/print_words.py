"""What the words of prints, tickers and candles have in common on both exchanges: rows to show, numbers to spell."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from arbitrage.domain.errors import InvariantError
from arbitrage.domain.units import DECIMALS, Exchange, Side
from exchanges.simulator.bars import BORDER_NS, DAY, Bar, Span
from exchanges.simulator.dialect import Access, Call, News, Route
from exchanges.simulator.dialects.reading import read_count
from exchanges.simulator.dialects.shared import JSON
from exchanges.simulator.kst import KST_OFFSET_NS, SECOND
from exchanges.simulator.money import FINE_DECIMALS, double_text, plain_text
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.tape import Day, Print, Tape
from exchanges.simulator.wire import Response, WireRefusal

MS = 1_000_000
BAD = "invalid_parameter"
MINUTES = (1, 3, 5, 10, 15, 30, 60, 240)
_LEAST_PLAIN = 10 ** (DECIMALS - 3)
_VALUE_CUT: int = 10 ** (FINE_DECIMALS - DECIMALS)
Fields = dict[str, str]
"""Members in order, each value already JSON text."""
CandleFields = Callable[[SimExchange, Tape, Span, int, Bar], Fields]


def float_text(units: int) -> str:
    """Return an amount in 10^-8 as servers write floats: `103493000.0`, `0.05`, `4.843E-5`."""
    text = number_text(units)
    return text if "." in text else f"{text}.0"


def number_text(units: int) -> str:
    """Return an amount in 10^-8 without needless decimals; below 0.001 with an exponent (bithumb.md §3.3: 1.4E-7)."""
    return double_text(units) if 0 < abs(units) < _LEAST_PLAIN else plain_text(units)


def value_units(value: int) -> int:
    """Return KRW in 10^-22, cut to 10^-8."""
    return value // _VALUE_CUT


def rate_units(change: int, previous: int) -> int:
    """Return change / previous in 10^-10, nearest."""
    return (change * 2 * 10**10 + previous) // (2 * previous) if previous else 0


def rate_text(units: int, decimals: int) -> str:
    """Return a rate in 10^-10 as a float of at most `decimals` decimals, nearest."""
    step: int = 10 ** (10 - decimals)
    whole, part = divmod((abs(units) + step // 2) // step, 10**decimals)
    digits = f"{part:0{decimals}d}".rstrip("0") or "0"
    return f"{'-' if units < 0 and (whole or part) else ''}{whole}.{digits}"


def change_word(change: int) -> str:
    """Return both exchanges' word for a change against the close before."""
    return "RISE" if change > 0 else "FALL" if change < 0 else "EVEN"


def taker_word(side: Side) -> str:
    """Return `ask_bid`: the side of whoever took."""
    return side.value.upper()


def clock(at_ns: int) -> tuple[str, str]:
    """Return `yyyy-MM-dd` and `HH:mm:ss` of a time already moved to its zone."""
    return _clock(at_ns // SECOND)


@lru_cache(maxsize=4_096)
def _clock(second: int) -> tuple[str, str]:
    date, _, time = datetime.fromtimestamp(second, UTC).isoformat().partition("T")
    return date, time[:8]


def quoted(text: str) -> str:
    """Return JSON text of a word that needs no escapes."""
    return f'"{text}"'


def object_text(fields: Fields) -> str:
    """Return a JSON object."""
    return "{" + ",".join([f'"{key}":{value}' for key, value in fields.items()]) + "}"


def frame(fields: Fields, short: dict[str, str] | None) -> bytes:
    """Return a stream frame, its keys shortened by `short` if given."""
    if short is not None:
        fields = {short[key]: value for key, value in fields.items()}
    return object_text(fields).encode()


def array_answer(rows: list[Fields]) -> Response:
    """Return an answer of several objects."""
    return Response(200, f"[{','.join(map(object_text, rows))}]".encode(), JSON)


def day_of(news: News) -> Day:
    """Return the day's figures. InvariantError when nothing was ever traded: then there is no news."""
    day = news.tape.day(news.at_ns)
    if day is None:
        raise InvariantError(f"{news.last.market} has a print and no day")
    return day


def market_of(sim: SimExchange, call: Call) -> str:
    """Return the one market asked for, on Bithumb also in lower case (bithumb.md §3.3); WireRefusal when not listed."""
    market = call.params.one("market")
    if market and sim.exchange is Exchange.BITHUMB:
        market = market.upper()
    if not market:
        raise WireRefusal(400, BAD, "Missing request parameter error. Check the required parameters!")
    if market not in sim.market.markets:
        raise WireRefusal(404, BAD, "Code not found")
    return market


def asked_prints(sim: SimExchange, call: Call, days_word: str, clock_ns: int) -> tuple[Tape, list[Print]]:
    """Return the tape and the prints that trades/ticks shows, newest id first (upbit.md §1.2, bithumb.md §3.3).

    `to` is a time of day on the clock that runs `clock_ns` ahead of UTC; that it counts itself is a guess.
    """
    tape = sim.market.tape(sim.exchange, market_of(sim, call))
    count = read_count(call.params.one("count"), 1, 500, BAD)
    found = tape.prints()
    days_text, to = call.params.one(days_word), call.params.one("to")
    if days_text is not None or to:
        days = 0 if days_text is None else read_count(days_text, 1, 7, BAD)
        begin = call.now - (call.now + clock_ns) % DAY - days * DAY
        end = begin + DAY - 1 if not to else begin + _time_of_day(to)
        found = [one for one in found if one.at_ns <= end]
    cursor = call.params.one("cursor")
    if cursor:
        if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 20:
            raise WireRefusal(400, BAD, "cursor must be a sequential_id")
        found = [one for one in found if one.sequential_id < int(cursor)]
    return tape, sorted(found, key=lambda one: -one.sequential_id)[:count]


def print_fields(tape: Tape, one: Print, number: Callable[[int], str]) -> Fields:
    """Return one row of trades/ticks; the change has its sign here (upbit.md §1.2)."""
    previous = tape.previous_close(one.at_ns) or one.price
    date, time = clock(one.at_ns)
    return {
        "market": quoted(one.market),
        "trade_date_utc": quoted(date),
        "trade_time_utc": quoted(time),
        "timestamp": str(one.at_ns // MS),
        "trade_price": number(one.price),
        "trade_volume": number(one.qty),
        "prev_closing_price": number(previous),
        "change_price": number(one.price - previous),
        "ask_bid": quoted(taker_word(one.taker_side)),
        "sequential_id": str(one.sequential_id),
    }


def candle_routes(
    group: str, spans: tuple[tuple[str, Span, int], ...], clock_ns: int, fields: CandleFields
) -> dict[tuple[str, str], Route]:
    """Return the candle paths, at most 200 rows each; a bare `to` is a time on the clock `clock_ns` ahead of UTC."""

    def route(span: Span, unit: int) -> Route:
        def answer(sim: SimExchange, call: Call) -> Response:
            tape = sim.market.tape(sim.exchange, market_of(sim, call))
            count = read_count(call.params.one("count"), 1, 200, BAD)
            to = call.params.one("to")
            end = _moment(to, clock_ns) if to else call.now + 1
            bars = tape.candles(span, unit, count, end)
            return array_answer([fields(sim, tape, span, unit, bar) for bar in bars])

        return Route(Access.PUBLIC, group, answer)

    return {("GET", f"/v1/candles/{path}"): route(span, unit) for path, span, unit in spans}


def candle_fields(tape: Tape, bar: Bar, number: Callable[[int], str]) -> Fields:
    """Return what every candle has, in the order both exchanges write it."""
    return {
        "market": quoted(tape.market),
        "candle_date_time_utc": quoted("T".join(clock(bar.start_ns))),
        "candle_date_time_kst": quoted("T".join(clock(bar.start_ns + KST_OFFSET_NS))),
        "opening_price": number(bar.opening),
        "high_price": number(bar.high),
        "low_price": number(bar.low),
        "trade_price": number(bar.closing),
        "timestamp": str(bar.last_ns // MS),
        "candle_acc_trade_price": number(value_units(bar.value)),
        "candle_acc_trade_volume": number(bar.volume),
    }


def span_fields(tape: Tape, span: Span, unit: int, bar: Bar, number: Callable[[int], str], decimals: int) -> Fields:
    """Return what a candle has besides, by its span."""
    if span is Span.MINUTES:
        return {"unit": str(unit)}
    if span is Span.DAYS:
        previous = tape.previous_close(bar.start_ns) or bar.opening
        change = bar.closing - previous
        return {
            "prev_closing_price": number(previous),
            "change_price": number(change),
            "change_rate": rate_text(rate_units(change, previous), decimals),
        }
    if span is Span.SECONDS:
        return {}
    return {"first_day_of_period": quoted(clock(bar.start_ns + BORDER_NS[tape.exchange])[0])}


def _time_of_day(text: str) -> int:
    digits = text.replace(":", "") if len(text) == 8 and text[2] == text[5] == ":" else text
    if len(digits) != 6 or not digits.isascii() or not digits.isdigit():
        raise WireRefusal(400, BAD, "to must be HHmmss or HH:mm:ss")
    hour, minute, second = int(digits[:2]), int(digits[2:4]), int(digits[4:])
    if hour > 23 or minute > 59 or second > 59:
        raise WireRefusal(400, BAD, "to must be a time of day")
    return (hour * 3_600 + minute * 60 + second) * SECOND


def _moment(text: str, clock_ns: int) -> int:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return int(moment.timestamp()) * SECOND
        return int(moment.replace(tzinfo=UTC).timestamp()) * SECOND - clock_ns
    except (ValueError, OverflowError):
        raise WireRefusal(400, BAD, "to must be ISO-8601") from None
