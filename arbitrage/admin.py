"""The operator's room, gathered where Django looks for it; each theme has its own file."""

from arbitrage import (
    admin_arming,
    admin_control,
    admin_evidence,
    admin_incidents,
    admin_jobs,
    admin_ledger,
    admin_params,
    admin_reconciliation,
    admin_watch,
    admin_wire,
)

__all__ = [
    "admin_arming",
    "admin_control",
    "admin_evidence",
    "admin_incidents",
    "admin_jobs",
    "admin_ledger",
    "admin_params",
    "admin_reconciliation",
    "admin_watch",
    "admin_wire",
]
