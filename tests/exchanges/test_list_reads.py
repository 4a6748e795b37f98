"""Lists around trading, from the samples of upbit.md and bithumb.md."""

from decimal import Decimal

import pytest

from arbitrage.domain.units import EXCHANGES, Exchange
from exchanges.account_reads import transfer_record
from exchanges.fields import Fields
from exchanges.list_shapes import WireAnnouncement, WireCancels, WireOrderPage, WireTransfer, WireWallet
from exchanges.many_orders import rows_of
from exchanges.reads import Reads
from exchanges.records import Notice, WalletState

UPBIT, BITHUMB = (Reads(Fields(exchange)) for exchange in EXCHANGES)

TRANSFER = (
    b'[{"type":"deposit","uuid":"94332e99-3a87","currency":"BTC","net_type":"BTC","txid":"98c15999f0","state":"ACCEPTED",'
    b'"created_at":"2026-11-22T10:00:00+09:00","done_at":"2026-11-22T10:10:00+09:00","amount":"0.1","fee":"0.0",'
    b'"transaction_type":"default"}]'
)


@pytest.mark.parametrize("reads", [UPBIT, BITHUMB], ids=["upbit", "bithumb"])
def test_a_deposit_is_read_in_the_exchanges_own_words(reads: Reads) -> None:
    (row,) = reads.many(WireTransfer, TRANSFER)
    record = transfer_record(row)
    assert (record.transfer_id, record.kind, record.asset, record.state) == (
        "94332e99-3a87",
        "deposit",
        "BTC",
        "ACCEPTED",
    )
    assert (record.qty, record.fee) == (Decimal("0.1"), Decimal("0.0"))
    assert record.created_wall_ns == 1795309200_000_000_000


def test_a_transfer_in_flight_has_no_tx_id_and_no_fee() -> None:
    (row,) = UPBIT.many(WireTransfer, b'[{"currency":"KRW","state":"PROCESSING","amount":"5","txid":null,"fee":null}]')
    record = transfer_record(row)
    assert (record.tx_id, record.fee, record.created_wall_ns) == ("", Decimal(0), None)
    assert UPBIT.take_gaps() == ("transfer.transfer_id was absent", "transfer.created_at was absent")


@pytest.mark.parametrize(
    ("state", "can_deposit", "can_withdraw"),
    [
        ("working", True, True),
        ("withdraw_only", False, True),
        ("deposit_only", True, False),
        ("paused", False, False),
        ("unsupported", False, False),
        ("a_word_never_seen", False, False),
    ],
)
def test_wallet_words(state: str, can_deposit: bool, can_withdraw: bool) -> None:
    body = (
        f'[{{"currency":"BTC","wallet_state":"{state}","block_state":null,"block_height":null,'
        f'"block_updated_at":null,"block_elapsed_minutes":null,"net_type":"BTC","network_name":"Bitcoin"}}]'
    )
    (row,) = UPBIT.many(WireWallet, body.encode())
    wallet = WalletState(row.asset, row.network or "", row.state, row.block_state or "", row.block_minutes)
    assert (wallet.can_deposit, wallet.can_withdraw) == (can_deposit, can_withdraw)


def test_cancels_of_several_in_either_exchanges_form() -> None:
    upbit = UPBIT.one(
        WireCancels,
        b'{"success":{"count":1,"orders":[{"uuid":"0b7c","market":"KRW-ETH","identifier":"arb-17"}]},'
        b'"failed":{"count":0,"orders":[]}}',
    )
    assert [(row.exchange_order_id, row.client_order_id) for row in rows_of(upbit.done)] == [("0b7c", "arb-17")]
    assert rows_of(upbit.failed) == []
    bithumb = BITHUMB.one(
        WireCancels,
        b'{"success":[{"order_id":"C01","client_order_id":"a1","created_at":"2026-11-20T10:12:00+09:00"}],'
        b'"fail":[{"order_id":"C09","error":{"name":"order_not_found","message":"m"}}]}',
    )
    assert [row.client_order_id for row in rows_of(bithumb.done)] == ["a1"]
    assert [row.error for row in rows_of(bithumb.failed)] == [{"name": "order_not_found", "message": "m"}]
    for reads in (UPBIT, BITHUMB):
        with pytest.raises(ValueError, match="cancels"):
            reads.one(WireCancels, b'{"success":5}')


def test_page_of_the_v2_lists() -> None:
    page = BITHUMB.one(
        WireOrderPage,
        b'{"data":[{"order_id":"C01","client_order_id":"a","market":"KRW-BTC","side":"bid","order_type":"price",'
        b'"state":"done","executed_volume":"0.1","paid_fee":"1","created_at":"2026-11-20T10:12:00+09:00"}],'
        b'"has_next":true,"next_key":"k2"}',
    )
    assert (page.rows[0].exchange_order_id, page.rows[0].kind) == ("C01", "price")
    assert (page.has_next, page.next_key) == (True, "k2")


def test_announcement_and_the_category_of_maintenance() -> None:
    row = Fields(Exchange.UPBIT).one(
        WireAnnouncement,
        b'{"type":"announcement","event_type":"CREATED","uuid":"u","category":"maintenance","title":"t","url":"w",'
        b'"first_listed_at":"2026-11-22T10:00:00+09:00","listed_at":"2026-11-22T10:00:00+09:00"}',
    )
    assert (row.event, row.category, row.title, row.body) == ("CREATED", "maintenance", "t", None)
    assert Notice("t", ("점검",), "", "").is_maintenance
    assert not Notice("t", ("안내",), "", "").is_maintenance
