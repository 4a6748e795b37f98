"""Every recorded real frame through the decoders: books decode, everything else is told apart."""

import base64
import json
from pathlib import Path

import msgspec
import pytest

from arbitrage.domain.book import ladder_fault
from arbitrage.domain.errors import FrameInvalid
from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder, FrameSpec
from exchanges import reads
from exchanges.bithumb.legacy_profile import STREAM_SPEC as LEGACY_SPEC
from exchanges.bithumb.profile import STREAM_SPEC as BITHUMB_SPEC
from exchanges.stream import ControlFrame, control_frame
from exchanges.upbit.profile import STREAM_SPEC as UPBIT_SPEC

FRAMES = Path(__file__).parents[1] / "frames"


def lines(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (FRAMES / name).read_text().splitlines()]


def with_keys_of(spec: FrameSpec, keys: FrameSpec) -> FrameSpec:
    """Return `spec` with the names of `keys`, its own unit of time."""
    return msgspec.structs.replace(keys, name=spec.name, time_unit=spec.time_unit)


def test_every_book_of_29_seconds_of_upbit_decodes_and_stands_the_checks() -> None:
    decoder = FrameDecoder(UPBIT_SPEC)
    books: list[DecodedBook] = []
    others = 0
    for line in lines("upbit-2021-04-17.jsonl"):
        if line["t"] != "recv":
            continue
        data = base64.b64decode(line["b64"])
        if json.loads(data).get("ty") == "orderbook":
            books.append(decoder.decode(data))
        else:
            others += 1
            with pytest.raises(FrameInvalid):
                decoder.decode(data)
    assert (len(books), others) == (145, 304)
    assert {len(book.bids) for book in books} == {15}
    assert [ladder_fault(book.bids, book.asks) for book in books if book.market.startswith("KRW-")].count(None) == len(
        [book for book in books if book.market.startswith("KRW-")]
    )
    assert {book.market for book in books} >= {"KRW-WAVES", "KRW-LAMB"}


def wire(kind: str, proto_start: str) -> list[bytes]:
    return [
        line["raw"].encode()
        for line in lines("wire-2026-09-23.jsonl")
        if line["kind"] == kind and line["proto"].startswith(proto_start)
    ]


def test_upbits_wire_of_september_2026_decodes_in_both_formats() -> None:
    frames = wire("orderbook", "upbit-ws")
    assert len(frames) == 3
    found = [
        FrameDecoder(UPBIT_SPEC if b'"ty"' in frame else with_keys_of(UPBIT_SPEC, BITHUMB_SPEC)).decode(frame)
        for frame in frames
    ]
    assert found[0].bids[0].price == 116_538_000 * 10**8
    assert found[2].asks[0].price == 116_606_000 * 10**8
    assert found[2].bids[0].qty == 79276


def test_bithumbs_wire_of_september_2026_decodes_and_dust_and_padding_are_dropped() -> None:
    frames = [frame for frame in wire("orderbook", "bithumb-ws-v2") if b'"type"' in frame]
    assert len(frames) == 4
    found = [FrameDecoder(BITHUMB_SPEC).decode(frame) for frame in frames]
    for book, frame in zip(found, frames, strict=True):
        rows = json.loads(frame)["orderbook_units"]
        assert len(book.asks) == sum(row["ask_price"] > 0 and row["ask_size"] > 0 for row in rows)
        assert len(book.bids) == sum(row["bid_price"] > 0 and row["bid_size"] > 0 for row in rows)
        assert book.exchange_ns == int(json.loads(frame)["timestamp"]) * 1000
    assert any(
        len(book.asks) < len(json.loads(frame)["orderbook_units"]) for book, frame in zip(found, frames, strict=True)
    )


def test_bithumbs_simple_frames_have_upbits_keys() -> None:
    (frame,) = wire("orderbook", "bithumb-ws-v2-simple")
    # The source left the time out; the rest is as captured.
    whole = json.loads(frame) | {"tms": 1790133513858123}
    book = FrameDecoder(with_keys_of(BITHUMB_SPEC, UPBIT_SPEC)).decode(json.dumps(whole).encode())
    assert (book.market, book.asks[0].price, book.bids[0].price) == (
        "KRW-BTC",
        116_279_000 * 10**8,
        116_267_000 * 10**8,
    )
    assert book.exchange_ns == 1790133513858123_000


def test_status_and_error_frames_are_told_from_content() -> None:
    assert control_frame(wire("status", "upbit-ws")[0]) == (ControlFrame.STATUS, "UP")
    assert [control_frame(frame) for frame in wire("error", "upbit-ws")] == [
        (ControlFrame.ERROR, "NO_TICKET"),
        (ControlFrame.ERROR, "INVALID_PARAM"),
        (ControlFrame.ERROR, "WRONG_FORMAT"),
    ]
    for kind in ("orderbook", "trade", "ticker"):
        for frame in wire(kind, "bithumb-ws-v2") + wire(kind, "upbit-ws"):
            assert control_frame(frame) is None


def test_public_errors_with_a_number_for_a_name_are_errors_whatever_their_status() -> None:
    bodies = wire("error", "upbit-rest") + wire("error", "bithumb-rest-v1")
    assert [reads.wire_error(body, 200).name for body in bodies] == ["404", "400", "404"]  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["bithumb-legacy-2021-06-01.jsonl", "bithumb-both-generations-2024-11-28.jsonl"])
def test_no_recorded_frame_of_any_kind_crashes_a_decoder(name: str) -> None:
    decoders = [FrameDecoder(spec) for spec in (UPBIT_SPEC, BITHUMB_SPEC)]
    for line in lines(name):
        control_frame(line["raw"].encode())
        for decoder in decoders:
            try:
                decoder.decode(line["raw"].encode())
            except FrameInvalid:
                continue


def test_the_jwt_generations_simple_frames_of_2024_are_books_with_time_in_ms() -> None:
    # Why the profile asks for DEFAULT frames: the unit of SIMPLE's time was not seen since.
    decoder = FrameDecoder(UPBIT_SPEC)
    recorded = [line for line in lines("bithumb-both-generations-2024-11-28.jsonl") if "legacy" not in line["proto"]]
    assert len(recorded) == 3
    for line in recorded:
        book = decoder.decode(line["raw"].encode())
        assert 0 < float(line["recv_ts"]) - book.exchange_ns / 1e9 < 5


def test_the_legacy_snapshot_of_september_2026_decodes_to_its_levels() -> None:
    (frame,) = wire("orderbooksnapshot", "bithumb-ws-legacy")
    book = FrameDecoder(LEGACY_SPEC).decode(frame)
    assert (book.market, book.exchange_ns) == ("KRW-BTC", 1790133914965948000)
    assert [(level.price // 10**8, level.qty) for level in book.bids] == [
        (116_500_000, 70740000),
        (116_475_000, 2580000),
    ]
    assert [(level.price // 10**8, level.qty) for level in book.asks] == [
        (116_501_000, 1630000),
        (116_510_000, 510000),
        (116_511_000, 40000),
    ]
