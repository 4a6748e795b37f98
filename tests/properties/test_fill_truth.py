"""Whatever is told late, twice, out of order or not at all: positions, fees and won end as the exchanges have them.

`--full` tells 100,000 stories, without it the first 800 are told.
"""

from fold_story import FoldStory

from arbitrage.domain.units import exact_sum

FIRST, FULL = 800, 100_000


def test_what_we_believe_of_an_arb_is_what_the_exchanges_know(full_size):
    stuck = hedged = late = 0
    for seed in range(full_size(FIRST, FULL)):
        story = FoldStory(seed)
        story.live()
        arb = story.arb
        known = {order.client_order_id: order for order in arb.orders}
        assert [order.client_order_id for order in story.placed] == list(known), f"seed {seed}: sent once each"
        for name, truth in story.truths.items():
            ours, fills = known[name], [fill for _, fill in truth.fills]
            assert ours.executed_qty == sum(fill.qty for fill in fills), f"seed {seed}: {name}"
            assert ours.executed_funds == exact_sum(fill.funds for fill in fills), f"seed {seed}: {name}"
            assert ours.paid_fee == exact_sum(truth.fee(fill) for fill in fills), f"seed {seed}: {name}"
        for name in story.refused:
            assert known[name].executed_qty == 0, f"seed {seed}: {name}"
        hedges = sum(order.side.sign * order.executed_qty for order in arb.orders[2:])
        legs = sum(order.side.sign * order.executed_qty for order in arb.orders[:2])
        if story.is_stuck:
            assert story.halts, f"seed {seed}: a person is called"
            stuck += 1
        else:
            # 5,000 KRW is the smallest order: what is left is below it, and each unit was evened out once.
            assert arb.is_closed, f"seed {seed}: {arb.state}"
            assert abs(legs + hedges) * 3_980_000 < 5_000 * 10**8, f"seed {seed}: {legs} {hedges}"
        hedged += bool(arb.orders[2:])
        late += any(when > truth.ended_ms for truth in story.truths.values() for when, _ in truth.fills)
    stories = full_size(FIRST, FULL)
    assert stuck < stories // 50
    assert hedged > stories // 4
    assert late > stories // 20
