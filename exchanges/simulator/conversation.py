"""The exchange's end of one WebSocket connection, as the driver sees it: two generations speak it differently."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from exchanges.simulator.account import Account
from exchanges.simulator.dialect import BookView, Format, News
from exchanges.simulator.steps import OrderStep

ABNORMAL = 1006
"""The connection just ends, without a Close frame (upbit.md §3.9, bithumb.md §6.2)."""
NORMAL = 1000


class Out(msgspec.Struct, frozen=True, gc=False):
    """One message to send; data goes as binary frames, status and errors as the exchange sends them."""

    data: bytes
    is_binary: bool


class Outbox(list[Out]):
    """What waits to be sent. `through` may change, hold back or drop each message on its way in."""

    def __init__(self, through: Callable[[Out], list[Out]]) -> None:
        super().__init__()
        self._through = through

    def append(self, out: Out) -> None:
        """Take one message in."""
        self += self._through(out)


class Conversation(Protocol):
    """One connection. The driver calls `receive` and sends what is in `outbox`; `close_code` ends it."""

    outbox: list[Out]
    close_code: int | None

    def touch(self, now: int) -> None:
        """Note traffic."""

    def end(self) -> None:
        """Forget everything: the connection is gone."""

    def receive(self, data: bytes, now: int) -> None:
        """Hear one message."""

    def on_book(self, view: BookView, cache: dict[tuple[Format, int], bytes], now: int) -> None:
        """Hear of a published book."""

    def on_print(self, news: News, cache: dict[tuple[str, Format], bytes]) -> None:
        """Hear of a public trade."""

    def on_order(self, account: Account, step: OrderStep) -> None:
        """Hear of a step of an order."""

    def on_assets(self, account: Account, assets: tuple[str, ...], now: int) -> None:
        """Hear of changed balances."""
