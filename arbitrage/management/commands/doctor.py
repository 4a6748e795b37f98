"""`python manage.py doctor`: what is wrong with this desk, and what to do about it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from arbitrage.services import status


class Command(BaseCommand):
    """Exit code 1 when something needs a person."""

    help = "Check the database, migrations, parameters, ledger and trading state."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print every check with its outcome."""
        is_sound = True
        for check in status.examine():
            is_sound = is_sound and not check.problem
            self.stdout.write(
                f"{'ok ' if not check.problem else 'BAD'} {check.name:<20} {check.problem or check.found}"
            )
        if not is_sound:
            raise CommandError("this desk needs attention")
