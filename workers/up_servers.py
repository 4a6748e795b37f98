"""Whether the operator's own database and broker answer, asked before anything starts."""

import socket
from urllib.parse import urlsplit

import redis

from karb_project.env import Env

ANSWER_WITHIN_S = 3.0
POSTGRESQL_PORT = 5432


def server_problems(env: Env) -> list[str]:
    """Return a line for each named server that does not answer; its variable, never its password, is in it.

    A database that answers may still refuse us: that shows when the tables are made.
    """
    return [*_database_problems(env.database_url), *_broker_problems(env.redis_url)]


def _database_problems(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or POSTGRESQL_PORT
    except ValueError as error:
        return [f"KARB_DATABASE_URL cannot be read: {error}"]
    if not host or host.startswith("%2f"):
        # No address to try: an embedded database, or PostgreSQL's own unix socket.
        return []
    try:
        socket.create_connection((host, port), timeout=ANSWER_WITHIN_S).close()
    except OSError as error:
        return [
            f"KARB_DATABASE_URL: no database answers on {host}:{port} ({error.strerror or error}):"
            " start PostgreSQL, or unset the variable to use SQLite"
        ]
    return []


def _broker_problems(url: str) -> list[str]:
    if not url:
        return []
    try:
        with redis.Redis.from_url(
            url, socket_timeout=ANSWER_WITHIN_S, socket_connect_timeout=ANSWER_WITHIN_S, retry=None
        ) as broker:
            broker.ping()
    except ValueError as error:
        return [f"KARB_REDIS_URL cannot be read: {error}"]
    except (redis.RedisError, OSError) as error:
        said = str(error).rstrip(".")
        return [f"KARB_REDIS_URL: no Redis answers ({said}): start it, or unset the variable to use an embedded one"]
    return []
