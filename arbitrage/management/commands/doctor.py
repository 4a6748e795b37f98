"""`python manage.py doctor`: what is wrong with this desk and its exchanges, and what to do about it."""

import getpass
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from arbitrage.domain.errors import KArbError
from arbitrage.domain.preflight import Check
from arbitrage.services import arming, status
from arbitrage.services.preflight import examine_exchanges


class Command(BaseCommand):
    """Exit code 1 when something needs a person."""

    help = "Check this desk (database, parameters, ledger) and both exchanges (clock, keys, fees, rules, streams)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whether the exchanges are asked."""
        parser.add_argument("--offline", action="store_true", help="check the desk only, ask no exchange")

    def handle(self, *args: Any, offline: bool, **options: Any) -> None:
        """Print every check with its outcome as soon as it is made."""
        self.stdout.write(f"mode: {arming.mode_word()}")
        problems, found = 0, []
        for check in self._checks(offline=offline):
            found.append(check)
            problems += bool(check.problem)
            self.stdout.write(f"{'BAD' if check.problem else 'ok '} {check.name:<22} {check.problem or check.found}")
            self.stdout.flush()
        if not offline:
            self._keep(found)
        for lock, state in arming.lock_states(getpass.getuser()).items():
            self.stdout.write(f"lock {lock:<20} {state.text}")
        if problems:
            things = "1 thing needs" if problems == 1 else f"{problems} things need"
            raise CommandError(f"{things} attention")
        self.stdout.write("all is well")

    def _keep(self, found: list[Check]) -> None:
        # What may arm the desk within the hour; a desk without keys or database has nothing to keep.
        try:
            row = arming.keep_preflight(found, getpass.getuser())
        except (DatabaseError, OSError, KArbError) as error:
            self.stderr.write(f"warning: this preflight was not kept: {str(error).strip().splitlines()[0]}")
            return
        self.stdout.write(f"kept as preflight {row.pk}")

    def _checks(self, *, offline: bool) -> Iterator[Check]:
        desk = status.examine()
        yield from desk
        # Without a database the wire settings cannot be had: what is asked then would be asked in the wrong words.
        if not offline and not any(check.problem for check in desk if check.name == "database"):
            yield from examine_exchanges()
