"""Every order of one exchange: found by id, open or not, resting or not, and how one ends."""

from exchanges.simulator.account import Account
from exchanges.simulator.orders import Draft, OrdType, SimOrder
from exchanges.simulator.resting import Resting
from exchanges.simulator.rules import State
from exchanges.simulator.steps import Moment, Step


class Register:
    """The orders and the accounts they belong to."""

    def __init__(self) -> None:
        self.orders: dict[str, SimOrder] = {}
        self.open_orders: dict[str, SimOrder] = {}
        self.by_client_id: dict[tuple[str, str], str | None] = {}
        """(account, client order id) -> order id; None when it was burned without an order."""
        self.accounts: dict[str, Account] = {}
        self.resting = Resting()

    def account_of(self, order: SimOrder) -> Account:
        """Return whose order this is."""
        return self.accounts[order.access_key]

    def colliding(self, account: Account, draft: Draft) -> list[str]:
        """Return the account's own resting orders that a limit order would meet (bithumb.md §3.10, cross_trading)."""
        if draft.ord_type is not OrdType.LIMIT:
            return []
        side = self.resting.side(draft.market, draft.side.opposite)
        return [order.order_id for order in side.within(draft.limit) if order.access_key == account.access_key]

    def enter(self, order: SimOrder) -> None:
        """Take a new order in, or one from the state log."""
        self.orders[order.order_id] = order
        if order.is_open:
            self.open_orders[order.order_id] = order
        if order.draft.client_order_id is not None:
            self.by_client_id[order.access_key, order.draft.client_order_id] = order.order_id

    def rest(self, order: SimOrder) -> None:
        """Let an open limit order rest in the book."""
        self.resting.of(order).add(order)

    def end(self, order: SimOrder, state: State, moment: Moment, why: str | None = None) -> None:
        """End an order: its hold goes back, what the wire shows of it stays as it was (upbit.md §1.6)."""
        account = self.account_of(order)
        self.resting.of(order).remove(order.order_id)
        self.open_orders.pop(order.order_id, None)
        account.release(order.lock_asset, order.locked)
        if state is State.DONE:
            order.locked = 0
        order.state = state
        order.cancel_type = why or order.cancel_type
        order.ended_ns = moment.now
        moment.add(account, order, Step(state.value))

    def changed(self, order: SimOrder, moment: Moment) -> None:
        """Keep a change of an order that is no step on its own."""
        moment.touch(self.account_of(order), order)
