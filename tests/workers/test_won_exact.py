"""Thirty days of trading to the last won: every difference typed, at its row, within one run of reconciliation.

`WON_EXACT_ARBS=20000` makes it full size; the suite runs a slice of the same thirty days.
"""

import os
import random
from collections import Counter
from decimal import Decimal

import msgspec
import pytest
from desk_story import arb, order, records
from written_exchange import SECOND, WrittenExchange, WrittenOrder

from arbitrage import earnings, selectors
from arbitrage.domain.arb import ArbOn
from arbitrage.domain.events import ArbStepped, BalancesRead, TraderStarted
from arbitrage.domain.instrument import kst_date
from arbitrage.domain.order import OrderState
from arbitrage.domain.pnl import CAUSES
from arbitrage.domain.reconciliation import OURS_TO_ANSWER
from arbitrage.domain.units import EXACT, Exchange, Krw, Ns, Qty, Side, exact_sum
from arbitrage.models import Adjustment, Arb, Break
from arbitrage.services import reconciliation, recording
from arbitrage.services.postings import ledger_problems
from arbitrage.wall_time import moment
from exchanges.records import TransferRecord
from workers.reconciling import compare_exchange

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(7200)]
ARBS = int(os.environ.get("WON_EXACT_ARBS", "300"))
ARBS_A_RUN = 50
DAYS = 30
START_NS = 1_795_402_800 * SECOND
MARKETS = {"KRW-BTC": 150_000_000, "KRW-ETH": 4_000_000, "KRW-XRP": 3_000}
UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB


