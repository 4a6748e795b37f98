"""`python manage.py accept_risks [--accept VERSION]`: read the risk disclosure, and accept it by naming its version."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from arbitrage.domain.errors import KArbError
from arbitrage.domain.risk_disclosure import RISKS_VERSION, risks_text
from arbitrage.services import arming


class Command(BaseCommand):
    """Exit code 1 when another version was named."""

    help = "Show the risk disclosure; with its version named, keep that you accept it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the version that is accepted."""
        # Not --version, which Django has for itself.
        parser.add_argument("--accept", default="", metavar="VERSION", help="the version you have read and accept")

    def handle(self, *args: Any, accept: str, **options: Any) -> None:
        """Show it, or keep the acceptance."""
        self.stdout.write(f"mode: {arming.mode_word()}")
        if not accept:
            self.stdout.write(f"{risks_text()}\n\nTo accept: python manage.py accept_risks --accept {RISKS_VERSION}")
            return
        by = getpass.getuser()
        try:
            arming.accept_risks(by, accept)
        except (DatabaseError, OSError, KArbError) as error:
            raise CommandError(f"not accepted: {error}") from error
        self.stdout.write(f"risk disclosure {RISKS_VERSION} accepted by {by}")
