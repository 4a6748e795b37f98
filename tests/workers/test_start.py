"""What a trader reads of its past: newest images, used run ids, arbs of markets it no longer watches."""

import msgspec
import pytest
from desk_builders import opened

from arbitrage.domain.arb import ArbOn, ArbState
from arbitrage.domain.errors import ConfigError
from arbitrage.domain.events import ArbStepped, TraderStarted
from arbitrage.domain.params import SECOND
from arbitrage.domain.units import Ns
from fast_path.journal import Journal
from workers.start import new_run_id, read_past


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path / "trader.journal", "trader", "none")
    yield made
    made.close()


def test_newest_image_of_each_arb_and_every_run_is_found(journal):
    journal.append(TraderStarted("r1", 1, "simulated", ("KRW-ETH",), Ns(1)), durable=False)
    journal.append(ArbStepped(opened(), ArbOn.OPENED, Ns(2)), durable=False)
    closed = msgspec.structs.replace(opened(), state=ArbState.CLOSED)
    journal.append(ArbStepped(closed, ArbOn.NOTHING_FILLED, Ns(3)), durable=False)
    past = read_past(journal, ["KRW-ETH"])
    assert (past.images, past.run_ids) == ({"t1-1": closed}, {"r1"})


def test_arbs_closed_long_before_the_newest_are_left_out_and_open_ones_never(journal):
    day = 86_400 * SECOND
    for name, closed_ns in (("old", 1), ("again", 2), ("week", 7 * day), ("open", None), ("again", 7 * day + 5)):
        state = ArbState.STUCK if closed_ns is None else ArbState.CLOSED
        arb = msgspec.structs.replace(opened(), arb_id=name, state=state, closed_wall_ns=closed_ns)
        journal.append(ArbStepped(arb, None, Ns(3)), durable=False)
    assert set(read_past(journal, ["KRW-ETH"]).images) == {"again", "week", "open"}


def test_open_arb_of_a_market_not_watched_refuses_the_start(journal):
    journal.append(ArbStepped(opened(), ArbOn.OPENED, Ns(2)), durable=False)
    with pytest.raises(ConfigError, match="KARB_MARKETS lacks KRW-ETH"):
        read_past(journal, ["KRW-BTC"])


def test_closed_arb_of_a_market_not_watched_is_no_obstacle(journal):
    closed = msgspec.structs.replace(opened(), state=ArbState.CLOSED)
    journal.append(ArbStepped(closed, ArbOn.NOTHING_FILLED, Ns(3)), durable=False)
    assert read_past(journal, ["KRW-BTC"]).images == {"t1-1": closed}


def test_run_id_is_never_one_that_was_used_even_if_the_clock_was_set_back():
    first = new_run_id(1_795_400_000 * SECOND, 1, ())
    second = new_run_id(1_795_400_000 * SECOND, 1, {first})
    assert first == "toxni81"
    assert second == "toxni91"
