"""An output that costs nothing: a sound lasts as long as its clips do, by the event loop's own time."""

import asyncio
import time
from pathlib import Path

import soundfile

from players.errors import OutputMissing
from players.messages import Reason
from players.node.errors import ClipRefused
from players.node.output import Sound, Sounded


class TimedOutput:
    """See `AudioOutput`. What is played is opened and measured, not decoded."""

    name = "silent"
    plays_streams = False
    error: str | None = None

    async def open(self) -> None:
        """See `AudioOutput`."""

    async def prepare(self, sound: Sound) -> "TimedPlaying":
        """See `AudioOutput`."""
        if not sound.paths:
            raise OutputMissing("a light node plays no streams")
        lasts_s = await asyncio.to_thread(_length_s, sound.paths)
        return TimedPlaying(max(0.0, lasts_s - sound.from_ms / 1000))

    async def close(self) -> None:
        """See `AudioOutput`."""


class TimedPlaying:
    """See `Playing`."""

    note: str | None = None

    def __init__(self, lasts_s: float) -> None:
        self._lasts_s = lasts_s
        self._starts = 0.0

    def start(self, at: float) -> None:
        """See `Playing`."""
        self._starts = max(at, time.monotonic())

    async def started(self) -> float:
        """See `Playing`."""
        await asyncio.sleep(self._starts - time.monotonic())
        return self._starts

    async def finished(self) -> float:
        """See `Playing`."""
        finished = self._starts + self._lasts_s
        await asyncio.sleep(finished - time.monotonic())
        return finished

    async def stop(self) -> Sounded:
        """See `Playing`."""
        now = time.monotonic()
        has_sounded = 0 < self._starts < now
        return Sounded(self._starts, min(now, self._starts + self._lasts_s)) if has_sounded else Sounded(None, None)


def _length_s(paths: tuple[Path, ...]) -> float:
    try:
        return sum(float(soundfile.info(path).duration) for path in paths)
    except (soundfile.LibsndfileError, OSError) as error:
        raise ClipRefused(Reason.CLIP_CORRUPT, str(error)) from error
