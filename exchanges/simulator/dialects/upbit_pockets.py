"""Upbit's pockets: every account is one main pocket, with the keys and assets it has (upbit.md §1.9)."""

from collections.abc import Callable
from hashlib import sha256
from uuid import UUID

from exchanges.simulator.dialect import Access, Call, Route
from exchanges.simulator.dialects import shared
from exchanges.simulator.dialects.shared import json_answer
from exchanges.simulator.dialects.upbit_errors import refusal
from exchanges.simulator.keys import Scope
from exchanges.simulator.kst import kst_text
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Response

_PERMISSIONS = {Scope.VIEW_ASSETS: "view_account"}
"""Where the official SDK's word differs from ours."""


def _pocket_id(call: Call) -> str:
    return str(UUID(bytes=sha256(f"pocket/{call.owner.access_key}".encode()).digest()[:16], version=4))


def _pockets(sim: SimExchange, call: Call) -> Response:
    return json_answer([{"uuid": _pocket_id(call), "name": "메인 포켓", "type": "main"}])


def _keys(sim: SimExchange, call: Call) -> Response:
    _check(call, "uuids")
    rows = [
        {
            "access_key": key.access_key,
            "allowed_ips": list(key.ips),
            "permissions": [_PERMISSIONS.get(scope, scope.value) for scope in Scope if scope in key.scopes],
            "created_at": kst_text(call.owner.opened_ns),
            "expired_at": key.expire_at,
        }
        for key in sim.keys.of(call.owner)
    ]
    return json_answer([{"uuid": _pocket_id(call), "keys": rows}])


def _assets(sim: SimExchange, call: Call) -> Response:
    _check(call, "uuid")
    return shared.accounts(sim, call)


def _nothing(sim: SimExchange, call: Call) -> Response:
    return json_answer([])


# There is no second pocket to send anything to.
def _no_other(sim: SimExchange, call: Call) -> Response:
    raise refusal("pocket_not_found")


def _check(call: Call, word: str) -> None:
    named = [*call.params.many(word), *filter(None, [call.params.one(word)])]
    if any(name != _pocket_id(call) for name in named):
        raise refusal("pocket_not_found")


def _private(answer: Callable[[SimExchange, Call], Response]) -> Route:
    return Route(Access.PRIVATE, "default", answer)


POCKET_ROUTES = {
    ("GET", "/v1/pockets"): _private(_pockets),
    ("GET", "/v1/pockets/api_keys"): _private(_keys),
    ("GET", "/v1/pockets/assets"): _private(_assets),
    ("GET", "/v1/pockets/transfers"): _private(_nothing),
    ("POST", "/v1/pockets/transfers"): _private(_no_other),
    ("GET", "/v1/pockets/universal_transfers"): _private(_nothing),
    ("POST", "/v1/pockets/universal_transfers"): _private(_no_other),
}
