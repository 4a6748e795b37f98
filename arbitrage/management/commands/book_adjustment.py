"""`python manage.py book_adjustment --exchange upbit --asset KRW --amount -5000 --kind correction --reason "..."`."""

import getpass
from argparse import ArgumentParser
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from arbitrage.domain.adjustment import BY_PERSON, AdjustmentKind
from arbitrage.domain.errors import KArbError
from arbitrage.domain.units import EXCHANGES, Exchange
from arbitrage.fields import decimal_text
from arbitrage.services import adjustments


class Command(BaseCommand):
    """Exit code 1, with the cause, when it is refused."""

    help = "Book a change of a balance that no history explains, with who and why; the same words twice are refused."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what moved, and why."""
        parser.add_argument("--exchange", required=True, choices=[exchange.value for exchange in EXCHANGES])
        parser.add_argument("--asset", required=True, help="KRW, BTC, ...")
        parser.add_argument("--amount", required=True, help="what our balance rose by, negative for what is gone")
        parser.add_argument("--kind", required=True, choices=[kind.value for kind in BY_PERSON])
        parser.add_argument("--reason", required=True)

    def handle(
        self, *args: Any, exchange: str, asset: str, amount: str, kind: str, reason: str, **options: Any
    ) -> None:
        """Book it, or say why not."""
        try:
            given = Decimal(amount)
        except InvalidOperation:
            raise CommandError(f"not booked: amount was {amount!r}, must be a plain number") from None
        try:
            row = adjustments.book_by_person(
                Exchange(exchange), asset, given, AdjustmentKind(kind), reason=reason, by=getpass.getuser()
            )
        except (DatabaseError, KArbError) as error:
            raise CommandError(f"not booked: {error}") from error
        moved = ", ".join(f"{decimal_text(move.amount)} {move.asset}" for move in adjustments.moves_of(row))
        self.stdout.write(f"booked as {row.kind} {row.pk} on {exchange}: {moved}")
