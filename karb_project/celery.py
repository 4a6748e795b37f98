"""The Celery app: queues, routes, limits, and a count of every task that ended.

A task can be delivered twice (late acknowledgement, a killed worker): each is written so that the second
run changes nothing. A job proposes, it never trades: `workers/tasks` cannot reach an order call.
A worker that holds a message when the broker dies ends with an error (kombu restores it over a connection
that is gone): the supervisor starts it again.
"""

import ctypes
import logging
import os
import signal
import sys
from typing import Any

from celery import Celery, signals
from kombu import Queue

from arbitrage.domain.arming import mode_word
from exchanges.registry import transport_mode
from karb_project import logs, redis_keys
from karb_project.env import read_env

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "karb_project.settings")

THEMES = (
    *("resync", "reconciliation", "reports", "strategy", "keys"),
    *("health", "announcements", "retention", "stock", "wallets"),
)
QUEUES = ("resync", "reconciliation", "reports", "ops")
FIRST_TASKS = (
    "workers.tasks.health.check_health",
    "workers.tasks.resync.check_books",
    "workers.tasks.reconciliation.reconcile",
    "workers.tasks.keys.check_key_age",
)
"""Sent once whenever a worker starts, so that a new desk is looked at before its first schedule is due."""
_PR_SET_PDEATHSIG = 1


def celery_url(redis_url: str) -> str:
    """Return a Redis URL in Celery's words: `unix:///path` becomes `redis+socket:///path`."""
    return redis_url.replace("unix://", "redis+socket://", 1) if redis_url.startswith("unix://") else redis_url


def _settings(broker: str) -> dict[str, Any]:
    return {
        "broker_url": broker,
        "result_backend": broker,
        "imports": [f"workers.tasks.{theme}" for theme in THEMES],
        "task_queues": [Queue(name, routing_key=name) for name in QUEUES],
        "task_default_queue": "ops",
        "task_create_missing_queues": False,
        "task_routes": {
            "workers.tasks.resync.*": {"queue": "resync"},
            "workers.tasks.reconciliation.*": {"queue": "reconciliation"},
            "workers.tasks.reports.*": {"queue": "reports"},
            "workers.tasks.*": {"queue": "ops"},
        },
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_track_started": True,
        "task_send_sent_event": True,
        "task_soft_time_limit": 60,
        "task_time_limit": 90,
        "worker_prefetch_multiplier": 1,
        "worker_send_task_events": True,
        "worker_soft_shutdown_timeout": 5,
        "worker_max_memory_per_child": 400_000,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            # When a lost worker's message is given to another: above task_time_limit.
            "visibility_timeout": 180,
            "socket_keepalive": True,
            "health_check_interval": 15,
        },
        "result_expires": 3600,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "enable_utc": True,
        "timezone": "Asia/Seoul",
        "beat_scheduler": "django_celery_beat.schedulers:DatabaseScheduler",
        "beat_max_loop_interval": 5,
    }


app = Celery("karb")
app.conf.update(_settings(celery_url(read_env().redis_url or "redis://127.0.0.1:6379/0")))


@signals.setup_logging.connect(dispatch_uid="karb_log_lines")
def _log_lines(**_: object) -> None:
    logs.setup("beat" if "beat" in sys.argv else "celery", read_env())
    logs.set_mode(mode_word(transport_mode(read_env())))
    logging.getLogger("celery").setLevel(logging.INFO)


def _redis() -> Any:
    backend: Any = app.backend
    return backend.client


@signals.task_postrun.connect(dispatch_uid="karb_count_task")
def _count_task(sender: Any = None, **_: object) -> None:
    if app.conf.task_always_eager:
        return
    _redis().hincrby(redis_keys.TASKS, sender.name, 1)


@signals.worker_ready.connect(dispatch_uid="karb_worker_ready")
def _say_worker_ready(**_: object) -> None:
    _redis().hset(redis_keys.READY, "celery", os.getpid())
    for name in FIRST_TASKS:
        # No countdown: a message that waits in a worker is one more to lose with the broker.
        app.send_task(name, expires=120)


@signals.beat_init.connect(dispatch_uid="karb_beat_ready")
def _say_beat_ready(**_: object) -> None:
    _redis().hset(redis_keys.READY, "beat", os.getpid())


@signals.worker_process_init.connect(dispatch_uid="karb_tie_pool_process")
def _tie_pool_process(**_: object) -> None:
    # A pool process must not outlive a worker that was killed outright.
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (OSError, AttributeError):
        return
    if os.getppid() == 1:
        os._exit(1)
