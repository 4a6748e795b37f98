"""The files by which a desk is armed: its key, the seal of each parameter set, the arm token. No Django here.

They lie in the desk's var directory, so that the trader needs neither database nor bridge to know whether it may.
"""

import os
from pathlib import Path

from arbitrage.domain.arming import ArmToken, Seal
from arbitrage.domain.errors import ConfigError
from fast_path.signature import desk_key, make_desk_key, read_signed, remove, sha256, write_signed
from karb_project.env import Env

SEAL, TOKEN = "params seal", "arm token"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
Mark = tuple[int, int, int]


def boot_id(path: Path = BOOT_ID) -> str:
    """Return what tells this start of this machine from every other; empty when the system does not say."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def mark_of(path: Path) -> Mark | None:
    """Return what changes whenever the file does; None when there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116  asked at each tick, twice
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


class ArmingFiles:
    """One desk's files."""

    def __init__(self, env: Env) -> None:
        self._key_path = env.desk_key_path
        self._dir = env.arming_dir
        self.token_path = self._dir / "token.json"

    def seal_path(self, params_sha256: str) -> Path:
        """Return where the seal of a parameter set lies."""
        return self._dir / "seals" / f"{params_sha256}.json"

    def seal(self, data: bytes) -> tuple[Seal | None, str]:
        """Return the seal of a parameter set's very bytes, or None and why there is none to go by."""
        try:
            found, fault = read_signed(self.seal_path(sha256(data)), SEAL, Seal, desk_key(self._key_path))
        except ConfigError as error:
            return None, "; ".join(error.problems)
        return found, fault or ("" if found is not None else "it has no seal")

    def token(self) -> tuple[ArmToken | None, str]:
        """Return the arm token, or None and why there is none to go by."""
        try:
            found, fault = read_signed(self.token_path, TOKEN, ArmToken, desk_key(self._key_path))
        except ConfigError as error:
            return None, "; ".join(error.problems) if self.token_path.exists() else ""
        return found, fault

    def write_seal(self, seal: Seal) -> None:
        """Sign and keep a seal; the desk's key is made when there is none. ConfigError, OSError."""
        write_signed(self.seal_path(seal.params_sha256), SEAL, seal, make_desk_key(self._key_path))

    def write_token(self, token: ArmToken) -> None:
        """Sign and keep the arm token. ConfigError, OSError."""
        write_signed(self.token_path, TOKEN, token, make_desk_key(self._key_path))

    def remove_token(self) -> bool:
        """Take the arm token away; return False when there was none. OSError."""
        return remove(self.token_path)
