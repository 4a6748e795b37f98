"""What the adapters are shipped with, as far as wire settings may override it (R1.1). Data only."""

from arbitrage.domain.units import EXCHANGES, Exchange
from arbitrage.domain.wire import Shipped
from exchanges.bithumb.legacy_profile import STREAM_SPEC as LEGACY_STREAM
from exchanges.bithumb.profile import FACTS as BITHUMB
from exchanges.facts import Facts
from exchanges.field_maps import SHIPPED
from exchanges.upbit.profile import DEFAULT_SPEC as UPBIT_DEFAULT
from exchanges.upbit.profile import FACTS as UPBIT

_FACTS: dict[Exchange, Facts] = {Exchange.UPBIT: UPBIT, Exchange.BITHUMB: BITHUMB}


def shipped() -> dict[Exchange, Shipped]:
    """Return each exchange's frame specs and field maps by name."""
    return {exchange: _shipped(exchange) for exchange in EXCHANGES}


def _shipped(exchange: Exchange) -> Shipped:
    facts = _FACTS[exchange]
    specs = [facts.stream_spec, facts.rest_spec]
    specs.append(LEGACY_STREAM if exchange is Exchange.BITHUMB else UPBIT_DEFAULT)
    return Shipped(frames={spec.name: spec for spec in specs}, fields=SHIPPED[exchange])
