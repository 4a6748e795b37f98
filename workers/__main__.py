"""`python -m workers <name> ...`: import the chosen worker, and only that one."""

import importlib
import sys

from arbitrage.domain.errors import ConfigError

WORKERS = (
    "simulate",
    "feed",
    "trader",
    "recorder",
    "bridge",
    "up",
    "reconcile",
    "bench",
    "campaign",
    "watchdog",
    "standby",
)
MODULES = {"trader": "trader_process"}
"""Where a worker starts in a file that does not bear its name."""


def main(argv: list[str]) -> int:
    """Run the worker named first in `argv` and return its exit code; 2 for what the caller must mend."""
    if not argv or argv[0] not in WORKERS:
        print(f"usage: python -m workers {'|'.join(WORKERS)} ...", file=sys.stderr)
        return 2
    try:
        worker = importlib.import_module(f"workers.{MODULES.get(argv[0], argv[0])}")
        return int(worker.main(argv[1:]))
    except ConfigError as error:
        for problem in error.problems:
            print(f"{argv[0]}: {problem}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
