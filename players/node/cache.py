"""The clip store: clips on disk under the SHA-256 of their bytes. A file under its name is whole and right.

What is half fetched lies beside it as `<sha256>.part` and is resumed. All methods block: the agent calls
them in threads.
"""

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from players.messages import MAX_CLIP_BYTES, Reason
from players.node.errors import ClipRefused

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a disk says that has no room."""
_BLOCK = 1 << 20
MOST_RESERVED_BYTES = 16 * 1024**2
"""So much of the disk, at most, is left to the node's state and its reports."""
_CLIP, _DRAFT = ".ogg", ".draft"
_PROOF_BYTES = 4096


class ClipStore:
    """A folder of clips. Whatever the disk does, it is a `ClipRefused` or a clip that is not there.

    Args:
        folder: made if it is not there.
        max_bytes: how much all clips may take.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self.error: str | None = None
        """Why the disk refused what was last written; none again once it has taken something."""
        self._used: dict[str, float] = {}
        with suppress(ClipRefused), self._writing():
            folder.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where a clip lies when it is there."""
        return self._folder / f"{sha256}{_CLIP}"

    def part(self, sha256: str) -> Path:
        """Where a clip grows while it is fetched."""
        return self._folder / f"{sha256}.part"

    def scan(self) -> frozenset[str]:
        """The clips that are there, by name; none where the disk cannot be read. Drafts left by a crash are removed."""
        try:
            found = list(self._folder.iterdir())
        except OSError as error:
            self.error = self.error or _refusal(error).detail
            return frozenset()
        for path in found:
            if path.suffix == _DRAFT:
                _remove(path)
        return frozenset(path.stem for path in found if path.suffix == _CLIP)

    def is_whole(self, sha256: str) -> bool:
        """Whether a clip is there and its bytes still have their hash; one that has rotted is removed."""
        try:
            right = _hash_of(self.path(sha256)) == sha256
        except OSError:
            return False
        if not right:
            self.drop(sha256)
        return right

    def drop(self, sha256: str) -> None:
        """Throw a clip away, if the disk lets it."""
        with suppress(ClipRefused), self._writing():
            self.path(sha256).unlink(missing_ok=True)

    def prove(self) -> None:
        """Write something and throw it away: what a disk would refuse at its end is not fetched at all.

        Raises:
            ClipRefused: the disk is full, read-only or broken.
        """
        draft = self._new_draft()
        try:
            with self._writing(), draft.open("wb") as file:
                file.write(bytes(_PROOF_BYTES))
                _settle(file)
        finally:
            _remove(draft)
        self.error = None

    def put(self, sha256: str, data: bytes, keep: Collection[str] = (), spare: Sequence[str] = ()) -> frozenset[str]:
        """Store a clip that came in one piece; `keep` and `spare` as in `make_room`.

        Returns:
            The clips that had to make room for it.

        Raises:
            ClipRefused: its bytes do not have that hash, or the disk refuses them.
        """
        if len(data) > MAX_CLIP_BYTES or hashlib.sha256(data).hexdigest() != sha256:
            raise ClipRefused(Reason.CLIP_CORRUPT, f"the bytes that came are not clip {sha256[:12]}")
        removed = self.make_room(len(data), keep, spare)
        draft = self._new_draft()
        try:
            with self._writing():
                with draft.open("wb") as file:
                    file.write(data)
                    _settle(file)
                self._keep(draft, sha256)
        finally:
            _remove(draft)
        self.error = None
        return removed

    def append(self, sha256: str, offset: int, data: bytes) -> None:
        """Add bytes to a clip that is being fetched; what lies beyond `offset` is dropped first.

        Raises:
            ClipRefused: the disk refuses them.
        """
        with self._writing(), self.part(sha256).open("r+b" if offset else "wb") as file:
            file.truncate(offset)
            file.seek(offset)
            file.write(data)

    def part_size(self, sha256: str) -> int:
        """How many bytes of a clip have been fetched."""
        try:
            return self.part(sha256).stat().st_size
        except OSError:
            return 0

    def complete(self, sha256: str) -> None:
        """Take a fetched clip into the store.

        Raises:
            ClipRefused: its bytes do not have that hash (they are thrown away), or the disk refuses them.
        """
        part = self.part(sha256)
        with self._writing():
            if _hash_of(part) != sha256:
                part.unlink()
                raise ClipRefused(Reason.CLIP_CORRUPT, f"what the server sent is not clip {sha256[:12]}")
            with part.open("rb") as file:
                os.fsync(file.fileno())
            self._keep(part, sha256)

    def drop_part(self, sha256: str) -> None:
        """Throw away what was fetched of a clip.

        Raises:
            ClipRefused: the disk does not let it.
        """
        with self._writing():
            self.part(sha256).unlink(missing_ok=True)

    def used_now(self, sha256: str) -> None:
        """Remember that a clip was played, so that it goes later than others. Waits for no disk: see `make_room`."""
        if self.path(sha256).exists():
            self._used[sha256] = time.time()

    def make_room(self, size_bytes: int, keep: Collection[str], spare: Sequence[str] = ()) -> frozenset[str]:
        """Remove clips until so many bytes fit: first those nobody needs any more, least recently used first.

        Args:
            size_bytes: of what is to come.
            keep: clips that are not touched.
            spare: clips that are needed, but later than what is to come: they go after all others, in this order.

        Returns:
            The clips that were removed.

        Raises:
            ClipRefused: even without them there is no room, or the disk does not let them go.
        """
        self._write_down_uses()
        with self._writing():
            return self._make_room(size_bytes, keep, spare)

    def _write_down_uses(self) -> None:
        used, self._used = self._used, {}
        for sha256, at in used.items():
            with suppress(OSError):  # gone or read-only: then it goes when it goes
                os.utime(self.path(sha256), (at, at))

    def _make_room(self, size_bytes: int, keep: Collection[str], spare: Sequence[str]) -> frozenset[str]:
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

    def _new_draft(self) -> Path:
        return self._folder / f".{token_hex(8)}{_DRAFT}"

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """What the disk says against it is said in our words, and remembered."""
        try:
            yield
        except OSError as error:
            refusal = _refusal(error)
            self.error = refusal.detail
            raise refusal from error

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
            with suppress(OSError):  # another fetch has just finished it, or it lies on a bad place of the card
                yield entry.stat(), folder / entry.name


def _remove(draft: Path) -> None:
    """Whether or not it is there; what cannot be removed is, at the next start."""
    with suppress(OSError):
        draft.unlink(missing_ok=True)


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
    reason = Reason.DISK_FULL if error.errno in FULL else Reason.CLIP_UNAVAILABLE
    return ClipRefused(reason, f"the clip store cannot be written: {error.strerror}")
