"""What is done to the simulator once, at a moment: by a scenario, or from the control endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from arbitrage.domain.errors import ConfigError

if TYPE_CHECKING:
    from exchanges.simulator.account import Account
    from exchanges.simulator.sim_exchange import SimExchange
    from exchanges.simulator.simulator import Simulator

Key = Annotated[str, msgspec.Meta(max_length=100)]
"""An access key; empty = the exchange's only account."""
Market = Annotated[str, msgspec.Meta(max_length=40)]
Amount = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,20}(\.[0-9]{1,22})?$")]
"""A plain decimal as text."""


class Act(msgspec.Struct, frozen=True, kw_only=True, tag_field="act"):
    """One thing to do; ConfigError says why it cannot be done."""

    family: ClassVar[str] = "account"
    """The path of the control endpoint that takes it."""

    is_shared: ClassVar[bool] = False
    """Whether it concerns both exchanges at once: done only once when it names neither."""

    @classmethod
    def act_name(cls) -> str:
        """Return the name in the catalogue."""
        return str(cls.__struct_config__.tag)

    def do(self, simulator: Simulator, sim: SimExchange, now: int) -> None:
        """Do it on one exchange."""
        raise NotImplementedError


def account_of(sim: SimExchange, access_key: str) -> Account:
    """Return the account meant. ConfigError when there is none, or several and none was named."""
    if not access_key and len(sim.accounts) == 1:
        return next(iter(sim.accounts.values()))
    found = sim.accounts.get(access_key)
    if found is None:
        raise ConfigError([f"access_key was {access_key!r}, must be one of {', '.join(sim.accounts) or 'none'}"])
    return found


def market_named(simulator: Simulator, market: str) -> str:
    """Return a listed market's name. ConfigError when it is not listed."""
    if market not in simulator.markets:
        raise ConfigError([f"market was {market!r}, must be one of {', '.join(simulator.markets)}"])
    return market
