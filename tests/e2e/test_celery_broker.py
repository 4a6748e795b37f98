"""Jobs through a real broker, with a real worker: there and back, delivered twice, given back by a killed worker."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
from celery import Celery

from karb_project import redis_keys
from karb_project.celery import celery_url
from karb_project.env import ROOT, read_env
from workers.up_redis import redis_argv, redis_url
from workers.up_setup import make_directories, make_keys

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(220)]

WORKER = ("-m", "celery", "-A", "karb_project.celery", "worker")


def wait_for(condition, limit_s=30):
    """Return what the condition gives once it is true."""
    end = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
    return found


class Works:
    """A broker and a worker, with a client that sends and looks."""

    def __init__(self, desk, url):
        given = {name: value for name, value in desk.environ.items() if name.startswith("KARB_")}
        self.env = read_env(given)
        make_directories(self.env)
        make_keys(self.env)
        self.url = url or redis_url(self.env)
        self.environ = {**desk.environ, "KARB_REDIS_URL": self.url}
        self.processes = []
        if not url:
            self.start(*redis_argv(self.env))
        self.redis = redis.Redis.from_url(self.url)
        wait_for(self.answers)
        self.redis.flushdb()
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--noinput", "-v", "0"], cwd=ROOT, env=self.environ, check=True
        )
        self.client = Celery(broker=celery_url(self.url))

    def start(self, *argv):
        made = subprocess.Popen(
            argv,
            cwd=ROOT,
            env=self.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.processes.append(made)
        return made

    def start_worker(self):
        worker = self.start(sys.executable, *WORKER, "--concurrency", "1", "--without-mingle", "--without-gossip")
        wait_for(lambda: self.redis.hget(redis_keys.READY, "celery") == str(worker.pid).encode())
        # What a worker sends itself when it is ready is not this test's.
        wait_for(lambda: self.ended("health.check_health") and self.ended("keys.check_key_age"))
        wait_for(lambda: self.ended("resync.check_books") and self.ended("reconciliation.reconcile"), 60)
        return worker

    def answers(self):
        try:
            return self.redis.ping()
        except redis.RedisError:
            return False

    def send(self, task, *args, **options):
        return self.client.send_task(f"workers.tasks.{task}", args, **options)

    def ended(self, task):
        return int(self.redis.hget(redis_keys.TASKS, f"workers.tasks.{task}") or 0)

    def rows(self, query):
        with sqlite3.connect(self.env.var_dir / "karb.sqlite3", timeout=20) as connection:
            return connection.execute(query).fetchall()

    def close(self):
        self.redis.close()
        for process in reversed(self.processes):
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()


@pytest.fixture(scope="module", params=["embedded", pytest.param("given", marks=pytest.mark.redis)])
def works(request, desk):
    """Return a worker on the embedded broker, and on a given one where KARB_TEST_REDIS_URL names it."""
    url = ""
    if request.param == "given":
        url = os.environ.get("KARB_TEST_REDIS_URL", "")
        if not url:
            pytest.skip("KARB_TEST_REDIS_URL is not set")
        url = f"{url.rpartition('/')[0]}/6"
    made = Works(desk, url)
    made.start_worker()
    yield made
    made.close()


def test_a_job_goes_through_the_broker_into_rows(works):
    before = works.ended("reports.daily")
    works.send("reports.daily", "2026-11-20", queue="reports")
    wait_for(lambda: works.ended("reports.daily") == before + 1)
    assert works.rows("SELECT count(*) FROM arbitrage_report WHERE day = '2026-11-20'") == [(1,)]


def test_a_job_delivered_twice_changes_nothing_the_second_time(works):
    before = works.ended("reports.daily")
    for _ in range(2):
        works.send("reports.daily", "2026-11-21", queue="reports", task_id="the-same-id")
    wait_for(lambda: works.ended("reports.daily") == before + 2)
    assert works.rows("SELECT count(*) FROM arbitrage_report WHERE day = '2026-11-21'") == [(1,)]


def test_a_job_whose_process_is_killed_is_done_by_another(works):
    def books():
        return works.rows("SELECT count(*) FROM arbitrage_bookcheck")[0][0]

    before, ended = books(), works.ended("resync.check_books")
    works.send("resync.check_books", queue="resync")
    wait_for(lambda: books() > before)
    worker = int(works.redis.hget(redis_keys.READY, "celery"))
    children = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
    assert len(children) == 1
    partly = books() - before
    assert partly < 10
    os.kill(int(children[0]), signal.SIGKILL)
    # All ten books by the second delivery, beside what the first one had kept. Another run, one the worker sent itself
    # when it was ready, may end first.
    wait_for(lambda: books() - before >= 10 + partly)
    wait_for(lambda: works.ended("resync.check_books") > ended)


def test_no_pool_process_outlives_a_killed_worker(works):
    worker = int(works.redis.hget(redis_keys.READY, "celery"))
    children = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
    os.kill(worker, signal.SIGKILL)
    works.processes[-1].wait()
    wait_for(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in children), 5)
