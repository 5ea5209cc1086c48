"""A memory card that turns read-only: a real file system that its kernel gives up. Needs the right to mount."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


@contextmanager
def mounted_card(folder: Path) -> Iterator[Path]:
    """`folder` as a card of 16 MB; skips the test where nobody may mount."""
    image = folder.with_suffix(".img")
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(16 * 1024**2)
    for command in (("mkfs.ext4", "-q", "-F", str(image)), ("mount", "-o", "loop", str(image), str(folder))):
        if shutil.which(command[0]) is None:
            pytest.skip(f"needs {command[0]}")
        done = _run(*command)
        if done.returncode:
            pytest.skip(f"a card needs the right to mount: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        _run("umount", "--lazy", str(folder))


def mount_read_only(card: Path) -> None:
    """As a board does at its start whose card is worn out, with no file open."""
    subprocess.run(["mount", "-o", "remount,ro", str(card)], check=True, timeout=20)


def turn_read_only(card: Path) -> None:
    """As a card whose file system found an error, also under files that are being written."""
    _run("mount", "-o", "remount,abort", str(card))
    with pytest.raises(OSError, match="Read-only"):
        (card / "anything").write_bytes(b"x")


@contextmanager
def frozen(card: Path) -> Iterator[None]:
    """As a card that takes nothing for a while: whoever writes hangs."""
    done = _run("fsfreeze", "--freeze", str(card))
    if done.returncode:
        pytest.skip(f"a card cannot be frozen here: {done.stderr.strip()}")
    try:
        yield
    finally:
        _run("fsfreeze", "--unfreeze", str(card))
