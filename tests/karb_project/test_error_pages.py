"""A key never shows in an error page, a mailed report, a trace or a `repr`, whatever its variable is called."""

import json
import sys
import traceback

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from django.views.debug import technical_500_response

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Exchange
from exchanges.bithumb.auth import BithumbSigner
from exchanges.credentials import Credentials, FromEnviron, load_credentials
from exchanges.transport import Request
from exchanges.upbit.auth import UpbitSigner
from karb_project import logs
from karb_project.env import read_env

ACCESS, SECRET = "AKthe0access0key0of0a0test", "SKthe0secret0key0of0a0test"


def failed(request: HttpRequest) -> None:
    """Fail with both keys in local variables of harmless names, one of them in the error's own text."""
    keys = load_credentials(Exchange.UPBIT, FromEnviron(ACCESS, SECRET), logs.hide)
    harmless, listed = keys.secret_key, {"first": [keys.access_key]}
    raise ValueError(f"could not use {harmless} of {listed}")


@pytest.fixture
def exc_info():
    request = RequestFactory().get("/admin/")
    try:
        failed(request)
    except ValueError:
        yield request, sys.exc_info()


@pytest.mark.parametrize("accept", ["text/html", "text/plain"])
def test_an_error_page_masks_keys_in_the_message_and_in_every_local_variable(exc_info, accept):
    request, (kind, error, trace) = exc_info
    request.META["HTTP_ACCEPT"] = accept
    page = technical_500_response(request, kind, error, trace).content.decode()
    assert "could not use ***" in page
    assert ACCESS not in page
    assert SECRET not in page


def test_a_log_line_with_a_trace_masks_keys(exc_info, capsys):
    logs.setup("trader", read_env({"KARB_VAR_DIR": "/nowhere"}))
    logs.get("trader").exception("process_failed", note=f"with {SECRET}", keys={"any": ACCESS})
    line = capsys.readouterr().err
    assert json.loads(line)["note"] == "with ***"
    assert ACCESS not in line
    assert SECRET not in line


def test_nothing_that_holds_a_key_prints_it():
    keys = Credentials(Exchange.BITHUMB, ACCESS, SECRET)
    token = UpbitSigner(ACCESS, SECRET).token("market=KRW-BTC", 0)
    held = (
        keys,
        FromEnviron(ACCESS, SECRET),
        UpbitSigner(ACCESS, SECRET),
        BithumbSigner(ACCESS, SECRET),
        Request("GET", "/v1/accounts", "market=KRW-BTC", b"", token),
    )
    for one in held:
        for text in (repr(one), str(one), f"{one}", repr({"a": [one]})):
            assert ACCESS not in text, type(one)
            assert SECRET not in text, type(one)
            assert token not in text, type(one)


def test_a_trace_through_the_loading_of_keys_shows_none():
    with pytest.raises(ConfigError) as caught:
        load_credentials(Exchange.UPBIT, FromEnviron(ACCESS, SECRET + " with a space"), logs.hide)
    text = "".join(traceback.format_exception(caught.value))
    assert ACCESS not in text
    assert SECRET not in text
