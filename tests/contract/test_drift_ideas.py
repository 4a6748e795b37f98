"""The ways in which an exchange's answers have drifted or may (upbit.md §6): read right, or not at all, and kept."""

import asyncio
from typing import Any

import pytest
from contract_bench import MARKET, Bench, Can, armed, ended, listening, make_feed, make_reader, until

from arbitrage.domain.book import ladder_fault
from arbitrage.domain.errors import AuthRefused, FrameInvalid, ReadFailed
from arbitrage.domain.frame_spec import FrameDecoder
from arbitrage.domain.order import Order, OrderOn, RefusalReason, TimeInForce
from arbitrage.domain.ports import Accepted, BalanceNews, Found, Frame, Refused, Unknown
from arbitrage.domain.units import Qty
from exchanges.rest_gateway import SPENT, RestGateway
from exchanges.simulator.trouble import shapes
from exchanges.simulator.trouble.fault import Fault
from exchanges.simulator.trouble.shapes import NameSpelling, Spelling, TimeSpelling

pytestmark = pytest.mark.needs(Can.NAME_ORDERS)


async def filled(bench: Bench, gateway: RestGateway, client_order_id: str) -> Order:
    order = bench.taking(await bench.book(), client_order_id)
    assert isinstance(await gateway.place(order), Accepted)
    await ended(gateway, order)
    return order


async def report_of(gateway: RestGateway, order: Order) -> Any:
    found = await gateway.query(order)
    assert isinstance(found, Found), found
    return found.report


HARMLESS: list[Fault] = [
    shapes.ExtraField(),
    shapes.NullAbsent(),
    shapes.KeyNull(field="time_in_force"),
    shapes.KeyNull(field="something_else"),
    *(
        shapes.NumberRespelled(spelling=spelling, field=field)
        for spelling in Spelling
        for field in ("executed_volume", "funds", "balance", "bid_fee")
    ),
    *(shapes.TimesRespelled(spelling=spelling) for spelling in TimeSpelling),
    shapes.ArrayReversed(),
    shapes.MarketAppeared(),
]


@pytest.mark.parametrize("fault", HARMLESS, ids=str)
async def test_what_changes_no_meaning_is_read_as_ever(bench: Bench, gateway: RestGateway, fault: Fault) -> None:
    order = await filled(bench, gateway, "idea-1")
    before = await report_of(gateway, order)
    balances = {row.asset: row for row in await gateway.balances()}
    rules = await gateway.market_rules(MARKET)
    with armed(bench, fault):
        after = await report_of(gateway, order)
        assert (after.on, after.executed_qty, after.paid_fee) == (before.on, before.executed_qty, before.paid_fee)
        assert {fill.trade_id: (fill.price, fill.qty, fill.funds) for fill in after.fills} == {
            fill.trade_id: (fill.price, fill.qty, fill.funds) for fill in before.fills
        }
        assert {row.asset: row for row in await gateway.balances()} == balances
        assert await gateway.market_rules(MARKET) == rules
        again = bench.taking(await bench.book(), "idea-2")
        assert isinstance(await gateway.place(again), Accepted)
        assert (await ended(gateway, again)).on is OrderOn.FULL_FILL


async def test_accounts_as_an_object_are_no_balances(bench: Bench, gateway: RestGateway) -> None:
    """The founding example: an object where an array was, and zero balances read from it."""
    with armed(bench, shapes.ArrayAsObject(object="accounts")):
        with pytest.raises(ReadFailed):
            await gateway.balances()
        assert [where for where, _ in gateway.drift.counts] == ["balances"]
        reader = make_reader(bench)
        with pytest.raises(ReadFailed):
            await asyncio.to_thread(reader.balances)
        reader.close()
    assert await gateway.balances()


async def test_state_never_seen_claims_nothing_and_is_kept(bench: Bench, gateway: RestGateway) -> None:
    order = bench.resting(await bench.book(), "idea-3", tif=TimeInForce.GTC)
    assert isinstance(await gateway.place(order), Accepted)
    await asyncio.sleep(0.3)
    with armed(bench, shapes.NewEnumValue(field="state", object="order")):
        report = await report_of(gateway, order)
    assert (report.on, report.executed_qty) == (OrderOn.ACKED, 0)
    assert ("query", "order.state was 'never_seen_before', a word never seen") in gateway.drift.counts
    with armed(bench, shapes.NewEnumValue(field="wallet_state")):
        reader = make_reader(bench)
        rows = await asyncio.to_thread(reader.wallets)
        assert not any(row.can_deposit or row.can_withdraw for row in rows)
        reader.close()
    with armed(bench, shapes.NewEnumValue(field="state", object="orders/chance")):
        assert not (await gateway.market_rules(MARKET)).is_active


@pytest.mark.parametrize("field", ["executed_volume", "state", "uuid"])
@pytest.mark.parametrize("make", [shapes.KeyMissing, shapes.KeyNull])
async def test_member_without_which_we_would_guess_makes_the_order_unknown(
    bench: Bench, gateway: RestGateway, make: Any, field: str
) -> None:
    order = await filled(bench, gateway, "idea-4")
    with armed(bench, make(field=field, object="order")):
        assert isinstance(await gateway.query(order), Unknown)
    assert gateway.drift.counts
    assert (await report_of(gateway, order)).on is OrderOn.FULL_FILL


