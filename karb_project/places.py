"""Where the desk's shared memory lies. The least of the standard library: a stop waits for nothing else to load."""

import hashlib
import os

ROOT_TEXT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120


def var_dir_text(named: str | None) -> str:
    """Return the absolute var directory: the one named, else `var` beside the code."""
    return os.path.abspath(named or f"{ROOT_TEXT}/var")  # noqa: PTH100


def shm_dir_text(var_dir_text: str) -> str:
    """Return the directory of shared memory that belongs to an absolute var directory when none is named."""
    memory = "/dev/shm"  # noqa: S108  # nosec B108: a directory of our own is made in it, mode 0700
    mark = hashlib.sha256(var_dir_text.encode()).hexdigest()[:12]
    return f"{memory}/karb-{os.getuid()}-{mark}" if os.access(memory, os.W_OK) else f"{var_dir_text}/shm"
