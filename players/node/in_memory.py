"""A folder in the board's memory, for what a sick card does not take and what must not wait for any card."""

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from players.node.errors import DataDirInUse
from players.node.lock import locked

log = logging.getLogger(__name__)

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - not for names that others could guess
"""A tmpfs on every Linux; systemd empties it of a stopped service's things (`RemoveIPC=`)."""
_OURS, _BEGUN = "loalang-node-", ".loalang-node-"


@contextmanager
def memory_folder(root: Path = SHARED_MEMORY) -> Iterator[Path | None]:
    """A folder of this process; none where there is no such memory. What a killed process left there is removed."""
    _remove_left_behind(root)
    try:
        begun = Path(tempfile.mkdtemp(prefix=_BEGUN, dir=root))
    except OSError as error:
        log.warning("%s: %s: what a sick card does not take is not kept at all", root, error.strerror)
        yield None
        return
    folder = begun.with_name(begun.name.replace(_BEGUN, _OURS, 1))
    try:
        with locked(begun):
            begun.rename(folder)  # under this name it is seen by others, who find it locked
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_left_behind(root: Path) -> None:
    for folder in root.glob(f"{_OURS}*"):
        with suppress(DataDirInUse, OSError), locked(folder):
            shutil.rmtree(folder, ignore_errors=True)
