"""`python manage.py arm --for 8h --reason "..."`: let this desk send real orders for a while."""

import getpass
import re
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from arbitrage.domain.errors import KArbError
from arbitrage.domain.risk_disclosure import risks_text
from arbitrage.services import arming

_SECONDS = {"s": 1, "m": 60, "h": 3600}


class Command(BaseCommand):
    """Exit code 1, with every closed lock, when it is refused."""

    help = "Arm a live desk for a limited time; every lock that is closed is named, and nothing changes then."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how long and why."""
        parser.add_argument("--for", dest="how_long", required=True, metavar="TIME", help="such as 8h, 90m or 600s")
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, how_long: str, reason: str, **options: Any) -> None:
        """Show the risks, arm, and say until when."""
        self.stdout.write(f"mode: {arming.mode_word()}")
        found = re.fullmatch(r"([0-9]{1,6})([smh])", how_long)
        if found is None:
            raise CommandError(f"--for was {how_long!r}, must be a whole number and s, m or h, such as 8h")
        by = getpass.getuser()
        try:
            if arming.accepted_by(by) is None:
                self.stdout.write(risks_text())
            row = arming.arm(int(found[1]) * _SECONDS[found[2]], by, reason)
        except (DatabaseError, OSError, KArbError) as error:
            raise CommandError(f"not armed:\n{error}") from error
        assert row.until_at is not None  # an armed row always has one
        self.stdout.write(f"ARMED until {timezone.localtime(row.until_at):%Y-%m-%d %H:%M:%S} KST by {by}")
