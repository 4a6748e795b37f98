"""The file behind `--quirks`: what the exchanges' documents leave open, answered otherwise than by default."""

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Exchange
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks
from exchanges.simulator.dialects.bithumb_quirks import problems_of as bithumb_problems
from exchanges.simulator.dialects.upbit_quirks import UpbitQuirks
from exchanges.simulator.dialects.upbit_quirks import problems_of as upbit_problems

Quirks = TypeVar("Quirks", UpbitQuirks, BithumbQuirks)


def read_quirks(path: Path) -> tuple[UpbitQuirks, BithumbQuirks]:
    """Return both exchanges' settings; `{"bithumb": {"legacy_detail_shape": "array"}}` changes one.

    ConfigError with every problem found.
    """
    try:
        data = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise ConfigError([f"--quirks {path}: {error.strerror}"]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"--quirks {path}: not JSON: {error}"]) from None
    if not isinstance(data, dict) or not all(isinstance(part, dict) for part in data.values()):
        raise ConfigError([f"--quirks {path}: must be an object of objects"])
    problems = [f"{name} is no exchange" for name in sorted(data.keys() - set(Exchange))]
    upbit = _converted(data.get(Exchange.UPBIT, {}), UpbitQuirks, problems)
    bithumb = _converted(data.get(Exchange.BITHUMB, {}), BithumbQuirks, problems)
    problems += upbit_problems(upbit) + bithumb_problems(bithumb)
    if problems:
        raise ConfigError([f"--quirks {path}: {problem}" for problem in problems])
    return upbit, bithumb


# Member by member, so that each wrong one is told; what is wrong stays at its default.
def _converted(members: dict[str, Any], kind: type[Quirks], problems: list[str]) -> Quirks:
    types = {field.name: field.type for field in msgspec.structs.fields(kind)}
    values = {}
    for name, value in members.items():
        if name not in types:
            problems.append(f"{name} is no setting of {kind.__name__}")
            continue
        try:
            values[name] = msgspec.convert(value, types[name])
        except msgspec.ValidationError as error:
            problems.append(f"{name} was {value!r}: {error}")
    return kind(**values)
