"""One line of the trading path done wrong, for as long as a test takes: so that a check can be seen to fail.

The line is changed in the function's own source, which is compiled anew; whoever imported the function
runs the changed one.
"""

import inspect
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import msgspec
import pytest


class Edit(msgspec.Struct, frozen=True):
    """One piece of one function's source, and what stands there instead."""

    where: Callable[..., Any]
    right: str
    wrong: str


def apply(monkeypatch: pytest.MonkeyPatch, edits: tuple[Edit, ...]) -> None:
    """Do these lines wrong until the test ends. AssertionError when one is not there exactly once."""
    for edit in edits:
        lines, first = inspect.getsourcelines(edit.where)
        own = "".join(lines)
        assert own.count(edit.right) == 1, f"{edit.where.__qualname__} has {edit.right!r} {own.count(edit.right)} times"
        path = inspect.getsourcefile(edit.where)
        module = inspect.getmodule(edit.where)
        assert path is not None
        assert module is not None
        whole = inspect.getsource(module).splitlines(keepends=True)
        whole[first - 1 : first - 1 + len(lines)] = own.replace(edit.right, edit.wrong)
        changed = compile("".join(whole), path, "exec")
        code = next(one for one in _codes(changed) if one.co_qualname == edit.where.__qualname__)
        monkeypatch.setattr(edit.where, "__code__", code)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield one
            yield from _codes(one)
