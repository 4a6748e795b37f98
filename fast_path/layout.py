"""The shared memory byte by byte: magics, version, and each offset from the one before.

Every file begins with the same 64-byte header. All words are 8 bytes, aligned, little-endian, and
stored and loaded in one machine access (native formats only: the byte-by-byte `<q` would tear).

    any file        0        8         12        16        24       32        40..63
                    +--------+---------+---------+---------+--------+---------+------------------+
                    | magic  | version | hdr len | size    | shape  | word A  | spare            |
                    +--------+---------+---------+---------+--------+---------+------------------+
    shape = hash of what the slots mean (the markets of a book file), 0 where names are in the slots

    books.<exchange>.shm          word A: 1 = retired, a newer file has this name
      0      header
      1024   slot 0                       one per market, in the order of the feed's markets
      2048   slot 1 ...

      slot   0     8        10      12      14    16             24         32         40           48       56
             +-----+--------+-------+-------+-----+--------------+----------+----------+------------+--------+--------+
             | seq | status | n_bid | n_ask | pad | published    | recv     | recv     | exchange   | frames | faults |
             | u64 | u16    | u16   | u16   | u16 | mono_ns i64  | mono_ns  | wall_ns  | ns         | u64    | u64    |
             +-----+--------+-------+-------+-----+--------------+----------+----------+------------+--------+--------+
      64     ask price i64[30]    304  ask qty i64[30]    544  bid price i64[30]    784  bid qty i64[30]    1024
      Best level first, prices and quantities in 10^-8, entries past n_ask / n_bid are zero.
      seq is odd while the writer is inside. `faults` may move without seq: it is not part of a snapshot.

    control.shm                   word A: fence
      0      header
      64     level i64, params epoch applied i64, then a level i64 per exchange, in order, then for each
             exchange since when it is monitor-only, wall_ns, 0 = it is not
      128    process slots [64] x 64: name 32 bytes, pid, mono_ns, wall_ns, wire epoch applied
      4224   market slots [512] x 128: name 32 bytes, 32 spare, level, paused_until_mono_ns,
             requested[2], served[2], a warning stands on (bits by exchange), wallets suspended on (bits)
      69760  params: seq u64, epoch i64, length i64, 40 spare, then 16384 bytes
      86208  wire settings: the same, then 65536 bytes

    counters.<process>.shm        word A: slots in use
      64     slots [256] x 64: name 56 bytes, value i64

    latency.<process>.shm
      64     histograms, one per stage in the order of `latency.Stage`: i64[BUCKETS]

    wakeup.sock.words             how often each market of each exchange was published, modulo 2^62
      64     a row of 512 words per exchange: markets in use, then one counter per market

The Python seqlock needs a processor that keeps stores in order among stores and loads among loads
(x86 does); `core.py` refuses others unless the native core, which has real fences, is there.
"""

import hashlib
import struct
from collections.abc import Sequence

from arbitrage.domain.book import MAX_LEVELS
from arbitrage.domain.units import EXCHANGES
from arbitrage.domain.wire import WIRE_MAX

LAYOUT_VERSION = 2
WORD = 8
LINE = 64

# The header.
HEADER = struct.Struct("=8sIIQQ")
HEADER_BYTES = LINE
WORD_A = HEADER.size // WORD

MAGIC_BOOKS = b"KARBBOOK"
MAGIC_CONTROL = b"KARBCTRL"
MAGIC_COUNTERS = b"KARBCNTR"
MAGIC_LATENCY = b"KARBLTCY"
MAGIC_WAKEUP = b"KARBWAKE"

