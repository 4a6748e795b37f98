"""`python manage.py rollback_params --reason "..."`: the parameter set before the active one, in one step."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from arbitrage.services import arming, params


class Command(BaseCommand):
    """Exit code 1 when there is nothing to go back to."""

    help = "Activate the parameter set that was active before."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the reason."""
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, reason: str, **options: Any) -> None:
        """Roll back and name the new epoch."""
        try:
            epoch = params.roll_back(getpass.getuser(), reason)
        except params.NotAllowed as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"epoch {epoch} is in force ({arming.mode_word()})")
