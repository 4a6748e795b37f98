"""The door to orders: a gateway of each exchange. Jobs must not be able to reach this file."""

from collections.abc import Callable

from arbitrage.domain.order import Order
from arbitrage.domain.ports import Gateway
from arbitrage.domain.units import Exchange
from exchanges.bithumb.gateway import BithumbGateway
from exchanges.bithumb.many import BatchHash
from exchanges.registry import addresses, credentials, limiter
from exchanges.transport import Clock
from exchanges.upbit.gateway import UpbitGateway
from exchanges.upbit.profile import Smp
from karb_project.env import Env


def gateway(
    exchange: Exchange,
    env: Env,
    clock: Clock,
    *,
    last_check: Callable[[Exchange, Order], str | None] | None = None,
) -> Gateway:
    """Return the gateway of `exchange`. ConfigError when its keys are missing or unsafe.

    `last_check` is asked for a reason to stop right before an order's bytes are handed to the
    socket; whoever sends orders must pass one.
    """
    rest_url, stream_url = addresses(exchange, env)
    keys = credentials(exchange, env)
    budget = limiter(exchange, env, clock)
    if exchange is Exchange.BITHUMB:
        return BithumbGateway(
            keys,
            rest_url,
            stream_url,
            clock,
            last_check=last_check,
            limiter=budget,
            batch_hash=BatchHash(env.bithumb_batch_hash),
        )
    return UpbitGateway(
        keys,
        rest_url,
        stream_url,
        clock,
        last_check=last_check,
        limiter=budget,
        algorithm=env.upbit_jwt_alg,
        smp=Smp(env.upbit_smp),
    )
