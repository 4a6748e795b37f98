"""Reads the tables of docs/exchange-facts.md and its pages: rows of facts, rows of what is not established."""

import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INDEX = "exchange-facts.md"
PAGES = ("facts-upbit.md", "facts-bithumb.md", "facts-bithumb-legacy.md")
_FACTS = ["what", "gateway", "simulator", "test", "source", "confidence"]
_OPEN = ["what", "setting", "default", "why open"]
_GUESSES = ["what", "written in", "taken as", "why open"]
_SECTIONS = ["section", "upbit.md", "bithumb.md"]
_TOKEN = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Fact:
    """One row of a table of facts."""

    page: str
    what: str
    gateway: str
    simulator: str
    test: str
    source: str
    confidence: str


@dataclass(frozen=True)
class OpenPoint:
    """One row of a table of what is not established."""

    page: str
    what: str
    setting: str
    default: str
    why: str


def tokens(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return _TOKEN.findall(cell)


def rows(page: str, header: list[str]) -> list[list[str]]:
    """Return the rows of every table of a page that has this header."""
    found, is_inside = [], False
    for line in (ROOT / "docs" / page).read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
        if not line.startswith("|"):
            is_inside = False
        elif cells == header:
            is_inside = True
        elif is_inside and set(line) - set("|-"):
            assert len(cells) == len(header), line
            found.append(cells)
    return found


def facts(page: str) -> list[Fact]:
    """Return the facts of a page."""
    return [Fact(page, *cells) for cells in rows(page, _FACTS)]


def open_points(page: str) -> list[OpenPoint]:
    """Return what a page says is not established."""
    return [OpenPoint(page, *cells) for cells in rows(page, _OPEN)]


def guesses(page: str) -> list[tuple[str, str, str]]:
    """Return what a page says is guessed without a setting: what, where it is written, why it is open."""
    return [(what, places, why) for what, places, _, why in rows(page, _GUESSES)]


def sections() -> dict[str, set[str]]:
    """Return the sections of each reference that the index page tells the meaning of."""
    known: dict[str, set[str]] = {"upbit.md": set(), "bithumb.md": set()}
    for cell, upbit, bithumb in rows(INDEX, _SECTIONS):
        names = set(re.findall(r"§([\d.]+\w?)", cell))
        known["upbit.md"] |= names if upbit else set()
        known["bithumb.md"] |= names if bithumb else set()
    known["upbit.md"] |= {f"9.{number}" for number in range(1, 13)}
    return known


def spelled_out(path: str) -> list[str]:
    """Return the paths that `/v1/{a,b}/{coin}` means; a brace around one name stays."""
    parts = re.split(r"\{([^}]*,[^}]*)\}", path)
    choices = [part.split(",") if index % 2 else [part] for index, part in enumerate(parts)]
    return ["".join(chosen) for chosen in product(*choices)]


def routes(fact: Fact) -> list[tuple[str, str]]:
    """Return the (method, path) and (path, stream type) that a row is about."""
    found = []
    for token in tokens(fact.what):
        stream = re.fullmatch(r"WS (/\S+) (\S+)", token)
        call = re.fullmatch(r"(GET|POST|DELETE) (/\S+)", token)
        if stream:
            found += [(stream[1], kind) for kind in spelled_out(stream[2])]
        elif call:
            found += [(call[1], path) for path in spelled_out(call[2])]
    return found


def is_same_route(told: tuple[str, str], served: tuple[str, str]) -> bool:
    """Return whether a route of a row is the one served; `{name}` stands for one part."""
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(told[1]))
    return told[0] == served[0] and re.fullmatch(pattern, served[1]) is not None
