"""Deposits and withdrawals as both JWT generations list, make and cancel them (upbit.md §1.9, bithumb.md §3.8a).

The members of a row are those that clients read; no source shows a live one of 2026. States and error names differ
and are handed in.
"""

from collections.abc import Mapping

import msgspec

from arbitrage.domain.units import base_of
from exchanges.simulator.cash import Cash, CashFault, Kind, Movement, Progress
from exchanges.simulator.dialect import Access, Call, Route
from exchanges.simulator.dialects.reading import read_count
from exchanges.simulator.dialects.shared import account_row, json_answer
from exchanges.simulator.kst import SECOND, kst_text
from exchanges.simulator.money import Fine, fine_of_text, fine_text
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Response, WireRefusal

_KINDS = {Kind.DEPOSIT: "deposit", Kind.WITHDRAWAL: "withdraw"}
_KRW_WAIT_NS = 60 * SECOND
"""How long KRW ordered in take; the second factor in an app is given by then."""


class TransferWords(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange's words: states, errors with their status, and the group its calls count in."""

    group: str
    states: Mapping[tuple[Kind, Progress], str]
    coin_prefix: Mapping[Kind, str]
    """Put before the state of a coin's row, not of a KRW row."""
    bad: str
    faults: Mapping[CashFault, tuple[int, str]]
    not_found: Mapping[Kind, str]
    address_unknown: str


class Transfers:
    """What answers the transfer paths of one exchange."""

    def __init__(self, words: TransferWords) -> None:
        self._words = words

    def routes(self) -> dict[tuple[str, str], Route]:
        """Return every path both exchanges have."""

        def route(answer: object) -> Route:
            return Route(Access.PRIVATE, self._words.group, answer)  # type: ignore[arg-type]

        return {
            ("GET", "/v1/deposits"): route(lambda sim, call: self._list(sim, call, Kind.DEPOSIT)),
            ("GET", "/v1/withdraws"): route(lambda sim, call: self._list(sim, call, Kind.WITHDRAWAL)),
            ("GET", "/v1/deposit"): route(lambda sim, call: self._one(sim, call, Kind.DEPOSIT)),
            ("GET", "/v1/withdraw"): route(lambda sim, call: self._one(sim, call, Kind.WITHDRAWAL)),
            ("GET", "/v1/withdraws/coin_addresses"): route(self._addresses),
            ("POST", "/v1/withdraws/coin"): route(self._withdraw),
            ("DELETE", "/v1/withdraws/coin"): route(self._cancel),
            ("POST", "/v1/withdraws/krw"): route(self._withdraw_krw),
            ("POST", "/v1/deposits/krw"): route(self._deposit_krw),
        }

    def krw_routes(self) -> dict[tuple[str, str], Route]:
        """Return the lists of KRW alone, which only Bithumb has."""
        group = self._words.group
        return {
            ("GET", "/v1/deposits/krw"): Route(
                Access.PRIVATE, group, lambda sim, call: self._list(sim, call, Kind.DEPOSIT, "KRW")
            ),
            ("GET", "/v1/withdraws/krw"): Route(
                Access.PRIVATE, group, lambda sim, call: self._list(sim, call, Kind.WITHDRAWAL, "KRW")
            ),
        }

    def row(self, one: Movement) -> dict[str, object]:
        """Return one deposit or withdrawal; an end that has not come is null."""
        state = self._words.states[one.kind, one.progress]
        prefix = "" if one.asset == "KRW" else self._words.coin_prefix.get(one.kind, "")
        return {
            "type": _KINDS[one.kind],
            "uuid": one.movement_id,
            "currency": one.asset,
            "net_type": None if one.asset == "KRW" else one.net_type or one.asset,
            "txid": one.txid,
            "state": prefix + state,
            "created_at": kst_text(one.created_ns),
            "done_at": None if one.done_ns is None else kst_text(one.done_ns),
            "amount": fine_text(one.amount),
            "fee": fine_text(one.fee),
            "transaction_type": "default",
        }

    def _list(self, sim: SimExchange, call: Call, kind: Kind, asset: str | None = None) -> Response:
        params = call.params
        wanted = asset or params.one("currency")
        ids, txids, state = params.many("uuids"), params.many("txids"), params.one("state")
        rows = [
            (one, self.row(one))
            for one in sim.cash.of(call.owner, kind)
            if wanted in (None, one.asset) and (not ids or one.movement_id in ids) and (not txids or one.txid in txids)
        ]
        rows = [(one, row) for one, row in rows if state is None or str(row["state"]) == state.upper()]
        rows.sort(key=lambda pair: pair[0].created_ns, reverse=params.one("order_by") != "asc")
        limit = read_count(params.one("limit"), 100, 100, self._words.bad)
        page = read_count(params.one("page"), 1, 1_000_000, self._words.bad)
        return json_answer([row for _, row in rows[(page - 1) * limit : page * limit]])

    def _one(self, sim: SimExchange, call: Call, kind: Kind) -> Response:
        movement_id, txid = call.params.one("uuid"), call.params.one("txid")
        for one in sim.cash.of(call.owner, kind):
            if movement_id == one.movement_id or (movement_id is None and txid is not None and txid == one.txid):
                return json_answer(self.row(one))
        raise WireRefusal(404, self._words.not_found[kind])

    def _addresses(self, sim: SimExchange, call: Call) -> Response:
        rows = sim.cash.addresses.get(call.owner.access_key, [])
        return json_answer(
            [
                {"currency": coin, "net_type": net, "network_name": net, "withdraw_address": address}
                for coin, net, address in rows
            ]
        )

    def _withdraw(self, sim: SimExchange, call: Call) -> Response:
        coin, net, address = (call.params.one(name) for name in ("currency", "net_type", "address"))
        if not coin or not net or coin not in map(base_of, sim.market.markets):
            raise WireRefusal(400, self._words.bad, "currency and net_type are needed")
        if (coin, net, address) not in sim.cash.addresses.get(call.owner.access_key, []):
            raise WireRefusal(400, self._words.address_unknown)
        amount = self._amount(call)
        return self._made(sim.cash.withdraw(call.owner, coin, amount, call.now, net_type=net, address=address))

    def _withdraw_krw(self, sim: SimExchange, call: Call) -> Response:
        return self._made(sim.cash.withdraw(call.owner, "KRW", self._amount(call), call.now, delay_ns=_KRW_WAIT_NS))

    def _deposit_krw(self, sim: SimExchange, call: Call) -> Response:
        return self._made(sim.cash.deposit(call.owner, "KRW", self._amount(call), call.now, delay_ns=_KRW_WAIT_NS))

    def _cancel(self, sim: SimExchange, call: Call) -> Response:
        cash: Cash = sim.cash
        return self._made(cash.cancel(call.owner, call.params.one("uuid") or "", call.now), 200)

    def _amount(self, call: Call) -> Fine:
        try:
            amount = fine_of_text(call.params.one("amount") or "")
        except ValueError as error:
            raise WireRefusal(400, self._words.bad, str(error)) from None
        if not amount:
            raise WireRefusal(400, self._words.bad, "amount must be above 0")
        return amount

    def _made(self, made: Movement | CashFault, status: int = 201) -> Response:
        if isinstance(made, CashFault):
            raise WireRefusal(*self._words.faults[made])
        return json_answer(self.row(made), status)


_STATES = {
    (Kind.DEPOSIT, Progress.PROCESSING): "PROCESSING",
    (Kind.DEPOSIT, Progress.DONE): "ACCEPTED",
    (Kind.DEPOSIT, Progress.CANCELLED): "CANCELLED",
    (Kind.WITHDRAWAL, Progress.WAITING): "WAITING",
    (Kind.WITHDRAWAL, Progress.DONE): "DONE",
    (Kind.WITHDRAWAL, Progress.CANCELLED): "CANCELLED",
}

UPBIT_TRANSFERS = TransferWords(
    group="default",
    states=_STATES,
    coin_prefix={},
    bad="validation_error",
    faults={
        CashFault.FUNDS_SHORT: (400, "invalid_parameter"),
        CashFault.WALLET_CLOSED: (400, "invalid_parameter"),
        CashFault.NOT_FOUND: (404, "withdraw_not_found"),
    },
    not_found={Kind.DEPOSIT: "deposit_not_found", Kind.WITHDRAWAL: "withdraw_not_found"},
    address_unknown="withdraw_address_not_registered",
)
"""upbit.md §1.9, §4.1. What short funds and a closed wallet are called is not in it: the general name stands."""

BITHUMB_TRANSFERS = TransferWords(
    group="private",
    states=_STATES | {(Kind.WITHDRAWAL, Progress.WAITING): "PROCESSING"},
    coin_prefix={Kind.DEPOSIT: "DEPOSIT_"},
    bad="invalid_parameter",
    faults={
        CashFault.FUNDS_SHORT: (400, "withdraw_insufficient_balance"),
        CashFault.WALLET_CLOSED: (400, "invalid_parameter"),
        CashFault.NOT_FOUND: (404, "withdraw_not_found"),
    },
    not_found={Kind.DEPOSIT: "deposit_not_found", Kind.WITHDRAWAL: "withdraw_not_found"},
    address_unknown="invalid_parameter",
)
"""bithumb.md §3.8a, §3.10; names for a closed wallet and an address not allowed are not in it."""


def withdraw_chance(sim: SimExchange, call: Call) -> Response:
    """Answer Upbit's GET /v1/withdraws/chance: what a coin may do; its members are those that clients read."""
    coin = call.params.one("currency") or ""
    if coin not in (*map(base_of, sim.market.markets), "KRW"):
        raise WireRefusal(404, "currency_not_found")
    wallet = sim.wallets.real(coin, call.params.one("net_type"))
    words = {
        "currency": {
            "code": coin,
            "withdraw_fee": fine_text(sim.cash.withdraw_fees.get(coin, 0)),
            "is_coin": coin != "KRW",
            "wallet_state": wallet.state.value,
        },
        "account": account_row(call.owner, coin),
        "withdraw_limit": {"currency": coin, "minimum": "0", "can_withdraw": wallet.takes_withdrawals},
    }
    return json_answer(words)
