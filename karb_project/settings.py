"""Django's settings: one file; what differs between machines comes from `karb_project.env` alone.

ConfigError when the environment is wrong. A secret key is made once and kept in var_dir.
"""

import os
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.urls import reverse_lazy

from karb_project.env import Env, read_env, split_address

KARB_ENV = read_env()
KARB_SWITCH = "workers.switch.SharedMemorySwitch"
"""What stops the desk at once; named here so that the app never imports a floor above it."""
KARB_PREFLIGHT = "workers.preflight.Preflight"
"""What `doctor` asks the exchanges with; named here for the same reason."""
KARB_ARMING = "workers.arming_desk.ArmingDesk"
"""This machine's key, arm token and shared memory; named here for the same reason."""
KARB_WIRE_WORDS = "exchanges.shipped.shipped"
"""What wire settings may override, with the shipped defaults; named here for the same reason."""
KARB_SEEDERS: list[str] = ["workers.tasks.schedule.seed_beat"]
"""Callables that `manage.py seed` runs after its own; each returns a line to print."""

BASE_DIR = Path(__file__).resolve().parent.parent
IS_TEST_RUN = "pytest" in sys.modules


def _secret_key(env: Env) -> str:
    # Written to a file of its own first and linked into place, so that of two starting processes one wins.
    if env.secret_key:
        return env.secret_key
    path = env.var_dir / "django_secret_key"
    if not path.exists():
        env.var_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = path.with_name(f"{path.name}.{os.getpid()}")
        made.unlink(missing_ok=True)
        with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
            out.write(secrets.token_urlsafe(50))
        try:
            os.link(made, path)
        except FileExistsError:
            pass
        made.unlink()
    return path.read_text(encoding="ascii").strip()


def _sqlite(path: Path) -> dict[str, Any]:
    if not IS_TEST_RUN:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-20000; "
                "PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864"
            ),
        },
    }


