"""Which adapter talks to which address with which keys: the only reader of the mode.

No gateway is behind this file, so that jobs may use it; `gateways.py` is the door to orders.

Simulated mode is the same adapters against the simulator's addresses; nothing else knows of it.
"""

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

from arbitrage.domain.arming import Mode, OrderDoor, RealAddresses, mode_of, mode_word
from arbitrage.domain.errors import ConfigError
from arbitrage.domain.frame_spec import FrameDecoder
from arbitrage.domain.instrument import Instrument, in_force, kst_date
from arbitrage.domain.ports import Feed, MarketRules
from arbitrage.domain.units import EXCHANGES, PPM, Exchange, Krw, Ns, Ppm, units_ceil, units_floor
from arbitrage.domain.wire import SHIPPED_WIRE, ExchangeWire, Generation
from exchanges.bithumb.auth import BithumbSigner
from exchanges.bithumb.feed import BithumbFeed
from exchanges.bithumb.legacy_feed import MAKERS as LEGACY_FEEDS
from exchanges.bithumb.legacy_profile import BookSource
from exchanges.bithumb.profile import FACTS as BITHUMB
from exchanges.book_feed import BookFeed
from exchanges.credentials import Credentials, FileRule, FromEnviron, FromFile, FromSecret, KeySource, load_credentials
from exchanges.doors import REAL
from exchanges.facts import Facts
from exchanges.governor import SharedRows
from exchanges.key_rights import KeyRights
from exchanges.ratelimit import Limiter
from exchanges.reader import SyncReader
from exchanges.records import fingerprint
from exchanges.rest_books import FactBooks
from exchanges.secrets_manager import fetch_secret
from exchanges.switching_feed import SwitchingFeed
from exchanges.transport import AsyncTransport, Clock, Orders, address_of
from exchanges.upbit.announcements import UpbitAnnouncements
from exchanges.upbit.auth import UpbitSigner
from exchanges.upbit.feed import UpbitFeed
from exchanges.upbit.profile import FACTS as UPBIT
from exchanges.upbit.profile import STREAMS
from exchanges.words import Signer
from karb_project import logs
from karb_project.env import ROOT, Env

_FACTS: dict[Exchange, Facts] = {Exchange.UPBIT: UPBIT, Exchange.BITHUMB: BITHUMB}
_SIMULATED = "simulated"


def facts(exchange: Exchange) -> Facts:
    """Return everything about `exchange` that is data."""
    return _FACTS[exchange]


def feed(exchange: Exchange, env: Env, clock: Clock, wire: ExchangeWire = SHIPPED_WIRE) -> Feed:
    """Return the public feed of `exchange`; Bithumb's can be switched between generations by `use_wire`."""
    rest_url, stream_url = addresses(exchange, env)
    budget = limiter(exchange, env, clock)
    if exchange is Exchange.UPBIT:
        stream, depth = STREAMS[env.upbit_book_format], int(env.upbit_book_depth)
        made = UpbitFeed(rest_url, stream_url, clock, limiter=budget, stream=stream, depth=depth)
        made.use_wire(wire)
        return made
    legacy_url = stream_url if env.mode == _SIMULATED else env.bithumb_legacy_ws_url.rstrip("/")
    make_legacy = LEGACY_FEEDS[BookSource(env.bithumb_legacy_books)]

    def make(generation: Generation) -> BookFeed:
        if generation is Generation.LEGACY:
            return make_legacy(rest_url, legacy_url, clock, limiter=budget)
        return BithumbFeed(rest_url, stream_url, clock, limiter=budget)

    return SwitchingFeed(make, clock, wire)


def limiter(exchange: Exchange, env: Env, clock: Clock) -> Limiter:
    """Return the request budget of `exchange` that all processes of this machine share: one address, one budget."""
    rows = SharedRows(env.shm_dir, exchange)
    return Limiter(_FACTS[exchange].limits, clock.mono_ns(), rows)


def rest_books(exchange: Exchange, env: Env, clock: Clock) -> FactBooks:
    """Return what asks for books by REST alone, beside whatever the feeds do; of the JWT generation."""
    transport = AsyncTransport(addresses(exchange, env)[0], clock, order_connections=0)
    return FactBooks(_FACTS[exchange], transport, clock, limiter(exchange, env, clock))


