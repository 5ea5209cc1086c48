"""What was put in place with a voice, kept in its folder as `installed.json`."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tts.errors import VoiceUnusable

RECORD = "installed.json"

Origin = Literal["download", "folder", "zip"]


@dataclass(frozen=True, slots=True)
class InstalledVoice:
    """What was put in place, and when."""

    name: str
    origin: Origin
    installed_at: str
    """ISO 8601 with offset."""
    size_bytes: int
    model_sha256: str
    config_sha256: str
    sample_rate: int
    speakers: int
    made_for: str = "vi"
    """The espeak-ng language of its config; another than Vietnamese is heard as an accent."""


def read_record(folder: Path) -> InstalledVoice | None:
    """What is installed in a folder; None if nothing is, or not by us."""
    try:
        return InstalledVoice(**json.loads((folder / RECORD).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def record_stamp(folder: Path) -> tuple[int, int] | None:
    """Another whenever a voice was put into the folder; None while nothing is installed there."""
    try:
        state = (folder / RECORD).stat()
    except OSError:
        return None
    return state.st_ino, state.st_mtime_ns


def installed_stamps(voices_dir: Path) -> dict[str, tuple[int, int]]:
    """The stamps of the installed voices, by name."""
    folders = voices_dir.iterdir() if voices_dir.is_dir() else ()
    return {path.name: stamp for path in folders if not path.name.startswith(".") and (stamp := record_stamp(path))}


def check_unchanged(model: Path, record: InstalledVoice) -> None:
    """Compare a model and its config with what was installed.

    Raises:
        VoiceUnusable: one of them has changed, or cannot be read.
    """
    for path, expected in ((model, record.model_sha256), (Path(f"{model}.json"), record.config_sha256)):
        try:
            found = digest_of(path, "sha256")
        except OSError as error:
            raise VoiceUnusable("unreadable", file=path.name, why=error) from error
        if found != expected:
            raise VoiceUnusable("changed", file=path.name)


def digest_of(path: Path, kind: str) -> str:
    """The hexadecimal digest of a file; `kind` is "sha256" or "md5"."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
