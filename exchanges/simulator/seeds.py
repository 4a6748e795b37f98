"""Seeded randomness: one stream per purpose, so that drawing from one disturbs no other."""

from random import Random


def stream(seed: int, *purpose: str) -> Random:
    """Return the random stream of one purpose."""
    # A market to practise on keeps no secret.
    return Random("/".join((str(seed), *purpose)))  # noqa: S311  # nosec B311
