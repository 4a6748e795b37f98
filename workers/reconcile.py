"""Compare the ledger with the exchanges once, by hand or for the supervisor: `python -m workers reconcile`.

What the exchanges' history explains is booked and said. Exit code 0 when every figure agrees to the last digit
then and nothing is ours to answer, 1 when one does not or cannot be had.
"""

import argparse
import sys
from typing import Any
from uuid import uuid4

import msgspec

from arbitrage.domain.arming import mode_word
from arbitrage.domain.errors import KArbError
from arbitrage.domain.reconciliation import EVENTS
from arbitrage.domain.units import EXCHANGES
from exchanges.registry import transport_mode
from karb_project import logs
from karb_project.env import Env, read_env
from workers.django_room import open_django

ORDERS_AT_MOST = 60


def main(argv: list[str]) -> int:
    """Compare, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m workers reconcile", description="Compare the ledger once.")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--since", type=int, default=0, metavar="WALL_NS", help="orders and sums since then")
    given = parser.parse_args(argv)
    env = read_env()
    logs.setup("reconcile", env)
    logs.set_mode(mode_word(transport_mode(env)))
    open_django()
    found = reconcile(env, given.since)
    if given.json:
        sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
    else:
        for line in found["explained"]:
            print(f"explained: {line}")
        for line in found["differences"]:
            print(line)
        word = "agree" if found["ledger_equal"] else "DO NOT AGREE"
        print(f"{found['accounts']} accounts and {found['orders_compared']} orders {word}")
    return 0 if found["ledger_equal"] else 1


def reconcile(env: Env, since_ns: int) -> dict[str, Any]:
    """Return every difference of both exchanges, and fees and profit since then as exact text."""
    from arbitrage.services import reconciliation
    from workers.reconciling import break_text, compare_exchange, sums_since
    from workers.tasks.readers import reading

    differences: list[str] = reconciliation.answers_owed(since_ns) if since_ns else []
    explained: list[str] = []
    accounts = orders = 0
    for exchange in EXCHANGES:
        try:
            with reading(exchange, env) as reader:
                look = compare_exchange(reader, env, since_ns, orders_at_most=ORDERS_AT_MOST)
        except KArbError as error:
            differences.append(f"{exchange}: could not be asked: {error}")
            continue
        run = reconciliation.keep_run(exchange, f"{exchange.value}:{uuid4().hex}", look.findings)
        explained += [reconciliation.row_text(row) for row in run.breaks.all() if row.kind in EVENTS] if run else []
        differences += [break_text(each) for each in look.breaks if each.kind not in EVENTS]
        if not look.is_settled:
            differences.append(f"{exchange}: balances could not be compared, something of ours was still moving")
        accounts += look.balances_compared
        orders += look.orders_compared
    fees, profit = sums_since(since_ns)
    return {
        "ledger_equal": not differences,
        "differences": list(dict.fromkeys(differences)),
        "explained": explained,
        "accounts": accounts,
        "orders_compared": orders,
        "fees_krw": format(fees, "f"),
        "pnl_krw": format(profit, "f"),
    }
