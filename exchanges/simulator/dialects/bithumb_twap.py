"""The TWAP paths: take a plan, cancel it, list plans (bithumb.md §3.8a)."""

from arbitrage.domain.units import SCALE, Side
from exchanges.simulator.dialect import Call
from exchanges.simulator.dialects.bithumb_errors import ORDER_FAULTS, PARAMETER, bad, refusal
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks
from exchanges.simulator.dialects.reading import read_count
from exchanges.simulator.dialects.shared import json_answer
from exchanges.simulator.kst import kst_text
from exchanges.simulator.money import fine_of_units, fine_text, funds_of, plain_text, units_of_text
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.steps import Fault
from exchanges.simulator.twap import Twap, TwapState, slice_of
from exchanges.simulator.wire import Params, Response

_DURATION_S = (300, 43_200)


class BithumbTwap:
    """What the TWAP paths answer."""

    def __init__(self, quirks: BithumbQuirks) -> None:
        self._quirks = quirks

    def place(self, sim: SimExchange, call: Call) -> Response:
        """Answer POST /v1/twap: KRW to spend in `price`, or coins to sell in `volume`."""
        params = call.params
        market, side_text = params.one("market") or "", params.one("side")
        if market not in sim.market.markets or side_text not in tuple(Side):
            raise bad("market and side are needed")
        side = Side(side_text)
        total = _total(params, side)
        duration = _seconds(params.one("duration"), *_DURATION_S)
        every = self._quirks.twap_every_s
        if params.one("frequency") is not None:
            every = _seconds(params.one("frequency"), 1, duration)
        slices = max(1, duration // every)
        self._check(sim, call, side, market, total, slices)
        twap = sim.twaps.begin(call.owner, market, side, total, slices=slices, every_s=every, now=call.now)
        return json_answer({"algo_order_id": twap.twap_id}, self._quirks.place_status)

    def _check(self, sim: SimExchange, call: Call, side: Side, market: str, total: int, slices: int) -> None:
        part = slice_of(side, total, slices)
        if side is Side.BID:
            worth, asset = fine_of_units(part), "KRW"
        else:
            bids = sim.levels(market, Side.BID, call.now)
            worth, asset = funds_of(bids[0][0] if bids else 0, part), market.partition("-")[2]
        if worth < sim.rules.min_total:
            raise refusal(ORDER_FAULTS[Fault.UNDER_MINIMUM])
        if call.owner.free.get(asset, 0) < fine_of_units(total):
            raise refusal(ORDER_FAULTS[Fault.FUNDS_SHORT], side=side)

    def cancel(self, sim: SimExchange, call: Call) -> Response:
        """Answer DELETE /v1/twap."""
        twap = sim.twaps.plans.get(call.params.one("algo_order_id") or "")
        if twap is None or twap.account is not call.owner or twap.state is not TwapState.PROGRESS:
            raise refusal(PARAMETER, "algo_order_id names no plan in progress")
        sim.twaps.cancel(twap, call.now)
        return json_answer({"algo_order_id": twap.twap_id})

    def list(self, sim: SimExchange, call: Call) -> Response:
        """Answer GET /v1/twap: plans in progress unless a state is named, page by page."""
        params = call.params
        state = params.one("state") or TwapState.PROGRESS
        if state not in tuple(TwapState):
            raise bad("state must be progress, done or cancel")
        ids, market = params.many("uuids"), params.one("market")
        rows = [
            twap
            for twap in sim.twaps.plans.values()
            if twap.account is call.owner
            and (twap.twap_id in ids if ids else twap.state == state)
            and market in (None, twap.market)
        ]
        if params.one("order_by") != "asc":
            rows.reverse()
        key = params.one("next_key")
        if key:
            rows = rows[next((index for index, twap in enumerate(rows, 1) if twap.twap_id == key), len(rows)) :]
        limit = read_count(params.one("limit"), 100, 100, PARAMETER.name)
        more = len(rows) > limit
        words = {
            "has_next": more,
            "next_key": rows[limit - 1].twap_id if more else None,
            "orders": [_words(twap) for twap in rows[:limit]],
        }
        return json_answer(words)


def _words(twap: Twap) -> dict[str, object]:
    executed = twap.executed_qty
    words: dict[str, object] = {
        "uuid": twap.twap_id,
        "side": twap.side.value,
        "price" if twap.side is Side.BID else "volume": plain_text(twap.total),
        "state": twap.state.value,
        "market": twap.market,
        "created_at": kst_text(twap.created_ns),
        "total_order_count": twap.slices,
        "total_trades_count": sum(len(order.trades) for order in twap.orders),
        "progress_count": len(twap.orders),
        "total_executed_amount": fine_text(twap.executed_funds),
        "total_executed_volume": plain_text(executed),
        "avg_trade_price": fine_text(twap.executed_funds * SCALE // executed) if executed else "0",
        "wallet_id": "0000000000-00-0000",
    }
    if twap.cancel_type is not None:
        words |= {"canceled_at": kst_text(twap.ended_ns), "cancel_type": twap.cancel_type}
    return words


def _total(params: Params, side: Side) -> int:
    wanted, other = ("price", "volume") if side is Side.BID else ("volume", "price")
    text = params.one(wanted)
    if text is None or params.one(other) is not None:
        raise bad(f"{side.value} needs {wanted} alone")
    try:
        total = units_of_text(text)
    except ValueError as error:
        raise bad(str(error)) from None
    if not total:
        raise bad(f"{wanted} must be above 0")
    return total


def _seconds(text: str | None, least: int, most: int) -> int:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 6 or not least <= int(text) <= most:
        raise bad(f"must be {least} to {most} seconds")
    return int(text)
