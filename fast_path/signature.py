"""What a desk signs for itself: a key outside the database, and small files whose content nobody else can make.

The key is made once and lies in a file only this desk's user can read. Whoever can write the database, but not
that file, can neither put parameters in force for real orders nor arm the desk.
"""

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path
from typing import TypeVar

import msgspec

from arbitrage.domain.errors import ConfigError
from fast_path.latch import sync_dir

T = TypeVar("T", bound=msgspec.Struct)

KEY_BYTES = 32
MAX_FILE_BYTES = 64 * 1024


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data`, in hex."""
    return hashlib.sha256(data).hexdigest()


def desk_key(path: Path) -> bytes:
    """Return the desk's key. ConfigError when there is none, or when others could read it or put it there."""
    try:
        status = path.lstat()
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise ConfigError([f"{path} is not there: the first signature makes it"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path} cannot be read: {type(error).__name__}"]) from None
    found = []
    if not stat.S_ISREG(status.st_mode) or status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        found.append(f"{path} has mode {stat.S_IMODE(status.st_mode):04o}, must be a file of mode 0600")
    if status.st_uid != os.getuid():
        found.append(f"{path} belongs to uid {status.st_uid}, must belong to uid {os.getuid()}")
    key = bytes.fromhex(text) if _is_hex(text) else b""
    if len(key) != KEY_BYTES:
        found.append(f"{path} holds no key of {KEY_BYTES} bytes")
    if found:
        raise ConfigError(found)
    return key


def _is_hex(text: str) -> bool:
    return len(text) == 2 * KEY_BYTES and all(each in "0123456789abcdef" for each in text)


def make_desk_key(path: Path) -> bytes:
    """Return the desk's key, made now if there is none: of two that make it at once, one wins."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            _write(made, secrets.token_hex(KEY_BYTES).encode())
            os.link(made, path)
        except FileExistsError:
            pass
        finally:
            made.unlink(missing_ok=True)
        sync_dir(path.parent)
    return desk_key(path)


def signature(key: bytes, kind: str, body: bytes) -> str:
    """Return the signature of `body` as a `kind`: one kind's never passes for another's."""
    return hmac.new(key, b"k-arb " + kind.encode() + b"\0" + body, hashlib.sha256).hexdigest()


def is_signed(key: bytes, kind: str, body: bytes, signed: str) -> bool:
    """Return whether `signed` is the signature of `body` as a `kind`."""
    return hmac.compare_digest(signature(key, kind, body).encode(), signed.encode())


class _Signed(msgspec.Struct, frozen=True):
    kind: str
    body: msgspec.Raw
    signature: str


def write_signed(path: Path, kind: str, content: msgspec.Struct, key: bytes) -> None:
    """Replace the file by signed `content`, and wait until the disk has it. OSError leaves it as it was."""
    body = msgspec.json.encode(content)
    data = msgspec.json.encode(_Signed(kind, msgspec.Raw(body), signature(key, kind, body)))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        _write(fresh, data + b"\n")
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_dir(path.parent)


def read_signed(path: Path, kind: str, form: type[T], key: bytes) -> tuple[T | None, str]:
    """Return `(content, "")`, or `(None, why not)`; `(None, "")` when there is no file."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, f"{path.name} cannot be read: {error.strerror}"
    try:
        signed = msgspec.json.decode(data, type=_Signed)
        if signed.kind != kind or not is_signed(key, kind, bytes(signed.body), signed.signature):
            return None, f"{path.name} does not carry this desk's signature"
        return msgspec.json.decode(signed.body, type=form), ""
    except (msgspec.MsgspecError, UnicodeError):
        return None, f"{path.name} is not of the form this program writes"


def remove(path: Path) -> bool:
    """Remove the file, and wait until the disk knows; return False when there was none."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    sync_dir(path.parent)
    return True


def _write(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
