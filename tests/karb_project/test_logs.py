import json
import logging
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from karb_project import logs
from karb_project.env import read_env


@pytest.fixture
def lines(capsys):
    def read():
        return [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    return read


def _setup(**environ):
    logs.set_mode("simulated")
    logs.setup("trader", read_env({"KARB_VAR_DIR": "/nowhere", **environ}))
    return logs.get("trader")


def test_a_line_has_time_level_process_event_and_fields(lines):
    _setup().info("arb_opened", arb_id="a1", qty=5)
    (line,) = lines()
    assert line.pop("ts").endswith("+00:00")
    assert list(line.items()) == [
        ("level", "INFO"),
        ("process", "trader"),
        ("mode", "simulated"),
        ("event", "arb_opened"),
        ("arb_id", "a1"),
        ("qty", 5),
    ]


def test_the_level_of_the_environment_holds(lines):
    log = _setup(KARB_LOG_LEVEL="WARNING")
    log.debug("a")
    log.info("b")
    log.warning("c")
    log.error("d")
    log.critical("e")
    assert [(line["level"], line["event"]) for line in lines()] == [("WARNING", "c"), ("ERROR", "d"), ("CRITICAL", "e")]


@pytest.mark.parametrize(
    "key", ["secret", "secret_key", "token", "Authorization", "signature", "password", "access_key", "upbit_access_key"]
)
def test_fields_with_a_secret_name_are_masked_at_any_depth(lines, key):
    _setup().info("request_sent", **{key: "abcdef"}, request={"headers": [{key: "abcdef"}]})
    (line,) = lines()
    assert line[key] == "***"
    assert line["request"] == {"headers": [{key: "***"}]}


def test_a_hidden_value_is_masked_wherever_it_stands(lines):
    log = _setup()
    logs.hide("s3cr3tvalue")
    log.info("answer_strange", body=b'{"key": "s3cr3tvalue"}', path=Path("/x/s3cr3tvalue"), parts=["a s3cr3tvalue b"])
    (line,) = lines()
    assert line["body"] == '{"key": "***"}'
    assert line["path"] == "/x/***"
    assert line["parts"] == ["a *** b"]


def test_the_keys_of_the_environment_are_hidden_from_the_start(lines):
    _setup(KARB_UPBIT_SECRET_KEY="upbit-very-secret", KARB_SECRET_KEY="django-very-secret").info(
        "x_seen", text="upbit-very-secret and django-very-secret"
    )
    assert lines()[0]["text"] == "*** and ***"


def test_bearer_tokens_are_masked_in_any_text(lines):
    _setup().info("request_failed", detail="GET /v1/accounts Authorization: Bearer eyJh.eyJh.sig-_1 failed")
    assert lines()[0]["detail"] == "GET /v1/accounts Authorization: Bearer *** failed"


def test_too_short_a_text_hides_nothing(lines):
    log = _setup()
    logs.hide("")
    logs.hide("btc")
    log.info("x_seen", market="KRW-btc")
    assert lines()[0]["market"] == "KRW-btc"


def test_a_trace_is_kept_and_masked(lines):
    log = _setup()
    logs.hide("s3cr3tvalue")
    try:
        raise ValueError("bad s3cr3tvalue")
    except ValueError:
        log.exception("process_failed", part="x")
    (line,) = lines()
    assert line["level"] == "ERROR"
    assert "ValueError: bad ***" in line["trace"]
    assert "s3cr3tvalue" not in json.dumps(line)


def test_a_librarys_own_line_is_json_too(lines):
    _setup()
    logs.hide("s3cr3tvalue")
    logging.getLogger("websockets.client").warning("lost %s", "s3cr3tvalue")
    logging.getLogger("websockets.client").info("chatter")
    (line,) = lines()
    assert (line["event"], line["logger"], line["message"]) == ("library_said", "websockets.client", "lost ***")


def test_no_field_can_break_a_line_or_take_its_head(lines):
    class Loop:
        def __str__(self):
            return "loop\nloop"

    _setup().info(
        "x_seen",
        level="high",
        event="other",
        big=10**40,
        price=Decimal("0.10"),
        thing=Loop(),
        where={1: {2: {3: {4: {5: {6: {7: {8: {9: "deep"}}}}}}}}},
        none=None,
        yes=True,
    )
    (line,) = lines()
    assert (line["level"], line["event"]) == ("INFO", "x_seen")
    assert (line["big"], line["price"], line["thing"]) == (10**40, "0.10", "loop\nloop")
    assert (line["none"], line["yes"]) == (None, True)


def test_setting_up_twice_writes_each_line_once(lines):
    _setup()
    _setup().info("x_seen")
    assert len(lines()) == 1


def test_lines_go_to_stderr_only(capsys):
    _setup().info("x_seen")
    assert capsys.readouterr().out == ""
    assert sys.stdout is not None


def test_a_secret_that_holds_others_is_masked_whole():
    for length in range(6, 20):
        logs.hide("abcdefghijklmnopqrst"[:length])
    assert logs.redacted_text("x abcdefghijklmnopqrs y abcdef") == "x *** y ***"


def test_every_line_says_what_the_desk_is_connected_to(lines):
    log = _setup()
    logs.set_mode("LIVE")
    try:
        log.info("x_seen", mode="simulated")
        logging.getLogger("websockets.client").warning("lost")
        assert [line["mode"] for line in lines()] == ["LIVE", "LIVE"]
    finally:
        logs.set_mode("unknown")
