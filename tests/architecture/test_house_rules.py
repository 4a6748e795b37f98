"""The rules of the house that a program can check (design.md §8)."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("arbitrage", "exchanges", "fast_path", "workers", "karb_project")
MAX_LINES = 400


def tracked() -> list[Path]:
    """Return every file that is, or is about to be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def sources(*rooms: str) -> list[Path]:
    """Return the Python files of the rooms."""
    found = (path for room in rooms for path in (ROOT / room).rglob("*.py"))
    return sorted(path for path in found if path.parent.name != "migrations" or path.name == "__init__.py")


def names_called(path: Path) -> set[str]:
    """Return the plain names a file calls."""
    tree = ast.parse(path.read_text())
    return {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}


def test_every_init_file_is_empty():
    assert [path for path in sources(*ROOMS) if path.name == "__init__.py" and path.read_bytes()] == []


def test_no_file_passes_400_lines():
    measured = [*sources(*ROOMS, "tests"), ROOT / "requirements" / "install.py"]
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in measured}
    assert {name: lines for name, lines in long.items() if lines >= MAX_LINES} == {}


def test_no_float_enters_the_domain():
    for path in sources("arbitrage/domain"):
        tree = ast.parse(path.read_text())
        floats = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, float)]
        assert "float" not in names_called(path), path
        assert floats == [], path


def test_mode_is_acted_on_in_one_file():
    # Others may show or pass it on; only the registry may choose an adapter by it. The supervisor decides
    # which processes there are, its set-up which ports and accounts.
    compares = re.compile(r"env\.mode\b\s*(==|!=|\bin\b|\bis\b)", re.IGNORECASE)
    allowed = {"exchanges/registry.py"}
    found = {
        str(path.relative_to(ROOT))
        for path in sources(*ROOMS)
        if compares.search(path.read_text()) and not path.name.startswith("up")
    }
    assert found <= allowed


def test_no_room_has_a_drawer_for_everything():
    drawers = {"utils", "util", "helpers", "manager", "handler", "common", "base", "misc"}
    assert [path for path in sources(*ROOMS) if path.stem in drawers] == []


@pytest.mark.parametrize("worker", ["trader_process", "feed", "simulate", "bench", "up", "watchdog", "standby"])
def test_a_hot_process_wakes_neither_django_nor_celery(worker):
    code = (
        f"import sys, workers.{worker}\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'django', 'celery', 'kombu'}))"
    )
    asked = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert asked.stdout.strip() == "[]", asked.stderr


def test_no_job_loads_an_order_call():
    code = (
        "import sys, django\nfrom karb_project.celery import app\ndjango.setup()\napp.loader.import_default_modules()\n"
        "ours = [name for name in sys.modules if name.startswith(('exchanges', 'fast_path', 'workers'))]\n"
        "print([name for name in ours if 'gateway' in name or name in ('fast_path.executor', 'workers.trader')])"
    )
    asked = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert asked.stdout.strip() == "[]", asked.stderr


def test_import_contracts_hold():
    linter = Path(sys.executable).with_name("lint-imports")
    asked = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stdout


def test_no_file_names_a_package_registry_or_this_machine():
    # Written apart, so that this file does not name them either.
    hosts = ["py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "crates" + ".io", "/home" + "/runner"]
    words = re.compile("|".join(map(re.escape, hosts)).encode())
    assert [path for path in tracked() if words.search(path.read_bytes())] == []


def test_every_locked_version_is_the_same_in_all_locks():
    def versions(name):
        lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
        return {line.split()[0] for line in lines if "==" in line and not line.startswith((" ", "#"))}

    assert versions("base") <= versions("web") <= versions("dev")


def test_whole_desks_are_tested_in_one_room_where_only_two_run_at_a_time():
    # Written apart, so that this file does not carry the mark itself.
    mark = "pytest.mark" + ".e2e"
    elsewhere = [path for path in sources("tests") if mark in path.read_text() and path.parent.name != "e2e"]
    assert elsewhere == []
