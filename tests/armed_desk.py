"""What a person leaves in a desk's var directory when everything is in order: seal and arm token, to be spoilt."""

import msgspec
from locks import SEAL, TOKEN

from arbitrage.domain.arming import ArmToken, OrderDoor, Seal
from arbitrage.domain.params import SECOND
from arbitrage.domain.risk_disclosure import RISKS_VERSION
from arbitrage.domain.units import Ns
from fast_path.signature import sha256
from karb_project.env import Env
from workers.arming_files import ArmingFiles

BOOT = "this-boot"


def sealed(data: bytes, now_wall_ns: int, **changes: object) -> Seal:
    """Return a good seal of `data`, or one with other values."""
    mark = sha256(data)
    good = msgspec.structs.replace(
        SEAL,
        params_sha256=mark,
        dry_run_sha256=mark,
        dry_run_ended_wall_ns=Ns(now_wall_ns - 3_600 * SECOND),
        signed_wall_ns=Ns(now_wall_ns - 60 * SECOND),
    )
    return msgspec.structs.replace(good, **changes)


def token_for(
    env: Env, data: bytes, doors: list[OrderDoor], *, wall_ns: int, mono_ns: int, for_s: int = 3_600, **changes: object
) -> ArmToken:
    """Return a good token for `for_s` seconds from now, or one with other values."""
    good = msgspec.structs.replace(
        TOKEN,
        params_sha256=sha256(data),
        doors=tuple(sorted(door.text for door in doors)),
        markets=env.markets,
        armed_wall_ns=Ns(wall_ns),
        until_wall_ns=Ns(wall_ns + for_s * SECOND),
        until_mono_ns=Ns(mono_ns + for_s * SECOND),
        boot_id=BOOT,
        preflight_wall_ns=Ns(wall_ns - 60 * SECOND),
        risks_version=RISKS_VERSION,
    )
    return msgspec.structs.replace(good, **changes)


def arm(env: Env, data: bytes, doors: list[OrderDoor], *, wall_ns: int, mono_ns: int, for_s: int = 3_600) -> None:
    """Leave a good seal and a good token."""
    files = ArmingFiles(env)
    files.write_seal(sealed(data, wall_ns))
    files.write_token(token_for(env, data, doors, wall_ns=wall_ns, mono_ns=mono_ns, for_s=for_s))
