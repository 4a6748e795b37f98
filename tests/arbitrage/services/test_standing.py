"""What stands against a market, out of open alerts: warnings, ends of trading, notices, wallets."""

import pytest

from arbitrage.domain.controls import Standing
from arbitrage.domain.units import Exchange
from arbitrage.models import Alert
from arbitrage.models_incidents import Severity
from arbitrage.services import alerts
from arbitrage.services.standing import NOTICE_AGAINST, UNLISTED, WALLET, WARNING, note_title, standing

pytestmark = pytest.mark.django_db
MARKETS = ("KRW-BTC", "KRW-ETH", "KRW-W")
UPBIT, BITHUMB = Exchange


def raised(kind: str, subject: str, severity: str = Severity.HIGH) -> int:
    return alerts.raise_alert(kind, "text", subject=subject, severity=severity).pk


def test_with_no_alert_nothing_stands_against_any_market():
    raised("notice", "upbit KRW-BTC")
    assert standing(MARKETS) == {}


def test_each_kind_stands_where_it_was_raised_until_it_is_closed():
    raised(WARNING, "upbit KRW-BTC")
    raised(UNLISTED, "bithumb KRW-BTC")
    wallet = raised(WALLET, "bithumb ETH")
    raised(WALLET, "upbit SOL")
    both = Standing(warned=frozenset({UPBIT, BITHUMB}))
    assert standing(MARKETS) == {"KRW-BTC": both, "KRW-ETH": Standing(suspended=frozenset({BITHUMB}))}
    alerts.close_alert(wallet, "kim")
    assert standing(MARKETS) == {"KRW-BTC": both}


def test_a_mild_warning_is_told_and_stops_nothing():
    raised(WARNING, "upbit KRW-BTC", Severity.MEDIUM)
    assert standing(MARKETS) == {}


@pytest.mark.parametrize(
    ("title", "named"),
    [
        ("비트코인(BTC) 거래 유의 종목 지정 안내", ("KRW-BTC",)),
        ("[거래] 이더리움(ETH), 비트코인(BTC) 거래지원 종료 안내", ("KRW-BTC", "KRW-ETH")),
        ("웜홀(W) 네트워크 점검에 따른 안내", ("KRW-W",)),
        ("랩트비트코인(WBTC) 거래 유의 종목 지정 안내", ()),
        ("비트코인(BTC) 에어드랍 이벤트", ()),
        ("[점검] 시스템 점검 안내", ()),
    ],
)
def test_a_title_is_read_for_a_coin_beside_a_word_of_warning(title, named):
    assert note_title(UPBIT, title, MARKETS) == named
    assert set(standing(MARKETS)) == set(named)
    assert Alert.objects.filter(kind=NOTICE_AGAINST).count() == len(named)


def test_two_notices_of_one_market_are_two_alerts_and_both_must_be_closed():
    for title in ("비트코인(BTC) 거래 유의 종목 지정", "비트코인(BTC) 거래지원 종료"):
        note_title(BITHUMB, title, MARKETS)
    first, second = Alert.objects.order_by("pk")
    alerts.close_alert(first.pk, "kim")
    assert standing(MARKETS) == {"KRW-BTC": Standing(warned=frozenset({BITHUMB}))}
    alerts.close_alert(second.pk, "kim")
    assert standing(MARKETS) == {}