def _postgresql(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    options: dict[str, Any] = {"connect_timeout": 5}
    options.update(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


_database_url = (KARB_ENV.test_database_url if IS_TEST_RUN else "") or KARB_ENV.database_url
DATABASES = {
    "default": _postgresql(_database_url) if _database_url else _sqlite(KARB_ENV.var_dir / "karb.sqlite3"),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_host, _port = split_address(KARB_ENV.web_address)
SECRET_KEY = secrets.token_urlsafe(50) if IS_TEST_RUN else _secret_key(KARB_ENV)
DEBUG = False
DEFAULT_EXCEPTION_REPORTER = "karb_project.error_pages.MaskedReporter"
ALLOWED_HOSTS = sorted({_host, "127.0.0.1", "localhost", "[::1]"})
CSRF_TRUSTED_ORIGINS = [f"http://{host}:{_port}" for host in ALLOWED_HOSTS]

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "arbitrage",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "karb_project.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "arbitrage" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

SESSION_COOKIE_NAME = f"karb_session_{_port}"
CSRF_COOKIE_NAME = f"karb_csrf_{_port}"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_AGE = 12 * 3600
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en"
USE_I18N = True
FORMAT_MODULE_PATH = ["arbitrage.formats"]
TIME_ZONE = "Asia/Seoul"
USE_TZ = True

LOGIN_REDIRECT_URL = "admin:index"
"""Where who opened the login page itself goes."""
STATIC_URL = "static/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
"""Served from where they are installed: nothing to collect before the first start."""


def _page(title: str, icon: str, name: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{name}")}


def _pages(title: str, *pages: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "separator": True, "items": list(pages)}


UNFOLD = {
    "SITE_TITLE": "K-Arb",
    "SITE_HEADER": "K-Arb",
    "SITE_SUBHEADER": "Upbit · Bithumb",
    "SITE_SYMBOL": "balance",
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "8px",
    "ENVIRONMENT": "arbitrage.admin_dashboard.environment_badge",
    "ENVIRONMENT_TITLE_PREFIX": "arbitrage.admin_dashboard.title_prefix",
    "DASHBOARD_CALLBACK": "arbitrage.admin_dashboard.dashboard_context",
    "STYLES": ["/static/arbitrage/desk.css"],
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "/static/arbitrage/icon.svg"}],
    "COLORS": {
        "primary": {
            "50": "oklch(97.1% .014 195)",
            "100": "oklch(94.3% .035 195)",
            "200": "oklch(89.2% .065 195)",
            "300": "oklch(82.5% .1 195)",
            "400": "oklch(74.5% .12 195)",
            "500": "oklch(65.5% .115 197)",
            "600": "oklch(55.5% .1 200)",
            "700": "oklch(47.5% .085 203)",
            "800": "oklch(40.5% .07 205)",
            "900": "oklch(35% .058 207)",
            "950": "oklch(26% .045 209)",
        },
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {"items": [_page("Dashboard", "dashboard", "index")]},
            _pages(
                "Trading",
                _page("Arbs", "sync_alt", "arbitrage_arb_changelist"),
                _page("Orders", "receipt_long", "arbitrage_order_changelist"),
                _page("Fills", "join_inner", "arbitrage_fill_changelist"),
            ),
            _pages(
                "Ledger",
                {"title": "P&L", "icon": "insights", "link": reverse_lazy("desk:pnl")},
                _page("Accounts", "account_balance", "arbitrage_account_changelist"),
                _page("Entries", "list_alt", "arbitrage_ledgerentry_changelist"),
                _page("Balances", "wallet", "arbitrage_balance_changelist"),
                _page("Reconciliation", "fact_check", "arbitrage_reconciliationrun_changelist"),
                _page("Breaks", "difference", "arbitrage_break_changelist"),
                _page("Adjustments", "rule", "arbitrage_adjustment_changelist"),
                _page("Reports", "monitoring", "arbitrage_report_changelist"),
            ),
            _pages(
                "Control",
                _page("Arming", "lock_open", "arbitrage_armchange_changelist"),
                _page("Parameter sets", "tune", "arbitrage_paramset_changelist"),
                _page("Parameter epochs", "history", "arbitrage_paramepoch_changelist"),
                _page("Dry runs", "science", "arbitrage_dryrunrecord_changelist"),
                _page("Preflights", "flight_takeoff", "arbitrage_preflightrecord_changelist"),
                _page("Risk acceptances", "gavel", "arbitrage_riskacceptance_changelist"),
                _page("Wire sets", "cable", "arbitrage_wireset_changelist"),
                _page("Wire epochs", "history", "arbitrage_wireepoch_changelist"),
                _page("Controls", "toggle_on", "arbitrage_control_changelist"),
                _page("Control changes", "manage_history", "arbitrage_controlchange_changelist"),
                _page("Emergencies", "e911_emergency", "arbitrage_emergency_changelist"),
            ),
            _pages(
                "Watch",
                _page("Alerts", "notifications", "arbitrage_alert_changelist"),
                _page("Incidents", "report", "arbitrage_incident_changelist"),
                _page("Shape drift", "shape_line", "arbitrage_shapedrift_changelist"),
                _page("Check lists", "checklist", "arbitrage_checklist_changelist"),
                _page("Book checks", "menu_book", "arbitrage_bookcheck_changelist"),
                _page("Heartbeats", "ecg_heart", "arbitrage_heartbeat_changelist"),
                _page("API keys", "key", "arbitrage_keyrecord_changelist"),
            ),
            _pages(
                "Jobs",
                _page("Beat tasks", "schedule", "django_celery_beat_periodictask_changelist"),
                _page("Intervals", "timer", "django_celery_beat_intervalschedule_changelist"),
                _page("Crontabs", "calendar_month", "django_celery_beat_crontabschedule_changelist"),
            ),
            _pages(
                "People",
                _page("Users", "person", "auth_user_changelist"),
                _page("Groups", "group", "auth_group_changelist"),
            ),
        ],
    },
}
