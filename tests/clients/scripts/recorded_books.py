"""Recorded frames, one JSON line each on standard input, through ccxt's own parser; the books it made come back."""

import json
import sys

import ccxt.pro

LONG = {
    "ty": "type",
    "cd": "code",
    "tms": "timestamp",
    "tas": "total_ask_size",
    "tbs": "total_bid_size",
    "obu": "orderbook_units",
    "st": "stream_type",
    "ap": "ask_price",
    "bp": "bid_price",
    "as": "ask_size",
    "bs": "bid_size",
}


def long_keys(value):
    """Return the same frame under long names: ccxt subscribes to that format only."""
    if isinstance(value, dict):
        return {LONG.get(key, key): long_keys(inner) for key, inner in value.items()}
    return [long_keys(inner) for inner in value] if isinstance(value, list) else value


class Nobody:
    """Stands where ccxt would wake who waits for a book."""

    def resolve(self, result, message_hash):
        return None


def client(name, markets):
    """Return an exchange of ccxt that knows these markets without asking for them."""
    made = getattr(ccxt.pro, name)({"options": {"watchOrderBook": {"limit": 1000}}})
    rows = []
    for market in markets:
        quote, base = market.split("-")
        listed = {
            "symbol": f"{base}/{quote}",
            "base": base,
            "quote": quote,
            "active": True,
            "type": "spot",
            "spot": True,
        }
        rows.append({**listed, "id": market})
    made.set_markets(rows)
    return made


def main():
    frames = [json.loads(line) for line in sys.stdin]
    markets = {}
    for frame in frames:
        markets.setdefault(frame["exchange"], set()).add(frame["market"])
    clients = {name: client(name, sorted(found)) for name, found in markets.items()}
    books = []
    for frame in frames:
        made = clients[frame["exchange"]]
        message = long_keys(json.loads(frame["raw"]))
        symbol = made.safe_symbol(frame["market"], None, "-")
        if message["type"] == "orderbook":
            # A first frame makes the book; each further one replaces it whole. Diffs go on from the one before.
            made.orderbooks.pop(symbol, None)
            message["stream_type"] = "SNAPSHOT"
        made.handle_order_book(Nobody(), message)
        book = made.orderbooks[symbol]
        sides = {side: [[repr(price), repr(size)] for price, size, *_ in book[side]] for side in ("bids", "asks")}
        books.append({**sides, "timestamp": book["timestamp"]})
    print(json.dumps({"version": ccxt.__version__, "books": books}))


main()
