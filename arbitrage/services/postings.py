"""Postings into the books: entries and account balances together, once per group.

The caller holds the transaction. Balances are added with all their digits, never by the database.
"""

from collections.abc import Sequence
from decimal import Decimal

from arbitrage.domain.ledger import Account as AccountKey
from arbitrage.domain.ledger import Posting, check_balanced
from arbitrage.domain.units import EXACT
from arbitrage.models_ledger import Account, LedgerEntry
from arbitrage.wall_time import moment


class PostingBatch:
    """Postings of one transaction, gathered first and written in a few statements."""

    def __init__(self) -> None:
        self._entries: list[tuple[AccountKey, LedgerEntry]] = []

    def add(self, group: str, kind: str, postings: Sequence[Posting], *, order_id: str | None, wall_ns: int) -> None:
        """Take one group; UnbalancedPostings when it does not sum to zero in every asset."""
        check_balanced(postings)
        for line, posting in enumerate(postings):
            entry = LedgerEntry(
                group=group,
                line=line,
                kind=kind,
                amount=posting.amount,
                order_id=order_id,
                at_ns=wall_ns,
                at=moment(wall_ns),
            )
            self._entries.append((posting.account, entry))

    def write(self) -> int:
        """Return how many entries were written; a group written before fails the transaction (IntegrityError)."""
        if not self._entries:
            return 0
        keys = sorted({key for key, _ in self._entries})
        rows = {key: self._locked(key) for key in keys}
        for key, entry in self._entries:
            row = rows[key]
            entry.account = row
            row.balance = EXACT.add(row.balance, entry.amount)
        LedgerEntry.objects.bulk_create(entry for _, entry in self._entries)
        Account.objects.bulk_update(rows.values(), ["balance"])
        written = len(self._entries)
        self._entries = []
        return written

    @staticmethod
    def _locked(key: AccountKey) -> Account:
        row, _ = Account.objects.select_for_update().get_or_create(
            kind=key.kind.value, exchange=key.exchange.value, asset=key.asset
        )
        return row


def ledger_problems() -> list[str]:
    """Return what is wrong in the whole ledger: balances that are not their entries' sum, assets not at zero.

    One statement reads accounts and entries together: of two, the second would see what the recorder
    booked in between, and find a difference that is none.
    """
    found = []
    rows = Account.objects.order_by().values_list("kind", "exchange", "asset", "balance", "entries__amount")
    balances: dict[tuple[str, str, str], Decimal] = {}
    totals: dict[tuple[str, str, str], Decimal] = {}
    for kind, exchange, asset, balance, amount in rows.iterator():
        key = exchange, asset, kind
        balances[key] = balance
        totals[key] = EXACT.add(totals.get(key, Decimal(0)), amount or Decimal(0))
    per_asset: dict[str, Decimal] = {}
    for key, balance in sorted(balances.items()):
        if balance != totals[key]:
            found.append(f"{':'.join(key)}: balance was {balance}, must be {totals[key]}")
        per_asset[key[1]] = EXACT.add(per_asset.get(key[1], Decimal(0)), balance)
    found.extend(f"{asset}: accounts sum to {total}, must be 0" for asset, total in per_asset.items() if total)
    return found
