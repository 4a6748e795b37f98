"""Incidents of processes that must not wait for a database: a line in a file, which Django picks up when it can."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from karb_project.env import Env


def queue_incident(env: Env, kind: str, title: str, by: str, wall_ns: int) -> Path:
    """Keep an incident for `incidents.pick_up_pending`, on disk when this returns; OSError when it cannot be kept."""
    path = env.var_dir / "pending_incidents.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    at = datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC).isoformat()
    line = {"kind": kind, "title": title, "by": by, "risk_id": "", "at": at}
    with path.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line, ensure_ascii=False) + "\n")
        out.flush()
        os.fsync(out.fileno())
    return path
