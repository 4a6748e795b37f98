"""Notices are told once, warnings as long as they stand; what could not be read becomes drift rows."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from django.utils import timezone

from arbitrage.domain.errors import ReadFailed
from arbitrage.domain.units import Exchange
from arbitrage.domain.wire import ExchangeWire, Wire, wire_to_bytes
from arbitrage.models import Alert, CheckItem, ShapeDrift
from arbitrage.services import wire
from arbitrage.services.notices import is_recent, notice_subject
from exchanges.records import Notice, NotOffered
from exchanges.simulator.trouble.shapes import ArrayAsObject, FieldRenamed, MarketVanished, WarningFlipped
from workers.tasks import announcements
from workers.tasks.announcements import read_announcements
from workers.tasks.readers import reading

UPBIT, BITHUMB = Exchange


def on_the_list():
    item = CheckItem.objects.get(check_list__kind="daily", word="announcements")
    assert item.is_automatic
    return item.is_done, item.detail


def open_alerts():
    rows = Alert.objects.filter(closed_at=None).exclude(kind="shape_drift").order_by("kind", "subject")
    return [(row.kind, row.subject, row.severity, row.count) for row in rows]


@pytest.mark.django_db(transaction=True)
async def test_markets_not_listed_and_warned_of_are_told_once_and_close_with_their_cause(sim):
    assert await asyncio.to_thread(read_announcements) == {"upbit": 0, "bithumb": 0}
    assert await asyncio.to_thread(on_the_list) == (True, "read; news are alerts")
    sim.faults(UPBIT).arm(MarketVanished(gone="KRW-ETH"))
    sim.faults(UPBIT).arm(WarningFlipped())
    for expected in (2, 0):
        assert (await asyncio.to_thread(read_announcements))["upbit"] == expected
    assert await asyncio.to_thread(open_alerts) == [
        ("market_unlisted", "upbit KRW-ETH", "high", 1),
        ("market_warning", "upbit KRW-BTC", "high", 1),
    ]
    sim.faults(UPBIT).clear()
    await asyncio.to_thread(read_announcements)
    assert await asyncio.to_thread(open_alerts) == []


@pytest.mark.django_db(transaction=True)
async def test_an_exchange_that_cannot_be_read_leaves_the_other_and_a_row(sim):
    sim.faults(BITHUMB).arm(FieldRenamed(from_="market", to="symbol"))
    assert await asyncio.to_thread(read_announcements) == {"upbit": 0, "bithumb": -1}
    row = await asyncio.to_thread(ShapeDrift.objects.get)
    assert (row.exchange, row.where, row.count) == ("bithumb", "market list", 1)
    assert await asyncio.to_thread(on_the_list) == (False, "could not be read: bithumb")
    await asyncio.to_thread(read_announcements)
    await asyncio.to_thread(row.refresh_from_db)
    assert row.count == 2


@pytest.mark.django_db(transaction=True)
async def test_jobs_read_by_the_wire_settings_in_force(sim, settings):
    sim.faults(UPBIT).arm(FieldRenamed(from_="balance", to="available", object="accounts"))

    def balances():
        with reading(UPBIT, settings.KARB_ENV) as reader:
            return [(row.asset, row.free) for row in reader.balances()]

    with pytest.raises(ReadFailed):
        await asyncio.to_thread(balances)
    mended = Wire({UPBIT: ExchangeWire(fields={"balance": {"free": "available"}})})
    row = await asyncio.to_thread(wire.submit_draft, wire_to_bytes(mended), "kim", "")
    await asyncio.to_thread(wire.validate, row.pk, "kim")
    await asyncio.to_thread(wire.activate, row.pk, "kim", "renamed")
    assert await asyncio.to_thread(balances) == [("KRW", Decimal(1_000_000))]
    sim.faults(UPBIT).arm(ArrayAsObject(object="accounts"))
    with pytest.raises(ReadFailed):
        await asyncio.to_thread(balances)
    seen = await asyncio.to_thread(lambda: list(ShapeDrift.objects.values_list("where", "count")))
    assert seen == [("balances", 1), ("balances", 1)]


class Board:
    """A reader whose notices a test writes."""

    exchange = BITHUMB

    def __init__(self, *notices):
        self.rows = notices

    def notices(self):
        return self.rows


def notice(title="점검 안내", categories=("점검",), url="https://example.invalid/1", listed_at=None):
    now = timezone.localtime().replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
    return Notice(title, categories, url, listed_at if listed_at is not None else now)


@pytest.mark.django_db
def test_a_notice_is_told_once_ever_and_maintenance_is_worse():
    board = Board(notice(), notice("상장", ("마켓 추가",), "https://example.invalid/2"))
    assert announcements._tell_notices(board) == 2
    assert sorted(row[2] for row in open_alerts()) == ["high", "low"]
    Alert.objects.update(closed_at=timezone.now())
    assert announcements._tell_notices(board) == 0
    assert announcements._tell_notices(Board(notice(url="https://example.invalid/3"))) == 1
    told = Alert.objects.get(closed_at=None)
    assert told.text.startswith("bithumb: 점검 안내 · 점검 · ")
    assert (told.kind, told.risk_id) == ("notice", "R1.1")


@pytest.mark.django_db
def test_an_exchange_without_notices_has_none():
    board = Board()
    board.rows = NotOffered("notices")
    assert announcements._tell_notices(board) == 0


def test_old_notices_are_history_and_odd_times_are_not():
    now = timezone.localtime()
    assert is_recent(notice(listed_at=(now - timedelta(days=6)).replace(tzinfo=None).isoformat()))
    assert not is_recent(notice(listed_at=(now - timedelta(days=8)).replace(tzinfo=None).isoformat()))
    assert not is_recent(notice(listed_at=(now - timedelta(days=8)).isoformat()))
    assert is_recent(notice(listed_at=""))
    assert is_recent(notice(listed_at="yesterday"))


def test_a_notice_goes_by_its_address_else_by_title_and_time():
    one = notice()
    assert notice_subject(BITHUMB, one) == notice_subject(BITHUMB, msgspec.structs.replace(one, title="edited"))
    bare = msgspec.structs.replace(one, url="")
    assert notice_subject(BITHUMB, bare) != notice_subject(BITHUMB, msgspec.structs.replace(bare, title="other"))
    assert len(notice_subject(BITHUMB, one)) <= 96
