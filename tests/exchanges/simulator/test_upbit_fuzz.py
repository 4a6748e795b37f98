"""No signed request and no private subscription breaks the simulated Upbit, whatever its members are."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from urllib.parse import quote_plus

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arbitrage.domain.units import Exchange
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.dialect import Access
from exchanges.simulator.dialects.upbit_quirks import OldList, StrayBody, UpbitQuirks
from exchanges.simulator.money import FINE
from exchanges.simulator.simulator import Simulator
from exchanges.simulator.stream import Session
from exchanges.simulator.wire import Request, body_params, query_params

START_NS = 1_795_400_000_000_000_000
NAMES = [
    *("market", "markets", "side", "ord_type", "price", "volume", "time_in_force", "smp_type", "identifier", "uuid"),
    *("uuids[]", "identifiers[]", "state", "states[]", "limit", "page", "order_by", "start_time", "end_time", "count"),
    *("pairs", "excluded_pairs", "quote_currencies", "cancel_side", "prev_order_uuid", "prev_order_identifier"),
    *("new_ord_type", "new_price", "new_volume", "new_time_in_force", "new_identifier", "new_smp_type", "level"),
    *("currency", "net_type", "amount", "address", "transaction_type", "txid", "txids[]", "from", "to", "deposit_uuid"),
]
TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            *("KRW-BTC", "KRW-NOPE", "bid", "ask", "limit", "price", "market", "best", "ioc", "fok", "post_only"),
            *("100000000", "0.001", "10000", "1e9", "-1", "9" * 400, "²", "remain_only", "reduce", "none", "wait"),
            *("asc", "BTC", "KRW", "default", "kept", "1790000000000", "9999-12-31T23:59:59+00:00", "0", "1"),
        ]
    ),
)
VALUES = st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.lists(TEXTS, max_size=3))
ORDER = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "90000000", "volume": "0.001"}


def bearer(nonce, text):
    """Return a token for a request of `text`."""

    def part(value):
        return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    claims = {"access_key": "AK", "nonce": nonce}
    if text:
        claims["query_hash"] = hashlib.sha512(text.encode("utf-8", "surrogatepass")).hexdigest()
    signed = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(claims)
    mark = urlsafe_b64encode(hmac.new(b"s", signed, hashlib.sha256).digest()).rstrip(b"=")
    return f"Bearer {(signed + b'.' + mark).decode()}"


def held(simulator):
    """Return what all of KRW adds up to, in and outside the accounts."""
    return simulator.totals()["KRW"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.sampled_from(NAMES), TEXTS), max_size=5),
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=7),
    st.sampled_from([{}, ORDER, {"prev_order_identifier": "kept", "new_ord_type": "limit"}]),
    st.sampled_from(StrayBody),
)
def test_no_signed_request_breaks_upbit(query, body, words, stray):
    accounts = (AccountSpec(Exchange.UPBIT, "AK", "s", {"KRW": 100_000_000 * FINE, "BTC": FINE}),)
    quirks = UpbitQuirks(stray_body=stray, old_list=OldList.SERVED)
    simulator = Simulator(SimConfig(markets=("KRW-BTC",), accounts=accounts, upbit_quirks=quirks), START_NS)
    sim = simulator.exchange(Exchange.UPBIT)
    total = held(simulator)
    encoded = "&".join(f"{quote_plus(key)}={quote_plus(value)}" for key, value in query)
    now = START_NS
    for number, ((method, path), route) in enumerate(sim.dialect.routes.items()):
        now += 250_000_000
        data = json.dumps(words | body | {"identifier": f"i{number}"}).encode() if method == "POST" else b""
        text = body_params(data).signed_text if method == "POST" else query_params(encoded).signed_text
        headers = {"content-type": "application/json", "authorization": bearer(str(number), text)}
        response = sim.handle(Request(method, path, encoded, headers, data), now)
        assert 200 <= response.status < 500, (method, path, response)
        if route.access is Access.PRIVATE:
            assert b"jwt_verification" not in response.body
            assert b"invalid_query_payload" not in response.body
    simulator.advance(now + 10**9)
    assert held(simulator) == total


PARTS = st.dictionaries(
    st.sampled_from(["type", "codes", "categories", "include_body", "format", "method", "level"]),
    st.one_of(VALUES, st.sampled_from(["myOrder", "myAsset", "announcement", "indicator", "SIMPLE", "JSON_LIST"])),
    max_size=4,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PARTS, max_size=4), st.sampled_from(["/websocket/v1/private", "/websocket/v1/info"]))
def test_no_private_subscription_breaks_upbit(parts, path):
    accounts = (AccountSpec(Exchange.UPBIT, "AK", "s", {"KRW": 100_000_000 * FINE}),)
    simulator = Simulator(SimConfig(markets=("KRW-BTC",), accounts=accounts), START_NS)
    sim = simulator.exchange(Exchange.UPBIT)
    session = sim.connect(Request("GET", path, "", {"authorization": bearer("n", "")}), START_NS)
    assert isinstance(session, Session)
    session.receive(json.dumps([{"ticket": "t"}, *parts]).encode(), START_NS)
    sim.board.post("notice", "title", "body", START_NS)
    text = body_params(json.dumps(ORDER).encode()).signed_text
    headers = {"content-type": "application/json", "authorization": bearer("o", text)}
    placed = sim.handle(Request("POST", "/v1/orders", "", headers, json.dumps(ORDER).encode()), START_NS)
    assert placed.status == 201
    simulator.advance(START_NS + 10**9)
    for out in session.outbox:
        frame = json.loads(out.data)
        assert isinstance(frame, dict | list)
