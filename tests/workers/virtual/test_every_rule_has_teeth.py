"""Every rule of the campaign has been seen to catch something, and stands in the operator's table."""

import ast
from collections.abc import Iterator

from karb_project.env import ROOT
from tests.workers.virtual import test_rules_alone as alone
from tests.workers.virtual.sabotages.staged import STAGED
from tests.workers.virtual.test_dying_again import BEGUN_ANEW
from tests.workers.virtual.test_sabotages import SABOTAGES

SOURCES = (*sorted((ROOT / "workers" / "virtual").rglob("*.py")), ROOT / "workers" / "campaign.py")
NAMED_AT = {"broken": 0, "_broken": 0, "Violation": 1}
"""What tells of a broken rule, and which argument says which."""
ALONE = {
    "own_orders_crossed": alone.test_own_orders_that_cross_are_seen_and_others_are_not,
    "no_end": alone.test_a_run_that_fails_itself_is_told_and_the_others_go_on,
}
"""Rules that no line of the desk breaks, and the test that breaks them."""


def named(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield what stands where a rule is named."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in NAMED_AT:
                yield node.args[NAMED_AT[called]]


def rules() -> set[str]:
    """Return every rule the campaign can report."""
    found = {ast.unparse(one): one for path in SOURCES for one in named(ast.parse(path.read_text()))}
    # `Findings.broken` hands on what it was told; nobody else may name a rule this test cannot read.
    assert {text for text, one in found.items() if not isinstance(one, ast.Constant)} == {"rule"}
    return {str(one.value) for one in found.values() if isinstance(one, ast.Constant)}


def test_every_rule_is_what_some_sabotage_is_caught_by() -> None:
    # One of several that a sabotage may break has not been seen to break.
    sole = {rule for one in SABOTAGES.values() if len(one.rules) == 1 for rule in one.rules}
    caught = sole | {one.rule for one in (*STAGED.values(), *BEGUN_ANEW.values())} | set(ALONE)
    assert rules() - caught == set()
    assert {rule for one in SABOTAGES.values() for rule in one.rules} | caught <= rules()


def test_every_rule_is_in_the_operator_s_table() -> None:
    text = (ROOT / "docs" / "campaign.md").read_text()
    table = text[text.index("## What must be true") : text.index("## A story")]
    told = {
        part for line in table.splitlines() if line.startswith("| `") for part in line.split("|")[1].split("`")[1::2]
    }
    assert told == rules()


def test_every_sabotage_is_in_the_operator_s_table() -> None:
    text = (ROOT / "docs" / "campaign.md").read_text()
    table = text[text.index("## That it can fail") : text.index("## Beside naive traders")]
    told = {line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")}
    assert told - {"done wrong"} == {*SABOTAGES, *STAGED, *BEGUN_ANEW}
