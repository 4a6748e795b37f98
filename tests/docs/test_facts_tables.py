"""The tables of exchange facts leave out nothing that is spoken and name nothing that is gone."""

import importlib
import re
from enum import Enum
from functools import cache
from itertools import chain
from typing import Any

import pytest
from facts_tables import INDEX, PAGES, ROOT, facts, guesses, is_same_route, open_points, routes, sections, tokens
from msgspec import NODEFAULT, structs

from arbitrage.domain.units import Exchange
from exchanges.bithumb import legacy_profile
from exchanges.bithumb import profile as bithumb_profile
from exchanges.bithumb.legacy_profile import LegacySettings
from exchanges.facts import Facts
from exchanges.simulator.auth import NonceMemory
from exchanges.simulator.dialects import bithumb_errors, legacy, legacy_stream, upbit_errors
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks
from exchanges.simulator.dialects.bithumb_rest import BithumbDialect
from exchanges.simulator.dialects.legacy_rest import STREAM_PATH, LegacyDialect
from exchanges.simulator.dialects.upbit_quirks import OldList, UpbitQuirks
from exchanges.simulator.dialects.upbit_rest import UpbitDialect
from exchanges.simulator.gate import BITHUMB_GATE, UPBIT_GATE
from exchanges.simulator.rules import Rules, bithumb_rules, upbit_rules
from exchanges.simulator.subscription import OWN
from exchanges.simulator.wallets import Wallets
from exchanges.upbit import profile as upbit_profile
from karb_project.env import Env

UPBIT, BITHUMB, LEGACY = PAGES
_UPBIT_WORDS = UpbitDialect(UpbitQuirks(old_list=OldList.SERVED))
_BITHUMB_WORDS = BithumbDialect(BithumbQuirks(), ("KRW-BTC",))
CONFIDENCE = {"documented", "captured", "client", "inferred", "open", "house"}
# After the public legacy paths market, span and the like follow: one spelling of each is enough.
_AFTER = {
    "/public/candlestick": "/BTC_KRW/24h",
    "/public/network-info": "",
    "/public/withdraw": "/minimum/BTC",
}


def _streams(words: UpbitDialect | BithumbDialect) -> set[tuple[str, str]]:
    found = set()
    for path, access in words.stream.paths.items():
        public = {"orderbook", *words.stream.live_kinds}
        kinds = words.stream.types.get(path, OWN if access.value == "private" else public)
        found |= {(path, kind) for kind in kinds}
    return found


def _served() -> dict[str, set[tuple[str, str]]]:
    old = {
        (method, path + (_AFTER.get(path, "/BTC_KRW") if method == "GET" else ""))
        for method, path in LegacyDialect(BithumbQuirks()).paths
    }
    return {
        UPBIT: set(_UPBIT_WORDS.routes) | _streams(_UPBIT_WORDS),
        BITHUMB: set(_BITHUMB_WORDS.routes) | _streams(_BITHUMB_WORDS),
        LEGACY: old | {(STREAM_PATH, kind) for kind in legacy_stream.TYPES},
    }


@pytest.mark.parametrize("page", PAGES)
def test_every_route_and_stream_of_the_simulator_has_a_row_and_no_row_has_another(page: str):
    told = [route for fact in facts(page) for route in routes(fact)]
    served = _served()[page]
    assert {route for route in served if not any(is_same_route(row, route) for row in told)} == set()
    assert {row for row in told if not any(is_same_route(row, route) for route in served)} == set()


def _desk_paths(page: str) -> set[str]:
    if page == LEGACY:
        values = [value for name, value in vars(legacy_profile).items() if name.isupper() and isinstance(value, str)]
        return {value.rstrip("/") for value in values if value.startswith("/")}
    known: Facts = (upbit_profile if page == UPBIT else bithumb_profile).FACTS
    return {path for name in known.paths.__struct_fields__ if (path := getattr(known.paths, name))}


