"""Keys: where they come from, that a careless file is refused, that nothing prints them."""

import json
from pathlib import Path

import pytest

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Exchange
from exchanges.credentials import Credentials, FileRule, FromEnviron, FromFile, KeySource, load_credentials
from karb_project.env import ROOT

ACCOUNTS = {
    "accounts": [
        {"exchange": "bithumb", "access_key": "b-access", "secret_key": "b-secret"},
        {"exchange": "upbit", "access_key": "u-access", "secret_key": "u-secret", "balances": {"KRW": "1"}},
        {"exchange": "upbit", "access_key": "u2", "secret_key": "u2-secret"},
    ]
}


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(ACCOUNTS))
    path.chmod(0o600)
    return path


def load(path: Path | None, rule: FileRule = FileRule.PRIVATE, access: str = "", secret: str = "", hidden=None):
    hidden = hidden if hidden is not None else []
    source: KeySource = FromEnviron(access, secret) if path is None else FromFile(path, rule, ROOT)
    return load_credentials(Exchange.UPBIT, source, hidden.append)


def test_first_account_of_the_exchange_counts_and_is_hidden_from_logs(keys_file: Path) -> None:
    hidden: list[str] = []
    found = load(keys_file, hidden=hidden)
    assert (found.access_key, found.secret_key) == ("u-access", "u-secret")
    assert hidden == ["u-access", "u-secret"]


def test_environment_counts_where_no_file_is_named() -> None:
    assert load(None, access="a", secret="s") == Credentials(Exchange.UPBIT, "a", "s")


def test_both_missing_variables_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load(None)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_file_that_others_can_read_is_refused_in_live_mode_only(keys_file: Path, mode: int) -> None:
    keys_file.chmod(mode)
    with pytest.raises(ConfigError, match="0600"):
        load(keys_file)
    assert load(keys_file, FileRule.ANY).access_key == "u-access"


def test_file_inside_the_repository_is_refused_in_live_mode_through_a_link_too(keys_file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(keys_file)
    source = FromFile(link, FileRule.PRIVATE, tmp_path)
    with pytest.raises(ConfigError) as caught:
        load_credentials(Exchange.UPBIT, source, str)
    assert list(caught.value.problems) == [f"keys file {link} lies in {tmp_path}, must lie outside of the repository"]
    assert load_credentials(Exchange.UPBIT, FromFile(link, FileRule.ANY, tmp_path), str).access_key == "u-access"


def test_every_problem_of_a_careless_file_is_named_at_once(keys_file: Path, tmp_path: Path) -> None:
    keys_file.chmod(0o644)
    with pytest.raises(ConfigError) as caught:
        load_credentials(Exchange.UPBIT, FromFile(keys_file, FileRule.PRIVATE, tmp_path), str)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("text", ["", "{}", '{"accounts":[]}', '{"accounts":[{"exchange":"upbit"}]}', "[1]"])
def test_malformed_file_is_one_clear_error_and_does_not_fall_back(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"keys\.json"):
        load(path)


def test_absent_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "none.json")


@pytest.mark.parametrize("secret", ["two words", 'quo"te', "new\nline", "käse"])
def test_key_that_could_not_be_a_key_is_refused_without_being_quoted(secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, access="access", secret=secret)
    assert secret not in str(caught.value)


def test_credentials_do_not_print() -> None:
    keys = Credentials(Exchange.UPBIT, "the-access", "the-secret")
    for text in (repr(keys), str(keys), f"{keys}", repr([keys])):
        assert "the-" not in text
