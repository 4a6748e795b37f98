"""How `up` refuses to start, and that nothing is left however it ends."""

import os
import signal

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(220)]


def test_a_wrong_duration_is_one_line_and_code_2(second_desk):
    done = second_desk.command("up", "--for", "soon")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "up: --for was 'soon', must be a number of seconds from 1 to 2592000\n"


def test_a_killed_supervisor_leaves_nothing_and_the_next_one_recovers(desk, second_desk):
    desk.up()
    desk.wait_line(r"^ready after")

    again = desk.command("up")
    assert again.returncode == 2
    assert again.stderr == (
        f"up: another `up` (process {desk.process.pid}) already runs on {desk.var_dir}: stop it, or set KARB_VAR_DIR\n"
    )

    second_desk.environ["KARB_FLOWER_ADDRESS"] = desk.environ["KARB_FLOWER_ADDRESS"]
    busy = second_desk.command("up")
    assert busy.returncode == 2
    assert busy.stderr == (
        f"up: flower cannot listen on {desk.environ['KARB_FLOWER_ADDRESS']} (Address already in use):"
        " stop what uses it, or set KARB_FLOWER_ADDRESS to a free host:port\n"
    )

    assert len(desk.processes()) >= 12
    os.kill(desk.process.pid, signal.SIGKILL)
    desk.wait_gone(5)

    desk.up()
    desk.wait_line(r"^ready after")
    # What a terminal does: the whole foreground group gets it; the children are not in it.
    os.killpg(desk.process.pid, signal.SIGINT)
    assert desk.wait_end(40) == 0, desk.said
    assert desk.lines[-1] == "stopped"
    assert "died" not in desk.said
    desk.wait_gone(1)


def test_stopped_while_starting_leaves_nothing(desk):
    desk.up("--for", "30")
    desk.wait_line(r"starting the desk")
    desk.process.send_signal(signal.SIGTERM)
    assert desk.wait_end(30) == 1
    desk.wait_gone(1)
