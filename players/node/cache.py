"""The clip store: clips on disk under the SHA-256 of their bytes. A file under its name is whole and right.

What is half fetched lies beside it as `<sha256>.part` and is resumed. All methods block: the agent calls
them in threads.
"""

import errno
import hashlib
import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from players.messages import MAX_CLIP_BYTES, Reason
from players.node.errors import ClipRefused

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_BLOCK = 1 << 20
_DRAFT = ".draft"


class ClipStore:
    """A folder of clips.

    Args:
        folder: made if it is not there.
        max_bytes: how much all clips may take.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._max_bytes = max_bytes

    def path(self, sha256: str) -> Path:
        """Where a clip lies when it is there."""
        return self._folder / f"{sha256}.ogg"

    def part(self, sha256: str) -> Path:
        """Where a clip grows while it is fetched."""
        return self._folder / f"{sha256}.part"

    def scan(self) -> frozenset[str]:
        """The clips that are there, by name. Drafts left by a crash are removed."""
        for draft in self._folder.glob(f".*{_DRAFT}"):
            draft.unlink(missing_ok=True)
        return frozenset(path.stem for path in self._folder.glob("*.ogg"))

    def is_whole(self, sha256: str) -> bool:
        """Whether a clip is there and its bytes still have their hash; one that has rotted is removed."""
        path = self.path(sha256)
        try:
            right = _hash_of(path) == sha256
        except OSError:
            return False
        if not right:
            path.unlink(missing_ok=True)
        return right

    def put(self, sha256: str, data: bytes, keep: Collection[str] = ()) -> frozenset[str]:
        """Store a clip that came in one piece.

        Returns:
            The clips that had to make room for it.

        Raises:
            ClipRefused: its bytes do not have that hash, or the disk is full.
        """
        if len(data) > MAX_CLIP_BYTES or hashlib.sha256(data).hexdigest() != sha256:
            raise ClipRefused(Reason.CLIP_CORRUPT, f"the bytes that came are not clip {sha256[:12]}")
        removed = self.make_room(len(data), keep)
        draft = self._folder / f".{token_hex(8)}{_DRAFT}"
        try:
            with draft.open("wb") as file:
                file.write(data)
                _settle(file)
            self._keep(draft, sha256)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise _refusal(error) from error
        return removed

    def append(self, sha256: str, offset: int, data: bytes) -> None:
        """Add bytes to a clip that is being fetched; what lies beyond `offset` is dropped first.

        Raises:
            ClipRefused: the disk is full.
        """
        try:
            with self.part(sha256).open("r+b" if offset else "wb") as file:
                file.truncate(offset)
                file.seek(offset)
                file.write(data)
        except OSError as error:
            raise _refusal(error) from error

    def part_size(self, sha256: str) -> int:
        """How many bytes of a clip have been fetched."""
        try:
            return self.part(sha256).stat().st_size
        except OSError:
            return 0

    def complete(self, sha256: str) -> None:
        """Take a fetched clip into the store.

        Raises:
            ClipRefused: its bytes do not have that hash (they are thrown away), or the disk is full.
        """
        part = self.part(sha256)
        try:
            if _hash_of(part) != sha256:
                part.unlink()
                raise ClipRefused(Reason.CLIP_CORRUPT, f"what the server sent is not clip {sha256[:12]}")
            with part.open("rb") as file:
                os.fsync(file.fileno())
            self._keep(part, sha256)
        except OSError as error:
            raise _refusal(error) from error

    def drop_part(self, sha256: str) -> None:
        """Throw away what was fetched of a clip."""
        self.part(sha256).unlink(missing_ok=True)

    def used_now(self, sha256: str) -> None:
        """Remember that a clip was played, so that it goes later than others."""
        try:
            os.utime(self.path(sha256))
        except OSError:
            return  # gone or read-only: then it goes when it goes

    def make_room(self, size_bytes: int, keep: Collection[str]) -> frozenset[str]:
        """Remove clips that are not to be kept, least recently used first, until so many bytes fit.

        Returns:
            The clips that were removed.

        Raises:
            ClipRefused: even without them there is no room.
        """
        files = sorted(_files_of(self._folder), key=lambda entry: entry[0].st_mtime)
        total = sum(stat.st_size for stat, _ in files)
        removed = set()
        for stat, path in files:
            if total + size_bytes <= self._max_bytes:
                break
            if path.stem not in keep and path.suffix != _DRAFT:
                path.unlink(missing_ok=True)
                total -= stat.st_size
                removed.add(path.stem)
        if total + size_bytes > self._max_bytes:
            raise ClipRefused(Reason.DISK_FULL, "the clip store is full of clips that are still to be played")
        return frozenset(removed)

    def _keep(self, draft: Path, sha256: str) -> None:
        draft.replace(self.path(sha256))
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _files_of(folder: Path) -> Iterator[tuple[os.stat_result, Path]]:
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another fetch has just finished it
            yield path.stat(), path


def _settle(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _hash_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _refusal(error: OSError) -> ClipRefused:
    reason = Reason.DISK_FULL if error.errno in _FULL else Reason.CLIP_UNAVAILABLE
    return ClipRefused(reason, f"the clip store cannot be written: {error.strerror}")
