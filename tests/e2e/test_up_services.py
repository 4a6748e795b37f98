"""The same command on a real PostgreSQL and a real Redis, where the suite is given them."""

import json
import os
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis

pytestmark = [pytest.mark.e2e, pytest.mark.postgres, pytest.mark.redis, pytest.mark.timeout(220)]


@pytest.fixture
def services(desk):
    """Give the desk an empty database and an empty Redis of the servers under test."""
    database, broker = os.environ.get("KARB_TEST_DATABASE_URL", ""), os.environ.get("KARB_TEST_REDIS_URL", "")
    if not database or not broker:
        pytest.skip("KARB_TEST_DATABASE_URL and KARB_TEST_REDIS_URL are not both set")
    name = f"karb_up_{os.getpid()}"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    broker = f"{broker.rpartition('/')[0]}/5"
    redis.Redis.from_url(broker).flushdb()
    desk.environ["KARB_DATABASE_URL"] = urlunsplit(urlsplit(database)._replace(path=f"/{name}"))
    desk.environ["KARB_REDIS_URL"] = broker
    yield desk
    desk.close()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_the_desk_runs_on_postgresql_and_redis(services):
    path = services.home / "report.json"
    services.up("--for", "12", "--json", str(path))
    assert services.wait_end(90) == 0, services.said
    report = json.loads(path.read_text())
    assert report["ledger_equal"] is True
    assert report["arbs_closed"] >= 1
    assert report["tasks"]["workers.tasks.health.check_health"] >= 1
    assert not (services.var_dir / "karb.sqlite3").exists()
    assert not any(line.split()[:1] == ["redis"] for line in services.lines)
