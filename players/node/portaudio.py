"""Plays clips on a sound device by PortAudio: the only file that knows sounddevice.

The device asks for samples in its own thread and says when they will leave it (`outputBufferDacTime`): the first sample
of a broadcast is put where it leaves at its instant, to the sample.
"""

import asyncio
import logging
from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np
import sounddevice

from players.errors import OutputMissing
from players.node.dac_timeline import DacTimeline
from players.node.fed import FedPlaying
from players.node.feed import Feed, Samples
from players.node.output import SAMPLE_RATE, Sound

log = logging.getLogger(__name__)

_LATENCY_S = 0.06
"""Enough for a small board to be busy for a moment, little enough for a stop to be heard at once."""
_SILENT_TOO_LONG_S = 2.0
"""A device that has not asked for samples for so long is gone."""


def has_device() -> bool:
    """Whether this machine has a default sound device that takes our samples."""
    try:
        sounddevice.check_output_settings(samplerate=SAMPLE_RATE, channels=1, dtype="float32")
    except (sounddevice.PortAudioError, ValueError):
        return False
    return True


class PortAudioOutput:
    """See `AudioOutput`.

    Args:
        device: its name, or a part of it, as PortAudio lists it; none for the default.
        monotonic: the node's clock.
    """

    name = "portaudio"
    plays_streams = False

    def __init__(self, device: str | None, monotonic: Callable[[], float]) -> None:
        self._device = device
        self._monotonic = monotonic
        self._lock = Lock()
        self._playing: tuple[FedPlaying, ...] = ()
        self._stream: Any = None
        self._asked_at = 0.0
        self._timeline = DacTimeline(SAMPLE_RATE)
        self._watch: asyncio.Task[None] | None = None
        self._error: str | None = None

    @property
    def error(self) -> str | None:
        """See `AudioOutput`."""
        return self._error

    async def open(self) -> None:
        """See `AudioOutput`. A device that is not there is looked for again at each sound: somebody may plug it in."""
        try:
            await asyncio.to_thread(self._open)
        except OutputMissing as error:
            log.error("%s", error)  # noqa: TRY400 - nothing is learnt from where it happened
        self._watch = asyncio.create_task(self._watch_device(), name="portaudio")

    async def prepare(self, sound: Sound) -> FedPlaying:
        """See `AudioOutput`."""
        if not sound.paths:
            raise OutputMissing("output 'portaudio' plays no streams")
        if self._error is not None:
            await asyncio.to_thread(self._reopen)
        feed = Feed(sound.paths, sound.from_ms, sound.gain_db)
        await asyncio.to_thread(feed.open)
        playing = FedPlaying(feed, self._monotonic, self._released)
        with self._lock:
            self._playing = (*self._playing, playing)
        return playing

    async def close(self) -> None:
        """See `AudioOutput`."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait({self._watch})
        await asyncio.to_thread(self._close)
        self._fail_all("the output was closed")

    def _open(self) -> None:
        try:
            self._stream = sounddevice.OutputStream(
                samplerate=SAMPLE_RATE,
                device=self._device,
                channels=1,
                dtype="float32",
                latency=_LATENCY_S,
                callback=self._fill,
            )
            self._asked_at = self._monotonic()
            self._timeline = DacTimeline(SAMPLE_RATE)
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            self._error = f"no sound device: {error}"
            raise OutputMissing(self._error) from error
        self._error = None

    def _reopen(self) -> None:
        """The device was gone: look whether it is back. PortAudio lists devices only when it starts."""
        self._close()
        sounddevice._terminate()  # noqa: SLF001 - there is no public way
        sounddevice._initialize()  # noqa: SLF001
        self._open()

    def _close(self) -> None:
        if self._stream is not None:
            try:
                self._stream.abort(ignore_errors=True)
                self._stream.close(ignore_errors=True)
            finally:
                self._stream = None

    def _released(self, playing: FedPlaying) -> None:
        with self._lock:
            self._playing = tuple(other for other in self._playing if other is not playing)

    def _fill(self, out: Samples, frames: int, times: Any, status: Any) -> None:
        """Called by PortAudio, in its thread."""
        now = self._monotonic()
        self._asked_at = now
        samples = np.zeros(frames, np.float32)
        if status.output_underflow:
            self._timeline.ran_dry()
        first_at = self._timeline.begins_at(frames, now + times.outputBufferDacTime - times.currentTime)
        for playing in self._playing:
            if status.output_underflow:
                playing.starved()
            playing.render(samples, first_at)
        out[:, 0] = samples

    async def _watch_device(self) -> None:
        while True:
            await asyncio.sleep(_SILENT_TOO_LONG_S / 2)
            is_gone = self._monotonic() - self._asked_at > _SILENT_TOO_LONG_S
            if is_gone and self._error is None:
                self._error = "the sound device is gone"
                self._fail_all(self._error)

    def _fail_all(self, why: str) -> None:
        for playing in self._playing:
            playing.fail(why)
