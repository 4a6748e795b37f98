"""Asking both REST books before a large arb: who is asked when, and what sends nothing."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest
from desk_builders import book, signal

from arbitrage.domain.errors import ReadFailed
from arbitrage.domain.frame_spec import DecodedBook
from arbitrage.domain.params import DEFAULT_PARAMS, MS
from arbitrage.domain.risk import Approved, Denied, DenyReason
from arbitrage.domain.units import EXCHANGES, SCALE, Exchange, Ns
from fast_path.engine import Decision
from karb_project.env import read_env
from workers.confirming import Confirming, supports
from workers.process import Context

MARKET = "KRW-ETH"
UPBIT = book(Exchange.UPBIT, [(3_998_000, "2")], [(4_000_000, "2")])
BITHUMB = book(Exchange.BITHUMB, [(4_020_000, "2")], [(4_024_000, "2")])


def decoded(one) -> DecodedBook:
    return DecodedBook(one.market, Ns(1), one.bids, one.asks)


class ScriptedBooks:
    """A REST source that answers as told."""

    def __init__(self, answer: DecodedBook | Exception) -> None:
        self.answer = answer
        self.asked = 0
        self.block = asyncio.Event()
        self.block.set()

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def fetch(self, markets: tuple[str, ...]) -> tuple[DecodedBook, ...]:
        assert markets == (MARKET,)
        self.asked += 1
        await self.block.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return (self.answer,)


class Room:
    """A confirmation between scripted books and a desk that decides as told."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.books = {Exchange.UPBIT: ScriptedBooks(decoded(UPBIT)), Exchange.BITHUMB: ScriptedBooks(decoded(BITHUMB))}
        self.params = msgspec.structs.replace(DEFAULT_PARAMS, confirm_above_krw=1_000_000 * SCALE)
        self.next = approved()
        self.sent: list[Decision] = []
        self.raised: list[BaseException] = []
        self.confirming = Confirming(
            context,
            self.books,  # type: ignore[arg-type]
            params=lambda: self.params,
            decide=lambda index: self.next,
            send=self.sent.append,
            ended=self._ended,
        )

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.raised.append(error)

    def denied(self) -> dict[str, int]:
        names = ("unconfirmed", "confirmed_too_late")
        return {name: self.context.counters.get(f"denied.{name}") for name in names}

    def resyncs(self) -> list[tuple[str, ...]]:
        return [self.context.control.take_resyncs(exchange) for exchange in EXCHANGES]


def approved(qty: str = "0.5") -> Decision:
    found = signal(qty=qty)
    return Decision(0, MARKET, 1, Ns(1), signal=found, approved=Approved(found.qty))


@pytest.fixture
def room(tmp_path):
    env = read_env({"KARB_VAR_DIR": str(tmp_path), "KARB_SHM_DIR": str(tmp_path), "KARB_MARKETS": MARKET})
    context = Context("trader", env)
    yield Room(context)
    context.close()


async def settled(room: Room) -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_two_books_that_support_it_send_what_was_decided_anew(room):
    room.next = approved("0.4")
    assert room.confirming.takes(approved())
    assert room.sent == [], "nothing before both answers"
    await settled(room)
    assert room.sent == [room.next]
    assert room.denied() == {"unconfirmed": 0, "confirmed_too_late": 0}


async def test_ordinary_arb_is_not_held_up(room):
    assert not room.confirming.takes(approved("0.25"))
    await settled(room)
    assert [one.asked for one in room.books.values()] == [0, 0]


async def test_one_question_a_market_however_many_signals(room):
    room.books[Exchange.UPBIT].block.clear()
    assert all(room.confirming.takes(approved()) for _ in range(5))
    await settled(room)
    room.books[Exchange.UPBIT].block.set()
    await settled(room)
    assert [one.asked for one in room.books.values()] == [1, 1]
    assert len(room.sent) == 1


async def test_late_answer_sends_nothing(room):
    room.params = msgspec.structs.replace(room.params, confirm_within_ns=50 * MS)
    room.books[Exchange.BITHUMB].block.clear()
    room.confirming.takes(approved())
    await asyncio.sleep(0.1)
    room.books[Exchange.BITHUMB].block.set()
    await settled(room)
    assert (room.sent, room.denied()["unconfirmed"]) == ([], 1)
    assert room.resyncs() == [(MARKET,), (MARKET,)]


@pytest.mark.parametrize("exchange", EXCHANGES)
async def test_failed_read_sends_nothing(room, exchange):
    room.books[exchange].answer = ReadFailed("500")
    room.confirming.takes(approved())
    await settled(room)
    assert (room.sent, room.denied()["unconfirmed"]) == ([], 1)
    assert room.resyncs() == [(MARKET,), (MARKET,)]


async def test_book_of_another_market_sends_nothing(room):
    room.books[Exchange.UPBIT].answer = msgspec.structs.replace(decoded(UPBIT), market="KRW-BTC")
    room.confirming.takes(approved())
    await settled(room)
    assert (room.sent, room.denied()["unconfirmed"]) == ([], 1)


async def test_gap_that_is_gone_when_the_answers_come_sends_nothing_and_is_counted(room):
    room.next = Decision(0, MARKET, 1, Ns(1), signal=signal(), denied=Denied(DenyReason.BOOK_STALE))
    room.confirming.takes(approved())
    await settled(room)
    assert (room.sent, room.denied()) == ([], {"unconfirmed": 0, "confirmed_too_late": 1})


async def test_what_sending_raises_is_told(room):
    def full(decision: Decision) -> None:
        raise OSError("no space")

    room.confirming._send = full
    room.confirming.takes(approved())
    await settled(room)
    assert [str(error) for error in room.raised] == ["no space"]


async def test_closing_ends_questions_and_sends_nothing(room):
    room.books[Exchange.UPBIT].block.clear()
    room.confirming.takes(approved())
    await settled(room)
    await room.confirming.close()
    assert (room.sent, room.raised) == ([], [])


@pytest.mark.parametrize(
    ("ask", "bid", "does"),
    [
        (4_000_000, 4_020_000, True),
        (4_002_000, 4_018_000, True),
        (4_002_001, 4_020_000, False),
        (4_000_000, 4_017_989, False),
    ],
)
def test_prices_may_lie_past_the_limits_by_the_slack_and_no_more(ask, bid, does):
    bought_from = decoded(book(Exchange.UPBIT, [(3_900_000, "1")], [(ask, "1")]))
    sold_into = decoded(book(Exchange.BITHUMB, [(bid, "1")], [(4_100_000, "1")]))
    assert supports(signal(), bought_from, sold_into, 500) is does


@pytest.mark.parametrize("missing", ["asks", "bids"])
def test_empty_side_supports_nothing(missing: str):
    books: dict[str, Callable[[], DecodedBook]] = {"asks": lambda: decoded(UPBIT), "bids": lambda: decoded(BITHUMB)}
    found = {name: make() for name, make in books.items()}
    found[missing] = msgspec.structs.replace(found[missing], **{missing: ()})
    assert not supports(signal(), found["asks"], found["bids"], 50_000)
