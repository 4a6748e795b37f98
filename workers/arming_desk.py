"""This machine's side of arming, for the shell: what `KARB_ARMING` in the settings names. No Django here.

It knows the desk's key, its arm token and seals, what the trader says of itself, and where orders would go by the
environment. It reaches no gateway.
"""

import time
from contextlib import closing
from datetime import datetime, timedelta, timezone

import msgspec

from arbitrage.domain.arming import (
    MAX_ARMED_NS,
    MODE_NUMBERS,
    ArmToken,
    Facts,
    Mode,
    Seal,
    closed_locks,
    mode_word,
)
from arbitrage.domain.errors import ConfigError, KArbError
from arbitrage.domain.params import GateMode, params_from_bytes
from arbitrage.domain.risk_disclosure import RISKS_VERSION
from arbitrage.domain.units import Ns
from exchanges import registry
from fast_path.control import ControlBlock
from fast_path.counters import read_counters
from fast_path.signature import desk_key, is_signed, make_desk_key, sha256, signature
from karb_project.env import Env
from workers.arming_files import ArmingFiles, boot_id

KST = timezone(timedelta(hours=9))
TRADER_FRESH_NS = 3_000_000_000
_MODES = {number: mode for mode, number in MODE_NUMBERS.items()}


class TraderSays(msgspec.Struct, frozen=True):
    """What the running trader tells of itself; `mode` None when no trader runs."""

    mode: Mode | None
    key_faults: int = 0
    locks_closed: int = 0
    armed_until_s: int = 0


class ArmingDesk:
    """One machine's files and shared memory; nothing is kept open."""

    def __init__(self, env: Env) -> None:
        self._env = env
        self._files = ArmingFiles(env)

    # The mode

    def mode(self) -> str:
        """Return the word for every screen: the running trader's own transport, else what one would have here."""
        said = self.trader().mode
        return mode_word(said if said is not None else registry.transport_mode(self._env))

    def trader(self) -> TraderSays:
        """Return what the running trader tells of itself; shared memory that cannot be read tells nothing."""
        try:
            with closing(self._block()) as control:
                beat = control.heartbeat("trader")
            if beat is None or time.monotonic_ns() - beat.mono_ns > TRADER_FRESH_NS:
                return TraderSays(None)
            told = read_counters(self._env.shm_dir).get("trader", {})
        except (KArbError, OSError):
            return TraderSays(None)
        return TraderSays(
            _MODES.get(told.get("mode", 0)),
            told.get("key_faults", 0),
            told.get("locks_closed", 0),
            told.get("armed_until_s", 0),
        )

    def armed_line(self) -> str:
        """Return in a few words whether the desk is armed, empty where nothing real can be reached."""
        said = self.trader()
        if mode_word(said.mode if said.mode is not None else registry.transport_mode(self._env)) == Mode.SIMULATED:
            return ""
        if said.mode is None:
            return "no trader runs"
        if said.locks_closed:
            return f"not armed, {said.locks_closed} lock{'s' if said.locks_closed > 1 else ''} closed"
        return f"armed until {datetime.fromtimestamp(said.armed_until_s, KST):%H:%M} KST"

    # Signatures

    def sign(self, kind: str, body: bytes) -> str:
        """Return this desk's signature; its key is made when there is none. ConfigError, OSError."""
        return signature(make_desk_key(self._env.desk_key_path), kind, body)

    def is_signed(self, kind: str, body: bytes, signed: str) -> bool:
        """Return whether this desk signed `body`; without a key nothing is signed."""
        try:
            return is_signed(desk_key(self._env.desk_key_path), kind, body, signed)
        except ConfigError:
            return False

    def sha256(self, data: bytes) -> str:
        """Return the SHA-256 of `data`, in hex."""
        return sha256(data)

    def write_seal(self, seal: Seal) -> None:
        """Keep a seal. ConfigError, OSError."""
        self._files.write_seal(seal)

    # Arming

    def doors(self) -> tuple[str, ...]:
        """Return address and key of every way orders would leave. ConfigError lists what is missing."""
        return tuple(sorted(door.text for door in registry.order_doors(self._env)))

    def token(self, for_s: int, token: ArmToken) -> ArmToken:
        """Return `token` from now on for `for_s` seconds, in this machine's clocks and boot."""
        for_ns = min(for_s * 10**9, MAX_ARMED_NS)
        wall_ns, mono_ns = time.time_ns(), time.monotonic_ns()
        return msgspec.structs.replace(
            token,
            armed_wall_ns=Ns(wall_ns),
            until_wall_ns=Ns(wall_ns + for_ns),
            until_mono_ns=Ns(mono_ns + for_ns),
            boot_id=boot_id(),
        )

    def write_token(self, token: ArmToken) -> None:
        """Arm the desk. ConfigError, OSError."""
        self._files.write_token(token)

    def remove_token(self) -> bool:
        """Disarm the desk; return False when it was not armed. OSError."""
        return self._files.remove_token()

    def held_token(self) -> ArmToken | None:
        """Return the token that lies there, None when there is none this desk signed."""
        return self._files.token()[0]

    def locks(self, token: ArmToken | None = None) -> dict[str, str]:
        """Return every closed lock and why, as the trader would see it now, or with `token` in place of the one there.

        The parameters are those the bridge has carried; what the keys may do is the running trader's word.
        """
        with closing(self._block()) as control:
            _, data = control.read_params()
            level = control.level()
        params = params_from_bytes(data)[0]
        seal, seal_fault = self._files.seal(data) if data else (None, "no parameter set has been carried to the trader")
        held, token_fault = (token, "") if token is not None else self._files.token()
        try:
            doors = self.doors()
        except ConfigError as error:
            doors = tuple(error.problems)
        facts = Facts(
            asked=self._env.mode,
            mode=registry.transport_mode(self._env),
            doors=doors,
            markets=self._env.markets,
            params_sha256=sha256(data) if data else "",
            gate_mode=GateMode.OBSERVE_ONLY if params is None else params.gate_mode,
            level=level,
            seal=seal,
            seal_fault=seal_fault,
            key_faults=self._key_faults(),
            token=held,
            token_fault=token_fault,
            until_mono_ns=held.until_mono_ns if held is not None else Ns(0),
            boot_id=boot_id(),
            risks_version=RISKS_VERSION,
            dry_run_days=self._env.dry_run_days,
            now_mono_ns=Ns(time.monotonic_ns()),
            now_wall_ns=Ns(time.time_ns()),
        )
        return {str(lock): said for lock, said in closed_locks(facts).items()}

    def _key_faults(self) -> tuple[str, ...]:
        said = self.trader()
        if said.mode is None:
            return ("no trader runs that has asked what the keys may do",)
        if said.key_faults:
            return (f"the trader could not prove {said.key_faults} of the rights of the keys: see its log",)
        return ()

    def _block(self) -> ControlBlock:
        return ControlBlock(self._env.shm_dir, self._env.markets, self._env.latch_path)
