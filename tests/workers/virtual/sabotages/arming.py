"""What the locks on real orders could overlook."""

from tests.sabotage import Edit
from tests.workers.virtual.sabotages.sabotage import Sabotage, wrong
from workers.armed import Armed
from workers.virtual.deeds.deed import Family as F

SABOTAGES: dict[str, Sabotage] = {
    "a desk that nobody armed trades": wrong(
        {F.HOST},
        "sent_while_not_armed",
        Edit(Armed.last_check, "if not closed:", "if closed is not None:"),
        Edit(Armed.locks_closed, "return self._closed", "return 0"),
        seed=501,
    ),
    "the end of an arming is not noticed": wrong(
        {F.HOST},
        "sent_while_not_armed",
        Edit(Armed._deadline, "self._until_mono_ns.get(self._token.token_id, 0)", "2**62"),
        Edit(
            Armed._facts, "now_wall_ns=now_wall_ns", "now_wall_ns=Ns(self._token.armed_wall_ns if self._token else 0)"
        ),
        seed=229,
    ),
}
