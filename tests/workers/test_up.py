"""What the command line of `up` accepts; each refusal is one line that says what was found and what is allowed."""

import pytest

from arbitrage.domain.errors import ConfigError
from workers.up import main, parse


@pytest.mark.parametrize("text", ["0", "-5", "abc", "1e3", "", "nan", "inf", "99999999", "½"])
def test_a_wrong_duration_is_refused(desk_env, text):
    with pytest.raises(ConfigError) as refused:
        parse([f"--for={text}"], desk_env)
    assert refused.value.problems == (f"--for was {text!r}, must be a number of seconds from 1 to 2592000",)


def test_all_wrong_options_are_told_at_once(desk_env, tmp_path):
    with pytest.raises(ConfigError) as refused:
        parse(["--for", "0", "--seed", "-1", "--recording", str(tmp_path / "none")], desk_env)
    assert [problem.split()[0] for problem in refused.value.problems] == ["--for", "--seed", "--recording"]


def test_an_unknown_option_is_one_line(desk_env):
    with pytest.raises(ConfigError) as refused:
        parse(["--fro", "5"], desk_env)
    assert refused.value.problems == ("unrecognized arguments: --fro 5",)


def test_a_report_needs_an_end(desk_env, tmp_path):
    with pytest.raises(ConfigError, match="--json needs --for"):
        parse(["--json", str(tmp_path / "report.json")], desk_env)


def test_a_report_needs_a_directory_that_can_be_written(desk_env, tmp_path):
    with pytest.raises(ConfigError, match="its directory is not there"):
        parse(["--for", "5", "--json", str(tmp_path / "none" / "report.json")], desk_env)


def test_options_are_read(desk_env, tmp_path):
    options = parse(["--for", "2.5", "--json", str(tmp_path / "r.json"), "--recording", str(tmp_path)], desk_env)
    assert (options.for_s, options.json_path, options.recording) == (2.5, tmp_path / "r.json", tmp_path)
    assert options.seed == desk_env.seed
    assert parse(["--seed", "11"], desk_env).seed == 11


def test_missing_keys_are_told_before_anything_starts(desk_env, monkeypatch):
    variables = {
        "MODE": "live",
        "VAR_DIR": str(desk_env.var_dir),
        "SHM_DIR": str(desk_env.shm_dir),
        "WEB_ADDRESS": "127.0.0.1:1",
        "FLOWER_ADDRESS": "127.0.0.1:1",
        "UPBIT_ACCESS_KEY": "a",
    }
    for name, text in variables.items():
        monkeypatch.setenv(f"KARB_{name}", text)
    with pytest.raises(ConfigError) as refused:
        main([])
    found = [problem.split()[0] for problem in refused.value.problems]
    assert "flower" in found
    assert found[-3:] == ["KARB_UPBIT_SECRET_KEY", "KARB_BITHUMB_ACCESS_KEY", "KARB_BITHUMB_SECRET_KEY"]
    assert not (desk_env.var_dir / "simulator" / "keys.json").exists()
