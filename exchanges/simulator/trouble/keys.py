"""What can go wrong with tokens (peers.md §10, account)."""

from typing import ClassVar

from exchanges.simulator.trouble.fault import Fault, Place


class TokenVoid(Fault, frozen=True, kw_only=True, tag="token_void"):
    """A good token is not accepted, on requests and handshakes alike, as after maintenance."""

    place: ClassVar[Place] = Place.AUTH


KEYS: tuple[type[Fault], ...] = (TokenVoid,)
