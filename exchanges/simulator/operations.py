"""What is done to an exchange other than by orders: keys, money, wallets, fees, maintenance. Kept, and taken back."""

from typing import Any

from arbitrage.domain.units import base_of
from exchanges.simulator.agenda import Agenda
from exchanges.simulator.cash import Cash
from exchanges.simulator.closing import Closing
from exchanges.simulator.keys import Keyring
from exchanges.simulator.market import Market
from exchanges.simulator.matching import Matching
from exchanges.simulator.state import Sink
from exchanges.simulator.tariff import Tariff
from exchanges.simulator.wallets import Wallets


class Operations:
    """The rooms behind the counter of one exchange."""

    def __init__(self, matching: Matching, market: Market, agenda: Agenda, sink: Sink) -> None:
        exchange = matching.rules.exchange
        self.keys = Keyring(exchange, sink)
        self.wallets = Wallets(exchange, tuple(map(base_of, market.markets)), sink)
        self.cash = Cash(exchange, matching.register, matching.counterparty, self.wallets, agenda, sink)
        self.tariff = Tariff(exchange, matching.use_fees, agenda, sink)
        self.closing = Closing(matching, market, self.wallets, agenda, sink)

    def restore(self, line: dict[str, Any]) -> None:
        """Take back one line of the state log."""
        match line["line"]:
            case "key":
                self.keys.restore(line)
            case "movement":
                self.cash.restore(line)
            case "wallet":
                self.wallets.restore(line)
            case "fee":
                self.tariff.restore(line)
            case "closing":
                self.closing.restore(line)

    def resume(self, now: int) -> None:
        """Go on with what was under way, once everything is taken back."""
        self.cash.resume(now)
        self.closing.resume(now)
