"""Deposits and withdrawals as Bithumb lists, makes and cancels them (bithumb.md §3.8a).

The members of a row are those that clients read; no source shows a live one of 2026.
"""

from collections.abc import Callable

from arbitrage.domain.units import base_of
from exchanges.simulator.cash import CashFault, Kind, Movement, Progress
from exchanges.simulator.dialect import Access, Call, Route
from exchanges.simulator.dialects.bithumb_errors import bad
from exchanges.simulator.dialects.reading import read_count
from exchanges.simulator.dialects.shared import json_answer
from exchanges.simulator.kst import kst_text
from exchanges.simulator.money import Fine, fine_of_text, fine_text
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Response, WireRefusal

_BAD = "invalid_parameter"
_KINDS = {Kind.DEPOSIT: "deposit", Kind.WITHDRAWAL: "withdraw"}
_STATES = {
    (Kind.DEPOSIT, Progress.PROCESSING): "PROCESSING",
    (Kind.DEPOSIT, Progress.DONE): "ACCEPTED",
    (Kind.DEPOSIT, Progress.CANCELLED): "CANCELLED",
    (Kind.WITHDRAWAL, Progress.WAITING): "PROCESSING",
    (Kind.WITHDRAWAL, Progress.DONE): "DONE",
    (Kind.WITHDRAWAL, Progress.CANCELLED): "CANCELLED",
}
_FAULTS = {
    CashFault.FUNDS_SHORT: (400, "withdraw_insufficient_balance"),
    CashFault.WALLET_CLOSED: (400, _BAD),
    CashFault.NOT_FOUND: (404, "withdraw_not_found"),
}
"""bithumb.md §3.10; what a closed wallet or an address not allowed is called is not in it."""


def transfer_row(one: Movement) -> dict[str, object]:
    """Return one deposit or withdrawal; deposits of coins have a prefix to their state, an end to come is null."""
    state = _STATES[one.kind, one.progress]
    is_krw = one.asset == "KRW"
    return {
        "type": _KINDS[one.kind],
        "uuid": one.movement_id,
        "currency": one.asset,
        "net_type": None if is_krw else one.net_type or one.asset,
        "txid": one.txid,
        "state": f"DEPOSIT_{state}" if one.kind is Kind.DEPOSIT and not is_krw else state,
        "created_at": kst_text(one.created_ns),
        "done_at": None if one.done_ns is None else kst_text(one.done_ns),
        "amount": fine_text(one.amount),
        "fee": fine_text(one.fee),
        "transaction_type": "default",
    }


def _listed(kind: Kind, asset: str | None = None) -> Callable[[SimExchange, Call], Response]:
    def answer(sim: SimExchange, call: Call) -> Response:
        params = call.params
        wanted = asset or params.one("currency")
        ids, txids, state = params.many("uuids"), params.many("txids"), params.one("state")
        found = [
            one
            for one in sim.cash.of(call.owner, kind)
            if wanted in (None, one.asset) and (not ids or one.movement_id in ids) and (not txids or one.txid in txids)
        ]
        found.sort(key=lambda one: one.created_ns, reverse=params.one("order_by") != "asc")
        rows = [row for row in map(transfer_row, found) if state is None or row["state"] == state.upper()]
        limit = read_count(params.one("limit"), 100, 100, _BAD)
        page = read_count(params.one("page"), 1, 1_000_000, _BAD)
        return json_answer(rows[(page - 1) * limit : page * limit])

    return answer


def _one(kind: Kind) -> Callable[[SimExchange, Call], Response]:
    def answer(sim: SimExchange, call: Call) -> Response:
        movement_id, txid = call.params.one("uuid"), call.params.one("txid")
        for one in sim.cash.of(call.owner, kind):
            if movement_id == one.movement_id or (movement_id is None and txid is not None and txid == one.txid):
                return json_answer(transfer_row(one))
        raise WireRefusal(404, f"{_KINDS[kind]}_not_found")

    return answer


def _allowed(sim: SimExchange, call: Call) -> Response:
    rows = sim.cash.addresses.get(call.owner.access_key, [])
    names = ("currency", "net_type", "withdraw_address")
    return json_answer([dict(zip(names, row, strict=True)) | {"network_name": row[1]} for row in rows])


def _withdraw(sim: SimExchange, call: Call) -> Response:
    coin, net, address = (call.params.one(name) for name in ("currency", "net_type", "address"))
    if not coin or not net or not address or coin not in map(base_of, sim.market.markets):
        raise bad("currency, net_type and address are needed")
    if (coin, net, address) not in sim.cash.addresses.get(call.owner.access_key, []):
        raise bad("the address is not on the list")
    amount = _amount(call)
    return _made(sim.cash.withdraw(call.owner, coin, amount, call.now, net_type=net, address=address), 201)


def _cancel(sim: SimExchange, call: Call) -> Response:
    return _made(sim.cash.cancel(call.owner, call.params.one("uuid") or "", call.now), 200)


def _amount(call: Call) -> Fine:
    try:
        amount = fine_of_text(call.params.one("amount") or "")
    except ValueError as error:
        raise bad(str(error)) from None
    if not amount:
        raise bad("amount must be above 0")
    return amount


def _made(made: Movement | CashFault, status: int) -> Response:
    if isinstance(made, CashFault):
        raise WireRefusal(*_FAULTS[made])
    return json_answer(transfer_row(made), status)


def _private(answer: Callable[[SimExchange, Call], Response]) -> Route:
    return Route(Access.PRIVATE, "private", answer)


TRANSFER_ROUTES = {
    ("GET", "/v1/deposits"): _private(_listed(Kind.DEPOSIT)),
    ("GET", "/v1/deposits/krw"): _private(_listed(Kind.DEPOSIT, "KRW")),
    ("GET", "/v1/deposit"): _private(_one(Kind.DEPOSIT)),
    ("GET", "/v1/withdraws"): _private(_listed(Kind.WITHDRAWAL)),
    ("GET", "/v1/withdraws/krw"): _private(_listed(Kind.WITHDRAWAL, "KRW")),
    ("GET", "/v1/withdraw"): _private(_one(Kind.WITHDRAWAL)),
    ("GET", "/v1/withdraws/coin_addresses"): _private(_allowed),
    ("POST", "/v1/withdraws/coin"): _private(_withdraw),
    ("DELETE", "/v1/withdraws/coin"): _private(_cancel),
}
