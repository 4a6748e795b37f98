"""`python manage.py seed`: what a new desk needs, made once; an operator's changes are never touched."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.module_loading import import_string

from arbitrage.services import arming, params, people, wire


class Command(BaseCommand):
    """Safe to run at every start."""

    help = "Make the first admin user, the first parameter and wire sets, and what KARB_SEEDERS names."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing; print what was made, the generated password only then."""
        made = people.seed_first_admin()
        if made is not None:
            self.stdout.write(f"admin user {made.username} made, password {made.password} (shown only now)")
        first = params.seed(settings.KARB_ENV.mode)
        if first is not None:
            self.stdout.write(f"parameter set {first.pk} made and active ({arming.mode_word()})")
        shipped = wire.seed()
        if shipped is not None:
            self.stdout.write(f"wire set {shipped.pk} made and active: everything as shipped")
        for name in settings.KARB_SEEDERS:
            line = import_string(name)()
            if line:
                self.stdout.write(str(line))
