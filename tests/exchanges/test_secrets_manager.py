"""Keys from AWS Secrets Manager, the service played by moto behind the real boto3."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import msgspec
import pytest
from moto import mock_aws

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Exchange
from exchanges import registry
from exchanges.secrets_manager import fetch_secret
from karb_project import logs
from karb_project.env import Env, read_env

NAME, REGION = "desk/keys", "ap-northeast-2"
KEYS = {
    "accounts": [
        {"exchange": "upbit", "access_key": "aws-upbit-access", "secret_key": "aws-upbit-secret"},
        {"exchange": "bithumb", "access_key": "aws-bithumb-access", "secret_key": "aws-bithumb-secret"},
    ]
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield boto3.client("secretsmanager", region_name=REGION)


def env(**changes: Any) -> Env:
    plain = msgspec.structs.replace(read_env({}), aws_secret=NAME)
    return msgspec.structs.replace(plain, **changes)


def test_keys_of_both_exchanges_come_from_the_secret_and_are_hidden_from_logs(aws: Any) -> None:
    aws.create_secret(Name=NAME, SecretString=json.dumps(KEYS))
    for exchange in Exchange:
        found = registry.credentials(exchange, env(mode="live"))
        assert (found.access_key, found.secret_key) == (f"aws-{exchange}-access", f"aws-{exchange}-secret")
        assert logs.redacted_text(f"sent with {found.access_key} {found.secret_key}") == "sent with *** ***"


def test_a_rotated_secret_gives_the_new_keys(aws: Any) -> None:
    aws.create_secret(Name=NAME, SecretString=json.dumps(KEYS))
    rotated = json.dumps(KEYS).replace("aws-upbit-access", "second-access")
    aws.put_secret_value(SecretId=NAME, SecretString=rotated)
    assert registry.credentials(Exchange.UPBIT, env()).access_key == "second-access"


def test_a_secret_that_is_not_there_is_named_by_its_error_code(aws: Any) -> None:
    assert (
        registry.config_problems(tuple(Exchange), env())
        == [f"KARB_AWS_SECRET '{NAME}' in {REGION}: ResourceNotFoundException"] * 2
    )


@pytest.mark.parametrize("text", ["", "no json", '{"accounts": 1}', '{"accounts": []}'])
def test_a_malformed_secret_is_one_clear_error_that_quotes_nothing(aws: Any, text: str) -> None:
    aws.create_secret(Name=NAME, SecretString=text or "{}")
    with pytest.raises(ConfigError) as caught:
        registry.credentials(Exchange.UPBIT, env())
    assert list(caught.value.problems) in (
        [f"secret {NAME} is not of the documented form"],
        [f"secret {NAME} has no account of upbit"],
    )


def test_a_binary_secret_is_refused(aws: Any) -> None:
    aws.create_secret(Name=NAME, SecretBinary=b"\x00\x01")
    with pytest.raises(ConfigError, match="is binary, must be text"):
        fetch_secret(NAME, REGION)


def test_without_access_to_aws_the_start_ends_with_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="NoCredentialsError"):
        fetch_secret(NAME, REGION)


def test_a_service_that_cannot_be_reached_ends_the_start_with_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(ConfigError, match="EndpointConnectionError"):
        fetch_secret(NAME, REGION)


@pytest.mark.parametrize("also", [{"keys_file": "/elsewhere/keys.json"}, {"upbit_access_key": "u"}])
def test_two_sources_of_keys_are_a_contradiction(also: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"KARB_AWS_SECRET.*: name one source"):
        registry.credentials(Exchange.UPBIT, env(**also))
