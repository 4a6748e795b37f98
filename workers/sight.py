"""What can be seen of a running desk from outside: how fresh its books are, how far its journal is booked."""

from arbitrage.domain.params import DEFAULT_PARAMS, params_from_bytes
from arbitrage.domain.units import Ns
from fast_path.books import BookReader
from fast_path.control import ControlBlock
from fast_path.counters import read_counters
from karb_project.env import Env


def books_fresh(control: ControlBlock, reader: BookReader, now_mono: Ns) -> int:
    """Return how many of the reader's books are young enough to trade on, by the params in force."""
    params, _ = params_from_bytes(control.read_params()[1])
    oldest = now_mono - (params or DEFAULT_PARAMS).max_book_age_ns
    views = [reader.read(index) for index in range(len(reader.markets))]
    return sum(view is not None and view.recv_mono_ns >= oldest for view in views)


def bytes_not_booked(env: Env) -> int:
    """Return how many bytes of the journal the recorder has not turned into rows yet."""
    try:
        size = env.journal_path.stat().st_size
    except FileNotFoundError:
        return 0
    return max(size - read_counters(env.shm_dir).get("recorder", {}).get("position", 0), 0)
