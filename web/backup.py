"""A commune in one file: its database, keys, recordings and clips; and the way back.

The file is a tar archive, compressed; `manifest.json`, its last member, says what must be in it. It holds the commune's
secrets: whoever has it can speak to every pole.
"""

import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path

from web.settings import DATABASE_FILE, Settings

FORMAT = 1
SCRATCH = "loalang-backup-"
_MANIFEST = "manifest.json"
_MANIFEST_BYTES = 64 * 1024 * 1024
_FOLDERS = ("keys", "broker", "sources", "recordings", "live", "map", "clips")
_LEFT_OUT = frozenset({".part", ".sock", ".pid", ".log", ".db"})
"""By ending: what is half written, what only a running broker means, and what it remembers for its own sake."""


class BackupError(Exception):
    """A backup cannot be made or used. The text is for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a file holds."""

    made_at: datetime
    files: dict[str, str]
    """Names in it, with the SHA-256 of each."""


def write_backup(settings: Settings, path: Path, now: datetime, *, with_clips: bool = True) -> Backup:
    """Write everything of a commune into a new file, mode 0600; the server may run meanwhile.

    Args:
        settings: where the commune is.
        path: the file; there must be none yet.
        now: the present.
        with_clips: False leaves the clips out: what is still to be aired is rendered again after a restore, but the
            sound of what was aired is lost.

    Raises:
        BackupError: there is no commune, or the file is there already.
        OSError: the disk is full or the place cannot be written to.
    """
    if not (settings.data_dir / DATABASE_FILE).is_file():
        raise BackupError(f"no commune in {settings.data_dir}")
    if path.exists():
        raise BackupError(f"{path} is there already; a backup overwrites nothing")
    files: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=path.parent) as scratch, _held(Path(scratch)):
        part, database = Path(scratch) / "part", Path(scratch) / DATABASE_FILE
        part.touch(mode=0o600)
        _copy_database(settings.data_dir / DATABASE_FILE, database)
        with tarfile.open(part, "w:gz", compresslevel=1) as archive:
            for name, source in ((DATABASE_FILE, database), *_files(settings.data_dir, with_clips=with_clips)):
                with suppress(FileNotFoundError):  # a clip that nothing needs any more is pruned at any time
                    files[name] = _add(archive, name, source.read_bytes(), now)
            manifest = {"format": FORMAT, "made_at": now.isoformat(), "files": files}
            _add(archive, _MANIFEST, json.dumps(manifest).encode(), now)
        part.rename(path)
    return Backup(now, files)


def sweep_scratch(folder: Path) -> None:
    """Remove what backups that were killed have left in a folder: a whole database, half an archive with the keys.

    What another process is just making stays.
    """
    for scratch in folder.glob(f"{SCRATCH}*"):
        with suppress(BlockingIOError), _held(scratch):
            shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Be the only process that uses a folder; the system lets go of it when the process ends, however it ends.

    Raises:
        BlockingIOError: another process uses it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def restore_backup(path: Path, data_dir: Path) -> Backup:
    """Unpack a backup into a data directory that does not exist or is empty. Nothing is left there when it fails.

    Raises:
        BackupError: the file is no backup, is damaged, or is of a newer version; or the directory is not empty.
        OSError: the disk is full or the place cannot be written to.
    """
    if data_dir.exists() and any(data_dir.iterdir()):
        raise BackupError(f"{data_dir} is not empty")
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="loalang-restore-", dir=data_dir.parent) as scratch:
        fresh = Path(scratch) / "data"
        fresh.mkdir(mode=0o700)
        try:
            backup = _unpack(path, fresh)
        except (tarfile.TarError, EOFError, ValueError, KeyError, TypeError) as error:
            raise BackupError(f"{path} is no backup, or is damaged: {error}") from error
        if data_dir.exists():
            data_dir.rmdir()
        shutil.move(fresh, data_dir)
    return backup


def _unpack(path: Path, to: Path) -> Backup:
    found: dict[str, str] = {}
    said = None
    with tarfile.open(path, "r:gz") as archive:
        while said is None and (member := archive.next()) is not None:
            file = archive.extractfile(member) if member.isreg() else None
            if file is None:
                raise BackupError(f"{member.name!r} is no plain file")
            if member.name == _MANIFEST:
                said = json.loads(file.read(_MANIFEST_BYTES))
            else:
                found[member.name] = _write(to / _safe(member.name), file.read())
    if said is None:
        raise BackupError(f"{path} is no backup, or is not whole")
    if said["format"] != FORMAT:
        raise BackupError(f"{path} was made by a newer version: install that one, then restore")
    if found != said["files"] or DATABASE_FILE not in found:
        raise BackupError(f"{path} is damaged")
    return Backup(datetime.fromisoformat(said["made_at"]), found)


def _safe(name: str) -> Path:
    """A name in the archive, as a path inside the data directory: of the kinds a backup holds, and of no other."""
    path = Path(name)
    is_ours = name == DATABASE_FILE or (len(path.parts) > 1 and path.parts[0] in _FOLDERS)
    if path.is_absolute() or ".." in path.parts or not is_ours:
        raise BackupError(f"{name!r} is no file of a backup")
    return path


def _write(path: Path, data: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def _copy_database(source: Path, target: Path) -> None:
    """A copy as of one moment, whatever is written meanwhile (SQLite's online backup)."""
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as ours, closing(sqlite3.connect(target)) as copy:
        ours.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")


def _files(data_dir: Path, *, with_clips: bool) -> Iterator[tuple[str, Path]]:
    for folder in _FOLDERS:
        if folder == "clips" and not with_clips:
            continue
        for path in sorted((data_dir / folder).rglob("*")):
            if path.is_file() and not path.is_symlink() and path.suffix not in _LEFT_OUT:
                yield path.relative_to(data_dir).as_posix(), path


def _add(archive: tarfile.TarFile, name: str, data: bytes, now: datetime) -> str:
    """Its SHA-256."""
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = len(data), 0o600, int(now.timestamp())
    archive.addfile(info, BytesIO(data))
    return hashlib.sha256(data).hexdigest()
