"""The clip store: clips on disk under the SHA-256 of their bytes. A file under its name is whole and right.

What is half fetched lies beside it as `<sha256>.part` and is resumed. All methods block: the agent calls
them in threads.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from players.messages import MAX_CLIP_BYTES, Reason
from players.node.errors import ClipRefused

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_BLOCK = 1 << 20
MOST_RESERVED_BYTES = 16 * 1024**2
"""So much of the disk, at most, is left to the node's state and its reports."""
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

    def put(self, sha256: str, data: bytes, keep: Collection[str] = (), spare: Sequence[str] = ()) -> frozenset[str]:
        """Store a clip that came in one piece; `keep` and `spare` as in `make_room`.

        Returns:
            The clips that had to make room for it.

        Raises:
            ClipRefused: its bytes do not have that hash, or the disk is full.
        """
        if len(data) > MAX_CLIP_BYTES or hashlib.sha256(data).hexdigest() != sha256:
            raise ClipRefused(Reason.CLIP_CORRUPT, f"the bytes that came are not clip {sha256[:12]}")
        removed = self.make_room(len(data), keep, spare)
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

    def make_room(self, size_bytes: int, keep: Collection[str], spare: Sequence[str] = ()) -> frozenset[str]:
        """Remove clips until so many bytes fit: first those nobody needs any more, least recently used first.

        Args:
            size_bytes: of what is to come.
            keep: clips that are not touched.
            spare: clips that are needed, but later than what is to come: they go after all others, in this order.

        Returns:
            The clips that were removed.

        Raises:
            ClipRefused: even without them there is no room.
        """
        last = {name: place for place, name in enumerate(spare, 1)}
        found = list(_files_of(self._folder))
        lacking = self._lacking(size_bytes, sum(stat.st_size for stat, _ in found))
        if lacking <= 0:
            return frozenset()
        files = sorted(found, key=lambda entry: (last.get(entry[1].stem, 0), entry[0].st_mtime))
        may_go = [(stat, path) for stat, path in files if path.stem not in keep and path.suffix != _DRAFT]
        if lacking > sum(stat.st_size for stat, _ in may_go):
            raise ClipRefused(Reason.DISK_FULL, "the clip store is full of clips that are still to be played")
        removed = set()
        for stat, path in may_go:
            if lacking <= 0:
                break
            path.unlink(missing_ok=True)
            lacking -= stat.st_size
            removed.add(path.stem)
        return frozenset(removed)

    def _lacking(self, size_bytes: int, used_bytes: int) -> int:
        """How many bytes have to go before so many can come: by the store's own size, and by the disk's."""
        disk = shutil.disk_usage(self._folder)
        reserve = min(MOST_RESERVED_BYTES, disk.total // 50)
        return max(used_bytes + size_bytes - self._max_bytes, size_bytes + reserve - disk.free)

    def _keep(self, draft: Path, sha256: str) -> None:
        draft.replace(self.path(sha256))
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _files_of(folder: Path) -> Iterator[tuple[os.stat_result, Path]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # another fetch has just finished it
                yield entry.stat(), folder / entry.name


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
