"""Who may come in: tokens believed, nonces used once, keys that open this path from here, and a closed exchange."""

from collections.abc import Callable

from exchanges.simulator.account import Account
from exchanges.simulator.auth import AuthFault, NonceMemory, parse_bearer, token_fault
from exchanges.simulator.dialect import Dialect
from exchanges.simulator.keys import Scope, scope_of
from exchanges.simulator.operations import Operations
from exchanges.simulator.rules import Rules
from exchanges.simulator.wire import Params, Request, WireRefusal


class Entrance:
    """The door of one exchange."""

    def __init__(self, dialect: Dialect, operations: Operations, rules: Callable[[], Rules]) -> None:
        self.nonces = NonceMemory()
        self._dialect = dialect
        self._keys = operations.keys
        self._closing = operations.closing
        self._rules = rules

    def account_of(self, request: Request, params: Params, now: int) -> Account:
        """Return whose signed request this is. WireRefusal in the dialect's words when it is not believed."""
        refusal = self._dialect.auth_refusal
        token = parse_bearer(request.headers.get("authorization"))
        if isinstance(token, AuthFault):
            raise refusal(token)
        key = self._keys.find(token.access_key)
        if key is None:
            raise refusal(AuthFault.KEY_UNKNOWN)
        texts = self._dialect.signed_texts(params)
        faults = [token_fault(token, key.secret, self._dialect.algs, text) for text in texts]
        fault = None if None in faults else faults[0]
        fault = fault or self._dialect.token_claims_fault(token.claims, now)
        if fault is None and not self.nonces.is_new(key.access_key, str(token.claims["nonce"]), now):
            fault = AuthFault.NONCE_USED
        fault = fault or self._keys.fault(key, request.method, request.path, request.peer, now)
        if fault is not None:
            raise refusal(self._rules().missing_scope if fault is AuthFault.OUT_OF_SCOPE else fault)
        return key.account

    def barred_types(self, request: Request) -> frozenset[str]:
        """Return the stream types that the key of a believed handshake has no right to."""
        token = parse_bearer(request.headers.get("authorization"))
        key = None if isinstance(token, AuthFault) else self._keys.find(token.access_key)
        return frozenset() if key is None else key.barred_types

    def refuse_if_closed(self, request: Request) -> None:
        """Raise for every order call while the whole exchange is closed; cancels may be refused too (upbit.md §5.3)."""
        if self._closing.is_whole and scope_of(request.method, request.path) is Scope.MAKE_ORDERS:
            raise WireRefusal(*self._rules().offline_answer)
