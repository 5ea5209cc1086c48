"""Opens the state where it can be written: on the card or, where that is sick, as a copy in the board's memory.

A pole starts with whatever is left: what is damaged is laid aside for who wants to look at it, and told.
"""

import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from players.node.cache import FULL
from players.node.errors import StoreDamaged, StoreUnusable
from players.node.store import NodeStore

log = logging.getLogger(__name__)

DAMAGED = "damaged-"
"""Before the name of a state that could not be read any more."""


def open_state(path: Path, memory: Path | None) -> NodeStore:
    """The state, ready to be read and written.

    Args:
        path: where it is on the card.
        memory: a folder in the board's memory, if there is one.

    Raises:
        StoreUnusable: the card refuses, and there is no memory to go to.
    """
    why = _refusal(path.parent)
    if why is None:
        try:
            return _opened(path)
        except StoreUnusable as error:
            why = str(error)
    if memory is None:
        raise StoreUnusable(why)
    store = _opened(_copied(path, memory / path.name))
    store.has_forgotten = True
    store.trouble = f"{why}: until the next start what happens is kept in memory only"
    log.error("%s", store.trouble)
    return store


def lay_aside(path: Path, prefix: str) -> None:
    """Give a state, as far as there is one, a name under which no node looks for its own.

    Raises:
        OSError: the card refuses.
    """
    for kept in _files(path):
        with suppress(FileNotFoundError):
            kept.replace(kept.with_name(f"{prefix}{kept.name}"))


def _opened(path: Path) -> NodeStore:
    try:
        return NodeStore(path)
    except StoreDamaged as error:
        damage = str(error)
    try:
        lay_aside(path, DAMAGED)
    except OSError as error:
        raise StoreUnusable(f"{damage}; {error.strerror}") from error
    store = NodeStore(path)
    store.has_forgotten = True
    store.trouble = f"{damage}: laid aside as {DAMAGED}{path.name}, begun with nothing"
    log.error("%s", store.trouble)
    return store


def _refusal(folder: Path) -> str | None:
    """Why nothing can be written there; none where it can, or only has no room."""
    draft = folder / f".{token_hex(8)}.draft"
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.close(descriptor)
        draft.unlink()
    except OSError as error:
        return None if error.errno in FULL else f"{folder}: {error.strerror}"
    return None


def _copied(path: Path, to: Path) -> Path:
    """A copy, as far as it can be read."""
    for kept, copy in zip(_files(path)[:2], _files(to), strict=False):  # the third is made anew
        try:
            shutil.copyfile(kept, copy)
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("%s: %s", kept, error.strerror)
    return to


def _files(path: Path) -> tuple[Path, Path, Path]:
    """A database, and what SQLite keeps beside it: what was written last, and an index to that."""
    return path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")
