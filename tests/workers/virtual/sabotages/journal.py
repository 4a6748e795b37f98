"""What could go wrong with the journal, its lock, the fence and the names of orders."""

from fast_path.executor import Executor
from fast_path.journal import Journal
from tests.sabotage import Edit
from tests.workers.virtual.sabotages.sabotage import Sabotage, wrong
from workers import start, trader_lock
from workers.last_look import LastLook
from workers.start import read_past
from workers.trader import Trader
from workers.virtual.deeds.deed import Family as F

SABOTAGES: dict[str, Sabotage] = {
    "lock and fence are ignored": wrong(
        {F.HOST},
        "two_writers",
        Edit(trader_lock.take_lock, "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_SH"),
        Edit(Journal._open, "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_SH"),
        Edit(LastLook._not_ours, "if newest == self._fence", "if True"),
        Edit(Trader._trade, "if context.control.fence() != self.fence:", "if False:"),
    ),
    "names of runs come back": wrong(
        {F.CRASH},
        "sent_twice fills_differ ledger_differs",
        Edit(start.new_run_id, 'f"{_base36(second)}{_base36(fence)}") in taken', '"run") in ()'),
    ),
    "a torn record stays in the journal": wrong(
        {F.CRASH},
        "no_trader",
        Edit(Journal._open, "self._cut(end, size, wall_ns)\n        return end", "return size"),
    ),
    "half a record stays where the disk was full": wrong(
        {F.HOST, F.CRASH},
        "recorder_gave_up",
        Edit(Journal._take_back, "os.ftruncate(self._fd, self._end)", "pass"),
        seed=531,
    ),
    "records get no number": wrong(
        {F.CRASH},
        "no_trader bad_end trades_no_more",
        Edit(Journal.append, "self.last_seq += 1\n", "pass\n"),
    ),
    "the oldest image of an arb counts": wrong(
        {F.CRASH},
        "fills_differ ledger_differs not_at_rest contradicted sent_twice",
        Edit(read_past, "images[arb.arb_id] = arb\n", "images.setdefault(arb.arb_id, arb)\n"),
        seed=503,
    ),
    "orders leave though the journal is full": wrong(
        {F.HOST},
        "unknown_to_journal",
        Edit(
            Executor._journalled,
            "        self._journal.append(ArbStepped(after, on, now.wall_ns), durable=durable)\n",
            "        with __import__('contextlib').suppress(Exception):\n"
            "            self._journal.append(ArbStepped(after, on, now.wall_ns), durable=durable)\n",
        ),
    ),
}
