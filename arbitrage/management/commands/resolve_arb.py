"""`python manage.py resolve_arb ARB_ID --reason "..."`: close a stuck arb that you settled by hand."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from arbitrage.domain.errors import KArbError
from arbitrage.services import arming, controls


class Command(BaseCommand):
    """Exit code 1, with the cause, when it is refused."""

    help = "Close a STUCK arb that you settled by hand; the trader carries it out, also after a restart."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the arb and the reason."""
        parser.add_argument("arb_id", metavar="ARB_ID")
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, arb_id: str, reason: str, **options: Any) -> None:
        """Leave word for the trader, or say why not."""
        try:
            controls.resolve_arb(arb_id, reason, getpass.getuser())
        except (DatabaseError, OSError, KArbError) as error:
            raise CommandError(f"not resolved: {error}") from error
        self.stdout.write(f"the trader ({arming.mode_word()}) will close arb {arb_id}")
