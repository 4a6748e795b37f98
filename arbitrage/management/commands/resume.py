"""`python manage.py resume --reason "..."`: let the desk trade again."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from arbitrage.domain.errors import KArbError
from arbitrage.services import arming, controls


class Command(BaseCommand):
    """Exit code 1, with what stands in the way, when it is refused."""

    help = "Resume trading; the emergency flow's open steps are confirmed by you, with this reason."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the reason and the incidents that are known."""
        parser.add_argument("--reason", required=True)
        parser.add_argument("--acknowledge", nargs="+", default=[], metavar="RE-YYYY-NNN")

    def handle(self, *args: Any, reason: str, acknowledge: list[str], **options: Any) -> None:
        """Resume, or say why not."""
        if not reason.strip():
            raise CommandError("not resumed: a reason is needed")
        try:
            controls.resume(reason, getpass.getuser(), acknowledged=acknowledge)
        except controls.ControlRefused as error:
            raise CommandError(f"not resumed:\n{error}\nname them with --acknowledge to resume all the same") from error
        except DatabaseError as error:
            said = str(error).strip().partition("\n")[0]
            raise CommandError(f"not resumed: the database does not answer: {said}") from error
        except (OSError, KArbError) as error:
            raise CommandError(f"recorded, but the desk is still stopped: {error}") from error
        self.stdout.write(f"ACTIVE ({arming.mode_word()}): trading again")
