"""The three Korean incidents of peers.md §5 as timelines at their true length, to be told faster.

Prices, regimes, wallets, halts and faults are steps of a scenario (`scenario.py`). What peers.md and upbit.md §6.2
state is kept: how far prices went, how long interfaces were disturbed, when transfers stopped. The way in
between is drawn by hand. Waits of the wire itself (how late an answer is) are never shortened.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from arbitrage.domain.units import base_of
from exchanges.simulator.kst import SECOND

_SCALED = {"over_s": "over_ns", "lasts_s": "lasts_ns", "within_s": "within_ns"}
_MINUTE = 60
_HOUR = 3_600


class Step(msgspec.Struct, frozen=True):
    """What happens at a second of the incident: a fault or act in a scenario's words; `*_s` members are scaled."""

    at_s: int
    words: Mapping[str, Any]


class Incident(msgspec.Struct, frozen=True):
    """One timeline, told `usual_factor` times faster than it happened unless asked otherwise."""

    about: str
    steps: tuple[Step, ...]
    usual_factor: int
    cast: Mapping[str, int] = {}
    """Markets it names -> index of the listed market that stands in for one that is not listed."""


def _at(second: int, **words: Any) -> Step:
    return Step(second, words)


def _steer(second: int, exchange: str | None, target_ppm: int, over_s: int, market: str = "") -> Step:
    place = {} if exchange is None else {"exchange": exchange}
    return _at(second, act="price_steered", market=market, target_ppm=target_ppm, over_s=over_s, **place)


def _fault(second: int, exchange: str, fault: str, lasts_s: int, **members: Any) -> Step:
    return _at(second, fault=fault, exchange=exchange, lasts_s=lasts_s, **members)


_UPBIT_DISTURBED_S, _BITHUMB_DISTURBED_S = 99 * _MINUTE, 62 * _MINUTE
_FELL = 17 * _MINUTE

MARTIAL_LAW = Incident(
    "2024-12-03: martial law is declared at 22:27. Within half an hour the price is 32 % down on Upbit, less on "
    "Bithumb; Upbit is disturbed for 99 minutes, Bithumb for 62. Huge edges meet interfaces that do not answer.",
    (
        _at(0, act="regime_changed", regime="bursty"),
        _at(3 * _MINUTE, act="regime_changed", regime="panic"),
        _steer(3 * _MINUTE, "upbit", -60_000, 10 * _MINUTE),
        _steer(3 * _MINUTE, "bithumb", -45_000, 10 * _MINUTE),
        _steer(13 * _MINUTE, "upbit", -320_000, 15 * _MINUTE),
        _steer(13 * _MINUTE, "bithumb", -250_000, 17 * _MINUTE),
        _fault(_FELL, "upbit", "never_answered", _UPBIT_DISTURBED_S, chance_ppm=300_000),
        _fault(_FELL, "upbit", "status_answered", _UPBIT_DISTURBED_S, status=503, body="html", chance_ppm=300_000),
        _fault(_FELL, "upbit", "handshake_refused", _UPBIT_DISTURBED_S, status=503, chance_ppm=700_000),
        _fault(_FELL, "upbit", "frames_lost", _UPBIT_DISTURBED_S, chance_ppm=500_000),
        _fault(
            *(_FELL, "bithumb", "answer_delayed", _BITHUMB_DISTURBED_S),
            least_ns=200_000_000,
            typical_ns=3 * SECOND,
            most_ns=20 * SECOND,
        ),
        _fault(_FELL, "bithumb", "status_answered", _BITHUMB_DISTURBED_S, status=500, chance_ppm=300_000),
        _fault(_FELL, "bithumb", "slow_drain", _BITHUMB_DISTURBED_S, delay_ns=2 * SECOND),
        _at(_FELL + 60, act="streams_ended"),
        _steer(30 * _MINUTE, "upbit", -120_000, 15 * _MINUTE),
        _steer(32 * _MINUTE, "bithumb", -90_000, 15 * _MINUTE),
        _steer(50 * _MINUTE, None, -30_000, 40 * _MINUTE),
        _at(_FELL + _UPBIT_DISTURBED_S, act="regime_changed", regime="bursty"),
        _steer(_FELL + _UPBIT_DISTURBED_S, None, 0, 20 * _MINUTE),
        _at(140 * _MINUTE, act="regime_changed", regime="normal"),
    ),
    60,
)

_PAID_OUT = 30 * _MINUTE

