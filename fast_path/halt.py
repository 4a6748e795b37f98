"""`fast_path/halt --reason "..."`, or `python -m fast_path.halt`: the word in shared memory before anything else loads.

A Python with all of K-Arb takes a tenth of a second to start; this one writes HALTED after a hundredth, and the script
beside it (`halt`, for a shell) after a few thousandths. Then comes what `python -m fast_path.control halt` does: latch
file, reason, a line that says so.
"""

import os
import sys
from collections.abc import Mapping

from karb_project.places import shm_dir_text, var_dir_text

LEVEL_OFFSET = 64
"""`layout.CONTROL_LEVEL`, in bytes; a test holds both equal, and the magic and the word too."""
MAGIC = b"KARBCTRL"
HALTED = (2).to_bytes(8, sys.byteorder)


def set_word(environ: Mapping[str, str]) -> bool:
    """Write HALTED into the running desk's control block; return False when there is none to be reached."""
    # No pathlib here: it alone takes as long to load as all the rest.
    directory = environ.get("KARB_SHM_DIR") or shm_dir_text(var_dir_text(environ.get("KARB_VAR_DIR")))
    try:
        fd = os.open(f"{directory}/control.shm", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if os.pread(fd, len(MAGIC), 0) != MAGIC:
            return False
        os.pwrite(fd, HALTED, LEVEL_OFFSET)
        return True
    except OSError:
        return False
    finally:
        os.close(fd)


def main(argv: list[str]) -> int:
    """Stop; return 0 when word and latch file say so, 1 when one of them does not, 2 for bad arguments."""
    if not {"-h", "--help"} & set(argv):
        set_word(os.environ)
    from fast_path.control_cli import main as by_hand

    return by_hand(["halt", *argv])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