@pytest.mark.parametrize("field", ["balance", "locked", "currency"])
async def test_balance_that_lacks_a_member_is_not_zero(bench: Bench, gateway: RestGateway, field: str) -> None:
    with armed(bench, shapes.KeyMissing(field=field, object="accounts")), pytest.raises(ReadFailed):
        await gateway.balances()


async def test_error_name_in_another_spelling_proves_no_more_than_it_says(bench: Bench, gateway: RestGateway) -> None:
    book = await bench.book()
    with armed(bench, shapes.ErrorRenamed(spelling=NameSpelling.NUMBER)):
        answer = await gateway.place(bench.taking(book, "idea-5", qty=Qty(100)))
        assert isinstance(answer, Refused)
        assert answer.reason is RefusalReason.OTHER
        assert isinstance(await gateway.query(bench.taking(book, "idea-nobody")), Unknown)
    with armed(bench, shapes.ErrorRenamed(spelling=NameSpelling.TEXT)), pytest.raises((ReadFailed, AuthRefused)):
        await make_feed(bench).snapshot("KRW-NOPE")


@pytest.mark.parametrize(
    "text", ["group=Crix_trades.v2; sec=3", "group=order; sec=", "sec=-1", "", "group=order", "x" * 50]
)
async def test_limit_header_nobody_knows_is_borne(bench: Bench, gateway: RestGateway, text: str) -> None:
    book = await bench.book()
    with armed(bench, shapes.RemainingReqOdd(text=text)):
        for number in range(4):
            answer = await gateway.place(bench.taking(book, f"idea-6-{number}"))
            # A name we do not know counts for the group we asked under: fewer orders, never a wrong answer.
            assert isinstance(answer, Accepted) or answer == Refused(RefusalReason.RATE_LIMITED, SPENT)
        assert await gateway.balances()


async def test_private_frames_in_another_format_say_the_same(bench: Bench, gateway: RestGateway) -> None:
    from exchanges.simulator.trouble.frames import FormatSwitched

    async with listening(gateway) as news:
        bench.faults.arm(FormatSwitched())
        for number in range(3):
            await filled(bench, gateway, f"idea-7-{number}")
        await until(lambda: any(item.report.on is OrderOn.FULL_FILL for item in news.of("idea-7-2")))


@pytest.mark.parametrize("spelling", list(Spelling))
async def test_private_frames_with_numbers_in_any_spelling_say_the_same(
    bench: Bench, gateway: RestGateway, spelling: Spelling
) -> None:
    async with listening(gateway) as news:
        order = bench.taking(await bench.book(), "idea-8")
        with armed(bench, shapes.NumberRespelled(spelling=spelling)):
            assert isinstance(await gateway.place(order), Accepted)
            await until(lambda: any(item.report.on is OrderOn.FULL_FILL for item in news.of("idea-8")))
            await until(lambda: any(isinstance(item, BalanceNews) for item in news.heard))
        fills = {fill.trade_id: fill.qty for item in news.of("idea-8") for fill in item.report.fills}
    assert sum(fills.values()) == order.qty


async def test_market_that_vanished_and_flags_that_flipped_are_seen(bench: Bench) -> None:
    reader = make_reader(bench)
    with armed(bench, shapes.MarketVanished(gone=MARKET)):
        assert MARKET not in {row.market for row in await asyncio.to_thread(reader.market_list)}
    with armed(bench, shapes.MarketAppeared(fresh="KRW-FRESH")):
        assert "KRW-FRESH" in {row.market for row in await asyncio.to_thread(reader.market_list)}
    with armed(bench, shapes.WarningFlipped()):
        assert all(row.is_warned for row in await asyncio.to_thread(reader.market_list))
    reader.close()


@pytest.mark.parametrize(
    "fault",
    [
        *(shapes.LadderLength(levels=levels) for levels in (0, 1, 15, 30, 31)),
        shapes.PricesOffTick(),
        shapes.TimestampShifted(by_ns=60 * 10**9),
        shapes.TimestampShifted(by_ns=-60 * 10**9),
        *(shapes.NumberRespelled(spelling=spelling) for spelling in Spelling),
        shapes.ExtraField(),
    ],
    ids=lambda fault: f"{fault.fault_name()}-{getattr(fault, 'levels', '')}{getattr(fault, 'spelling', '')}",
)
async def test_book_frames_are_whole_books_or_invalid(bench: Bench, fault: Fault) -> None:
    feed = make_feed(bench)
    frames: list[Frame] = []
    with armed(bench, fault):
        task = asyncio.create_task(feed.run((MARKET,), frames.append, lambda *_: None, lambda *_: None))
        await until(lambda: len(frames) >= 4)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    decoder = FrameDecoder(feed.spec)
    for frame in frames:
        try:
            book = decoder.decode(frame.data)
        except FrameInvalid:
            continue
        assert book.market == MARKET
        assert len(book.bids) <= 30
        assert all(level.qty > 0 for level in (*book.bids, *book.asks))
        assert ladder_fault(book.bids, book.asks) is None or not (book.bids and book.asks)
