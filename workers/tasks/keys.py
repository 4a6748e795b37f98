"""API keys by their fingerprints: which are in use, how old, when they end (R5.1). Safe to run twice."""

from celery import shared_task
from django.conf import settings

from arbitrage.domain.errors import KArbError
from arbitrage.domain.units import EXCHANGES
from arbitrage.services import keys
from arbitrage.wall_time import moment
from karb_project import logs
from workers.tasks.readers import reading

_log = logs.get("tasks.keys")


@shared_task(name="workers.tasks.keys.check_key_age", ignore_result=True)
def check_key_age() -> list[str]:
    """Keep the fingerprints the exchanges name; return the keys that are to be rotated."""
    env = settings.KARB_ENV
    for exchange in EXCHANGES:
        try:
            with reading(exchange, env) as reader:
                found = reader.keys()
        except KArbError as error:
            _log.warning("keys_not_read", exchange=exchange, error=str(error))
            continue
        ends = {each.fingerprint: moment(each.expires_wall_ns) for each in found}
        keys.keep_keys(exchange.value, ends)
    return keys.check_ages()
