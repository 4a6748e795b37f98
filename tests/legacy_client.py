"""A client of the legacy generation for tests, signed as bithumb.md §1.2 says, apart from the simulator's own check."""

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

from arbitrage.domain.units import Exchange
from exchanges.simulator.wire import Request, Response

KEY = "AK-B"
SECRET = "SK-bithumb-secret-of-more-than-sixty-four-characters-so-that-none-warns"
MS = 1_000_000


def signed(
    path: str,
    now: int,
    members: dict[str, str],
    *,
    key: str = KEY,
    secret: str = SECRET,
    separator: str = "\0",
    **headers: str,
) -> Request:
    """Return a signed POST; `headers` replace what is sent, after the signature was made."""
    body = urlencode({"endpoint": path, **members})
    nonce = str(now // MS)
    digest = hmac.new(secret.encode(), separator.join((path, body, nonce)).encode(), hashlib.sha512).hexdigest()
    sent = {
        "content-type": "application/x-www-form-urlencoded",
        "api-key": key,
        "api-sign": base64.b64encode(digest.encode()).decode(),
        "api-nonce": nonce,
    }
    return Request(
        "POST", path, "", sent | {name.replace("_", "-"): text for name, text in headers.items()}, body.encode()
    )


class LegacyClient:
    """The legacy words of a world's Bithumb."""

    def __init__(self, world: Any) -> None:
        self.world = world

    def send(self, request: Request) -> Response:
        """Hand a request over as it is."""
        return self.world.send(Exchange.BITHUMB, request)

    def read(self, path: str, query: str = "") -> Any:
        """Return the whole answer of a public path."""
        return json.loads(self.send(Request("GET", path, query)).body)

    def ask(self, path: str, **members: str) -> Any:
        """Return the whole answer of a signed path."""
        return json.loads(self.send(signed(path, self.world.now, members)).body)

    def place(self, side: str, price: str, units: str) -> str:
        """Place a limit order on BTC that must be taken; return its id."""
        words = {"order_currency": "BTC", "payment_currency": "KRW", "type": side, "price": price, "units": units}
        answer = self.ask("/trade/place", **words)
        assert answer["status"] == "0000", answer
        return answer["order_id"]

    def detail(self, order_id: str) -> Any:
        """Return an order with its fills."""
        return self.ask("/info/order_detail", order_id=order_id, order_currency="BTC", payment_currency="KRW")["data"]

    def balance(self, currency: str = "BTC") -> Any:
        """Return the balances."""
        return self.ask("/info/balance", currency=currency)["data"]
