import sys
import types

import pytest

from arbitrage.domain.errors import ConfigError
from fast_path import core
from fast_path.core import PythonCore, describe, load
from fast_path.layout import LAYOUT_VERSION


def _install(monkeypatch, version):
    module = types.ModuleType("karb_core")

    class Core(PythonCore):
        name = "karb_core"

    module.LAYOUT_VERSION = version
    module.Core = Core
    monkeypatch.setitem(sys.modules, "karb_core", module)


@pytest.fixture(autouse=True)
def _no_native(monkeypatch):
    monkeypatch.setitem(sys.modules, "karb_core", None)
    monkeypatch.delenv("KARB_NATIVE", raising=False)


def test_auto_takes_the_reference_and_says_why():
    assert load().name == "python"
    assert describe("auto") == "python (layout 2; karb_core is not installed)"
    assert describe("0") == "python (layout 2; KARB_NATIVE=0)"


def test_insisting_without_the_native_core_is_refused():
    with pytest.raises(ConfigError, match="KARB_NATIVE was 1, but karb_core is not installed"):
        load("1")


def test_the_variable_is_read_when_nothing_else_is_said(monkeypatch):
    monkeypatch.setenv("KARB_NATIVE", "1")
    with pytest.raises(ConfigError):
        load()
    monkeypatch.setenv("KARB_NATIVE", "yes")
    with pytest.raises(ConfigError, match="must be one of auto, 0, 1"):
        load()


def test_native_core_of_this_layout_is_taken_unless_refused(monkeypatch):
    _install(monkeypatch, LAYOUT_VERSION)
    assert load("auto").name == load("1").name == "karb_core"
    assert describe("1") == "karb_core (layout 2)"
    assert load("0").name == "python"


def test_native_core_of_another_layout_is_not_taken(monkeypatch):
    _install(monkeypatch, LAYOUT_VERSION + 1)
    assert load("auto").name == "python"
    assert describe("auto") == "python (layout 2; karb_core has layout version 3, must be 2)"
    with pytest.raises(ConfigError, match="layout version 3, must be 2"):
        load("1")


def test_a_processor_without_store_order_needs_the_native_core(monkeypatch):
    with pytest.raises(ConfigError, match="not safe on aarch64"):
        load("auto", machine="aarch64")
    _install(monkeypatch, LAYOUT_VERSION)
    assert load("auto", machine="aarch64").name == "karb_core"


def test_snapshot_gives_up_while_a_writer_is_inside():
    memory = memoryview(bytearray(2048))
    words = memory.cast("q")
    words[1024 // 8] = 5
    assert core.PythonCore().snapshot(memory, words, 1024, 50) is None
