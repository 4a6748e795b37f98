"""What was spelled lately is kept: most prices, levels and balances stood in what was sent before."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

Said = TypeVar("Said")
Text = TypeVar("Text")
Spell = TypeVar("Spell", bound=Callable[..., Any])
Level = tuple[int, int]
"""(price, qty) in 10^-8."""

_MOST = 131_072
"""The levels of 500 markets with 30 on each side, twice over."""
_forgetting: list[Callable[[], None]] = []


class Spelled(dict[Said, Text]):
    """What `spell` makes of something: `spelled[level]`. When too much is kept, all is spelled anew."""

    def __init__(self, spell: Callable[[Said], Text]) -> None:
        super().__init__()
        self._spell = spell
        _forgetting.append(self.clear)

    def __missing__(self, said: Said) -> Text:
        if len(self) >= _MOST:
            self.clear()
        text = self[said] = self._spell(said)
        return text


def kept(spell: Spell) -> Spell:
    """Let a pure function remember what it returned; positional arguments only."""
    remembering: Any = lru_cache(maxsize=_MOST)(spell)
    _forgetting.append(remembering.cache_clear)
    return remembering  # type: ignore[no-any-return]


def forget() -> None:
    """Forget all that was spelled: the next market's prices are others."""
    for one in _forgetting:
        one()
