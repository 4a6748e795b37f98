"""What a person asks of the trader, as one small file each: it waits while the trader is down.

A request is written beside and renamed in, so that the trader never reads half of one; it is removed
once its effect is in the journal. Asking twice does no harm: the second finds nothing left to do.
"""

import os
from pathlib import Path

import msgspec

MAX_BYTES = 16 * 1024


class ResolveArb(msgspec.Struct, frozen=True, tag="resolve_arb"):
    """Close a STUCK arb that `by` settled by hand, and say how."""

    arb_id: str
    reason: str
    by: str


def post(directory: Path, request: ResolveArb) -> Path:
    """Leave a request for the trader. OSError when it cannot be written."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in request.arb_id)
    target = directory / f"resolve-{name}.json"
    draft = target.with_suffix(".new")
    draft.write_bytes(msgspec.json.encode(request))
    return draft.replace(target)


def waiting(directory: Path) -> list[tuple[Path, ResolveArb | str]]:
    """Return every request with its file, oldest name first; a text instead of one says what is wrong with it."""
    found: list[tuple[Path, ResolveArb | str]] = []
    try:
        names = os.listdir(directory)  # noqa: PTH208  asked every second, and usually there is nothing
    except (FileNotFoundError, NotADirectoryError):
        return found
    for name in sorted(name for name in names if name.endswith(".json")):
        path = directory / name
        try:
            found.append((path, msgspec.json.decode(path.read_bytes()[:MAX_BYTES], type=ResolveArb)))
        except (OSError, msgspec.MsgspecError) as error:
            found.append((path, str(error)))
    return found
