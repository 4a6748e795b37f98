"""Set-up on machines that lack something: one line that says what to do, exit code 2."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from karb_project.env import ROOT

SCRIPT = "requirements/install.py"
OLD = [
    path for name in ("python3.6", "python3.7", "python3.8", "python3.9", "python3.10") if (path := shutil.which(name))
]


@pytest.fixture
def clone(tmp_path):
    """Return a directory with the requirements alone, and a PATH that holds little."""
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements", ignore=shutil.ignore_patterns("__pycache__"))
    tools = tmp_path / "tools"
    tools.mkdir()
    return tmp_path


def install(clone, what="web", python=sys.executable, **environ):
    return subprocess.run(
        [python, SCRIPT, what],
        cwd=clone,
        env={"PATH": str(clone / "tools"), "HOME": str(clone), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


def give(clone, name, code="exit 0"):
    """Put a tool of our own on the PATH of the clone."""
    path = clone / "tools" / name
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(0o755)
    return path


def works(python):
    """Return whether an interpreter on PATH really runs (a shim can name one that is not installed)."""
    return subprocess.run([python, "-c", "pass"], capture_output=True, check=False).returncode == 0


def test_an_unknown_word_is_usage(clone):
    done = install(clone, "everything")
    assert (done.returncode, done.stderr) == (2, "usage: install.py web|dev|clients\n")


def test_without_a_compiler_one_line_says_what_to_install(clone):
    done = install(clone)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == ("set-up: no C compiler found (looked for cc, gcc, clang): apt-get install build-essential\n")


def test_an_old_python_is_named_with_what_to_install(clone):
    code = (
        "import sys; sys.path.insert(0, 'requirements'); sys.version_info = (3, 9, 2); import install;"
        "sys.exit(install.main(['web']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=clone,
        env={"PATH": str(clone / "tools")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "set-up: Python 3.9.2 is too old: install Python 3.11 or newer (apt-get install python3.11)\n"
    )


def test_the_script_itself_is_readable_by_an_old_python(clone):
    # Asked here, not when the test is collected: every process of the suite collects it.
    python = next((python for python in OLD if works(python)), None)
    if python is None:
        pytest.skip("no older Python on this machine")
    done = install(clone, python=python)
    assert done.returncode == 2
    assert "is too old: install Python 3.11 or newer" in done.stderr


def test_an_old_python_hands_over_to_a_newer_one_on_path(clone):
    give(clone, "python3.11", f'exec {sys.executable} "$@"')
    code = (
        "import sys; sys.path.insert(0, 'requirements'); sys.version_info = (3, 9, 2); import install;"
        "sys.exit(install.main(['web']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=clone,
        env={"PATH": str(clone / "tools")},
        capture_output=True,
        text=True,
        check=False,
    )
    # The newer one went on to the next check.
    assert done.returncode == 2
    assert "no C compiler" in done.stderr


def test_without_network_one_line_says_so_and_the_next_run_goes_on(clone):
    give(clone, "cc")
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_NO_CACHE_DIR": "1", "PIP_CONFIG_FILE": os.devnull}
    done = install(clone, **nowhere)
    assert done.returncode == 2
    assert done.stderr == (
        "set-up: no network: pip could not reach its package index; check the connection, then try again\n"
    )
    assert not (clone / ".venv" / "karb-installed.json").exists()
    again = install(clone, **nowhere)
    assert "making the virtual environment" not in again.stdout


def test_a_complete_installation_is_not_touched_again(clone):
    code = "import sys; sys.path.insert(0, 'requirements'); import install; print(install.digest_of(['web']))"
    asked = subprocess.run([sys.executable, "-c", code], cwd=clone, capture_output=True, text=True, check=True)
    (clone / ".venv").mkdir()
    stamp = clone / ".venv" / "karb-installed.json"
    stamp.write_text(asked.stdout.replace("'", '"'))
    done = install(clone)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads(stamp.read_text()).keys() == {"web"}
    # A changed lock file is another matter.
    with (clone / "requirements" / "web.txt").open("a") as lock:
        lock.write("\n")
    assert install(clone).returncode == 2


def test_a_browser_that_is_named_must_run(clone):
    code = (
        "import sys; sys.path.insert(0, 'requirements'); import install\n"
        "try: install.check_browser()\nexcept install.SetupError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=clone,
        env={"KARB_CHROMIUM": "/nowhere/chromium"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "KARB_CHROMIUM is /nowhere/chromium, which cannot be run: name a Chromium or unset it\n"


def test_make_passes_the_line_and_the_code_on(clone):
    shutil.copy(ROOT / "Makefile", clone)
    make = shutil.which("make")
    if make is None:
        pytest.skip("no make on this machine")
    give(clone, "sh", 'exec /bin/sh "$@"')
    done = subprocess.run(
        [make, "up", "FOR=5", f"PYTHON={sys.executable}"],
        cwd=clone,
        env={"PATH": str(clone / "tools")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        "set-up: no C compiler found (looked for cc, gcc, clang): apt-get install build-essential"
    )


def test_make_alone_tells_what_can_be_made():
    make = shutil.which("make")
    if make is None:
        pytest.skip("no make on this machine")
    done = subprocess.run([make], cwd=Path(ROOT), capture_output=True, text=True, check=True)
    for target in ("up", "test", "bench", "lint", "lock", "clean", "help"):
        assert f"  make {target} " in done.stdout
