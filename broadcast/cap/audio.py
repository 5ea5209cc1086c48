"""The sound of an emergency as one file, for who reads our messages: its chime, its words and its closing sound."""

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session

from broadcast.airings import clips_of
from broadcast.models import Broadcast
from players.messages import Urgency
from tts.clip_file import join_clips
from tts.clip_store import ClipStore
from tts.errors import ClipError

MEDIA_TYPE = "audio/ogg"
_KEPT = 200


@dataclass(frozen=True, slots=True)
class SoundFile:
    """A whole emergency's sound."""

    path: Path
    size_bytes: int
    sha1: str


class EmergencySounds:
    """Makes and keeps these files; they are named by what is in them, so that they are made once.

    Args:
        folder: where they are kept.
        clips: where the parts are.
    """

    def __init__(self, folder: Path, clips: ClipStore) -> None:
        self._folder = folder
        self._clips = clips

    def sound_of(self, session: Session, broadcast_id: str) -> SoundFile | None:
        """An emergency's sound; none while some is still to be spoken, or is kept no longer. In a worker thread."""
        broadcast = session.get(Broadcast, broadcast_id)
        clips = clips_of(session, broadcast_id) if broadcast and broadcast.urgency is Urgency.EMERGENCY else None
        if not clips:
            return None
        name = hashlib.sha256("".join(clip.sha256 for clip in clips).encode()).hexdigest()
        path = self._folder / f"{name}.ogg"
        try:
            data = path.read_bytes() if path.exists() else self._make(path, [clip.sha256 for clip in clips])
        except (ClipError, OSError):
            return None
        # CAP asks for SHA-1 (3.2.3, `digest`); it proves a transfer, not a sender.
        return SoundFile(path, len(data), hashlib.sha1(data, usedforsecurity=False).hexdigest())

    def _make(self, path: Path, clips: list[str]) -> bytes:
        data = join_clips([self._clips.path_of(sha256) for sha256 in clips])
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.{os.urandom(4).hex()}")
        draft.write_bytes(data)
        # Made twice at once it is two files that sound alike; the first is kept, its digest may have been told already.
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        self._forget_old()
        return path.read_bytes()

    def _forget_old(self) -> None:
        files = sorted(self._folder.glob("*.ogg"), key=lambda file: file.stat().st_mtime, reverse=True)
        for file in files[_KEPT:]:
            file.unlink(missing_ok=True)
