"""One Upbit market that stands still, a few prices deep, and a bid far below it."""

ASKS = [("100001000", "1"), ("100009000", "2"), ("100010000", "3"), ("100011000", "4")]
BIDS = [("99999000", "1"), ("99990000", "2"), ("99989000", "3"), ("99980000", "4")]
LIMIT = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "90000000", "volume": "0.001"}
