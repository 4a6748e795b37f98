"""The doctor over both simulated exchanges: each thing that can be wrong is found, named, and nothing is ordered."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from arbitrage.domain.frame_spec import DecodedBook
from arbitrage.domain.preflight import Check
from arbitrage.domain.units import EXCHANGES, Exchange, Ns
from arbitrage.domain.wire import ExchangeWire, Wire
from exchanges import registry
from exchanges.simulator import server
from exchanges.simulator.config import SimConfig, read_keys
from exchanges.simulator.keys import Scope
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wallets import WalletState
from karb_project.env import Env, read_env
from workers import preflight_streams
from workers.preflight import Preflight

MARKETS = ("KRW-BTC", "KRW-ETH")
TRADING = ["view_assets", "view_orders", "make_orders"]
SECRET = "a-secret-of-decent-length-for-tests-0123456789-0123456789-01234567"


@dataclass
class Ward:
    """Both exchanges in a thread of their own, and the desk that asks them."""

    env: Env
    loop: asyncio.AbstractEventLoop
    running: server.RunningSimulator
    clock_off_ns: int = 0

    def change(self, act: Callable[[SimExchange, int], Any], exchange: Exchange = Exchange.UPBIT) -> None:
        """Do something to one exchange, in its own thread."""
        done = threading.Event()

        def run() -> None:
            act(self.running.exchange(exchange), time.time_ns())
            done.set()

        self.loop.call_soon_threadsafe(run)
        assert done.wait(5)

    def examined(self) -> dict[str, Check]:
        """Return every check by name."""
        return {check.name: check for check in Preflight(self.env, Wire(), self).examine()}  # type: ignore[arg-type]

    def wall_ns(self) -> int:
        """Return this desk's clock, which may be off."""
        return time.time_ns() + self.clock_off_ns

    def mono_ns(self) -> int:
        return time.monotonic_ns()