@pytest.mark.parametrize("page", PAGES)
def test_every_path_the_desk_uses_has_a_row_that_names_its_gateway(page: str):
    rows = [fact for fact in facts(page) if not fact.gateway.startswith("–")]
    told = {part for fact in rows for route in routes(fact) for part in route}
    assert {path for path in _desk_paths(page) if path not in told and f"{path}/{{market}}" not in told} == set()


def _error_names(page: str) -> set[str]:
    if page == UPBIT:
        known = upbit_profile.REFUSALS.keys() | upbit_profile.AUTH_NAMES | upbit_profile.FACTS.unproven
        return known | upbit_errors.STATUS.keys()
    if page == LEGACY:
        return {*legacy_profile.CODES, legacy_profile.NOTICE, *legacy.CODES}
    tables = (bithumb_errors.ORDER_FAULTS.values(), bithumb_errors.AUTH_FAULTS.values())
    names = {
        name.replace("{side}", side) for row in chain(*tables) for name in [row.name] for side in ("bid", "ask")
    } | {row.name for row in vars(bithumb_errors).values() if isinstance(row, bithumb_errors.Named)}
    known = bithumb_profile.REFUSALS.keys() | bithumb_profile.AUTH_NAMES | bithumb_profile.FACTS.unproven
    return names | known


@pytest.mark.parametrize("page", PAGES)
def test_every_error_name_of_either_side_has_a_row(page: str):
    told = set(chain(*(re.findall(r"`([^`]+)`|\b(5\d00|5302)\b", fact.what) for fact in facts(page))))
    flat = {part for pair in told for part in ([pair] if isinstance(pair, str) else pair)}
    assert _error_names(page) - flat == set()


@cache
def _text(path: str) -> str:
    return (ROOT / path).read_text()


def _faults_of(cell: str, room: str) -> list[str]:
    files, found = [], []
    for token in tokens(cell):
        if token.endswith(".py"):
            path = next((path for path in (room + token, token) if (ROOT / path).is_file()), None)
            if path is None:
                found.append(f"{token} is no file")
            else:
                files.append(path)
        elif not any(token in _text(path) for path in files):
            found.append(f"{token} is in none of {files}")
    return found if files or cell.startswith("–") else [*found, "names no file"]


@pytest.mark.parametrize("page", [INDEX, *PAGES])
def test_every_file_and_every_name_in_it_exists_and_what_the_desk_leaves_out_has_a_reason(page: str):
    found = []
    for fact in facts(page):
        found += [(fact.what, fault) for fault in _faults_of(fact.gateway, "exchanges/")]
        found += [(fact.what, fault) for fault in _faults_of(fact.simulator, "exchanges/simulator/")]
        if fact.gateway.startswith("–") and not re.fullmatch(r"– \w.{4,}", fact.gateway):
            found.append((fact.what, "no reason for – in gateway"))
    for what, places, _ in guesses(page):
        found += [(what, fault) for fault in _faults_of(places, "exchanges/")]
    assert found == []


@cache
def _test_files() -> tuple[str, ...]:
    return tuple(str(path.relative_to(ROOT)) for path in ROOT.glob("tests/**/test_*.py"))


def _test_fault(token: str) -> str | None:
    name, _, beginning = token.partition("::")
    paths = [path for path in _test_files() if path.endswith("/" + name)]
    if len(paths) != 1:
        return f"{token} is {len(paths)} files"
    pattern = "".join(r"\w*" if part == "*" else re.escape(part) for part in re.split(r"(\*)", beginning))
    tests = re.findall(rf"^(?:async )?def ({pattern})\(", _text(paths[0]), re.M) if beginning else ["all"]
    return None if len(tests) == 1 or (tests and "*" in beginning) else f"{token} is {len(tests)} tests"


@pytest.mark.parametrize("page", [INDEX, *PAGES])
def test_every_row_names_tests_that_exist(page: str):
    found = [(fact.what, fault) for fact in facts(page) for token in tokens(fact.test) if (fault := _test_fault(token))]
    assert found + [(fact.what, "no test") for fact in facts(page) if not tokens(fact.test)] == []


