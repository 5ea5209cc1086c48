"""One server to a data directory: two would air everything twice and write into each other's files."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = ".lock"


class DataInUse(Exception):
    """Another process works with this data directory."""


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold a data directory that exists. The system lets go of it when the process ends, however it ends.

    Raises:
        DataInUse: another process holds it.
        OSError: the directory cannot be written to.
    """
    descriptor = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataInUse(f"{data_dir} is in use: a server runs on it") from error
        yield
    finally:
        os.close(descriptor)
