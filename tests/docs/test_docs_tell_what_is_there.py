"""The tables of docs/ name every variable and every parameter, and none that is gone."""

import os
import re
import subprocess
import sys
from pathlib import Path

from arbitrage.domain.params import Params
from karb_project.env import Env

ROOT = Path(__file__).resolve().parents[2]


def test_configuration_names_every_variable():
    text = (ROOT / "docs" / "configuration.md").read_text()
    named = set(re.findall(r"KARB_[A-Z_]+", text))
    assert named == {f"KARB_{field.upper()}" for field in Env.__struct_fields__}


def test_parameters_names_every_parameter():
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "parameters.md").read_text(), re.M)
    assert rows == list(Params.__struct_fields__)


def test_links_between_pages_lead_somewhere():
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} -> {target}"


def test_measurements_that_pages_name_can_be_made():
    pages = "".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    named = sorted(set(re.findall(r"`(\S+)\s+\.venv/bin/python\s+-m\s+(tests\.\w+)", pages)))
    assert len(named) >= 4
    for words, module in named:
        name, _, value = words.partition("=")
        asked = subprocess.run(
            [sys.executable, "-m", module, "--help"], cwd=ROOT, env={**os.environ, name: value}, capture_output=True
        )
        assert asked.returncode == 0, asked.stderr.decode()
    assert not re.findall(r"`(?:\.venv/bin/)?python (?:-m tests\.|tests/)", pages), "tests/ must be on the path"