def _source_faults(source: str) -> list[str]:
    found, book = [], ""
    for part in source.split(", "):
        match = re.fullmatch(r"(?:(upbit\.md|bithumb\.md) )?§([\d.]+\w?)(?: #\d+)?", part)
        if match is None or not (book := match[1] or book):
            found.append(f"{part} is no citation")
        elif match[2] not in sections()[book]:
            found.append(f"{part} is no section of {book}")
    return found


@pytest.mark.parametrize("page", [INDEX, *PAGES])
def test_every_row_says_where_it_comes_from_and_how_sure_it_is(page: str):
    found = [(fact.what, fact.confidence) for fact in facts(page) if fact.confidence not in CONFIDENCE]
    for fact in facts(page):
        if not (fact.source == "–" and fact.confidence == "house"):
            found += [(fact.what, fault) for fault in _source_faults(fact.source)]
    reasons = [(point.what, point.why) for point in open_points(page)]
    for what, why in reasons + [(what, why) for what, _, why in guesses(page)]:
        cited = re.search(r"\(((?:upbit|bithumb)\.md [^)]+)\)$", why)
        found += [(what, fault) for fault in (_source_faults(cited[1]) if cited else ["cites nothing"])]
    assert found == []


def _owners(page: str) -> dict[str, Any]:
    is_upbit = page == UPBIT
    exchange = Exchange.UPBIT if is_upbit else Exchange.BITHUMB
    return {
        "UpbitQuirks": UpbitQuirks(),
        "BithumbQuirks": BithumbQuirks(),
        "LegacySettings": LegacySettings(),
        "Rules": upbit_rules(500) if is_upbit else bithumb_rules(400),
        "GateRules": UPBIT_GATE if is_upbit else BITHUMB_GATE,
        "NonceMemory": NonceMemory(),
        "StreamWords": _UPBIT_WORDS.stream,
        "Wallets": Wallets(exchange, (), lambda row: None),
    }


# Raises when there is no such setting.
def _value(page: str, setting: str) -> Any:
    if setting.startswith("KARB_"):
        return getattr(Env(), setting.removeprefix("KARB_").lower())
    owner, _, name = setting.partition(".")
    if owner in (owners := _owners(page)):
        return getattr(owners[owner], name)
    exchange, module, *names = setting.split(".")
    value = importlib.import_module(f"exchanges.{exchange}.{module}")
    for name in names:
        value = getattr(value, name)
    return value


def _spelled(setting: str, value: Any) -> list[str]:
    if value is None or value in ((), frozenset()):
        return ["none"]
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [f"{value[0]} to {value[1]} ms" if setting.endswith("_ms") else " ".join(map(str, value))]
    if setting.endswith("_ns") and value:
        units = ((3_600_000_000_000, "h"), (1_000_000_000, "s"), (1_000_000, "ms"))
        return [f"{value // unit} {name}" for unit, name in units if value % unit == 0][:1]
    return [str(value.value if isinstance(value, Enum) else value)]


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_exists_and_has_the_default_told(page: str):
    for point in open_points(page):
        settings = tokens(point.setting)
        values = [_value(page, setting) for setting in settings]
        assert settings, point.what
        if re.sub(r"`[^`]+`", "", point.default).strip(" ,"):
            continue  # told in words
        told = tokens(point.default)
        spelled = [_spelled(setting, value) for setting, value in zip(settings, values, strict=True)]
        assert told in (list(chain(*spelled)), spelled[0]), (point.setting, spelled)


def test_every_member_made_for_an_open_question_has_a_row():
    told = {setting for page in PAGES for point in open_points(page) for setting in tokens(point.setting)}
    kinds = {"UpbitQuirks": UpbitQuirks, "BithumbQuirks": BithumbQuirks, "LegacySettings": LegacySettings}
    made = {f"{name}.{member}" for name, kind in kinds.items() for member in kind.__struct_fields__}
    made |= {f"Rules.{field.name}" for field in structs.fields(Rules) if field.default is not NODEFAULT}
    assert made - told == set()
