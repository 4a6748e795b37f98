"""What is seen from outside: books by the age the params allow, and the journal against the recorder's place."""

import msgspec

from arbitrage.domain.book import Level
from arbitrage.domain.frame_spec import DecodedBook
from arbitrage.domain.params import DEFAULT_PARAMS, MS, params_to_bytes
from arbitrage.domain.units import SCALE, Exchange, Ns, Price, Qty
from exchanges.registry import frame_decoder
from fast_path.books import BookReader, BookWriter
from fast_path.control import ControlBlock
from fast_path.counters import Counters
from workers.sight import books_fresh, bytes_not_booked

MARKETS = ("KRW-BTC", "KRW-ETH")


def test_a_book_is_fresh_up_to_the_age_of_the_params_in_force(desk_env):
    writer = BookWriter(desk_env.shm_dir, Exchange.UPBIT, MARKETS, frame_decoder(Exchange.UPBIT))
    reader = BookReader(desk_env.shm_dir, Exchange.UPBIT, MARKETS)
    control = ControlBlock(desk_env.shm_dir, MARKETS, desk_env.latch_path)
    levels = [(Level(Price(at * SCALE), Qty(SCALE)),) for at in (1000, 1001)]
    assert writer.publish_book(DecodedBook("KRW-BTC", Ns(1), *levels), Ns(1), Ns(5_000 * MS)) is None
    by_default = [books_fresh(control, reader, Ns((5_000 + age) * MS)) for age in (0, 700, 701)]
    control.write_params(1, params_to_bytes(msgspec.structs.replace(DEFAULT_PARAMS, max_book_age_ns=900 * MS)))
    assert by_default == [1, 1, 0]
    assert [books_fresh(control, reader, Ns((5_000 + age) * MS)) for age in (900, 901)] == [1, 0]


def test_what_is_not_booked_is_the_journal_past_the_recorders_place(desk_env):
    assert bytes_not_booked(desk_env) == 0
    desk_env.journal_path.write_bytes(b"x" * 100)
    assert bytes_not_booked(desk_env) == 100
    counters = Counters(desk_env.shm_dir, "recorder")
    for place, left in ((60, 40), (100, 0), (130, 0)):
        counters.set("position", place)
        assert bytes_not_booked(desk_env) == left