def sync_reader(exchange: Exchange, env: Env, clock: Clock) -> SyncReader:
    """Return the reader for jobs: no order call in it. ConfigError as for `gateway`."""
    rest_url = addresses(exchange, env)[0]
    return SyncReader(_FACTS[exchange], signer(exchange, env), rest_url, clock, limiter(exchange, env, clock))


def key_rights(exchange: Exchange, env: Env, clock: Clock) -> KeyRights:
    """Return what asks whether the key may withdraw. ConfigError as for `gateway`."""
    transport = AsyncTransport(addresses(exchange, env)[0], clock, order_connections=0)
    return KeyRights(_FACTS[exchange], signer(exchange, env), transport, clock, limiter(exchange, env, clock))


def announcements(exchange: Exchange, env: Env, clock: Clock) -> UpbitAnnouncements | None:
    """Return what hears an exchange's announcements, None where none are streamed: there jobs ask for notices
    (bithumb.md §3.3). ConfigError as for `gateway`."""
    if exchange is not Exchange.UPBIT:
        return None
    return UpbitAnnouncements(signer(exchange, env), addresses(exchange, env)[1], clock)


def signer(exchange: Exchange, env: Env) -> Signer:
    """Return what signs requests to `exchange`. ConfigError when its keys are missing or unsafe."""
    keys = credentials(exchange, env)
    if exchange is Exchange.UPBIT:
        return UpbitSigner(keys.access_key, keys.secret_key, env.upbit_jwt_alg)
    return BithumbSigner(keys.access_key, keys.secret_key)


def frame_decoder(exchange: Exchange) -> FrameDecoder:
    """Return the decoder of the exchange's stream frames."""
    return FrameDecoder(_FACTS[exchange].stream_spec)


def instrument(exchange: Exchange, market: str, rules: MarketRules | None, now_wall_ns: Ns | None = None) -> Instrument:
    """Return what may be ordered on one market; `rules` are what the exchange says right now, if asked.

    Without them the profile's defaults count, which are the dear ones. Fee and minimum are rounded
    up, the maximum down: against us. Price steps are those of the rules, else those in force at
    `now_wall_ns`, else the newest.
    """
    facts = _FACTS[exchange]
    ticks = facts.ticks[-1] if now_wall_ns is None else in_force(facts.ticks, kst_date(now_wall_ns))
    if rules is not None and rules.ticks is not None:
        ticks = rules.ticks
    fee_ppm, minimum, maximum = facts.fee_ppm, facts.min_notional, facts.max_notional
    if rules is not None:
        fee = max(rules.bid_fee, rules.ask_fee) * Decimal(PPM)
        fee_ppm = Ppm(int(fee.to_integral_value(ROUND_CEILING)))
        minimum = Krw(units_ceil(rules.min_total))
        maximum = maximum if rules.max_total is None else Krw(units_floor(rules.max_total))
    return Instrument(
        exchange=exchange,
        market=market,
        ticks=ticks,
        lot_step=facts.lot_step if rules is None or rules.lot_step is None else rules.lot_step,
        min_notional=minimum,
        max_notional=maximum,
        fee_ppm=fee_ppm,
        fee_step_dec=facts.fee_step_dec,
    )


def orders_of(env: Env) -> Orders:
    """Return whether a gateway's transport lets orders leave: not while real exchanges are only watched."""
    return Orders.KEPT_BACK if env.mode == Mode.OBSERVE else Orders.LEAVE


def order_doors(env: Env) -> tuple[OrderDoor, ...]:
    """Return the ways by which orders would leave through gateways made with `env`. ConfigError as for them."""
    may_send = orders_of(env) is Orders.LEAVE
    keys = [credentials(exchange, env) for exchange in EXCHANGES] + [legacy_credentials(env)]
    return tuple(
        OrderDoor(one.exchange, order_address(one.exchange, env), may_send, fingerprint(one.access_key)) for one in keys
    )


def order_address(exchange: Exchange, env: Env) -> str:
    """Return where orders to `exchange` go: what the transport made with `env` tells of itself."""
    return address_of(addresses(exchange, env)[0])


