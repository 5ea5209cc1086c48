"""What a server that was killed has left: swept at the next start, without touching what another process is making."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.web.conftest import Clock, Commune, serving
from web.backup import write_backup
from web.backup_shelf import BackupShelf
from web.parts import START_ORDER, renderers

HOLDS = """
import fcntl, os, sys
folder = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(folder, fcntl.LOCK_EX)
print("holds", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_by_another(folder: Path) -> Iterator[None]:
    """As `loalang backup` on the command line holds its scratch."""
    command = [sys.executable, "-c", HOLDS, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"holds\n"
        yield
        process.communicate(timeout=30)


def test_what_a_killed_backup_has_left_is_removed_and_what_is_being_made_stays(commune: Commune, clock: Clock) -> None:
    folder = commune.settings.backups_dir
    folder.mkdir()
    kept = folder / "loalang-20260101-000000.tar.gz"
    kept.write_bytes(b"a backup")
    left, other = folder / "loalang-backup-left", folder / "loalang-backup-other"
    for scratch in (left, other):
        scratch.mkdir()
        (scratch / "part").write_bytes(b"the signing key, and more")
    with held_by_another(other):
        BackupShelf(commune.settings)
        assert sorted(folder.iterdir()) == [kept, other]
    BackupShelf(commune.settings)
    assert list(folder.iterdir()) == [kept]
    write_backup(commune.settings, folder / "new.tar.gz", clock())
    assert sorted(folder.iterdir()) == [kept, folder / "new.tar.gz"]


async def test_what_a_killed_upload_of_a_voice_has_left_is_removed(commune: Commune, clock: Clock) -> None:
    uploads = commune.settings.voices_dir / ".uploads"
    uploads.mkdir(parents=True)
    (uploads / "half-a-voice").write_bytes(b"PK")
    async with serving(commune.settings, clock, tuple(start for start in START_ORDER if start is not renderers)):
        assert list(uploads.iterdir()) == []
