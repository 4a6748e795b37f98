"""Keys kept in AWS Secrets Manager (R5.1): one secret whose text is a keys file.

Read once when a process starts, with bounded waits. boto3 takes its own access from where AWS puts it
(instance role, environment, profile); nothing of the secret is ever in an error or a log line.
"""

from arbitrage.domain.errors import ConfigError

CONNECT_S = 3
READ_S = 5
ATTEMPTS = 3


def fetch_secret(name: str, region: str) -> bytes:
    """Return the current text of the secret `name`. ConfigError says why it cannot be had."""
    # Loading boto3 takes longer than the rest of a start: only who keeps keys there pays for it.
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    waits = Config(
        region_name=region,
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
    )
    where = f"KARB_AWS_SECRET {name!r} in {region}"
    try:
        answer = boto3.client("secretsmanager", config=waits).get_secret_value(SecretId=name)
    except ClientError as error:
        raise ConfigError([f"{where}: {error.response.get('Error', {}).get('Code', 'refused')}"]) from None
    except (BotoCoreError, ValueError) as error:
        raise ConfigError([f"{where}: {type(error).__name__}"]) from None
    text = answer.get("SecretString")
    if not isinstance(text, str):
        raise ConfigError([f"{where} is binary, must be text of the documented form"])
    return text.encode()
