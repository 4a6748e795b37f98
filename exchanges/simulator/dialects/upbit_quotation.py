"""Upbit's public REST answers on markets and books, and what all public answers carry (upbit.md §1.1, §1.2)."""

import gzip
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from hashlib import md5

import msgspec

from arbitrage.domain.units import SCALE, Price
from exchanges.simulator.dialect import BookView, Call
from exchanges.simulator.dialects import shared
from exchanges.simulator.dialects.reading import read_count
from exchanges.simulator.dialects.shared import JSON, json_answer
from exchanges.simulator.dialects.upbit import view_levels
from exchanges.simulator.dialects.upbit_frames import UNIT, ranked
from exchanges.simulator.dialects.upbit_quirks import Totals, UpbitQuirks
from exchanges.simulator.grouping import grouped
from exchanges.simulator.listing import MarketState
from exchanges.simulator.money import plain_text
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Response, WireRefusal, number

Answer = Callable[[SimExchange, Call], Response]

CAUTIONS = (
    "PRICE_FLUCTUATIONS",
    "TRADING_VOLUME_SOARING",
    "DEPOSIT_AMOUNT_SOARING",
    "GLOBAL_PRICE_DIFFERENCES",
    "CONCENTRATION_OF_SMALL_ACCOUNTS",
)


def quoted(answer: Answer, quirks: UpbitQuirks) -> Answer:
    """Return `answer` with a weak ETag, and zipped for who takes gzip: quotation only (upbit.md §1.1)."""

    def with_mark(sim: SimExchange, call: Call) -> Response:
        response = answer(sim, call)
        mark = md5(response.body, usedforsecurity=False).hexdigest()
        headers = (*response.headers, ("ETag", f'W/"0{mark}"'))
        body = response.body
        if "gzip" in call.request.headers.get("accept-encoding", "") and len(body) >= quirks.gzip_from_bytes:
            body = gzip.compress(body, compresslevel=1, mtime=0)
            headers = (*headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
        return msgspec.structs.replace(response, body=body, headers=headers)

    return with_mark


def market_list(sim: SimExchange, call: Call) -> Response:
    """Answer /v1/market/all: without halt or wallet flags, and without what is delisted (upbit.md §1.2)."""
    rows: list[dict[str, object]] = []
    for market in sim.market.markets:
        listing = sim.listing(market)
        if listing.state is MarketState.DELISTED:
            continue
        row: dict[str, object] = dict(shared.names_of(market))
        if call.params.one("is_details") == "true":
            row["market_event"] = {
                "warning": listing.has_warning,
                "caution": {name: name in listing.cautions for name in CAUTIONS},
            }
        rows.append(row)
    return json_answer(rows)


def orderbook(quirks: UpbitQuirks) -> Answer:
    """Return what answers /v1/orderbook: levels by `count`, grouped by `level`; an unsupported level gives []."""

    def answer(sim: SimExchange, call: Call) -> Response:
        markets = shared.listed_markets(call.params.one("markets"), sim.market.markets)
        count = _count(call.params.one("count"))
        level = _level(call.params.one("level"))
        books = []
        for market in markets:
            view = sim.view(market, call.now)
            if level not in view_levels(view):
                return json_answer([])
            books.append(_book_text(grouped(view, level), count, quirks))
        return Response(200, f"[{','.join(books)}]".encode(), JSON)

    return answer


def _book_text(view: BookView, count: int, quirks: UpbitQuirks) -> str:
    bids, asks = view.cut(count)
    units = ",".join(
        UNIT % (plain_text(ask[0]), plain_text(bid[0]), plain_text(ask[1]), plain_text(bid[1]))
        for ask, bid in ranked(bids, asks, quirks.padding)
    )
    added_bids, added_asks = (bids, asks) if quirks.totals is Totals.SHOWN else (view.bids, view.asks)
    return (
        f'{{"market":"{view.market}","timestamp":{view.at_ns // 1_000_000},'
        f'"total_ask_size":{plain_text(sum(qty for _, qty in added_asks))},'
        f'"total_bid_size":{plain_text(sum(qty for _, qty in added_bids))},'
        f'"orderbook_units":[{units}],"level":{plain_text(view.level)}}}'
    )


def _count(text: str | None) -> int:
    try:
        return read_count(text, 30, 30, "validation_error")
    except WireRefusal as wrong:
        raise WireRefusal(400, 400, f"count {wrong.message}") from None


# Documented as text, default "0".
def _level(text: str | None) -> int:
    try:
        level = Decimal(text or "0") * SCALE
    except InvalidOperation:
        raise WireRefusal(400, 400, "Type mismatch error. Check the parameters type!") from None
    return int(level) if level.is_finite() and level == level.to_integral_value() and level >= 0 else -1


def instruments(sim: SimExchange, call: Call) -> Response:
    """Answer /v1/orderbook/instruments: the tick at the present price, as text (upbit.md §1.2)."""
    rows = []
    for view in _views(sim, call):
        best = view.bids or view.asks
        tick = sim.rules.ticks.tick_at(Price(best[0][0])) if best else 0
        levels = [plain_text(level) for level in view_levels(view)]
        rows.append(
            {
                "market": view.market,
                "quote_currency": "KRW",
                "tick_size": plain_text(tick),
                "supported_levels": levels,
            }
        )
    return json_answer(rows)


def old_levels(sim: SimExchange, call: Call) -> Response:
    """Answer the older /v1/orderbook/supported_levels: levels as numbers (upbit.md §1.2)."""
    rows = [
        {"market": view.market, "supported_levels": [number(plain_text(level)) for level in view_levels(view)]}
        for view in _views(sim, call)
    ]
    return json_answer(rows)


def _views(sim: SimExchange, call: Call) -> list[BookView]:
    markets = shared.listed_markets(call.params.one("markets"), sim.market.markets)
    return [sim.view(market, call.now) for market in markets]
