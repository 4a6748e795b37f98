"""Seeded randomness: one stream per purpose, so that drawing from one disturbs no other."""

from random import Random


class Draws(Random):
    """Random's own numbers; those between two bounds in one step instead of three."""

    def randint(self, a: int, b: int) -> int:
        """Return a number from `a` to `b`. ValueError when there is none."""
        width = b - a + 1
        if width <= 0:
            raise ValueError(f"there is no number from {a} to {b}")
        bits = width.bit_length()
        drawn = self.getrandbits(bits)
        while drawn >= width:
            drawn = self.getrandbits(bits)
        return a + drawn


def stream(seed: int, *purpose: str) -> Random:
    """Return the random stream of one purpose."""
    # A market to practise on keeps no secret.
    return Draws("/".join((str(seed), *purpose)))
