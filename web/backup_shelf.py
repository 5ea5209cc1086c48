"""Backups that were made from the page: a few, in a folder beside the data, the oldest making room."""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from broadcast.errors import Conflict, NotFound
from web.backup import BackupError, sweep_scratch, write_backup
from web.settings import Settings

KEPT = 3
_NAME = "loalang-%Y%m%d-%H%M%S.tar.gz"
_OURS = re.compile(r"loalang-\d{8}-\d{6}\.tar\.gz")


@dataclass(frozen=True, slots=True)
class Kept:
    """A backup on the shelf."""

    name: str
    made_at: datetime
    size_bytes: int


class BackupShelf:
    """Makes backups, one at a time, and hands them out."""

    def __init__(self, settings: Settings) -> None:
        """Use the folder of the settings; what a server that was killed has left there is removed."""
        sweep_scratch(settings.backups_dir)
        self._settings = settings
        self._making = threading.Lock()

    def make(self, now: datetime, *, with_clips: bool) -> Kept:
        """Make one, and let go of the oldest beyond `KEPT`. In a worker thread.

        Raises:
            Conflict: one is being made, or it cannot be.
        """
        if not self._making.acquire(blocking=False):
            raise Conflict("backup-running", "Đang sao lưu. Xin chờ bản này xong.")
        try:
            folder = self._settings.backups_dir
            folder.mkdir(mode=0o700, exist_ok=True)
            name = now.astimezone(UTC).strftime(_NAME)
            write_backup(self._settings, folder / name, now, with_clips=with_clips)
            for old in self.list()[KEPT:]:
                (folder / old.name).unlink(missing_ok=True)
        except BackupError as error:
            raise Conflict(
                "backup-failed", "Không sao lưu được: vừa có một bản cùng lúc, hoặc chưa có dữ liệu."
            ) from error
        finally:
            self._making.release()
        return self.list()[0]

    def list(self) -> Sequence[Kept]:
        """Those that are there, the latest first."""
        found = sorted(
            (path for path in self._settings.backups_dir.glob("*") if _OURS.fullmatch(path.name)), reverse=True
        )
        return [
            Kept(path.name, datetime.strptime(path.name, _NAME).replace(tzinfo=UTC), path.stat().st_size)
            for path in found
        ]

    def path_of(self, name: str) -> Path:
        """The file of a backup that is there.

        Raises:
            NotFound: there is none of that name.
        """
        if name not in {kept.name for kept in self.list()}:
            raise NotFound("no-backup", "Không có bản sao lưu này.")
        return self._settings.backups_dir / name
