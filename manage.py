#!/usr/bin/env python
"""Django's command line: `python manage.py emergency_stop --reason "..."` and the rest."""

import os
import sys

from arbitrage.domain.errors import ConfigError


def main() -> int:
    """Run one command; a wrong environment is told line by line, exit code 2."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "karb_project.settings")
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ConfigError as error:
        for problem in error.problems:
            sys.stderr.write(f"{problem}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
