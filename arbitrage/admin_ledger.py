"""The ledger: accounts, postings, balances beside what the exchanges say, and how far it was read."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from arbitrage.admin_evidence import EntryColumns, EvidenceAdmin
from arbitrage.display import exact
from arbitrage.models import Account, Balance, LedgerEntry, RecorderPlace, TraderRun


@admin.register(Account)
class AccountAdmin(EvidenceAdmin):
    """Ledger accounts."""

    list_display = ("__str__", "exchange", "asset", "kind", "balance_exact")
    list_filter = ("kind", "exchange", "asset")

    @admin.display(description="balance")
    def balance_exact(self, row: Account) -> str:
        """Return the sum of the account's entries."""
        return exact(row.balance)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(EntryColumns, EvidenceAdmin):
    """Postings."""

    list_display = ("id", "at", "kind", "account", "amount_exact", "order", "group")
    list_filter = ("kind", "account__exchange", "account__asset", "account__kind", ("at", admin.DateFieldListFilter))
    search_fields = ("group", "order__client_order_id")
    list_select_related = ("account", "order")


@admin.register(Balance)
class BalanceAdmin(EvidenceAdmin):
    """What the exchanges last said, beside the ledger."""

    list_display = ("exchange", "asset", "free", "locked", "ledger", "settled", "read_at")
    list_filter = ("exchange", "settled")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Balance]:
        """Return the rows, with the ledger's balances read once for the page."""
        wallets = Account.objects.filter(kind="wallet")
        self._wallets = {(row.exchange, row.asset): row.balance for row in wallets}
        return super().get_queryset(request)

    @admin.display(description="free")
    def free(self, row: Balance) -> str:
        """Return what can be used."""
        return exact(row.exchange_free)

    @admin.display(description="locked")
    def locked(self, row: Balance) -> str:
        """Return what is held by orders."""
        return exact(row.exchange_locked)

    @admin.display(description="ledger")
    def ledger(self, row: Balance) -> str:
        """Return what our ledger says."""
        return exact(self._wallets.get((row.exchange, row.asset)))


@admin.register(TraderRun)
class TraderRunAdmin(EvidenceAdmin):
    """Starts of the trader."""

    list_display = ("run_id", "started_at", "mode", "fence")


@admin.register(RecorderPlace)
class RecorderPlaceAdmin(EvidenceAdmin):
    """How far the recorder has read."""

    list_display = ("stream", "seq", "offset", "at")
