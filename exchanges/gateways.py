"""The door to orders: a gateway of each exchange. Jobs must not be able to reach this file."""

from collections.abc import Callable

from arbitrage.domain.order import Order
from arbitrage.domain.ports import Gateway
from arbitrage.domain.units import Exchange, Ns
from arbitrage.domain.wire import SHIPPED_WIRE, ExchangeWire
from exchanges.bithumb.gateway import BithumbGateway
from exchanges.bithumb.legacy_gateway import LegacyGateway
from exchanges.bithumb.legacy_profile import LegacySettings
from exchanges.bithumb.many import BatchHash
from exchanges.bithumb.switching_gateway import SwitchingGateway
from exchanges.generation_log import GenerationLog
from exchanges.registry import addresses, credentials, legacy_credentials, limiter, orders_of
from exchanges.transport import Clock
from exchanges.upbit.gateway import UpbitGateway
from exchanges.upbit.profile import Smp
from karb_project.env import Env

LastCheck = Callable[[Exchange, Order], str | None]


def gateway(
    exchange: Exchange,
    env: Env,
    clock: Clock,
    *,
    last_check: LastCheck | None = None,
    wire: ExchangeWire = SHIPPED_WIRE,
) -> Gateway:
    """Return the gateway of `exchange`. ConfigError when its keys are missing or unsafe.

    `last_check` is asked for a reason to stop right before an order's bytes are handed to the
    socket; whoever sends orders must pass one. Bithumb's can be switched between generations by `use_wire`.
    """
    if exchange is Exchange.BITHUMB:
        return _bithumb(env, clock, last_check, wire)
    rest_url, stream_url = addresses(exchange, env)
    made = UpbitGateway(
        credentials(exchange, env),
        rest_url,
        stream_url,
        clock,
        last_check=last_check,
        limiter=limiter(exchange, env, clock),
        algorithm=env.upbit_jwt_alg,
        smp=Smp(env.upbit_smp),
        orders=orders_of(env),
    )
    made.use_wire(wire)
    return made


def _bithumb(env: Env, clock: Clock, last_check: LastCheck | None, wire: ExchangeWire) -> SwitchingGateway:
    rest_url, stream_url = addresses(Exchange.BITHUMB, env)
    budget = limiter(Exchange.BITHUMB, env, clock)
    jwt = BithumbGateway(
        credentials(Exchange.BITHUMB, env),
        rest_url,
        stream_url,
        clock,
        last_check=last_check,
        limiter=budget,
        batch_hash=BatchHash(env.bithumb_batch_hash),
        orders=orders_of(env),
    )
    legacy = LegacyGateway(
        legacy_credentials(env),
        rest_url,
        clock,
        markets=env.markets,
        last_check=last_check,
        settings=_legacy_settings(env),
        limiter=budget,
        orders=orders_of(env),
    )
    log = GenerationLog(env.var_dir / "journal" / "bithumb.generations")
    return SwitchingGateway(jwt, legacy, log, clock, markets=env.markets, wire=wire)


def _legacy_settings(env: Env) -> LegacySettings:
    return LegacySettings(
        ioc_rest_ns=Ns(env.bithumb_legacy_ioc_rest_ms * 1_000_000),
        unit_decimals=env.bithumb_legacy_unit_decimals,
    )
