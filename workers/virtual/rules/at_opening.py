"""Rules for the moment an arb opens: what it rests on, worked out here once more from outside the desk."""

from arbitrage.domain.arb import Arb, ArbOn, ArbState
from arbitrage.domain.params import MS, SECOND, Params
from arbitrage.domain.units import EXCHANGES, PPM, QUOTE, SCALE, Exchange, Side, base_of, exact_sum
from fast_path.books import BookReader
from workers.virtual.life import Life
from workers.virtual.rules.findings import Findings

OFF_PPM = 30_000
"""Further off than this no book can be that is true, or was so within the last second."""
KST_NS = 9 * 3600 * SECOND
DAY_NS = 86_400 * SECOND


class AtOpening:
    """Looks at each arb when it is journalled for the first time."""

    def __init__(self, found: Findings) -> None:
        self._found = found
        self._world = found.world
        self._broken = found.broken
        self._known: set[str] = set()
        self._stuck: dict[str, int] = {}
        """How often somebody had let the desk trade when an arb came to be stuck."""
        env = found.world.env
        self._readers = {exchange: BookReader(env.shm_dir, exchange, env.markets) for exchange in EXCHANGES}

    def close(self) -> None:
        """Let go of shared memory."""
        for reader in self._readers.values():
            reader.close()

    def journalled(self, arb: Arb) -> None:
        """Look at a new image of an arb; only the first one is of its opening."""
        life = self._world.life
        if arb.state is ArbState.STUCK:
            self._stuck.setdefault(arb.arb_id, self._world.operator.times_let_trade)
        else:
            self._stuck.pop(arb.arb_id, None)
        if arb.arb_id in self._known:
            return
        self._known.add(arb.arb_id)
        if arb.why == ArbOn.OPENED and life is not None:
            params = self._world.operator.params_of(arb.params_epoch)
            self._paused(arb)
            self._beside_stuck(arb)
            self._limits(arb, life, params)
            self._reserved(arb, life)
            for exchange in EXCHANGES:
                self._book(arb, exchange)

    def _paused(self, arb: Arb) -> None:
        left = self._world.control.paused_until_mono_ns(arb.market) - self._world.clock.mono_ns()
        if left > 0:
            self._broken("opened_while_paused", f"{arb.arb_id}, {left // MS} ms before the pause of {arb.market} ends")

    # What is stuck holds the desk back until a person looked, whichever trader came to it.
    def _beside_stuck(self, arb: Arb) -> None:
        for arb_id, times_let_trade in self._stuck.items():
            if times_let_trade == self._world.operator.times_let_trade:
                self._broken("opened_beside_stuck", f"{arb.arb_id} beside {arb_id}, nobody let the desk trade since")

    def _limits(self, arb: Arb, life: Life, params: Params) -> None:
        now_ns, sends = self._world.loop.now_ns, 2
        for one in reversed(self._world.sends):
            if now_ns - one.at_ns >= SECOND:
                break
            sends += one.who == life.owner
        if sends > params.max_orders_per_s:
            self._broken("too_many_orders", f"{arb.arb_id}: {sends} in a second, {params.max_orders_per_s} allowed")
        opened = len(self._found.open_arbs)
        if opened > params.max_open_arbs:
            self._broken("too_many_arbs", f"{arb.arb_id}: {opened} are open, {params.max_open_arbs} allowed")
        today = (self._world.clock.wall_ns() + KST_NS) // DAY_NS
        found = self._found
        closed = [one for one in found.images.values() if one.closed_wall_ns is not None]
        lost = exact_sum(found.earned(one) for one in closed if ((one.closed_wall_ns or 0) + KST_NS) // DAY_NS == today)
        # A won of slack: the desk rounds each arb down, against us.
        if -lost * SCALE > params.max_daily_loss_krw + SCALE:
            self._broken("past_daily_loss", f"{arb.arb_id}: {-lost:f} KRW lost, {params.max_daily_loss_krw} allowed")

    def _reserved(self, arb: Arb, life: Life) -> None:
        if life.trader is None:
            return
        wallets = life.trader.wallets
        for leg in arb.orders:
            asset = QUOTE if leg.side is Side.BID else base_of(arb.market)
            reserved, total = wallets.reserved(leg.exchange, asset), wallets.total(leg.exchange, asset)
            if reserved > total:
                self._broken("over_reserved", f"{arb.arb_id}: {reserved} of {total} {asset} on {leg.exchange}")

    def _book(self, arb: Arb, exchange: Exchange) -> None:
        """Compare the book it was decided on with what the exchange really has."""
        view = self._readers[exchange].read(self._world.env.markets.index(arb.market))
        if view is None:
            self._broken("unhealthy_book", f"{arb.arb_id} opened with no book of {exchange}")
            return
        bid, ask = view.best_bid, view.best_ask
        if not 0 < bid < ask:
            self._broken("unhealthy_book", f"{arb.arb_id} opened on a book of {exchange} with bid {bid} and ask {ask}")
        true = self._world.best(exchange, arb.market)
        if abs(bid - true) * PPM > true * OFF_PPM:
            self._broken("untrue_book", f"{arb.arb_id} opened on a bid of {bid} on {exchange}, where it is {true}")
