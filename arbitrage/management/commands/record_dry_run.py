"""`python manage.py record_dry_run FILE`: keep the report of a dry run, as the ground of a later activation."""

import getpass
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from arbitrage.domain.errors import KArbError
from arbitrage.services import arming, dry_runs


class Command(BaseCommand):
    """Exit code 1 when the report cannot be believed; a report of a failed run is kept like any other."""

    help = "Keep a dry run's JSON report: params_sha256, verdict, from, to, frames, arbs_seen, denials, problems."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file."""
        parser.add_argument("file", metavar="FILE", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        """Keep it, and say what it allows."""
        self.stdout.write(f"mode: {arming.mode_word()}")
        try:
            row = dry_runs.record_dry_run(file.read_bytes(), getpass.getuser())
        except (DatabaseError, OSError, KArbError) as error:
            raise CommandError(f"not recorded: {error}") from error
        verdict = "passed: a set of these bytes can be put in force" if row.has_passed else "did not pass"
        self.stdout.write(f"dry run {row.pk} of {row.params_sha256[:12]}… {verdict}")
