"""Whether a paired node plays from this directory and can read its state: exit status 0 or 1, and why not on stderr.

Whether it is connected is no question here: a pole whose line is cut is well, and the server sees by the heartbeats.
"""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from players.node.lock import LOCK_FILE

KERNEL_LOCKS = Path("/proc/locks")


def main(data_dir: Path) -> int:
    """Look at the directory's lock without taking it (the node could be starting), then at its state."""
    try:
        inode = (data_dir / LOCK_FILE).stat().st_ino
        if not is_held(inode, KERNEL_LOCKS.read_text(encoding="ascii")):
            sys.stderr.write(f"{data_dir}: no node plays from here\n")
            return 1
        with closing(sqlite3.connect(f"{(data_dir / 'state.sqlite3').as_uri()}?mode=ro", uri=True, timeout=2)) as state:
            verdict = state.execute("PRAGMA quick_check(1)").fetchone()[0]
    except (OSError, sqlite3.Error) as error:
        sys.stderr.write(f"{data_dir}: {error}\n")
        return 1
    if verdict != "ok":
        sys.stderr.write(f"{data_dir}: {verdict}\n")
        return 1
    return 0


def is_held(inode: int, kernel_locks: str) -> bool:
    """Whether `/proc/locks` names a `flock` for writing on this inode: `1: FLOCK ADVISORY WRITE 7 08:01:42 0 EOF`."""
    rows = (line.split() for line in kernel_locks.splitlines())
    return any(row[1::2][:2] == ["FLOCK", "WRITE"] and row[5].rpartition(":")[2] == str(inode) for row in rows)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
