"""Upbit's deposits, withdrawals and travel rule, off the ledger of movements (upbit.md §1.9).

Members beyond the ones named there are those the official SDK types. Rights are the keyring's business.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256

from arbitrage.domain.units import base_of
from exchanges.simulator.cash import CashFault, Kind, Movement, Progress
from exchanges.simulator.dialect import Access, Call, Route
from exchanges.simulator.dialects.shared import NAMES, account_row, json_answer
from exchanges.simulator.dialects.upbit_errors import refusal
from exchanges.simulator.dialects.upbit_lists import count_of, is_newest_first
from exchanges.simulator.dialects.upbit_quirks import UpbitQuirks
from exchanges.simulator.kst import SECOND, kst_text
from exchanges.simulator.money import Fine, fine_of_text, fine_text
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Response

_DEPOSIT_STATES = {
    Progress.WAITING: "PROCESSING",
    Progress.PROCESSING: "PROCESSING",
    Progress.DONE: "ACCEPTED",
    Progress.CANCELLED: "CANCELLED",
}
_WITHDRAWAL_STATES = {
    Progress.WAITING: "WAITING",
    Progress.PROCESSING: "PROCESSING",
    Progress.DONE: "DONE",
    Progress.CANCELLED: "CANCELLED",
}
_OTHER_STATES = {
    Kind.DEPOSIT: ("REJECTED", "TRAVEL_RULE_SUSPECTED", "REFUNDING", "REFUNDED"),
    Kind.WITHDRAWAL: ("FAILED", "REJECTED"),
}
"""Documented, never reached here."""
_MINIMUM = "0.0005"
_VERIFY_NS = 600 * SECOND
_NOT_FOUND = {Kind.DEPOSIT: "deposit_not_found", Kind.WITHDRAWAL: "withdraw_not_found"}
_FAULTS = {
    CashFault.WALLET_CLOSED: "validation_error",
    CashFault.FUNDS_SHORT: "validation_error",
    CashFault.NOT_FOUND: "withdraw_not_found",
}
"""What a withdrawal without funds or with a closed wallet is called is not documented."""


def _states(kind: Kind) -> Mapping[Progress, str]:
    return _DEPOSIT_STATES if kind is Kind.DEPOSIT else _WITHDRAWAL_STATES


def _row(one: Movement) -> dict[str, object]:
    is_deposit = one.kind is Kind.DEPOSIT
    row: dict[str, object] = {
        "type": "deposit" if is_deposit else "withdraw",
        "uuid": one.movement_id,
        "currency": one.asset,
        "net_type": one.net_type,
        "txid": _txid(one),
        "state": _states(one.kind)[one.progress],
        "created_at": kst_text(one.created_ns),
        "done_at": None if one.done_ns is None else kst_text(one.done_ns),
        "amount": fine_text(one.amount),
        "fee": fine_text(one.fee),
        "transaction_type": "default",
    }
    if not is_deposit:
        row["is_cancelable"] = one.progress is Progress.WAITING
    return row


def _txid(one: Movement) -> str | None:
    if one.txid is not None:
        return one.txid
    if one.kind is Kind.WITHDRAWAL and one.progress is not Progress.DONE:
        return None
    return sha256(one.movement_id.encode()).hexdigest()


def _listed(kind: Kind) -> Callable[[SimExchange, Call], Response]:
    def answer(sim: SimExchange, call: Call) -> Response:
        params = call.params
        ids, txids = params.many("uuids"), params.many("txids")
        if (ids and txids) or len(ids) > 100 or len(txids) > 100:
            raise refusal("validation_error", "at most 100 uuids[] or txids[], not both")
        state, known = params.one("state"), (*_states(kind).values(), *_OTHER_STATES[kind])
        if state is not None and state not in known:
            raise refusal("validation_error", f"state must be one of {', '.join(dict.fromkeys(known))}")
        found = [
            one
            for one in sim.cash.of(call.owner, kind)
            if params.one("currency") in (None, one.asset)
            and state in (None, _states(kind)[one.progress])
            and (not ids or one.movement_id in ids)
            and (not txids or _txid(one) in txids)
        ]
        found = _between(found, params.one("from"), params.one("to"))
        if is_newest_first(call):
            found.reverse()
        limit, page = count_of(call, "limit", 100, 100), count_of(call, "page", 1, 1_000_000)
        return json_answer([_row(one) for one in found[(page - 1) * limit : page * limit]])

    return answer


# Cursors are ids: `from` begins after one, `to` ends before one. An unknown id bounds nothing.
def _between(found: list[Movement], after: str | None, before: str | None) -> list[Movement]:
    places = {one.movement_id: place for place, one in enumerate(found)}
    begin = places[after] + 1 if after in places else 0
    end = places[before] if before in places else len(found)
    return found[begin:end]


def _single(kind: Kind) -> Callable[[SimExchange, Call], Response]:
    def answer(sim: SimExchange, call: Call) -> Response:
        wanted, txid, asset = (call.params.one(name) for name in ("uuid", "txid", "currency"))
        found = [
            one
            for one in sim.cash.of(call.owner, kind)
            if wanted in (None, one.movement_id) and txid in (None, _txid(one)) and asset in (None, one.asset)
        ]
        if not found:
            raise refusal(_NOT_FOUND[kind])
        return json_answer(_row(found[-1]))

    return answer


def _coin(sim: SimExchange, call: Call) -> tuple[str, str | None]:
    asset = call.params.one("currency") or ""
    nets = sim.wallets.networks(asset)
    net = call.params.one("net_type") or (nets[0] if nets else None)
    if asset != "KRW" and net not in nets:
        raise refusal("currency_not_found")
    return asset, net


def _address_row(call: Call, asset: str, net: str | None) -> dict[str, object]:
    mark = sha256(f"{call.owner.access_key}/{asset}/{net}".encode()).hexdigest()
    return {"currency": asset, "net_type": net, "deposit_address": f"sim{mark[:37]}", "secondary_address": None}


def _addresses(sim: SimExchange, call: Call) -> Response:
    rows = [
        _address_row(call, asset, net)
        for asset in map(base_of, sim.market.markets)
        for net in sim.wallets.networks(asset)
    ]
    return json_answer(rows)


def _address(sim: SimExchange, call: Call) -> Response:
    return json_answer(_address_row(call, *_coin(sim, call)))


def _made_address(sim: SimExchange, call: Call) -> Response:
    return json_answer(_address_row(call, *_coin(sim, call)), 201)


def _deposit_chance(sim: SimExchange, call: Call) -> Response:
    asset, net = _coin(sim, call)
    is_open = sim.wallets.real(asset, net).takes_deposits
    words = {
        "currency": asset,
        "net_type": net,
        "is_deposit_possible": is_open,
        "deposit_impossible_reason": "" if is_open else "입금이 일시 중단되었습니다.",
        "minimum_deposit_amount": "0",
        "minimum_deposit_confirmations": 1,
        "decimal_precision": 8,
    }
    return json_answer(words)


def _withdraw_chance(sim: SimExchange, call: Call) -> Response:
    asset, net = _coin(sim, call)
    wallet = sim.wallets.real(asset, net)
    ways = {"deposit": wallet.takes_deposits, "withdraw": wallet.takes_withdrawals}
    support = [name for name, is_open in ways.items() if is_open]
    verified = ("email_verified", "identity_auth_verified", "bank_account_verified", "two_factor_auth_verified")
    level: dict[str, object] = {"security_level": 4, "fee_level": 0, **dict.fromkeys(verified, True)}
    return json_answer(
        {
            "member_level": level | {"locked": False, "wallet_locked": False},
            "currency": {
                "code": asset,
                "withdraw_fee": fine_text(sim.cash.withdraw_fees.get(asset, Fine(0))),
                "is_coin": asset != "KRW",
                "wallet_state": "working",
                "wallet_support": support,
            },
            "account": account_row(call.owner, asset),
            "withdraw_limit": {
                "currency": asset,
                "minimum": "5000" if asset == "KRW" else _MINIMUM,
                "fixed": 0 if asset == "KRW" else 8,
                "can_withdraw": wallet.takes_withdrawals,
                "remaining_daily_fiat": "5000000000",
                "fiat_currency": "KRW",
                "withdraw_delayed_fiat": "0",
            },
        }
    )


# One registered address per coin and network: the deposit address of the same name elsewhere.
def allowed_address(access_key: str, asset: str, net: str | None) -> str:
    """Return the one address a coin may be sent to (upbit.md §1.9: addresses must be on the allow-list)."""
    return f"sim{sha256(f'elsewhere/{access_key}/{asset}/{net}'.encode()).hexdigest()[:37]}"


def _allowed(sim: SimExchange, call: Call) -> Response:
    rows = [
        {
            "currency": asset,
            "net_type": net,
            "network_name": NAMES.get(net, (net, net))[1],
            "withdraw_address": allowed_address(call.owner.access_key, asset, net),
            "secondary_address": None,
            "beneficiary_type": "individual",
        }
        for asset in map(base_of, sim.market.markets)
        for net in sim.wallets.networks(asset)
    ]
    return json_answer(rows)


def _amount(call: Call) -> Fine:
    try:
        amount = fine_of_text(call.params.one("amount") or "")
    except ValueError as error:
        raise refusal("validation_error", str(error)) from None
    if not amount:
        raise refusal("validation_error", "amount must be above 0")
    return amount


def _withdraw_coin(sim: SimExchange, call: Call) -> Response:
    way = call.params.one("transaction_type") or "default"
    if call.params.one("net_type") is None or way not in ("default", "internal"):
        raise refusal("validation_error", "net_type is needed, transaction_type is default or internal")
    asset, net = _coin(sim, call)
    address = call.params.one("address")
    if address != allowed_address(call.owner.access_key, asset, net):
        raise refusal("withdraw_address_not_registered")
    return _withdrawn(sim.cash.withdraw(call.owner, asset, _amount(call), call.now, net_type=net, address=address))


def _withdraw_krw(sim: SimExchange, call: Call) -> Response:
    return _withdrawn(sim.cash.withdraw(call.owner, "KRW", _amount(call), call.now))


def _withdrawn(one: Movement | CashFault) -> Response:
    if isinstance(one, CashFault):
        raise refusal(_FAULTS[one], one.value)
    return json_answer(_row(one), 201)


def _cancel_withdrawal(sim: SimExchange, call: Call) -> Response:
    one = sim.cash.cancel(call.owner, call.params.one("uuid") or "", call.now)
    if isinstance(one, CashFault):
        raise refusal(_FAULTS[one])
    return json_answer(_row(one))


def _deposit_krw(sim: SimExchange, call: Call) -> Response:
    return json_answer(_row(sim.cash.deposit(call.owner, "KRW", _amount(call), call.now)), 201)


def _vasps(sim: SimExchange, call: Call) -> Response:
    row = {"vasp_name": "모의거래소", "vasp_uuid": "00000000-0000-4000-8000-000000000001"}
    return json_answer([row | {"depositable": True, "withdrawable": True}])


class TravelRule:
    """Verifies a deposit, each one at most once in ten minutes (upbit.md §1.9)."""

    def __init__(self, quirks: UpbitQuirks) -> None:
        self._quirks = quirks
        self._asked: dict[str, int] = {}

    def verify(self, sim: SimExchange, call: Call) -> Response:
        """Answer POST /v1/travel_rule/deposit/uuid and /txid."""
        wanted, txid = call.params.one("deposit_uuid"), call.params.one("txid")
        for one in sim.cash.of(call.owner, Kind.DEPOSIT):
            if wanted == one.movement_id or (txid is not None and txid == _txid(one)):
                if call.now - self._asked.get(one.movement_id, -_VERIFY_NS) < _VERIFY_NS:
                    raise refusal(self._quirks.verified_again_name, "once in ten minutes")
                self._asked[one.movement_id] = call.now
                words = {"deposit_uuid": one.movement_id, "verification_result": "verified"}
                return json_answer(words | {"deposit_state": _states(one.kind)[one.progress]}, 201)
        raise refusal("deposit_not_found")


def _private(answer: Callable[[SimExchange, Call], Response]) -> Route:
    return Route(Access.PRIVATE, "default", answer)


CASH_ROUTES = {
    ("GET", "/v1/deposits"): _private(_listed(Kind.DEPOSIT)),
    ("GET", "/v1/deposit"): _private(_single(Kind.DEPOSIT)),
    ("GET", "/v1/deposits/coin_addresses"): _private(_addresses),
    ("GET", "/v1/deposits/coin_address"): _private(_address),
    ("GET", "/v1/deposits/chance/coin"): _private(_deposit_chance),
    ("POST", "/v1/deposits/generate_coin_address"): _private(_made_address),
    ("POST", "/v1/deposits/krw"): _private(_deposit_krw),
    ("GET", "/v1/withdraws"): _private(_listed(Kind.WITHDRAWAL)),
    ("GET", "/v1/withdraw"): _private(_single(Kind.WITHDRAWAL)),
    ("GET", "/v1/withdraws/chance"): _private(_withdraw_chance),
    ("GET", "/v1/withdraws/coin_addresses"): _private(_allowed),
    ("POST", "/v1/withdraws/coin"): _private(_withdraw_coin),
    ("POST", "/v1/withdraws/krw"): _private(_withdraw_krw),
    ("DELETE", "/v1/withdraws/coin"): _private(_cancel_withdrawal),
    ("GET", "/v1/travel_rule/vasps"): _private(_vasps),
}


def travel_routes(quirks: UpbitQuirks) -> dict[tuple[str, str], Route]:
    """Return the paths that verify a deposit; they share the memory of what was asked."""
    travel = TravelRule(quirks)
    return {("POST", f"/v1/travel_rule/deposit/{word}"): _private(travel.verify) for word in ("uuid", "txid")}
