"""Words both exchanges spell alike: names, chance, accounts, tickers (bithumb.md §7, last paragraph)."""

from collections.abc import Iterable
from enum import StrEnum

from arbitrage.domain.units import Side, base_of
from exchanges.simulator.account import Account
from exchanges.simulator.dialect import Call
from exchanges.simulator.kst import SECOND, kst_text
from exchanges.simulator.ladder import Ladder
from exchanges.simulator.money import fine_text, plain_text
from exchanges.simulator.orders import SimOrder
from exchanges.simulator.rules import Rules, State
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.texts import Level
from exchanges.simulator.wallets import BlockState, Wallet
from exchanges.simulator.wire import Response, WireRefusal, json_bytes

JSON = (("Content-Type", "application/json;charset=UTF-8"),)

NAMES = {
    "BTC": ("비트코인", "Bitcoin"),
    "ETH": ("이더리움", "Ethereum"),
    "XRP": ("엑스알피(리플)", "XRP"),
    "SOL": ("솔라나", "Solana"),
    "DOGE": ("도지코인", "Dogecoin"),
    "WAVES": ("웨이브", "Waves"),
    "LAMB": ("람다", "Lambda"),
}


class Extra(StrEnum):
    """Members of an order object that only some answers have (upbit.md §1.5, bithumb.md §3.5)."""

    EXECUTED_FUNDS = "executed_funds"
    TRADES = "trades"


def json_answer(value: object, status: int = 200) -> Response:
    """Return a JSON answer."""
    return Response(status, json_bytes(value), JSON)


def names_of(market: str) -> dict[str, str]:
    """Return a market's code and its two names."""
    base = base_of(market)
    korean, english = NAMES.get(base, (base, base))
    return {"market": market, "korean_name": korean, "english_name": english}


def wire_state(order: SimOrder) -> State:
    """Return the state as either exchange tells it: accepted orders read `wait`."""
    return State.WAIT if order.state is State.ACCEPTED else order.state


def paired(bids: Ladder, asks: Ladder) -> Iterable[tuple[Level, Level]]:
    """Return (ask, bid) by rank, the shorter side padded with (0, 0) (upbit.md §3.4, bithumb.md §3.3)."""
    if len(bids) == len(asks):
        return zip(asks, bids, strict=True)
    rows = max(len(bids), len(asks))
    nothing = [(0, 0)]
    return zip(asks + nothing * (rows - len(asks)), bids + nothing * (rows - len(bids)), strict=True)


def account_row(account: Account, asset: str) -> dict[str, object]:
    """Return one row of /v1/accounts: amounts as text, `balance` = free (upbit.md §1.3, bithumb.md §3.5)."""
    return {
        "currency": asset,
        "balance": fine_text(account.free.get(asset, 0)),
        "locked": fine_text(account.locked.get(asset, 0)),
        "avg_buy_price": "0",
        "avg_buy_price_modified": asset == "KRW",
        "unit_currency": "KRW",
    }


def accounts(sim: SimExchange, call: Call) -> Response:
    """Answer /v1/accounts."""
    return json_answer([account_row(call.owner, asset) for asset in call.owner.assets()])


def api_keys(sim: SimExchange, call: Call) -> Response:
    """Answer /v1/api_keys: all keys of the account that asks (upbit.md §1.9, bithumb.md §3.2)."""
    keys = sim.keys.of(call.owner)
    return json_answer([{"access_key": key.access_key, "expire_at": key.expire_at} for key in keys])


def ppm_text(ppm: int) -> str:
    """Return a rate as text: 500 -> `0.0005`."""
    return plain_text(ppm * 100)


def chance(
    rules: Rules, account: Account, market: str, kinds: dict[Side, list[str]], side_extra: dict[str, str]
) -> dict[str, object]:
    """Return /v1/orders/chance: fees, bounds, and both accounts even when nothing is held."""
    base = base_of(market)
    minimum = fine_text(rules.min_total)
    return {
        "bid_fee": ppm_text(rules.bid_fee_ppm),
        "ask_fee": ppm_text(rules.ask_fee_ppm),
        "maker_bid_fee": ppm_text(rules.bid_fee_ppm),
        "maker_ask_fee": ppm_text(rules.ask_fee_ppm),
        "market": {
            "id": market,
            "name": f"{base}/KRW",
            "order_types": ["limit"],
            "order_sides": ["ask", "bid"],
            "bid_types": kinds[Side.BID],
            "ask_types": kinds[Side.ASK],
            "bid": {"currency": "KRW", **side_extra, "min_total": minimum},
            "ask": {"currency": base, **side_extra, "min_total": minimum},
            "max_total": fine_text(rules.max_market_total),
            "state": "active",
        },
        "bid_account": account_row(account, "KRW"),
        "ask_account": account_row(account, base),
    }


def listed_markets(text: str | None, known: Iterable[str]) -> list[str]:
    """Return the markets a comma list names; WireRefusal with a numeric name (upbit.md §1.2, bithumb.md §3.4)."""
    if not text:
        raise WireRefusal(400, 400, "Missing request parameter error. Check the required parameters!")
    known = set(known)
    markets = [part.strip() for part in text.split(",")]
    if any(market not in known for market in markets):
        raise WireRefusal(404, 404, "Code not found")
    return list(dict.fromkeys(markets))


def wallets(sim: SimExchange, call: Call) -> Response:
    """Answer /v1/status/wallet: every coin on every network as shown, which lags (upbit.md §1.9, bithumb.md §3.5)."""
    return json_answer([wallet_row(wallet, call.now) for wallet in sim.wallets.shown(call.now)])


def wallet_row(wallet: Wallet, now: int) -> dict[str, object]:
    """Return one wallet; the chain of an inactive one stands still since it became so."""
    is_still = wallet.block is BlockState.INACTIVE
    updated = wallet.since_ns if is_still else now - 60 * SECOND
    return {
        "currency": wallet.currency,
        "wallet_state": wallet.state.value,
        "block_state": wallet.block.value,
        "block_height": 1_000_000 + updated // (600 * SECOND) % 1_000_000,
        "block_updated_at": kst_text(updated),
        "block_elapsed_minutes": (now - updated) // (60 * SECOND),
        "net_type": wallet.net_type,
        "network_name": NAMES.get(wallet.net_type, (wallet.net_type, wallet.net_type))[1],
    }
