"""`python manage.py disarm --reason "..."`: no new real order from now on, with or without a database."""

import getpass
from argparse import ArgumentParser
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError

from arbitrage.domain.errors import KArbError
from arbitrage.services import arming


class Command(BaseCommand):
    """Exit code 0 once the arm token is gone, 1 when it could not be taken away."""

    help = "Disarm the desk: nothing new opens; what is open is still evened out."
    requires_system_checks: ClassVar[list[str]] = []  # type: ignore[misc]

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the reason."""
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, reason: str, **options: Any) -> None:
        """Disarm, then say what could be recorded."""
        try:
            missed = arming.disarm(getpass.getuser(), reason)
        except (OSError, KArbError) as error:
            raise CommandError(f"NOT DISARMED: {error}") from error
        self.stdout.write(f"DISARMED ({arming.mode_word()}): nothing new opens; open arbs are evened out")
        if missed:
            self.stderr.write(f"warning: {missed}")
