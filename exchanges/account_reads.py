"""Private reads for jobs: balances, orders open, ended and by id, rules, wallets, transfers, keys, scopes.

upbit.md §1.3, §1.7, §1.9; bithumb.md §3.5, §3.8a.
"""

from decimal import Decimal

from arbitrage.domain.errors import KArbError, ReadFailed
from arbitrage.domain.events import Holding
from arbitrage.domain.order import OrderReport
from arbitrage.domain.ports import Lookup, MarketRules, NotFound, OpenOrder, Unknown
from exchanges.key_rights import finding, withdraw_query
from exchanges.list_shapes import WireTransfer, WireWallet
from exchanges.reader_core import ReaderCore, check_market
from exchanges.reads import iso_ns, plain
from exchanges.records import (
    KeyInfo,
    Scope,
    ScopeFinding,
    TransferRecord,
    WalletState,
    fingerprint,
)
from exchanges.shapes import WireKey, id_text
from exchanges.transport import Lost, Outcome
from exchanges.verdict import lookup_answer
from exchanges.words import CLIENT_ORDER_ID, MAX_PAGES, PAGE, WIRE_ID, page_query

MOST_TRANSFERS = 100


class AccountReads(ReaderCore):
    """What only the account's own key may ask."""

    def balances(self) -> tuple[Holding, ...]:
        """Return every holding."""
        return self._readable("balances", self._private(self._facts.paths.accounts), self._reads.balances)

    def order(self, client_order_id: str, exchange_order_id: str | None = None) -> Lookup:
        """Return what the exchange says of one order, asked for by our own id, then by its own where it is given.

        An order placed through Bithumb's legacy generation carries no id of ours (bithumb.md §1.5).
        """
        if not CLIENT_ORDER_ID.fullmatch(client_order_id):
            return Unknown(f"not asked: client_order_id was {client_order_id!r}")
        found = self._order_by(f"{self._facts.ids.client_query}={client_order_id}", client_order_id)
        if isinstance(found, NotFound) and exchange_order_id is not None and WIRE_ID.fullmatch(exchange_order_id):
            # Both exchanges take their own id under this name (upbit.md §1.5, bithumb.md §3.5).
            found = self._order_by(f"uuid={exchange_order_id}", client_order_id)
        return found

    def _order_by(self, query: str, client_order_id: str) -> Lookup:
        try:
            outcome: Outcome = self._ask(self._facts.paths.order, query)
        except KArbError as error:
            outcome = Lost(str(error))

        def read(body: bytes) -> OrderReport:
            return self._reads.order(body, client_order_id)

        return lookup_answer(outcome, self._facts, read, self._reads.errors)

    def open_orders(self) -> tuple[OpenOrder, ...]:
        """Return all resting orders; an id on two pages counts once."""
        found: dict[str, OpenOrder] = {}
        for page in range(1, MAX_PAGES + 1):
            body = self._private(self._facts.paths.open_orders, page_query(page))
            rows = self._readable("open orders", body, self._reads.open_orders)
            found.update({row.exchange_order_id: row for row in rows})
            if len(rows) < PAGE:
                return tuple(found.values())
        raise ReadFailed(f"open orders fill more than {MAX_PAGES} pages")

    def market_rules(self, market: str) -> MarketRules:
        """Return fees and bounds of one market."""
        check_market(market)
        return self._readable(
            "market rules", self._private(self._facts.paths.chance, f"market={market}"), self._reads.rules
        )

    def wallets(self) -> tuple[WalletState, ...]:
        """Return where coins can come in and go out, per asset and network (upbit.md §1.9, bithumb.md §3.5)."""
        body = self._private(self._facts.paths.wallets)
        rows = self._readable("wallets", body, lambda data: self._reads.many(WireWallet, data))
        return tuple(
            WalletState(row.asset, row.network or "", row.state, row.block_state or "", row.block_minutes)
            for row in rows
        )

    def deposits(self) -> tuple[TransferRecord, ...]:
        """Return the newest deposits, at most 100."""
        return self._transfers("deposits", self._facts.paths.deposits)

    def withdrawals(self) -> tuple[TransferRecord, ...]:
        """Return the newest withdrawals, at most 100."""
        return self._transfers("withdrawals", self._facts.paths.withdraws)

    def _transfers(self, where: str, path: str) -> tuple[TransferRecord, ...]:
        body = self._private(path, f"limit={MOST_TRANSFERS}&order_by=desc")
        return self._readable(
            where, body, lambda data: tuple(map(transfer_record, self._reads.many(WireTransfer, data)))
        )

    def keys(self) -> tuple[KeyInfo, ...]:
        """Return the account's keys and when each ends (upbit.md §1.9, bithumb.md §3.2)."""
        body = self._private(self._facts.paths.api_keys)
        try:
            rows = self._reads.many(WireKey, body)
            marks = [(fingerprint(row.access_key), iso_ns(row.expires)) for row in rows]
        except ValueError:
            # The problem's text could quote a key.
            raise ReadFailed("key list is not of the documented form") from None
        return tuple(KeyInfo(mark, ends) for mark, ends in marks)

    def scopes(self, market: str) -> tuple[ScopeFinding, ...]:
        """Return what the key may see, found out by reads alone; `market` is one both sides of which may be asked for.

        How the answers are judged is said in `key_rights.py`.
        """
        check_market(market)
        asked = (
            (Scope.VIEW_ASSETS, self._facts.paths.accounts, ""),
            (Scope.VIEW_ORDERS, self._facts.paths.chance, f"market={market}"),
            (Scope.VIEW_WITHDRAWALS, self._facts.paths.withdraw_chance, withdraw_query(market)),
        )
        answers = [(scope, self._ask(path, query)) for scope, path, query in asked]
        passed = any(200 <= answer.status < 300 for _, answer in answers)
        return tuple(
            finding(scope, answer, self._facts, self._reads.errors, passed_before=passed) for scope, answer in answers
        )


def transfer_record(row: WireTransfer) -> TransferRecord:
    return TransferRecord(
        transfer_id=id_text(row.transfer_id) or "",
        kind=row.kind or "",
        asset=row.asset,
        network=row.network or "",
        state=row.state,
        qty=plain(row.qty, "qty"),
        fee=plain(row.fee or Decimal(0), "fee"),
        tx_id=id_text(row.tx_id) or "",
        created_wall_ns=None if row.created_at is None else iso_ns(row.created_at),
        done_wall_ns=None if row.done_at is None else iso_ns(row.done_at),
    )
