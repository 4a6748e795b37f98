"""Deposits and withdrawals as Bithumb lists them; no key of the simulator may withdraw (bithumb.md §3.8a)."""

import hashlib

from arbitrage.domain.units import base_of
from exchanges.simulator.dialect import Call
from exchanges.simulator.dialects.bithumb_errors import (
    DEPOSIT_NOT_FOUND,
    OUT_OF_SCOPE,
    WITHDRAW_NOT_FOUND,
    bad,
    refusal,
)
from exchanges.simulator.dialects.shared import account_row, json_answer
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Response, WireRefusal

_MINIMUM = "0.001"
_FEE = "0.0005"


def _coin(sim: SimExchange, call: Call) -> str:
    coin = call.params.one("currency") or ""
    if coin not in _coins(sim):
        raise WireRefusal(400, "currency does not have a valid value", "currency does not have a valid value")
    return coin


def _coins(sim: SimExchange) -> list[str]:
    return [base_of(market) for market in sim.market.markets]


def _address(call: Call, coin: str) -> dict[str, object]:
    mark = hashlib.sha256(f"{call.owner.access_key}/{coin}".encode()).hexdigest()
    return {"currency": coin, "net_type": coin, "deposit_address": f"sim{mark[:36]}", "secondary_address": None}


def none_yet(sim: SimExchange, call: Call) -> Response:
    """Answer a list that is empty."""
    return json_answer([])


def deposit(sim: SimExchange, call: Call) -> Response:
    """Answer GET /v1/deposit."""
    raise refusal(DEPOSIT_NOT_FOUND)


def withdraw(sim: SimExchange, call: Call) -> Response:
    """Answer GET /v1/withdraw."""
    raise refusal(WITHDRAW_NOT_FOUND)


def address(sim: SimExchange, call: Call) -> Response:
    """Answer GET /v1/deposits/coin_address, and its POST that makes one: every key has one per coin."""
    return json_answer(_address(call, _coin(sim, call)))


def addresses(sim: SimExchange, call: Call) -> Response:
    """Answer GET /v1/deposits/coin_addresses."""
    return json_answer([_address(call, coin) for coin in _coins(sim)])


def withdraw_chance(sim: SimExchange, call: Call) -> Response:
    """Answer GET /v1/withdraws/chance."""
    coin = _coin(sim, call)
    words = {
        "currency": {"code": coin, "withdraw_fee": _FEE, "is_coin": True, "wallet_state": "working"},
        "account": account_row(call.owner, coin),
        "withdraw_limit": {"currency": coin, "minimum": _MINIMUM, "can_withdraw": False},
    }
    return json_answer(words)


def refused(sim: SimExchange, call: Call) -> Response:
    """Refuse what moves money out or in: the keys have no such scope."""
    raise refusal(OUT_OF_SCOPE)


def inout_fees(sim: SimExchange, call: Call) -> Response:
    """Answer GET /v2/fee/inout/{currency|ALL}: fee and minimum per network (bithumb.md §3.3)."""
    wanted = call.request.path.rpartition("/")[2]
    coins = _coins(sim) if wanted == "ALL" else [coin for coin in _coins(sim) if coin == wanted]
    if not coins:
        raise bad("currency is unknown")
    rows = [
        {
            "currency": coin,
            "networks": [
                {
                    "net_type": coin,
                    "deposit_fee": "0",
                    "deposit_minimum": _MINIMUM,
                    "withdraw_fee": _FEE,
                    "withdraw_minimum": _MINIMUM,
                }
            ],
        }
        for coin in coins
    ]
    return json_answer(rows)
