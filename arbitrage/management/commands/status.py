"""`python manage.py status [--json]`: what the desk does right now."""

import getpass
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from arbitrage.services import status


class Command(BaseCommand):
    """Reads only."""

    help = "Show trading state, parameters, today's figures, open alerts and heartbeats."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the form of the answer."""
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, as_json: Any, **options: Any) -> None:
        """Print it as text or JSON."""
        found = status.desk_status(getpass.getuser())
        if as_json:
            self.stdout.write(json.dumps(found, indent=2))
            return
        for name, value in found.items():
            if isinstance(value, dict):
                self.stdout.write(f"{name}:")
                for key, part in value.items():
                    self.stdout.write(f"  {key:<20} {part}")
            else:
                self.stdout.write(f"{name:<22} {value}")