class Month:
    """The desk, both exchanges, and what goes wrong."""

    def __init__(self, env, rng):
        self.env, self.rng = env, rng
        coins = {"BTC": "1000", "ETH": "20000", "XRP": "9000000"}
        self.sites = {
            UPBIT: WrittenExchange(UPBIT, 500, "0", {"KRW": "900000000000.123456789", **coins}),
            BITHUMB: WrittenExchange(BITHUMB, 400, "0.01", {"KRW": "900000000000", **coins}),
        }
        self.now = START_NS
        self.seq = self.minted = self.runs = 0
        self.waiting = []
        self.keep(TraderStarted("r", 1, "simulated", tuple(MARKETS), Ns(self.now)))
        self.keep(*(BalancesRead(site.exchange, site.balances(), True, Ns(self.now)) for site in self.sites.values()))
        self.flush()
        self.pass_time(5)

    def keep(self, *events):
        self.waiting += events

    def flush(self):
        """Write what was journalled, as the recorder does."""
        recording.record_batch(records(self.waiting, first_seq=self.seq + 1))
        self.seq += len(self.waiting)
        self.waiting = []

    def pass_time(self, seconds):
        self.now += seconds * SECOND + self.rng.randrange(SECOND)

    def reconcile(self):
        """Run the job once for both exchanges; return the breaks it opened."""
        self.flush()
        self.pass_time(1)
        newest = Break.objects.order_by("-pk").first()
        for site in self.sites.values():
            look = compare_exchange(site, self.env, 0, sleep=lambda s: None, wall_ns=lambda: self.now)
            assert look.is_settled
            self.runs += 1
            assert reconciliation.keep_run(site.exchange, f"run{self.runs}", look.findings) is not None
        found = Break.objects.filter(pk__gt=newest.pk if newest else 0).order_by("pk")
        return [(row.exchange, row.kind, row.ref) for row in found]

    def check(self):
        """The ledger is what the exchanges hold, to the last digit, and nothing waits for a person."""
        for exchange, site in self.sites.items():
            ours = {figure.asset: figure.total_dec for figure in selectors.balance_figures(exchange)}
            assert ours == site.held
        assert Break.objects.filter(resolved_at=None, kind="balance_drift").count() == 0
        assert Adjustment.objects.filter(state="proposed").count() == 0

    def arb(self, *, market=None, parts=(1, 2), heard=lambda legs, images: images, sold_less=0):
        """Trade once; `heard` is what becomes of the two legs' images on their way to the journal."""
        rng, self.minted = self.rng, self.minted + 1
        market = market or rng.choice(list(MARKETS))
        buy_at, sell_at = rng.sample([UPBIT, BITHUMB], 2)
        middle = MARKETS[market]
        buy_price, sell_price = middle - rng.randrange(middle // 2000), middle + rng.randrange(middle // 2000)
        qty = rng.randrange(2_000_000, 30_000_000) * (150_000_000 // middle)
        arb_id = f"r-{self.minted}"
        legs, images = [], []
        for position, (exchange, side, price, done) in enumerate(
            ((buy_at, Side.BID, buy_price, qty), (sell_at, Side.ASK, sell_price, qty - sold_less))
        ):
            cut = [done * part // sum(parts) for part in parts[:-1]]
            split = [*cut, done - sum(cut)]
            leg = self.sites[exchange].trade(market, side, price, split, self.now, f"{arb_id}-{position}")
            legs.append(leg)
            images.append(self._image(arb_id, position, leg, exchange, side, price, qty, market))
        images = heard(legs, images)
        made = arb(arb_id, tuple(images), at_ns=self.now)
        promised = msgspec.structs.replace(made.signal, buy_cost=Krw(made.signal.buy_cost - rng.randrange(10**12)))
        self.keep(ArbStepped(msgspec.structs.replace(made, signal=promised), ArbOn.BALANCED, Ns(self.now)))
        return legs, arb_id

    def _image(self, arb_id, position, leg: WrittenOrder, exchange, side, price, qty, market):
        plain = order(
            arb_id, position, exchange=exchange, side=side, price=price, qty=qty, market=market, at_ns=self.now
        )
        return heard_of(plain, leg.fills, leg.record.paid_fee, leg.record.exchange_order_id)


def heard_of(image, fills, fee, exchange_order_id):
    return msgspec.structs.replace(
        image,
        fills=fills,
        executed_qty=Qty(sum(fill.qty for fill in fills)),
        executed_funds=exact_sum(fill.funds for fill in fills),
        paid_fee=fee,
        exchange_order_id=exchange_order_id,
        state=OrderState.CANCELED,
    )


# Each does one thing wrong and returns what must be found: exchange, kind, row.


def missed_fill(month):
    def deaf(legs, images):
        return [heard_of(images[0], images[0].fills[:1], images[0].paid_fee, images[0].exchange_order_id), images[1]]

    (buy, _), _ = month.arb(heard=deaf)
    return [(buy.record.exchange.value, "missing_fill", buy.fills[1].trade_id)]


def doubled_fill(month):
    def echo(legs, images):
        last = images[1].fills[-1]
        again = msgspec.structs.replace(last, trade_id=f"{last.trade_id}-stream")
        bigger = msgspec.structs.replace(images[1], qty=Qty(images[1].qty * 2))
        return [images[0], heard_of(bigger, (*images[1].fills, again), images[1].paid_fee, images[1].exchange_order_id)]

    (_, sell), _ = month.arb(heard=echo)
    return [(sell.record.exchange.value, "doubled_fill", f"{sell.fills[-1].trade_id}-stream")]


def fee_tier_change(month):
    site = month.sites[UPBIT]
    site.fee_ppm = 450 if site.fee_ppm == 500 else 500
    legs, _ = month.arb()
    return [("upbit", "fee_changed", own_id(legs, UPBIT))]


def coupon_expiry(month):
    month.sites[BITHUMB].fee_ppm = 2_500
    legs, _ = month.arb()
    return [("bithumb", "coupon_expired", own_id(legs, BITHUMB))]


def coupon_renewed(month):
    month.sites[BITHUMB].fee_ppm = 400
    legs, _ = month.arb()
    return [("bithumb", "fee_changed", own_id(legs, BITHUMB))]


def own_id(legs, exchange):
    return next(leg.record.client_order_id for leg in legs if leg.record.exchange is exchange)


def manual_trade(month):
    site = month.sites[month.rng.choice([UPBIT, BITHUMB])]
    made = site.trade(
        "KRW-ETH", month.rng.choice(list(Side)), 4_000_123, [month.rng.randrange(1, 10**9)], month.now, None
    )
    return [(site.exchange.value, "manual_trade", made.record.exchange_order_id)]


def deposit(month):
    site = month.sites[month.rng.choice([UPBIT, BITHUMB])]
    amount, number = Decimal(month.rng.randrange(10**15)).scaleb(-6), f"D{month.now}"
    site.move("KRW", amount)
    site.came.append(
        TransferRecord(number, "deposit", "KRW", "", "ACCEPTED", amount, Decimal(0), "", Ns(month.now), Ns(month.now))
    )
    return [(site.exchange.value, "deposit", number)]


def reversal(month):
    legs, _ = month.arb(parts=(3, 1, 2))
    month.arb()
    assert month.reconcile() == []
    leg = month.rng.choice(legs)
    site, fill = month.sites[leg.record.exchange], leg.fills[1]
    before, after = (exact_sum(part.funds for part in leg.fills[:count]) for count in (1, 2))
    fee = EXACT.subtract(cut(site, after), cut(site, before))
    sign = 1 if leg.record.side == "bid" else -1
    site.move(leg.record.market.partition("-")[2], Decimal(-sign * fill.qty).scaleb(-8))
    site.move("KRW", EXACT.add(fill.funds if sign > 0 else fill.funds.copy_negate(), fee))
    return [(site.exchange.value, "trade_reversed", fill.trade_id)]


def cut(site, funds):
    fee = EXACT.multiply(funds, Decimal(site.fee_ppm).scaleb(-6))
    return EXACT.subtract(fee, EXACT.remainder(fee, site.fee_step)) if site.fee_step else fee


def dust(month):
    less = month.rng.randrange(100, 900)
    legs, arb_id = month.arb(market="KRW-BTC", sold_less=less)
    month.arb()
    assert month.reconcile() == []
    site = month.sites[legs[0].record.exchange]
    site.move("BTC", Decimal(-less).scaleb(-8))
    return [(site.exchange.value, "dust", arb_id)]


def rounding(month):
    legs, _ = month.arb()
    month.arb()
    leg = next(leg for leg in legs if leg.record.exchange is UPBIT)
    fee = leg.record.paid_fee
    # The balance was charged whole won.
    month.sites[UPBIT].move("KRW", EXACT.subtract(fee, fee.to_integral_value("ROUND_CEILING")))
    return [("upbit", "rounding", leg.record.client_order_id)]


def day_border(month):
    # Placed in the last moment of a day in Korea, dated the next by the exchange.
    day = 86_400 * SECOND
    month.now += day - (month.now + 9 * 3_600 * SECOND) % day - SECOND // 20
    legs, _ = month.arb()
    for leg in legs:
        leg.record = msgspec.structs.replace(leg.record, created_wall_ns=Ns((month.now // SECOND + 1) * SECOND))
        assert kst_date(leg.record.created_wall_ns) != kst_date(Ns(month.now))
    month.now += SECOND
    return [(leg.record.exchange.value, "timing", leg.record.client_order_id) for leg in legs]


FAULTS = (
    missed_fill,
    doubled_fill,
    fee_tier_change,
    coupon_expiry,
    coupon_renewed,
    manual_trade,
    deposit,
    reversal,
    dust,
    rounding,
    day_border,
)


def test_thirty_days_end_to_the_last_won_with_every_fault_found_at_its_row(desk_env):
    rng = random.Random(20_261_126)
    month = Month(desk_env, rng)
    step = DAYS * 86_400 // ARBS
    rounds = max(ARBS // ARBS_A_RUN, 1)
    # Every fault at least once, spread over the month.
    planned = [(index * rounds // len(FAULTS), fault) for index, fault in enumerate(FAULTS)]
    planned += [(rng.randrange(rounds), rng.choice(FAULTS[5:])) for _ in range(rounds // 20)]
    injected: Counter[str] = Counter()
    for number in range(rounds):
        for _ in range(ARBS_A_RUN):
            month.pass_time(step)
            month.arb()
        assert month.reconcile() == []
        month.check()
        for _, fault in (each for each in planned if each[0] == number):
            month.pass_time(40)
            wanted = fault(month)
            assert sorted(month.reconcile()) == sorted(wanted), fault.__name__
            month.check()
            injected[fault.__name__] += 1
    assert set(injected) == {fault.__name__ for fault in FAULTS}
    check_end(month)


def check_end(month):
    assert ledger_problems() == []
    owed = Break.objects.filter(kind__in=[kind.value for kind in OURS_TO_ANSWER], resolved_at=None)
    assert list(owed) == []
    found = earnings.earnings_between(moment(START_NS), moment(month.now + 10 * SECOND))
    assert dict(found.bridge)[earnings.REST] == 0
    assert exact_sum(amount for _, amount in found.bridge) == found.change
    assert found.change == exact_sum(site.held["KRW"] for site in month.sites.values())
    assert found.total.arbs == month.minted == Arb.objects.count()
    assert found.total.unsplit == 0
    # By market, direction and cause: each way of adding up gives the same won.
    assert exact_sum(row.earned.pnl for row in found.rows) == found.total.pnl
    by_cause = {name: exact_sum(getattr(row.earned.parts, name) for row in found.rows) for name in CAUSES}
    assert exact_sum(by_cause.values()) == exact_sum(Arb.objects.values_list("pnl_krw", flat=True)) == found.total.pnl
    print(f"\n{month.minted} arbs, {month.runs} runs, {Break.objects.count()} breaks, P&L {found.total.pnl:f}")
    print({name: f"{amount:f}" for name, amount in by_cause.items()})
    print([(label, f"{amount:f}") for label, amount in found.bridge])
