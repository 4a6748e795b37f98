"""Lists of orders for jobs: by id, ended within a time (upbit.md §1.7, bithumb.md §3.5)."""

from collections.abc import Iterator, Sequence

import msgspec

from arbitrage.domain.errors import NotSent, ReadFailed
from arbitrage.domain.units import Ns, Qty, exact_sum
from exchanges.facts import ListStyle
from exchanges.list_shapes import WireOrderPage
from exchanges.reader_core import ReaderCore, check_market
from exchanges.reads import iso_ns, maybe_plain, order_report, some_id, units
from exchanges.records import NotOffered, OrderRecord
from exchanges.shapes import WireOrder, WireOrderRow, id_text
from exchanges.words import CLIENT_ORDER_ID, MAX_PAGES, PAGE, WIRE_ID, ids_body, ids_query

MS_NS = 1_000_000
WINDOW_NS = 7 * 86_400 * 1_000_000_000
"""The longest time one question about ended orders may span (upbit.md §1.7, bithumb.md §3.5)."""
MOST_ROWS = 1000


class OrderReads(ReaderCore):
    """Orders, many at a time."""

    rows_asked = MOST_ROWS
    """How many ended orders one answer may hold."""

    def orders_by_ids(self, client_order_ids: Sequence[str]) -> tuple[OrderRecord, ...]:
        """Return the orders found; one that is missing is unknown, not cancelled (upbit.md §1.7)."""
        for one in client_order_ids:
            if not CLIENT_ORDER_ID.fullmatch(one):
                raise ReadFailed(f"client_order_id was {one!r}, must be 1 to 36 of A-Z a-z 0-9 _ -")
        found: list[OrderRecord] = []
        most = self._facts.ids.most_read
        for start in range(0, len(client_order_ids), most):
            found += self._by_ids(client_order_ids[start : start + most])
        return tuple(found)

    def _by_ids(self, ids: Sequence[str]) -> list[OrderRecord]:
        path, key = self._facts.paths.orders_by_ids, self._facts.ids.client_many
        if self._facts.list_style is ListStyle.ROWS:
            body = self._private(path, ids_query(key, ids))
            return self._readable("orders by ids", body, self._rows)
        sent, hashed = ids_body(key, ids)
        return self._page("orders by ids", self._private(path, body=sent, hashed=hashed))[0]

    def order_record(self, exchange_order_id: str) -> OrderRecord | None:
        """Return one order by the exchange's own id, ours or not, its funds summed from its matches.

        None when it cannot be had. NotSent and AuthRefused as for every read.
        """
        if not WIRE_ID.fullmatch(exchange_order_id):
            return None
        try:
            body = self._private(self._facts.paths.order, f"uuid={exchange_order_id}")
            return self._readable("order", body, self._whole_record)
        except NotSent:
            raise
        except ReadFailed:
            return None

    def _whole_record(self, data: bytes) -> OrderRecord:
        order = self._reads.one(WireOrder, data)
        record = self._record(order)
        fills = order_report(order).fills
        if sum(fill.qty for fill in fills) != record.executed_qty:
            return record
        return msgspec.structs.replace(record, executed_funds=exact_sum(fill.funds for fill in fills))

    def pending_orders(self) -> tuple[OrderRecord, ...] | NotOffered:
        """Return all resting orders by a list whose pages cannot shift (Bithumb only, bithumb.md §3.5).

        `open_orders` asks another path: the two can be held against each other.
        """
        if not self._facts.paths.pending_orders:
            return NotOffered("pending orders")
        return tuple(self._pages("pending orders", self._facts.paths.pending_orders, f"state=wait&limit={PAGE}"))

    def closed_orders(self, start_ns: Ns, end_ns: Ns, market: str | None = None) -> tuple[OrderRecord, ...]:
        """Return the orders made from `start_ns` to before `end_ns` (wall clock) that have ended, oldest first.

        Asked in windows of at most seven days, in ms: ISO times with a `+` break the hash (upbit.md §1.7).
        """
        if market is not None:
            check_market(market)
        found: dict[str, OrderRecord] = {}
        for begins, ends in _windows(start_ns, end_ns):
            rows = self._closed_rows if self._facts.list_style is ListStyle.ROWS else self._closed_pages
            for row in rows(begins, ends, market):
                found[row.exchange_order_id] = row
        inside = (row for row in found.values() if start_ns // 10**9 <= row.created_wall_ns // 10**9)
        return tuple(sorted(inside, key=lambda row: row.created_wall_ns))

    def _closed_rows(self, begins: Ns, ends: Ns, market: str | None) -> Iterator[OrderRecord]:
        # No page parameter here: go on from the second of the newest row (upbit.md §1.7).
        while True:
            query = _closed_query(begins, ends, market, self.rows_asked) + "&order_by=asc"
            rows = self._readable("closed orders", self._private(self._facts.paths.closed_orders, query), self._rows)
            yield from rows
            if len(rows) < self.rows_asked:
                return
            newest = max(row.created_wall_ns for row in rows)
            if newest <= begins:
                raise ReadFailed(f"more than {self.rows_asked} orders ended that were made within one second")
            begins = newest

    def _closed_pages(self, begins: Ns, ends: Ns, market: str | None) -> Iterator[OrderRecord]:
        query = _closed_query(begins, ends, market, self.rows_asked)
        return self._pages("closed orders", self._facts.paths.closed_orders, query)

    def _pages(self, where: str, path: str, query: str) -> Iterator[OrderRecord]:
        key = ""
        for _ in range(MAX_PAGES):
            asked = f"{query}&next_key={key}" if key else query
            rows, key = self._page(where, self._private(path, asked))
            yield from rows
            if not key:
                return
        raise ReadFailed(f"{where} fill more than {MAX_PAGES} pages")

    def _page(self, where: str, body: bytes) -> tuple[list[OrderRecord], str]:
        """Return one page's rows and the key of the next page, empty when there is none."""

        def read(data: bytes) -> tuple[list[OrderRecord], str]:
            page = self._reads.one(WireOrderPage, data)
            key = id_text(page.next_key) if page.has_next else None
            return [self._record(row) for row in page.rows], key or ""

        return self._readable(where, body, read)

    def _rows(self, data: bytes) -> list[OrderRecord]:
        return [self._record(row) for row in self._reads.many(WireOrderRow, data)]

    def _record(self, row: WireOrderRow) -> OrderRecord:
        if row.market is None or row.created_at is None:
            raise ValueError("an order of a list lacks market or created_at")
        return OrderRecord(
            exchange=self.exchange,
            market=row.market,
            exchange_order_id=some_id(row.exchange_order_id),
            client_order_id=id_text(row.client_order_id),
            side=row.side or "",
            kind=row.kind or "",
            state=row.state,
            qty=None if row.qty is None else Qty(units(row.qty, "qty")),
            executed_qty=Qty(units(row.executed_qty, "executed_qty")),
            executed_funds=maybe_plain(row.executed_funds, "executed_funds"),
            paid_fee=maybe_plain(row.paid_fee, "paid_fee"),
            created_wall_ns=iso_ns(row.created_at),
            cancel_type=row.cancel_type or "",
        )


def _windows(start_ns: Ns, end_ns: Ns) -> Iterator[tuple[Ns, Ns]]:
    begins = start_ns
    while begins < end_ns:
        ends = Ns(min(begins + WINDOW_NS, end_ns))
        yield begins, ends
        begins = ends


def _closed_query(begins: Ns, ends: Ns, market: str | None, rows: int) -> str:
    where = "" if market is None else f"market={market}&"
    span = f"start_time={begins // MS_NS}&end_time={ends // MS_NS}"
    return f"{where}states[]=done&states[]=cancel&{span}&limit={rows}"
