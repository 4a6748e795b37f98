"""Logging is set up anew by these tests and put back as it was after each."""

import logging

import pytest

from karb_project import logs


@pytest.fixture(autouse=True)
def _restore():
    root, karb = logging.getLogger(), logging.getLogger("karb")
    before = (root.handlers[:], root.level, karb.level, set(logs._hidden))
    yield
    root.handlers[:], root.level = before[0], before[1]
    karb.setLevel(before[2])
    logs._hidden.clear()
    logs._hidden.update(before[3])
