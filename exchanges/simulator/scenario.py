"""Named stories: a seed, a market, and what goes wrong when. Run by the agenda, so that each telling is the same.

A file is JSON: `{"about": ..., "seed": ..., "markets": [...], "regime": ..., "repeat_ns": ..., "steps": [...]}`.
A step is a fault to arm or an act to do, with `at_ns` from the begin of the story.
"""

from pathlib import Path
from typing import Annotated, Any

import msgspec

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.params import is_market
from arbitrage.domain.units import EXCHANGES
from exchanges.simulator.incidents import INCIDENTS, MOST_FACTOR, scenario_words
from exchanges.simulator.regimes import Regime
from exchanges.simulator.simulator import Simulator
from exchanges.simulator.trouble.catalogue import ActOrder, ArmOrder, read_act_order, read_arm_order
from exchanges.simulator.trouble.fault import LONGEST_NS, Span
from exchanges.simulator.trouble.reading import member_names, read_struct, strangers

LIBRARY = Path(__file__).parent / "scenarios"
_MOST_STEPS = 10_000
_MOST_BYTES = 4 << 20


class _Setting(msgspec.Struct, frozen=True, kw_only=True):
    about: Annotated[str, msgspec.Meta(max_length=1_000)] = ""
    seed: int | None = None
    markets: Annotated[tuple[str, ...], msgspec.Meta(max_length=1_000)] = ()
    regime: Regime | None = None
    repeat_ns: Annotated[int, msgspec.Meta(ge=0, le=LONGEST_NS)] = 0


class Step(msgspec.Struct, frozen=True):
    """What happens when, in ns from the begin of the story."""

    at_ns: int
    what: ArmOrder | ActOrder


class Scenario(msgspec.Struct, frozen=True):
    """One story. `seed`, `markets` and `regime` count for a simulator that is started with it."""

    name: str
    about: str
    seed: int | None
    """None = the simulator's own."""
    markets: tuple[str, ...]
    """Empty = the simulator's own."""
    regime: Regime | None
    repeat_ns: int
    """The story begins again after this long; 0 = it is told once."""
    steps: tuple[Step, ...]


class Told(msgspec.Struct, frozen=True):
    """A step that was done, or could not be."""

    at_ns: int
    scenario: str
    index: int
    problems: tuple[str, ...]


class Telling:
    """A scenario on its way through one simulator."""

    def __init__(self, scenario: Scenario, simulator: Simulator, now: int) -> None:
        """Begin at `now`."""
        self.scenario = scenario
        self.told: list[Told] = []
        self.is_stopped = False
        self._simulator = simulator
        if scenario.regime is not None:
            simulator.market.set_regime(scenario.regime, now)
        self._plan(now)

    def stop(self) -> None:
        """Let nothing more of it happen; what is armed stays armed."""
        self.is_stopped = True

    def _plan(self, now: int) -> None:
        for index, step in enumerate(self.scenario.steps):
            self._simulator.at(now + step.at_ns, lambda at, index=index, step=step: self._do(index, step, at))  # type: ignore[misc]
        if self.scenario.repeat_ns:
            self._simulator.at(now + self.scenario.repeat_ns, self._again)

    def _again(self, now: int) -> None:
        if not self.is_stopped:
            self._plan(now)

    def _do(self, index: int, step: Step, now: int) -> None:
        if self.is_stopped:
            return
        problems: list[str] = []
        if isinstance(step.what, ActOrder):
            problems = step.what.problems(self._simulator, now)
        else:
            arm(self._simulator, step.what)
        self.told.append(Told(now, self.scenario.name, index, tuple(problems)))
        del self.told[:-1_000]


def arm(simulator: Simulator, order: ArmOrder) -> dict[str, int]:
    """Arm a fault on the exchange it names or on both; return its number by exchange."""
    return {
        exchange.value: simulator.faults(exchange).arm(order.fault, order.scope).number
        for exchange in (EXCHANGES if order.exchange is None else (order.exchange,))
    }


def scenario_of(name: str, data: Any, where: str) -> Scenario:
    """Return the scenario decoded JSON describes. ConfigError with every problem: member, value, bound."""
    if not isinstance(data, dict):
        raise ConfigError([f"{where} must be an object"])
    problems = strangers(data, member_names(_Setting) | {"steps", "name"}, where)
    setting = read_struct(_Setting, data, where, problems)
    rows = data.get("steps")
    if not isinstance(rows, list) or not 1 <= len(rows) <= _MOST_STEPS:
        problems.append(f"{where}.steps must be a list of 1 to {_MOST_STEPS} steps")
        rows = []
    steps = [_step(row, f"{where}.steps[{index}]", problems) for index, row in enumerate(rows)]
    for market in setting.markets if setting is not None else ():
        if not is_market(market) or not market.startswith("KRW-"):
            problems.append(f"{where}.markets has {market!r}, must look like KRW-BTC")
    if setting is not None and setting.repeat_ns:
        latest = max((step.at_ns for step in steps if step is not None), default=0)
        if latest > setting.repeat_ns:
            problems.append(f"{where}.repeat_ns was {setting.repeat_ns}, must be at least {latest}: the last step")
    if problems or setting is None:
        raise ConfigError(problems)
    told = tuple(sorted((step for step in steps if step is not None), key=lambda step: step.at_ns))
    return Scenario(name, setting.about, setting.seed, setting.markets, setting.regime, setting.repeat_ns, told)


class _When(msgspec.Struct, frozen=True):
    at_ns: Span = 0


def _step(row: Any, where: str, problems: list[str]) -> Step | None:
    if not isinstance(row, dict) or ("fault" in row) is ("act" in row):
        problems.append(f"{where} must be an object with either a fault or an act")
        return None
    when = read_struct(_When, row, where, problems)
    rest = {name: value for name, value in row.items() if name != "at_ns"}
    what = (read_arm_order if "fault" in row else read_act_order)(rest, where, problems)
    return None if when is None or what is None else Step(when.at_ns, what)


def read_scenario(word: str, markets: tuple[str, ...], factor: int | None = None) -> Scenario:
    """Return a scenario of the library by its name, or one from a file. ConfigError with every problem.

    An incident is told for a simulator that lists `markets`, `factor` times faster than it happened (None = its own).
    """
    if factor is not None and (word not in INCIDENTS or not 1 <= factor <= MOST_FACTOR):
        raise ConfigError([f"--faster was {factor}, must be 1 to {MOST_FACTOR} and goes with {', '.join(INCIDENTS)}"])
    if word in INCIDENTS:
        words = scenario_words(INCIDENTS[word], markets, factor or INCIDENTS[word].usual_factor)
        return scenario_of(word, words, word)
    path = LIBRARY / f"{word}.json"
    if word not in library():
        path = Path(word)
        if not path.is_file():
            raise ConfigError([f"--scenario was {word!r}, must be a file or one of {', '.join(library())}"])
    return scenario_of(path.stem, _read_json(path, word), f"--scenario {word}: scenario")


def _read_json(path: Path, word: str) -> Any:
    try:
        raw = path.read_bytes()
        if len(raw) > _MOST_BYTES:
            raise ConfigError([f"--scenario {word}: {len(raw)} bytes, must be at most {_MOST_BYTES}"])
        return msgspec.json.decode(raw)
    except OSError as error:
        raise ConfigError([f"--scenario {word}: {error.strerror}"]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError([f"--scenario {word}: not JSON: {error}"]) from None


def library() -> tuple[str, ...]:
    """Return the names of the shipped scenarios, the three incidents among them."""
    return tuple(sorted([path.stem for path in LIBRARY.glob("*.json")] + list(INCIDENTS)))
