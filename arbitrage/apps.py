"""The Django app: tables, services and the operator's room."""

from django.apps import AppConfig


class ArbitrageConfig(AppConfig):
    """Everything an operator reads and changes."""

    name = "arbitrage"
    verbose_name = "K-Arb"
    default_auto_field = "django.db.models.BigAutoField"
