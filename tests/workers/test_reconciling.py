"""Our rows beside the exchange's word: equal to the last digit, or a break that two looks agree on."""

from decimal import Decimal

import msgspec
import pytest
from desk_story import opened_desk, records, trip

from arbitrage.domain.adjustment import Move
from arbitrage.domain.errors import ReadFailed
from arbitrage.domain.events import Holding
from arbitrage.domain.order import OrderOn, OrderReport
from arbitrage.domain.ports import Found, NotFound, OpenOrder, Unknown
from arbitrage.domain.reconciliation import BreakKind
from arbitrage.domain.units import Exchange
from arbitrage.models import Order
from arbitrage.services import recording
from fast_path.counters import Counters
from workers.reconciling import break_text, compare_exchange, sums_since

pytestmark = [pytest.mark.django_db]
E8 = 10**8


class UpbitSays:
    """An exchange that answers what a test puts in; `balances` can change from one question to the next."""

    exchange = Exchange.UPBIT

    def __init__(self, *readings):
        self.readings = list(readings)
        self.lookups = {}
        self.resting = self.ended = self.came = self.left = ()
        self.single = {}
        self.asked = []

    def balances(self):
        self.asked.append("balances")
        return self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]

    def order(self, client_order_id, exchange_order_id=None):
        self.asked.append(client_order_id)
        return self.lookups.get(client_order_id) or found(Order.objects.get(pk=client_order_id))

    def open_orders(self):
        return self.resting

    def closed_orders(self, start_ns, end_ns, market=None):
        return tuple(row for row in self.ended if start_ns <= row.created_wall_ns < end_ns)

    def order_record(self, exchange_order_id):
        return self.single.get(exchange_order_id)

    def deposits(self):
        return self.came

    def withdrawals(self):
        return self.left


def found(row, **changes):
    report = OrderReport(
        OrderOn.FULL_FILL,
        exchange_order_id=row.exchange_order_id,
        executed_qty=int(row.executed_qty * E8),
        executed_funds=row.executed_funds,
        paid_fee=row.paid_fee,
    )
    return Found(msgspec.structs.replace(report, **changes))


def holdings(krw, btc, locked="0"):
    return (Holding("KRW", Decimal(krw), Decimal(0)), Holding("BTC", Decimal(btc), Decimal(locked)))


# 100,000,000 and a 20th decimal, minus 1,500,000 bought, minus 0.05 % fee.
KRW_AFTER = "98499250.00000000000000000001"


