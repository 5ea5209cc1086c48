"""One process for one data directory."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from players.node.errors import DataDirInUse

LOCK_FILE = "node.lock"


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the directory. The kernel lets go when the process dies, however it dies.

    Raises:
        DataDirInUse: another process holds it.
    """
    descriptor = _opened(data_dir)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataDirInUse(
                f"{data_dir}: another loalang-node plays from here; end it first (systemctl stop loalang-node)"
            ) from error
        yield
    finally:
        os.close(descriptor)


def _opened(data_dir: Path) -> int:
    """The file whose lock is meant. A card that is read-only since before the first start has none: then the folder."""
    try:
        return os.open(data_dir / LOCK_FILE, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
    return os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
