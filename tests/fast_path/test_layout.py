"""The offsets a second implementation will be written against: these numbers only change with LAYOUT_VERSION."""

from fast_path import layout


def test_every_slot_field_has_its_place():
    assert layout.LAYOUT_VERSION == 2
    assert (layout.SLOT_SEQ, layout.SLOT_STATUS, layout.SLOT_PUBLISHED) == (0, 8, 16)
    assert (layout.SLOT_RECV_MONO, layout.SLOT_RECV_WALL, layout.SLOT_EXCHANGE) == (24, 32, 40)
    assert (layout.SLOT_FRAMES, layout.SLOT_FAULTS) == (48, 56)
    assert (layout.SLOT_ASK_PRICE, layout.SLOT_ASK_QTY) == (64, 304)
    assert (layout.SLOT_BID_PRICE, layout.SLOT_BID_QTY) == (544, 784)
    assert layout.SLOT_BYTES == 1024


def test_one_struct_covers_the_slot_behind_its_seq():
    assert layout.SLOT_BODY.size == layout.SLOT_BYTES - layout.SLOT_STATUS
    assert layout.SLOT_HEAD.size == layout.LINE - layout.SLOT_STATUS


def test_slots_begin_on_cache_lines():
    assert layout.slot_offset(0) == 1024
    assert layout.slot_offset(3) == 4096
    assert layout.books_bytes(3) == 4096


def test_the_control_block_has_its_places():
    assert (layout.CONTROL_LEVEL, layout.CONTROL_APPLIED, layout.CONTROL_EXCHANGES) == (64, 72, 80)
    assert (layout.CONTROL_PROCESSES, layout.CONTROL_MARKETS, layout.CONTROL_PARAMS) == (128, 4224, 69760)
    assert (layout.CONTROL_MONITOR_ONLY, layout.CONTROL_CUT) == (96, 112)
    assert (layout.CONTROL_WIRE, layout.AREA_DATA) == (69760 + 64 + 16384, 64)
    assert layout.CONTROL_BYTES == 86208 + 64 + 65536


def test_words_are_aligned():
    counts = ("MARKET_SLOTS", "PROCESS_SLOTS")
    for name, value in vars(layout).items():
        if name.startswith(("SLOT_", "CONTROL_", "MARKET_", "AREA_")) and isinstance(value, int):
            assert name in counts or value % layout.WORD == 0, name


def test_shape_tells_markets_and_their_order_apart():
    shape = layout.shape_of(["KRW-BTC", "KRW-ETH"])
    assert shape == layout.shape_of(("KRW-BTC", "KRW-ETH"))
    assert shape != layout.shape_of(["KRW-ETH", "KRW-BTC"])
    assert 0 < shape < 2**63
