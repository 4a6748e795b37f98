"""What a sabotage is, and how long it may take until a rule is broken by it.

A sabotage names a seed known to show it. That one is tried first; only when the desk or what is drawn has
changed since is another one looked for: put that one there then.
"""

import msgspec

from tests.sabotage import Edit
from workers.virtual.deeds.deed import Family
from workers.virtual.run import Plan, run

FIRST_SEED = 500
SEEDS = 25


class Sabotage(msgspec.Struct, frozen=True):
    """Lines done wrong, the kinds of trouble that show it, and the rules one of which it must break."""

    edits: tuple[Edit, ...]
    families: frozenset[Family]
    rules: frozenset[str]
    seed: int = FIRST_SEED
    """One that shows it."""
    changes: dict[str, int] = {}
    """Parameters the desk trades with besides those the seed draws: where these do not come to a rule."""

    def plan(self, seed: int) -> Plan:
        """Return a short run full of the trouble that shows it."""
        drawn = Plan(seed, self.families, about=14, trades_for_s=25)
        given = msgspec.structs.replace(drawn.params, **self.changes) if self.changes else None
        return msgspec.structs.replace(drawn, given=given)

    def shown_by(self) -> tuple[int | None, set[str]]:
        """Return the first seed whose run breaks one of the rules, None when none does; and all that was broken."""
        broken: set[str] = set()
        for seed in dict.fromkeys((self.seed, *range(FIRST_SEED, FIRST_SEED + SEEDS))):
            broken |= {one.rule for one in run(self.plan(seed)).violations}
            if broken & self.rules:
                return seed, broken
        return None, broken


def wrong(families: set[Family], rules: str, *edits: Edit, seed: int = FIRST_SEED, **changes: int) -> Sabotage:
    """Return a sabotage: `rules` are words, one of which must be broken; `changes` are parameters."""
    return Sabotage(edits, frozenset(families), frozenset(rules.split()), seed, changes)
