"""Runs of the job at once, killed, and given again, by real processes on a real database: one and the same end.

SQLite always; PostgreSQL too where `KARB_TEST_DATABASE_URL` names one.
"""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

pytestmark = [pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import sys
from workers.django_room import open_django
open_django()
import reconcile_job
reconcile_job.main(*sys.argv[1:])
"""
KILLS = int(os.environ.get("RECONCILE_KILLS", "1"))


class Database:
    """An environment in which children run."""

    def __init__(self, home, url=""):
        plain = {name: value for name, value in os.environ.items() if not name.startswith("KARB_")}
        ours = {"KARB_VAR_DIR": str(home / "var"), "KARB_SHM_DIR": str(home / "shm")}
        self.environ = {**plain, **ours, "PYTHONPATH": str(ROOT / "tests")}
        if url:
            self.environ["KARB_DATABASE_URL"] = url
        for name in ("var", "shm"):
            (home / name).mkdir(mode=0o700)

    def start(self, *words):
        command = [sys.executable, "-c", CHILD, *words]
        return subprocess.Popen(
            command, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )

    def do(self, *words):
        """Return what a child printed."""
        return ended(self.start(*words))


def ended(child):
    out, err = child.communicate(timeout=120)
    assert child.returncode == 0, err
    return out


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """An empty database with the desk's books opened."""
    if request.param == "sqlite":
        made = Database(tmp_path)
        made.do("open")
        yield made
        return
    url = os.environ.get("KARB_TEST_DATABASE_URL", "")
    if not url:
        pytest.skip("KARB_TEST_DATABASE_URL is not set")
    psycopg = pytest.importorskip("psycopg")
    name = f"karb_twice_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    made = Database(tmp_path, urlunsplit(urlsplit(url)._replace(path=f"/{name}")))
    made.do("open")
    yield made
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_two_at_once_and_many_killed_end_in_the_rows_of_one(database, tmp_path):
    rng = random.Random(22)
    # One that nobody disturbs, always on SQLite: both databases must keep the same.
    (tmp_path / "alone").mkdir()
    alone = Database(tmp_path / "alone")
    opened = tmp_path / "var" / "karb.sqlite3"
    if opened.exists():
        shutil.copy(opened, tmp_path / "alone" / "var")
    else:
        alone.do("open")
    wanted = alone.do("run", "k", "0", "rows").partition("begun\n")[2]
    assert wanted.split(" ", 1)[1].strip() == "(16, 72, 17)"
    for number in range(KILLS):
        child = database.start("run", f"killed{number}", "4000")
        assert child.stdout.readline() == "begun\n"
        time.sleep(rng.uniform(0.05, 0.6))
        child.kill()
        child.communicate(timeout=30)
    both = [database.start("run", f"k{number}", "500") for number in range(2)]
    for child in both:
        ended(child)
    # Delivered once more under a name that was kept, and under a new one.
    assert database.do("run", "k0", "0", "rows").partition("begun\n")[2] == wanted
