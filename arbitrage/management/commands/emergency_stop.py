"""`python manage.py emergency_stop --reason "..."`: stop the desk now, with or without a database."""

import getpass
from argparse import ArgumentParser
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError

from arbitrage.domain.errors import KArbError
from arbitrage.services import arming, controls


class Command(BaseCommand):
    """Exit code 0 once shared memory and the latch file say HALTED, 1 when they could not be set."""

    help = "Stop new orders at once, cancel what is open, open an incident."
    requires_system_checks: ClassVar[list[str]] = []  # type: ignore[misc]

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the reason."""
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, reason: str, **options: Any) -> None:
        """Halt, then say what could be recorded."""
        try:
            stopped = controls.emergency_stop(reason, getpass.getuser())
        except KArbError as error:
            raise CommandError(f"NOT STOPPED: {error}") from error
        self.stdout.write(f"HALTED ({arming.mode_word()}): no new orders; the trader cancels what is open")
        if stopped.is_recorded:
            self.stdout.write(f"incident {stopped.incident_id} is open")
        else:
            self.stderr.write(f"warning: {stopped.detail}")