# Books.
SLOT_SEQ = 0
SLOT_STATUS = SLOT_SEQ + WORD
SLOT_PUBLISHED = SLOT_STATUS + WORD
SLOT_RECV_MONO = SLOT_PUBLISHED + WORD
SLOT_RECV_WALL = SLOT_RECV_MONO + WORD
SLOT_EXCHANGE = SLOT_RECV_WALL + WORD
SLOT_FRAMES = SLOT_EXCHANGE + WORD
SLOT_FAULTS = SLOT_FRAMES + WORD
SLOT_ASK_PRICE = SLOT_FAULTS + WORD
SLOT_ASK_QTY = SLOT_ASK_PRICE + MAX_LEVELS * WORD
SLOT_BID_PRICE = SLOT_ASK_QTY + MAX_LEVELS * WORD
SLOT_BID_QTY = SLOT_BID_PRICE + MAX_LEVELS * WORD
SLOT_BYTES = SLOT_BID_QTY + MAX_LEVELS * WORD
_INT64 = "l" if struct.calcsize("l") == WORD else "q"
"""Python packs a large int into an `l` in a third of the time."""
SLOT_HEAD = struct.Struct(f"@HHHH4{_INT64}QQ")
"""All of line 0 behind seq."""
SLOT_BODY = struct.Struct(f"{SLOT_HEAD.format}{4 * MAX_LEVELS}{_INT64}")
"""Everything behind seq, written and read in one go."""
BOOKS_START = SLOT_BYTES

# 0 = never written
STATUS_LIVE = 1
STATUS_DEAD = 2

# Control.
CONTROL_LEVEL = HEADER_BYTES
CONTROL_APPLIED = CONTROL_LEVEL + WORD
CONTROL_EXCHANGES = CONTROL_APPLIED + WORD
CONTROL_MONITOR_ONLY = CONTROL_EXCHANGES + len(EXCHANGES) * WORD
CONTROL_CUT = CONTROL_MONITOR_ONLY + len(EXCHANGES) * WORD
PROCESS_SLOTS = 64
PROCESS_BYTES = LINE
PROCESS_NAME_BYTES = 32
CONTROL_PROCESSES = CONTROL_LEVEL + LINE
MARKET_SLOTS = 512
MARKET_BYTES = 2 * LINE
MARKET_NAME_BYTES = 32
MARKET_LEVEL = LINE
MARKET_PAUSED = MARKET_LEVEL + WORD
MARKET_REQUESTED = MARKET_PAUSED + WORD
MARKET_SERVED = MARKET_REQUESTED + len(EXCHANGES) * WORD
MARKET_WARNED = MARKET_SERVED + len(EXCHANGES) * WORD
MARKET_WALLETS = MARKET_WARNED + WORD
CONTROL_MARKETS = CONTROL_PROCESSES + PROCESS_SLOTS * PROCESS_BYTES
CONTROL_PARAMS = CONTROL_MARKETS + MARKET_SLOTS * MARKET_BYTES
AREA_EPOCH = WORD
AREA_LENGTH = AREA_EPOCH + WORD
AREA_DATA = LINE
"""An area holds bytes that one process replaces as a whole: seq, epoch, length, then the bytes."""
PARAMS_MAX = 16 * 1024
CONTROL_WIRE = CONTROL_PARAMS + AREA_DATA + PARAMS_MAX
CONTROL_BYTES = CONTROL_WIRE + AREA_DATA + WIRE_MAX

# Counters.
COUNTER_SLOTS = 256
COUNTER_NAME_BYTES = LINE - WORD
COUNTERS_BYTES = HEADER_BYTES + COUNTER_SLOTS * LINE

# Latency: values below 2^SUB_BITS one bucket each, then 2^SUB_BITS buckets for each doubling.
SUB_BITS = 4
SUB = 1 << SUB_BITS
TOP_BITS = 42
"""Values from 2^42 ns (73 minutes) on share the last bucket."""
BUCKETS = SUB + (TOP_BITS - SUB_BITS) * SUB

# Wake-up words.
WAKEUP_MARKETS = 512
WAKEUP_BYTES = HEADER_BYTES + len(EXCHANGES) * WAKEUP_MARKETS * WORD


def books_bytes(markets: int) -> int:
    """Return the size of a book file for so many markets."""
    return BOOKS_START + markets * SLOT_BYTES


def slot_offset(index: int) -> int:
    """Return where the slot of market `index` begins."""
    return BOOKS_START + index * SLOT_BYTES


def shape_of(markets: Sequence[str]) -> int:
    """Return the hash that a book file of these markets, in this order, carries in its header."""
    digest = hashlib.sha256(",".join(markets).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1 | 1