def transport_mode(env: Env, real: RealAddresses = REAL) -> Mode | None:
    """Return the mode that transports made with `env` have; None when they contradict each other. Asks for no key."""
    may_send = orders_of(env) is Orders.LEAVE
    try:
        doors = [OrderDoor(exchange, order_address(exchange, env), may_send, "") for exchange in EXCHANGES]
    except ConfigError:
        return None
    return mode_of(doors, real)


def mode_problems(env: Env) -> list[str]:
    """Return what contradicts KARB_MODE in where orders would go; addresses that cannot be used are told elsewhere."""
    try:
        told = {exchange: order_address(exchange, env) for exchange in EXCHANGES}
    except ConfigError:
        return []
    mode = transport_mode(env)
    if mode is not None and mode.value == env.mode:
        return []
    where = ", ".join(f"{exchange} {address}" for exchange, address in told.items())
    return [f"KARB_MODE is {env.mode}, but the orders' transport is {mode_word(mode)}: {where}"]


def addresses(exchange: Exchange, env: Env) -> tuple[str, str]:
    """Return the REST and the stream address, scheme and host. ConfigError for plain text in live mode."""
    is_upbit = exchange is Exchange.UPBIT
    if env.mode == _SIMULATED:
        host = env.sim_upbit_address if is_upbit else env.sim_bithumb_address
        return f"http://{host}", f"ws://{host}"
    rest_url = (env.upbit_url if is_upbit else env.bithumb_url).rstrip("/")
    stream_url = (env.upbit_ws_url if is_upbit else env.bithumb_ws_url).rstrip("/")
    name = exchange.value.upper()
    urls = [("URL", rest_url, "https://"), ("WS_URL", stream_url, "wss://")]
    if not is_upbit:
        urls.append(("LEGACY_WS_URL", env.bithumb_legacy_ws_url, "wss://"))
    found = [
        f"KARB_{name}_{part} was {url!r}, must start with {scheme} in live mode"
        for part, url, scheme in urls
        if not url.startswith(scheme)
    ]
    if found:
        raise ConfigError(found)
    return rest_url, stream_url


def credentials(exchange: Exchange, env: Env) -> Credentials:
    """Return the keys of `exchange`, hidden from every log line. ConfigError lists all problems."""
    return load_credentials(exchange, _key_source(exchange, env), logs.hide)


def _key_source(exchange: Exchange, env: Env) -> KeySource:
    is_simulated = env.mode == _SIMULATED
    is_upbit = exchange is Exchange.UPBIT
    access_key = env.upbit_access_key if is_upbit else env.bithumb_access_key
    secret_key = env.upbit_secret_key if is_upbit else env.bithumb_secret_key
    name = exchange.value.upper()
    named = {
        "KARB_KEYS_FILE": env.keys_file,
        "KARB_AWS_SECRET": env.aws_secret,
        f"KARB_{name}_ACCESS_KEY or _SECRET_KEY": access_key or secret_key,
    }
    given = [variable for variable, value in named.items() if value]
    if len(given) > 1:
        raise ConfigError([f"keys of {exchange} are named by {' and by '.join(given)}: name one source"])
    rule = FileRule.ANY if is_simulated else FileRule.PRIVATE
    if env.aws_secret:
        return FromSecret(env.aws_secret, lambda: fetch_secret(env.aws_secret, env.aws_region))
    if env.keys_file:
        return FromFile(Path(env.keys_file), rule, ROOT)
    if is_simulated and not given:
        return FromFile(env.simulated_keys_path, rule, ROOT)
    return FromEnviron(access_key, secret_key)


def legacy_credentials(env: Env) -> Credentials:
    """Return the keys of Bithumb's legacy generation: its own where there are any, else the exchange's."""
    if not env.bithumb_legacy_access_key:
        return credentials(Exchange.BITHUMB, env)
    for text in (env.bithumb_legacy_access_key, env.bithumb_legacy_secret_key):
        logs.hide(text)
    return Credentials(Exchange.BITHUMB, env.bithumb_legacy_access_key, env.bithumb_legacy_secret_key)


def config_problems(exchanges: Sequence[Exchange], env: Env) -> list[str]:
    """Return every problem of addresses and keys of `exchanges` at once; empty = all can be opened."""
    found = [*mode_problems(env)]
    for exchange in exchanges:
        for check in (addresses, credentials):
            try:
                check(exchange, env)
            except ConfigError as error:
                found += error.problems
    return found
