"""Lines that stay and one status line, on a terminal and elsewhere."""

import io

from workers.up_screen import Screen, table


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_the_status_is_rewritten_in_place_and_lines_come_above_it(monkeypatch):
    monkeypatch.setenv("COLUMNS", "12")
    out = Terminal()
    screen = Screen(out)
    screen.status("books 9/10")
    screen.status("books 10/10 and more than fits")
    screen.say("trader died")
    screen.status("calm")
    assert out.getvalue() == "books 9/10\r\x1b[Kbooks 10/10\r\x1b[Ktrader died\ncalm"


def test_elsewhere_a_status_is_a_line_every_ten_seconds():
    out = io.StringIO()
    screen = Screen(out)
    screen.status("first")
    screen.status("too soon")
    screen.say("a line")
    assert out.getvalue() == "first\na line\n"


def test_a_reader_that_went_away_is_no_reason_to_stop():
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    Screen(Gone()).say("nobody reads this")


def test_columns_are_padded_to_their_widest_cell():
    assert table([("part", "state", "address"), ("feed.upbit", "ready", "")]) == [
        "part        state  address",
        "feed.upbit  ready",
    ]
