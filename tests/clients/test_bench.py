"""The bench itself: what it says when clients are missing or fail."""

import pytest
from clients.client_bench import PYTHON, ClientFailed, absence


def test_missing_clients_are_a_reason_to_skip_and_in_ci_a_failure(tmp_path):
    assert absence(PYTHON, {"CI": "true"}) is None
    assert absence(tmp_path / "python", {}) == "no .venv-clients: `make test` makes it"
    with pytest.raises(AssertionError, match=r"requirements/install\.py clients"):
        absence(tmp_path / "python", {"CI": "true"})


async def test_failed_client_is_told_with_what_it_said(bench):
    with pytest.raises(ClientFailed, match="can't open file"):
        await bench.run("no_such_script.py")
