"""Deposit addresses, fees and what may be withdrawn, as Bithumb says it (bithumb.md §3.3, §3.8a)."""

import hashlib

from arbitrage.domain.units import base_of
from exchanges.simulator.dialect import Call
from exchanges.simulator.dialects.bithumb_errors import TWO_FACTOR, bad, refusal
from exchanges.simulator.dialects.shared import account_row, json_answer
from exchanges.simulator.money import fine_text
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Response, WireRefusal

MINIMUM = "0.001"
"""Of deposits and withdrawals of every coin: the real figures differ by coin and are in no source."""


def _coin(sim: SimExchange, call: Call) -> str:
    coin = call.params.one("currency") or ""
    if coin not in _coins(sim):
        raise WireRefusal(400, "currency does not have a valid value", "currency does not have a valid value")
    return coin


def _coins(sim: SimExchange) -> list[str]:
    return [base_of(market) for market in sim.market.markets]


def _address(call: Call, coin: str, net_type: str) -> dict[str, object]:
    mark = hashlib.sha256(f"{call.owner.access_key}/{coin}/{net_type}".encode()).hexdigest()
    return {"currency": coin, "net_type": net_type, "deposit_address": f"sim{mark[:36]}", "secondary_address": None}


def _fee(sim: SimExchange, coin: str) -> str:
    return fine_text(sim.cash.withdraw_fees.get(coin, 0))


def address(sim: SimExchange, call: Call) -> Response:
    """Answer GET /v1/deposits/coin_address, and its POST that makes one: every key has one per coin and network."""
    coin = _coin(sim, call)
    net_type = call.params.one("net_type") or coin
    if net_type not in sim.wallets.networks(coin):
        raise bad("net_type is unknown")
    return json_answer(_address(call, coin, net_type))


def addresses(sim: SimExchange, call: Call) -> Response:
    """Answer GET /v1/deposits/coin_addresses."""
    return json_answer([_address(call, coin, net) for coin in _coins(sim) for net in sim.wallets.networks(coin)])


def withdraw_chance(sim: SimExchange, call: Call) -> Response:
    """Answer GET /v1/withdraws/chance."""
    coin = _coin(sim, call)
    wallet = sim.wallets.real(coin)
    words = {
        "currency": {
            "code": coin,
            "withdraw_fee": _fee(sim, coin),
            "is_coin": True,
            "wallet_state": wallet.state.value,
        },
        "account": account_row(call.owner, coin),
        "withdraw_limit": {"currency": coin, "minimum": MINIMUM, "can_withdraw": wallet.takes_withdrawals},
    }
    return json_answer(words)


def second_factor(sim: SimExchange, call: Call) -> Response:
    """Refuse to move KRW: a second factor from an app is needed (bithumb.md §3.8a, §3.10)."""
    raise refusal(TWO_FACTOR)


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
                    "net_type": net_type,
                    "deposit_fee": "0",
                    "deposit_minimum": MINIMUM,
                    "withdraw_fee": _fee(sim, coin),
                    "withdraw_minimum": MINIMUM,
                }
                for net_type in sim.wallets.networks(coin)
            ],
        }
        for coin in coins
    ]
    return json_answer(rows)
