"""What is left of a difference of balances once the exchange's history is booked: which row it comes from.

Tried in this order: fills taken back, a figure that was rounded when it moved, dust of an arb. Whatever fits to the
last digit and fits nothing else is booked; the rest is a person's to name. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

import msgspec

from arbitrage.domain.adjustment import AdjustmentKind, Move, Target, signed
from arbitrage.domain.history import Told, Trade, event
from arbitrage.domain.reconciliation import Break, BreakKind, Severity
from arbitrage.domain.reversal import Undone, find_reversed, moved_krw
from arbitrage.domain.units import EXACT, QUOTE, Exchange, Ns, to_decimal

ROUNDED_UNDER_KRW = Decimal(1)
STEPS = tuple(Decimal(1).scaleb(-places) for places in (0, 1, 2, 4, 8))
_ROUNDINGS = (ROUND_FLOOR, ROUND_CEILING, ROUND_HALF_UP)


class LeftOver(msgspec.Struct, frozen=True):
    """What a closed arb left uneven, in 10^-8: plus was bought and not sold."""

    arb_id: str
    asset: str
    qty: int
    at_wall_ns: Ns


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a difference may come from. `trades` since the last time that balances agreed, or longer."""

    trades: Sequence[Trade]
    left_overs: Sequence[LeftOver]
    booked_refs: frozenset[str]
    """Rows that are booked already: none of them happens twice."""
    assets: frozenset[str]
    """What the desk trades, KRW included."""
    fresh_from_ns: Ns = Ns(0)
    """When balances last agreed: a rounding is of an order since then."""
    unseen: tuple[str, ...] = ()
    """Lists of history that could not be seen: `deposits`, `withdrawals`."""


def explain(
    exchange: Exchange, residual: Mapping[str, Decimal], around: Surroundings
) -> tuple[list[Told], list[Break]]:
    """Return what explains `residual`, and breaks for what nothing does.

    `residual` is theirs minus ours per asset, with all of the exchange's history booked.
    """
    left = {asset: amount for asset, amount in residual.items() if amount}
    told: list[Told] = []
    maybe: dict[str, str] = {}
    undone, is_only = find_reversed(left, around.trades, around.booked_refs)
    if undone and is_only:
        told += [_reversal_told(exchange, one) for one in undone]
    elif undone:
        rows = " ".join(one.fill.trade_id for one in undone)
        maybe = dict.fromkeys(left, f"perhaps a reversal of {rows}: more than one fits")
    left = _without(left, told)
    for find in (_rounding, _dust):
        more = find(exchange, left, around)
        left = _without(left, more)
        told += more
    return told, [_unexplained(exchange, asset, amount, around, maybe) for asset, amount in sorted(left.items())]


def _without(left: Mapping[str, Decimal], told: Iterable[Told]) -> dict[str, Decimal]:
    rest = dict(left)
    for target, _ in told:
        for move in target.moves:
            rest[move.asset] = EXACT.subtract(rest.get(move.asset, Decimal(0)), move.amount)
    return {asset: amount for asset, amount in rest.items() if amount}


def _reversal_told(exchange: Exchange, one: Undone) -> Told:
    asset = one.trade.market.partition("-")[2]
    moves = (Move(asset, one.coins), Move(QUOTE, one.krw), Move(QUOTE, one.fee, is_fee=True))
    text = f"fill {one.fill.trade_id} of order {one.trade.order_id} was taken back"
    target = Target(
        exchange=exchange,
        kind=AdjustmentKind.REVERSAL,
        ref=one.ref,
        moves=tuple(move for move in moves if move.amount),
        at_wall_ns=one.trade.at_wall_ns,
        market=one.trade.market,
        text=text,
    )
    return target, event(
        BreakKind.TRADE_REVERSED, Severity.CRITICAL, exchange, asset, one.coins, one.fill.trade_id, text
    )


def _rounding(exchange: Exchange, left: Mapping[str, Decimal], around: Surroundings) -> list[Told]:
    # The one order since balances last agreed whose figure, rounded, makes the difference.
    amount = left.get(QUOTE)
    if not amount or abs(amount) >= ROUNDED_UNDER_KRW:
        return []
    fresh = [trade for trade in around.trades if trade.at_wall_ns >= around.fresh_from_ns]
    fits = [
        trade
        for trade in fresh
        if f"rounding:{trade.order_id}" not in around.booked_refs and amount in set(_roundings_of(trade))
    ]
    if len(fits) != 1:
        return []
    trade = fits[0]
    text = f"order {trade.order_id} moved {EXACT.add(moved_krw(trade), amount):f} KRW, told as {moved_krw(trade):f}"
    target = Target(
        exchange=exchange,
        kind=AdjustmentKind.ROUNDING,
        ref=f"rounding:{trade.order_id}",
        moves=(Move(QUOTE, amount),),
        at_wall_ns=trade.at_wall_ns,
        market=trade.market,
        text=text,
    )
    return [(target, event(BreakKind.ROUNDING, Severity.LOW, exchange, QUOTE, amount, trade.order_id, text))]


def _roundings_of(trade: Trade) -> Iterator[Decimal]:
    # What a rounded fee, rounded funds or a rounded sum would differ by from what was told.
    told = moved_krw(trade)
    for step in STEPS:
        for rounding in _ROUNDINGS:
            fee = trade.paid_fee.quantize(step, rounding)
            funds = trade.executed_funds.quantize(step, rounding)
            yield EXACT.subtract(trade.paid_fee, fee)
            yield signed(EXACT.subtract(funds, trade.executed_funds), -trade.side.sign)
            yield EXACT.subtract(told.quantize(step, rounding), told)


def _dust(exchange: Exchange, left: Mapping[str, Decimal], around: Surroundings) -> list[Told]:
    told: list[Told] = []
    for asset, amount in sorted(left.items()):
        fits = [
            one
            for one in around.left_overs
            if one.asset == asset and to_decimal(one.qty) == -amount and f"dust:{one.arb_id}" not in around.booked_refs
        ]
        if len(fits) != 1:
            continue
        one = fits[0]
        text = f"what arb {one.arb_id} left over is gone" if one.qty > 0 else f"what arb {one.arb_id} lacked came back"
        target = Target(
            exchange=exchange,
            kind=AdjustmentKind.DUST,
            ref=f"dust:{one.arb_id}",
            moves=(Move(asset, amount),),
            at_wall_ns=one.at_wall_ns,
            text=text,
        )
        told.append((target, event(BreakKind.DUST, Severity.MEDIUM, exchange, asset, amount, one.arb_id, text)))
    return told


def _unexplained(
    exchange: Exchange, asset: str, amount: Decimal, around: Surroundings, maybe: Mapping[str, str]
) -> Break:
    is_new = amount > 0 and asset not in around.assets
    kind = BreakKind.AIRDROP if is_new else BreakKind.BALANCE_DRIFT
    # Money that is gone is worse than money too much.
    severity = Severity.MEDIUM if is_new else Severity.HIGH if amount > 0 else Severity.CRITICAL
    if asset == QUOTE and abs(amount) < ROUNDED_UNDER_KRW:
        severity = Severity.MEDIUM
    text = maybe.get(asset, "")
    unseen = "deposits" if amount > 0 else "withdrawals"
    if not text and unseen in around.unseen:
        text = f"perhaps one of the {unseen}: this key may not see them"
    return Break(kind, severity, exchange, asset, Decimal(0), amount, amount, "", text)
