"""What was spelled lately is kept: most numbers of a frame stood in the one before."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

Spell = TypeVar("Spell", bound=Callable[..., Any])

_MOST = 131_072
"""The levels of 500 markets with 30 on each side, twice over."""
_kept: list[Any] = []


def kept(spell: Spell) -> Spell:
    """Let a pure function remember what it returned; positional arguments only."""
    remembering: Any = lru_cache(maxsize=_MOST)(spell)
    _kept.append(remembering)
    return remembering  # type: ignore[no-any-return]


def forget() -> None:
    """Forget all that was spelled: the next market's prices are others."""
    for one in _kept:
        one.cache_clear()
