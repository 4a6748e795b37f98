"""The stop bench on real processes: orders flow, a stop ends them, and the figures are what was seen."""

from workers.bench_stop import Stop, figures

MS = 1_000_000


def test_figures_tell_quantiles_and_orders_by_when_they_came():
    stops = [Stop(10 * MS, 90 * MS, 12 * MS, 3, 1), Stop(20 * MS, 80 * MS, 0, 0, 0)]
    found = figures(stops, late=0)
    assert found["ms"]["command to word"] == {"p50": 20.0, "p90": 20.0, "p99": 20.0, "p100": 20.0}
    assert found["ms"]["word to last order byte"]["p100"] == 2.0
    assert (found["orders_between_command_and_word"], found["orders_after_word"]) == (2, 1)


def test_arguments_out_of_bounds_are_told(capsys):
    from workers.bench_stop import main

    assert main(["--stops", "0"]) == 2
    assert capsys.readouterr().err == "--stops was 0, must be between 1 and 10000\n"
