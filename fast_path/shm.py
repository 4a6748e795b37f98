"""Memory-mapped files: made whole before they get their name, checked whenever they are opened."""

import mmap
import os
from collections.abc import Callable
from pathlib import Path

from arbitrage.domain.errors import ConfigError
from fast_path.layout import HEADER, HEADER_BYTES, LAYOUT_VERSION, WORD


class SharedFile:
    """One mapped file. `mem` is its bytes, `words` the same memory as int64."""

    def __init__(self, path: Path, fd: int, access: int) -> None:
        """Map an already checked file; takes over `fd`."""
        self.path = path
        self.fd = fd
        status = os.fstat(fd)
        self.identity = (status.st_dev, status.st_ino)
        self._map = mmap.mmap(fd, status.st_size, access=access)
        self.mem = memoryview(self._map)
        self.words = self.mem.cast("q")
        self.shape: int = HEADER.unpack_from(self.mem)[4]

    def is_current(self) -> bool:
        """Return whether the name still leads to this file."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return False
        return (status.st_dev, status.st_ino) == self.identity

    def close(self) -> None:
        """Unmap and close; a second call does nothing."""
        if self.fd < 0:
            return
        self.words.release()
        self.mem.release()
        self._map.close()
        os.close(self.fd)
        self.fd = -1


def make_dir(directory: Path) -> None:
    """Create the directory for shared files, open to nobody else. ConfigError when it is not ours."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = directory.stat()
    if status.st_uid != os.getuid():
        raise ConfigError([f"{directory} belongs to uid {status.st_uid}, must belong to uid {os.getuid()}"])
    if status.st_mode & 0o077:
        directory.chmod(0o700)


def open_shared(path: Path, magic: bytes, size: int, *, access: int = mmap.ACCESS_WRITE) -> SharedFile | None:
    """Open an existing file; None when there is none. ConfigError when it is not of this layout.

    A file of another size than `size` is refused too; 0 accepts any (the caller looks at `shape`).
    """
    flags = os.O_RDWR if access == mmap.ACCESS_WRITE else os.O_RDONLY
    try:
        fd = os.open(path, flags | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        _check(path, fd, magic, size)
        return SharedFile(path, fd, access)
    except BaseException:
        os.close(fd)
        raise


def _check(path: Path, fd: int, magic: bytes, size: int) -> None:
    found_size = os.fstat(fd).st_size
    head = os.pread(fd, HEADER.size, 0)
    remedy = "stop all parts of K-Arb and remove the file"
    if len(head) < HEADER.size or head[:8] != magic:
        raise ConfigError([f"{path} is not a {magic.decode()} file; {remedy}"])
    _, version, header_bytes, wanted, _ = HEADER.unpack(head)
    if (version, header_bytes) != (LAYOUT_VERSION, HEADER_BYTES):
        raise ConfigError([f"{path} has layout version {version}, must be {LAYOUT_VERSION}; {remedy}"])
    if found_size != wanted or size not in (0, found_size):
        raise ConfigError([f"{path} has {found_size} bytes, must have {size or wanted}; {remedy}"])


def create_shared(
    path: Path, magic: bytes, size: int, *, shape: int = 0, fill: Callable[[memoryview], None] | None = None
) -> None:
    """Put a new file in place of whatever has the name; no one ever sees it half made."""
    temporary = _make(path, magic, size, shape, fill)
    temporary.replace(path)


def open_or_create(
    path: Path, magic: bytes, size: int, *, shape: int = 0, fill: Callable[[memoryview], None] | None = None
) -> SharedFile:
    """Open the file, or make it; when several processes start at once one of them makes it."""
    make_dir(path.parent)
    while True:
        found = open_shared(path, magic, size)
        if found is not None:
            return found
        temporary = _make(path, magic, size, shape, fill)
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()


def _make(path: Path, magic: bytes, size: int, shape: int, fill: Callable[[memoryview], None] | None) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    memory = bytearray(-(-size // WORD) * WORD)
    HEADER.pack_into(memory, 0, magic, LAYOUT_VERSION, HEADER_BYTES, len(memory), shape)
    if fill is not None:
        fill(memoryview(memory))
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(memory)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def name_bytes(name: str, room: int) -> bytes:
    """Return `name` padded with zeros to `room`. ValueError when it is empty or too long."""
    data = name.encode()
    if not data or len(data) >= room:
        raise ValueError(f"name {name!r} has {len(data)} bytes, must have 1 to {room - 1}")
    return data.ljust(room, b"\0")


def name_text(data: bytes) -> str:
    """Return the name in a padded field; "" for an empty one."""
    return data.partition(b"\0")[0].decode(errors="replace")
