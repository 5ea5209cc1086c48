"""An output that costs nothing: a sound lasts as long as its clips do, by the event loop's own time."""

import asyncio
import io
import time
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import soundfile

from players.errors import OutputMissing
from players.messages import Reason
from players.node.errors import ClipRefused
from players.node.output import Sound, Sounded

DECODED_FRAMES = 4800
"""As much as `players.node.feed` has decoded before it says that a sound is ready."""

Heard = Callable[[str, str, str, float], None]
"""Takes "ready" or "sounds", for what (the name of the task that asked: `air <broadcast>` for a broadcast's beginning),
the first clip's SHA-256, and when: seconds of the machine's monotonic clock."""


class TimedOutput:
    """See `AudioOutput`. What is played is opened, its first samples are decoded, all of it is measured."""

    name = "silent"
    plays_streams = False
    error: str | None = None

    def __init__(self, heard: Heard = lambda *_: None) -> None:
        self._heard = heard

    async def open(self) -> None:
        """See `AudioOutput`."""

    async def prepare(self, sound: Sound) -> "TimedPlaying":
        """See `AudioOutput`."""
        if not sound.paths:
            raise OutputMissing("a light node plays no streams")
        lasts_s = await asyncio.to_thread(_length_s, sound.paths)
        task = asyncio.current_task()
        asked_by, clip = "" if task is None else task.get_name(), sound.paths[0].stem
        self._heard("ready", asked_by, clip, time.monotonic())
        return TimedPlaying(max(0.0, lasts_s - sound.from_ms / 1000), partial(self._heard, "sounds", asked_by, clip))

    async def close(self) -> None:
        """See `AudioOutput`."""


class TimedPlaying:
    """See `Playing`."""

    note: str | None = None

    def __init__(self, lasts_s: float, sounds: Callable[[float], None]) -> None:
        self._lasts_s = lasts_s
        self._sounds = sounds
        self._starts = 0.0

    def start(self, at: float) -> None:
        """See `Playing`."""
        self._starts = max(at, time.monotonic())

    async def started(self) -> float:
        """See `Playing`."""
        await asyncio.sleep(self._starts - time.monotonic())
        # As late as the loop comes to it: where an output would be handed the sample.
        self._sounds(time.monotonic())
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
    """How long the files sound, read from where they lie; equal bytes are decoded once in a process."""
    try:
        return sum(_decoded_s(path.read_bytes(), is_first=path is paths[0]) for path in paths)
    except (soundfile.LibsndfileError, OSError) as error:
        raise ClipRefused(Reason.CLIP_CORRUPT, str(error)) from error


@lru_cache(maxsize=64)
def _decoded_s(content: bytes, *, is_first: bool) -> float:
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        if is_first:
            file.read(DECODED_FRAMES, dtype="float32")
        return float(file.frames / file.samplerate)
