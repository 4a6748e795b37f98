"""`python manage.py resume --reason "..."`: one step back towards trading: HALTED to REDUCING, REDUCING to ACTIVE."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.errors import KArbError
from arbitrage.services import arming, controls


class Command(BaseCommand):
    """Exit code 1, with what stands in the way, when it is refused."""

    help = (
        "Take the desk one step back: HALTED to REDUCING, then, given once more, REDUCING to ACTIVE. On the step to "
        "ACTIVE the emergency flow's open steps are confirmed by you, with this reason."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the reason and the incidents that are known."""
        parser.add_argument("--reason", required=True, help="each step has its own")
        parser.add_argument(
            "--acknowledge", nargs="+", default=[], metavar="RE-YYYY-NNN", help="for the step to ACTIVE"
        )

    def handle(self, *args: Any, reason: str, acknowledge: list[str], **options: Any) -> None:
        """Take one step and say what is left to do, or say why not."""
        if not reason.strip():
            raise CommandError("not resumed: a reason is needed")
        try:
            level = controls.resume(reason, getpass.getuser(), acknowledged=acknowledge)
            told = self._told(level)
        except controls.ControlRefused as error:
            raise CommandError(f"not resumed:\n{error}\nname them with --acknowledge to resume all the same") from error
        except DatabaseError as error:
            said = str(error).strip().partition("\n")[0]
            raise CommandError(f"not resumed: the database does not answer: {said}") from error
        except (OSError, KArbError) as error:
            raise CommandError(f"recorded, but the desk is still stopped: {error}") from error
        self.stdout.write(told)

    def _told(self, level: TradingLevel) -> str:
        word = f"{level.name} ({arming.mode_word()})"
        if level is TradingLevel.ACTIVE:
            return f"{word}: trading again"
        lines = [
            f"{word}: open arbs are finished and hedged, none is opened",
            "step 1 of 2 is done; to open arbs again, when these are even: `python manage.py resume --reason ...`",
        ]
        if left := controls.resume_obstacles():
            lines += ["with --acknowledge for each of these, or closed in the admin before:", *left]
        return "\n".join(lines)