@pytest.fixture
def traded(desk_env):
    """A desk that bought 0.01 BTC on Upbit and sold it on Bithumb, all booked."""
    recording.record_batch(records([*opened_desk(), *trip("a1", buy=150_000_000, sell=150_300_000, qty=E8 // 100)]))
    return desk_env


def compare(reader, env, slept=None):
    return compare_exchange(reader, env, 0, sleep=(slept if slept is not None else []).append)


def test_equal_figures_make_no_break_and_need_one_look(traded):
    reader = UpbitSays(holdings(KRW_AFTER, "1.01"))
    look = compare(reader, traded)
    assert (look.breaks, look.orders_compared, look.balances_compared, look.is_settled) == ((), 1, 2, True)
    assert reader.asked == ["balances", "a1-0"]


def test_free_and_locked_are_added_with_all_their_digits(traded):
    reader = UpbitSays(holdings(KRW_AFTER, "1.00000000000000000001", "0.00999999999999999999"))
    assert compare(reader, traded).breaks == ()


def test_the_last_digit_counts(traded):
    look = compare(UpbitSays(holdings("98499250.00000000000000000002", "1.01")), traded)
    assert [(each.kind, each.subject) for each in look.breaks] == [(BreakKind.BALANCE_DRIFT, "KRW")]
    assert look.breaks[0].difference == Decimal("1E-20")
    assert break_text(look.breaks[0]) == (
        "upbit KRW: balance_drift, ours 98499250.00000000000000000001,"
        " theirs 98499250.00000000000000000002, difference 0.00000000000000000001"
    )


def test_a_difference_that_is_gone_at_the_second_look_is_none(traded):
    slept = []
    look = compare(UpbitSays(holdings("98499249", "1.01"), holdings(KRW_AFTER, "1.01")), traded, slept)
    assert look.breaks == ()
    assert 1.5 in slept


def test_a_difference_that_the_second_look_sees_otherwise_is_doubted(traded):
    look = compare(UpbitSays(holdings("98499249", "1.01"), holdings("98499248", "1.01")), traded)
    assert look.breaks == ()
    assert [(each.kind, each.subject) for each in look.findings.doubted] == [(BreakKind.BALANCE_DRIFT, "KRW")]
    steady = compare(UpbitSays(holdings("98499249", "1.01")), traded)
    assert (len(steady.breaks), steady.findings.doubted) == (1, ())


def test_while_an_arb_is_open_no_balance_is_compared_or_asked_for(traded):
    Counters(traded.shm_dir, "trader").set("moving_arbs", 1)
    reader = UpbitSays(holdings("0", "0"))
    look = compare(reader, traded)
    assert (look.is_settled, look.balances_compared, look.breaks) == (False, 0, ())
    assert "balances" not in reader.asked


def test_while_the_journal_is_not_all_booked_no_balance_is_compared(traded):
    traded.journal_path.write_bytes(b"x" * 100)
    Counters(traded.shm_dir, "recorder").set("position", 99)
    assert compare(UpbitSays(holdings("0", "0")), traded).is_settled is False
    Counters(traded.shm_dir, "recorder").set("position", 100)
    assert compare(UpbitSays(holdings(KRW_AFTER, "1.01")), traded).is_settled is True


def test_books_that_were_never_opened_are_not_compared(desk_env):
    look = compare(UpbitSays(holdings("5", "0")), desk_env)
    assert (look.is_settled, look.breaks) == (False, ())


def test_a_fill_we_do_not_know_is_a_break(traded):
    reader = UpbitSays(holdings("96999250.00000000000000000001", "1.02"))
    row = Order.objects.get(pk="a1-0")
    reader.lookups["a1-0"] = found(row, executed_qty=E8 // 50, executed_funds=row.executed_funds * 2)
    look = compare(reader, traded)
    assert [(each.kind, each.subject, each.difference) for each in look.breaks] == [
        (BreakKind.MISSING_FILL, "a1-0", Decimal("0.01"))
    ]
    assert [target.moves for target in look.findings.corrections] == [
        (Move("BTC", Decimal("0.01")), Move("KRW", Decimal(-1_500_000)))
    ]


def test_a_fill_that_no_balance_shows_is_told_and_not_booked(traded):
    reader = UpbitSays(holdings(KRW_AFTER, "1.01"))
    row = Order.objects.get(pk="a1-0")
    reader.lookups["a1-0"] = found(row, executed_qty=E8 // 50, executed_funds=row.executed_funds * 2)
    look = compare(reader, traded)
    assert [each.kind for each in look.breaks] == [BreakKind.MISSING_FILL]
    assert look.findings.corrections == ()


def test_an_order_the_exchange_does_not_have_is_a_break(traded):
    reader = UpbitSays(holdings(KRW_AFTER, "1.01"))
    reader.lookups["a1-0"] = NotFound()
    assert [each.kind for each in compare(reader, traded).breaks] == [BreakKind.MISSING_ORDER]


def test_an_order_known_by_no_id_of_the_exchange_proves_nothing(traded):
    Order.objects.filter(pk="a1-0").update(exchange_order_id="")
    reader = UpbitSays(holdings(KRW_AFTER, "1.01"))
    reader.lookups["a1-0"] = NotFound()
    look = compare(reader, traded)
    assert (look.orders_compared, look.breaks) == (0, ())


def test_an_answer_that_says_nothing_is_not_compared(traded):
    reader = UpbitSays(holdings(KRW_AFTER, "1.01"))
    reader.lookups["a1-0"] = Unknown("time-out")
    look = compare(reader, traded)
    assert (look.orders_compared, look.breaks) == (0, ())


def test_a_resting_order_that_is_not_ours_is_a_break_and_ours_is_none(traded):
    reader = UpbitSays(holdings(KRW_AFTER, "1.01"))
    reader.resting = (
        OpenOrder(Exchange.UPBIT, "KRW-BTC", "ex-a1-0", None),
        OpenOrder(Exchange.UPBIT, "KRW-BTC", "theirs", None),
    )
    assert [(each.kind, each.subject) for each in compare(reader, traded).breaks] == [
        (BreakKind.UNKNOWN_ORDER, "theirs")
    ]


def test_an_exchange_that_does_not_answer_is_the_callers_to_tell(traded):
    class Silent(UpbitSays):
        def balances(self):
            raise ReadFailed("no answer")

    with pytest.raises(ReadFailed):
        compare(Silent(()), traded)


def test_fees_and_profit_are_exact_sums_of_the_arbs_since_then(traded):
    # 1,500,000 at 0.05 % and 1,503,000 at 0.04 %.
    assert sums_since(0) == (Decimal("1351.2"), Decimal("1648.8"))
    assert sums_since(2**62) == (Decimal(0), Decimal(0))
