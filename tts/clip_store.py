"""The server's clips, each under its own SHA-256."""

import errno
import hashlib
import os
import re
import tempfile
from pathlib import Path

from tts.errors import ClipError, StoreFull

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class ClipStore:
    """A folder of clips: `<root>/<first two letters>/<sha256>.opus`. Safe for several processes at once."""

    def __init__(self, root: Path) -> None:
        """Use (and make, if need be) this folder."""
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def path_of(self, sha256: str) -> Path:
        """Where the clip of that digest is or would be.

        Raises:
            ClipError: not 64 lower-case hexadecimal digits.
        """
        if not _SHA256.fullmatch(sha256):
            raise ClipError("not a SHA-256")
        return self._root / sha256[:2] / f"{sha256}.opus"

    def has(self, sha256: str) -> bool:
        """Whether the clip is stored.

        Raises:
            ClipError: not 64 lower-case hexadecimal digits.
        """
        return self.path_of(sha256).is_file()

    def is_whole(self, sha256: str) -> bool:
        """Whether the clip is stored and its bytes still have their digest: disks rot. Reads all of it.

        Raises:
            ClipError: not 64 lower-case hexadecimal digits.
        """
        try:
            with self.path_of(sha256).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except OSError:
            return False

    def add(self, data: bytes) -> str:
        """Store the bytes whole or not at all, on the disk before this returns; give their SHA-256.

        Raises:
            StoreFull: there is no room.
            ClipError: the disk refused.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path_of(sha256)
        try:
            if self.is_whole(sha256):
                os.utime(path)
                return sha256
            path.parent.mkdir(exist_ok=True)
            _write_whole(path, data)
        except OSError as error:
            refusal = StoreFull if error.errno in _FULL else ClipError
            raise refusal(f"clip {sha256} could not be stored: {error}") from error
        return sha256

    def added_at(self, sha256: str) -> float | None:
        """When the clip was stored last, in seconds since 1970; None if it is not there.

        Raises:
            ClipError: not 64 lower-case hexadecimal digits.
        """
        try:
            return self.path_of(sha256).stat().st_mtime
        except OSError:
            return None

    def remove(self, sha256: str) -> None:
        """Forget a clip; one that is not there is no error.

        Raises:
            ClipError: not a SHA-256, or the disk refused.
        """
        try:
            self.path_of(sha256).unlink(missing_ok=True)
        except OSError as error:
            raise ClipError(f"clip {sha256} could not be removed: {error}") from error


def _write_whole(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
