"""A folder as a source: one file for each item, moved to `done` or `bad` once it was taken."""

import asyncio
import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from broadcast.sources import MAX_ITEM_BYTES, MAX_ITEMS, Parcel, SourceUnreachable, is_signed

DONE, BAD = "done", "bad"
SIGNATURE = ".sig"
_MOST_NAMES = 10_000


class FolderSource:
    """Reads files in a folder, oldest name first. One that is still written has another ending until it is whole.

    Args:
        folder: where the files are; `done` and `bad` are made in it.
        secret: shared with whoever writes the files: then each needs its `<name>.json.sig`.
        endings: of the files that are read.
        max_bytes: of one file; of a longer one a byte more is read.
    """

    def __init__(
        self,
        folder: Path,
        secret: str = "",
        endings: tuple[str, ...] = (".json",),
        max_bytes: int = MAX_ITEM_BYTES,
    ) -> None:
        self._folder = folder
        self._secret = secret
        self._endings = endings
        self._max_bytes = max_bytes

    async def fetch(self) -> Sequence[Parcel]:
        """What lies there."""
        try:
            return await asyncio.to_thread(self._read)
        except OSError as error:
            raise SourceUnreachable(f"Không đọc được thư mục: {_why(error)}.") from error

    async def settle(self, parcel: Parcel, problem: str) -> None:
        """Move the file; beside a bad one its reason is written."""
        try:
            await asyncio.to_thread(self._move, parcel.name, problem)
        except OSError as error:
            raise SourceUnreachable(f"Không chuyển được tệp {parcel.name}: {_why(error)}.") from error

    def _read(self) -> list[Parcel]:
        names = []
        with os.scandir(self._folder) as entries:
            for count, entry in enumerate(entries):
                if count >= _MOST_NAMES:
                    break
                if entry.name.endswith(self._endings) and not entry.name.startswith("."):
                    names.append(entry.name)
        return [self._parcel(name) for name in sorted(names)[:MAX_ITEMS]]

    def _parcel(self, name: str) -> Parcel:
        try:
            data = _read_file(self._folder / name, self._max_bytes)
            if self._secret and not is_signed(data, self._signature(name), self._secret):
                return Parcel(name, data, "Chữ ký của tệp thiếu hoặc không đúng.")
        except OSError as error:
            return Parcel(name, problem=f"Không đọc được tệp: {_why(error)}.")
        except ValueError as error:
            return Parcel(name, problem=f"Không đọc được tệp: {error}.")
        return Parcel(name, data)

    def _signature(self, name: str) -> str:
        try:
            return _read_file(self._folder / (name + SIGNATURE), self._max_bytes).decode("ascii", "replace")
        except FileNotFoundError:
            return ""

    def _move(self, name: str, problem: str) -> None:
        there = self._folder / (BAD if problem else DONE)
        there.mkdir(mode=0o750, exist_ok=True)
        for one in (name, name + SIGNATURE):
            # A name that comes again replaces what was there: the database remembers each item.
            if (self._folder / one).is_symlink() or (self._folder / one).exists():
                (self._folder / one).replace(there / one)
        if problem:
            (there / (name + ".txt")).write_text(problem + "\n", encoding="utf-8")


def _why(error: OSError) -> str:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "không có ở đó"
    if isinstance(error, PermissionError):
        return "máy chủ không có quyền"
    if error.errno == errno.ELOOP:
        return "là liên kết"
    return error.strerror or type(error).__name__


def _read_file(path: Path, max_bytes: int) -> bytes:
    """A plain file's bytes, one more than it may have at most.

    Raises:
        OSError: it cannot be read, or is a link.
        ValueError: it is no plain file.
    """
    # Neither a link out of the folder nor a pipe that never ends.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("không phải tệp thường")
        return file.read(max_bytes + 1)
