"""Other people's clients, run as they are against the simulated exchanges: only the addresses differ.

A client runs in a Python of its own (`.venv-clients`), told by one JSON argument where the exchanges
are and with which keys to ask; the last line it prints is its report.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from arbitrage.domain.units import Exchange
from exchanges.simulator import server
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.money import fine_of_text, fine_text
from karb_project.env import ROOT

PYTHON = ROOT / ".venv-clients" / "bin" / "python"
SCRIPTS = Path(__file__).parent / "scripts"
SECRET = "a-secret-of-decent-length-for-tests-0123456789-0123456789-01234567"
BALANCES = {"KRW": "10000000.47088291", "BTC": "0.5", "ETH": "3"}


def absence(python: Path, environ: Mapping[str, str]) -> str | None:
    """Return why tests cannot run other people's clients, or None. AssertionError where they must be there: in CI."""
    if python.exists():
        return None
    if environ.get("CI", "").lower() in ("1", "true", "yes"):
        raise AssertionError(f"{python} is missing: requirements/install.py clients makes it")
    return "no .venv-clients: `make test` makes it"


class ClientFailed(AssertionError):
    """The client ended with an error or said nothing that can be read."""


@dataclass
class ClientBench:
    """Both exchanges on loopback, with one account each."""

    simulator: server.RunningSimulator

    @property
    def words(self) -> dict[str, str]:
        """Return what a script is told."""
        return {
            "upbit": self.simulator.upbit_address,
            "bithumb": self.simulator.bithumb_address,
            "upbit_key": "upbit-access",
            "bithumb_key": "bithumb-access",
            "secret": SECRET,
        }

    async def run(self, script: str, within_s: float = 90.0) -> dict[str, Any]:
        """Run one script of `scripts/` to its end; return its report. ClientFailed with all it said otherwise."""
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        process = await asyncio.create_subprocess_exec(
            str(PYTHON),
            str(SCRIPTS / script),
            json.dumps(self.words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**kept, "NO_PROXY": "*", "PYTHONDONTWRITEBYTECODE": "1"},
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), within_s)
        except TimeoutError:
            process.kill()
            out, err = await process.communicate()
            raise ClientFailed(f"{script} was not done after {within_s} s:\n{_end(out)}\n{_end(err)}") from None
        lines = out.decode().strip().splitlines()
        if process.returncode != 0 or not lines:
            raise ClientFailed(f"{script} ended with {process.returncode}:\n{_end(out)}\n{_end(err)}")
        report = json.loads(lines[-1])
        assert isinstance(report, dict)
        return report

    def balances(self, exchange: Exchange) -> dict[str, tuple[Decimal, Decimal]]:
        """Return asset -> (free, locked) as the exchange itself has them."""
        account = self.simulator.exchange(exchange).accounts[f"{exchange}-access"]
        return {
            asset: (_decimal(account.free.get(asset, 0)), _decimal(account.locked.get(asset, 0)))
            for asset in account.assets()
        }


@contextlib.asynccontextmanager
async def serving(**config: Any) -> AsyncIterator[ClientBench]:
    """Serve both exchanges with one account each, for as long as the context lasts."""
    accounts = tuple(
        AccountSpec(exchange, f"{exchange}-access", SECRET, {a: fine_of_text(text) for a, text in BALANCES.items()})
        for exchange in Exchange
    )
    simulator = await server.start(SimConfig(accounts=accounts, **config))
    try:
        yield ClientBench(simulator)
    finally:
        await simulator.stop()


def _decimal(amount: int) -> Decimal:
    return Decimal(fine_text(amount))


def _end(text: bytes) -> str:
    return text.decode(errors="replace")[-3000:]