@pytest.fixture
def ward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ward]:
    monkeypatch.setattr(preflight_streams, "WITHIN_S", 4.0)
    keys = tmp_path / "keys.json"
    balances = {"KRW": "1000000", "BTC": "1", "ETH": "1"}
    rows = [
        {
            "exchange": exchange.value,
            "access_key": f"{exchange}-access",
            "secret_key": SECRET,
            "balances": balances,
            "scopes": TRADING,
        }
        for exchange in EXCHANGES
    ]
    keys.write_text(json.dumps({"accounts": rows}))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    config = SimConfig(markets=MARKETS, accounts=read_keys(keys))
    running = asyncio.run_coroutine_threadsafe(server.start(config), loop).result(10)
    env = msgspec.structs.replace(
        read_env({"KARB_VAR_DIR": str(tmp_path / "var"), "KARB_SHM_DIR": str(tmp_path / "shm")}),
        markets=MARKETS,
        keys_file=str(keys),
        sim_upbit_address=running.upbit_address,
        sim_bithumb_address=running.bithumb_address,
    )
    try:
        yield Ward(env, loop, running)
    finally:
        asyncio.run_coroutine_threadsafe(running.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def problems(found: dict[str, Check]) -> dict[str, str]:
    """Return what is wrong, by check."""
    return {name: check.problem for name, check in found.items() if check.problem}


def test_a_sound_desk_is_found_well_and_nothing_is_ordered(ward: Ward) -> None:
    found = ward.examined()
    assert problems(found) == {}
    names = ["config", "clock", "key", "rights", "key expiry", "markets", "fees", "ticks", "minimums", "wallets"]
    names += ["public stream", "private stream", "order right"]
    assert list(found) == [f"{exchange} {name}" for exchange in EXCHANGES for name in names]
    assert found["upbit order right"].found == "a test order on KRW-BTC would be taken"
    assert found["bithumb order right"].found == "not provable: this exchange has no test order"
    assert found["upbit ticks"].found == "2 markets as in the table of 2025-07-31"
    assert found["bithumb ticks"].found.startswith("not told by the exchange")
    assert found["upbit fees"].found == "told 0.05 %, believed 0.05 %, no closed order to compare"
    assert found["bithumb minimums"].found == "5000 KRW on 2 markets"
    for exchange in EXCHANGES:
        assert ward.running.exchange(exchange).matching.orders == {}


def test_a_clock_that_is_off_is_found_on_both(ward: Ward) -> None:
    ward.clock_off_ns = -3_000_000_000
    found = problems(ward.examined())
    assert "must be within 500 ms: set the clock" in found["upbit clock"]
    assert "must be within 500 ms: set the clock" in found["bithumb clock"]


def test_a_key_that_reaches_withdrawals_is_refused(ward: Ward) -> None:
    ward.change(lambda sim, now: sim.keys.limit("upbit-access", scopes=[*map(Scope, TRADING), Scope.VIEW_WITHDRAWALS]))
    found = problems(ward.examined())
    assert found == {"upbit rights": "the key reaches withdrawals: make one without that right, K-Arb never needs it"}


def test_a_key_that_may_not_order_is_found_by_a_test_order(ward: Ward) -> None:
    ward.change(lambda sim, now: sim.keys.limit("upbit-access", scopes=[Scope.VIEW_ASSETS, Scope.VIEW_ORDERS]))
    found = problems(ward.examined())
    assert list(found) == ["upbit order right"]
    assert "refused: auth" in found["upbit order right"]
    assert "out_of_scope" in found["upbit order right"]


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_an_address_that_is_not_allowed_is_said_with_what_to_do(
    ward: Ward, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight_streams, "WITHIN_S", 1.0)
    ward.change(lambda sim, now: sim.keys.limit(f"{exchange}-access", ips=["10.0.0.9"]), exchange)
    found = problems(ward.examined())
    assert found[f"{exchange} key"].endswith("put this server's address on the key's allow-list")
    assert found[f"{exchange} private stream"] == "not open within 1 s"
    assert f"{exchange} clock" not in found


def test_a_key_that_ends_soon_is_named_with_its_day(ward: Ward) -> None:
    ward.change(
        lambda sim, now: sim.keys.limit("bithumb-access", expires_ns=now + 3 * 86_400 * 10**9), Exchange.BITHUMB
    )
    found = problems(ward.examined())
    assert list(found) == ["bithumb key expiry"]
    assert found["bithumb key expiry"].endswith("KST: make a new one before that")


def test_a_coupon_that_ran_out_is_found(ward: Ward) -> None:
    ward.change(lambda sim, now: sim.tariff.change(2_500, 2_500, now), Exchange.BITHUMB)
    found = problems(ward.examined())
    assert found == {"bithumb fees": "the exchange tells 0.25 %, the desk believes 0.04 %: a coupon may have run out"}


def test_a_coin_that_moves_on_no_network_is_found(ward: Ward) -> None:
    ward.change(lambda sim, now: setattr(sim.wallets, "lag_ns", 0))
    ward.change(lambda sim, now: sim.wallets.change("ETH", WalletState.PAUSED, now))
    found = problems(ward.examined())
    assert found == {"upbit wallets": "ETH moves on no network (paused)"}


def test_a_price_step_that_changed_forbids_trading(ward: Ward) -> None:
    ticks = ward.running.exchange(Exchange.UPBIT).rules.ticks
    finer = msgspec.structs.replace(
        ticks, bands=tuple(msgspec.structs.replace(band, tick=band.tick // 2) for band in ticks.bands)
    )
    ward.change(lambda sim, now: sim.set_rules(ticks=finer))
    found = problems(ward.examined())
    assert list(found) == ["upbit ticks"]
    assert found["upbit ticks"].startswith("the price step of KRW-BTC is 500 there, 1000 here: the rule has changed")


def test_a_market_that_is_not_listed_is_found_and_the_other_checks_go_on(ward: Ward) -> None:
    ward.env = msgspec.structs.replace(ward.env, markets=("KRW-BTC", "KRW-NONE"))
    found = problems(ward.examined())
    assert found["upbit markets"] == "KRW-NONE is not listed"
    assert "upbit clock" not in found
    assert "upbit private stream" not in found


def test_an_exchange_that_is_away_is_said_once_per_check_and_the_other_one_is_examined(ward: Ward) -> None:
    ward.env = msgspec.structs.replace(ward.env, sim_upbit_address="127.0.0.1:1")
    found = ward.examined()
    assert all(check.problem for name, check in found.items() if name.startswith("upbit") and name != "upbit config")
    assert problems({name: check for name, check in found.items() if name.startswith("bithumb")}) == {}


def test_keys_that_are_missing_end_the_look_at_that_exchange(ward: Ward) -> None:
    ward.env = msgspec.structs.replace(ward.env, keys_file="/nowhere/keys.json")
    found = ward.examined()
    assert {name: check.problem for name, check in found.items()} == {
        f"{exchange} config": "keys file /nowhere/keys.json: No such file or directory" for exchange in EXCHANGES
    }


class HollowFeed:
    """A feed whose books have no bids; a port, not an adapter."""

    def __init__(self) -> None:
        self.closed = 0

    def use_wire(self, wire: ExchangeWire) -> None: ...

    async def run(self, *_: object) -> None:
        await asyncio.sleep(60)

    async def snapshot(self, market: str) -> DecodedBook:
        return DecodedBook(market, Ns(1), (), ())

    async def close(self) -> None:
        self.closed += 1


def test_a_book_without_bids_is_said_and_the_feed_is_closed(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = HollowFeed()
    monkeypatch.setattr(registry, "feed", lambda *_: feed)
    monkeypatch.setattr(preflight_streams, "WITHIN_S", 1.0)
    checks = preflight_streams.stream_checks(Exchange.UPBIT, ward.env, ward, ExchangeWire())
    found = {check.name: check.problem for check in asyncio.run(checks)}
    assert found["upbit order right"] == "no price for a test order: the book of KRW-BTC has no bids"
    assert feed.closed == 1