MISPAYOUT = Incident(
    "2026-02-06: 620,000 BTC are credited by mistake at 19:00. From 19:30 to 19:51 Bithumb alone prints 17 % below "
    "the others, transfers stop at 19:40, trading is halted, fills are taken back.",
    (
        _steer(_PAID_OUT, "bithumb", -170_000, 5 * _MINUTE, "KRW-BTC"),
        _at(_PAID_OUT + 10 * _MINUTE, act="wallet_changed", exchange="bithumb", state="paused"),
        _at(_PAID_OUT + 21 * _MINUTE, act="maintenance_begun", exchange="bithumb", markets=["KRW-BTC"]),
        _steer(_PAID_OUT + 21 * _MINUTE, "bithumb", 0, _MINUTE, "KRW-BTC"),
        _at(
            _PAID_OUT + 26 * _MINUTE,
            act="trades_reversed",
            exchange="bithumb",
            market="KRW-BTC",
            within_s=26 * _MINUTE,
        ),
        _at(_PAID_OUT + 60 * _MINUTE, act="maintenance_ended", exchange="bithumb", markets=["KRW-BTC"]),
        _at(4 * _HOUR, act="wallet_changed", exchange="bithumb", state="working"),
    ),
    60,
    {"KRW-BTC": 0},
)

SOLANA_THEFT = Incident(
    "2025-11-27: Upbit's Solana wallet is robbed at 04:42 and transfers stop while trading goes on. Nobody can bring "
    "coins in: small ones rise by 82 to 96 % on Upbit alone and stay there until the wallets open.",
    (
        *(_at(0, act="wallet_changed", exchange="upbit", currency=coin, state="paused") for coin in ("ORCA", "MET")),
        _at(10 * _MINUTE, act="regime_changed", market="KRW-ORCA", regime="bursty"),
        _steer(15 * _MINUTE, "upbit", 956_000, 2 * _HOUR, "KRW-ORCA"),
        _steer(15 * _MINUTE, "upbit", 820_000, 2 * _HOUR, "KRW-MET"),
        _at(30 * _MINUTE, act="listing_changed", exchange="upbit", market="KRW-ORCA", has_warning=True),
        _at(30 * _MINUTE, act="listing_changed", exchange="upbit", market="KRW-MET", has_warning=True),
        _at(4 * _HOUR, act="wallet_changed", exchange="upbit", state="paused"),
        _steer(10 * _HOUR, "upbit", 400_000, 4 * _HOUR, "KRW-ORCA"),
        _steer(10 * _HOUR, "upbit", 300_000, 4 * _HOUR, "KRW-MET"),
        _at(22 * _HOUR, act="wallet_changed", exchange="upbit", state="working"),
        _steer(22 * _HOUR, "upbit", 0, _HOUR, "KRW-ORCA"),
        _steer(22 * _HOUR, "upbit", 0, _HOUR, "KRW-MET"),
        _at(23 * _HOUR, act="regime_changed", market="KRW-ORCA", regime="normal"),
        _at(23 * _HOUR, act="listing_changed", exchange="upbit", market="KRW-ORCA"),
        _at(23 * _HOUR, act="listing_changed", exchange="upbit", market="KRW-MET"),
    ),
    600,
    {"KRW-ORCA": -1, "KRW-MET": -2},
)

INCIDENTS: Mapping[str, Incident] = {
    "martial-law-2024": MARTIAL_LAW,
    "credit-error-2026": MISPAYOUT,
    "wallet-theft-2025": SOLANA_THEFT,
}

MOST_FACTOR = 10_000


def scenario_words(incident: Incident, markets: tuple[str, ...], factor: int) -> dict[str, Any]:
    """Return the incident as a scenario's JSON words for a simulator that lists `markets`, `factor` times faster.

    A named coin that is not listed is played by the stand-in of the cast; steps come in order of time.
    """
    players = {
        name: name if name in markets else markets[index % len(markets)] for name, index in incident.cast.items()
    }
    steps = [
        {"at_ns": step.at_s * SECOND // factor, **_words(step.words, players, factor)}
        for step in sorted(incident.steps, key=lambda step: step.at_s)
    ]
    return {"about": incident.about, "steps": steps}


def _words(words: Mapping[str, Any], players: Mapping[str, str], factor: int) -> dict[str, Any]:
    coins = {base_of(name): base_of(player) for name, player in players.items()}
    said: dict[str, Any] = {}
    for name, value in words.items():
        if name in _SCALED:
            said[_SCALED[name]] = value * SECOND // factor
        elif name == "market":
            said[name] = players.get(value, value)
        elif name == "markets":
            said[name] = [players.get(market, market) for market in value]
        elif name == "currency":
            said[name] = coins.get(value, value)
        else:
            said[name] = value
    return said
