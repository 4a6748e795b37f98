"""Upbit takes both algorithms (upbit.md §2); the environment chooses, and its answer is the same."""

import pytest
from contract_bench import Bench, Can

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.ports import Accepted
from exchanges.upbit.gateway import UpbitGateway
from karb_project.env import read_env


@pytest.mark.needs(Can.HS512)
@pytest.mark.parametrize("algorithm", ["HS512", "HS256"])
async def test_upbit_takes_orders_and_reads_under_either_algorithm(bench: Bench, algorithm: str) -> None:
    gateway = bench.gateway(algorithm=algorithm)
    assert isinstance(gateway, UpbitGateway)
    await gateway.open()
    try:
        assert isinstance(await gateway.place(bench.taking(await bench.book(), f"signed-{algorithm}")), Accepted)
        assert await gateway.balances()
    finally:
        await gateway.close()


def test_environment_names_algorithm_and_self_trade_rule_and_refuses_others() -> None:
    env = read_env({"KARB_UPBIT_JWT_ALG": "HS256", "KARB_UPBIT_SMP": "reduce"})
    assert (env.upbit_jwt_alg, env.upbit_smp) == ("HS256", "reduce")
    assert (read_env({}).upbit_jwt_alg, read_env({}).upbit_smp) == ("HS512", "cancel_taker")
    with pytest.raises(ConfigError) as caught:
        read_env({"KARB_UPBIT_JWT_ALG": "none", "KARB_UPBIT_SMP": "yes"})
    assert len(caught.value.problems) == 2
