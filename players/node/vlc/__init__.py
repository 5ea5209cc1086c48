"""Plays files and streams by VLC.

Two ways, one for each kind of ear:

* to a sound device by VLC's own audio output (`native`);
* into a recording: VLC decodes and says by its audio callbacks when each block would sound (`recorded`).

A sound is opened and paused before its minute, so that at its minute only the pause has to end. VLC's clock is the
monotonic clock (`libvlc_clock`, in microseconds). python-vlc is known in `library` only.
"""

import asyncio
from collections.abc import Callable
from weakref import WeakSet

from players.errors import OutputError, OutputFailed, OutputMissing
from players.node.output import Playing, Sound
from players.node.record import WavTimeline
from players.node.timeline import TimelineOutput
from players.node.vlc.library import Library
from players.node.vlc.native import GONE, NativePlaying
from players.node.vlc.recorded import RecordedPlaying

OPEN_WITHIN_S = 8.0


class VlcOutput:
    """VLC. See `AudioOutput`.

    Args:
        device: as VLC's audio output names it; none for its default.
        recording: the sound goes there instead of to a device.
        monotonic: the node's clock.
    """

    name = "vlc"
    plays_streams = True

    def __init__(self, device: str | None, recording: WavTimeline | None, monotonic: Callable[[], float]) -> None:
        self._device = device
        self._monotonic = monotonic
        self._timeline = None if recording is None else TimelineOutput("vlc", recording, monotonic)
        self._library: Library | None = None
        self._natives: WeakSet[NativePlaying] = WeakSet()
        self._error: str | None = None

    @property
    def error(self) -> str | None:
        """See `AudioOutput`."""
        return self._error if self._timeline is None else self._timeline.error

    async def open(self) -> None:
        """See `AudioOutput`."""
        self._library = await asyncio.to_thread(Library, asyncio.get_running_loop(), self._deafen)
        if self._timeline is not None:
            await self._timeline.open()

    async def prepare(self, sound: Sound) -> Playing:
        """See `AudioOutput`."""
        playing = self._playing(sound)
        try:
            async with asyncio.timeout(OPEN_WITHIN_S):
                await playing.open()
        except OutputError as error:
            await playing.stop()
            self._error = str(error)
            raise
        except TimeoutError as error:
            await playing.stop()
            self._error = "nothing came in time"
            raise OutputFailed(self._error) from error
        self._error = None
        return playing

    def _playing(self, sound: Sound) -> RecordedPlaying | NativePlaying:
        if self._library is None:
            raise OutputMissing("VLC is not open")
        if self._timeline is not None:
            return RecordedPlaying(self._library, sound, self._timeline, self._monotonic)
        playing = NativePlaying(self._library, sound, self._device, self._monotonic)
        self._natives.add(playing)
        return playing

    def _deafen(self) -> None:
        """VLC says of itself that its sound output fails; it has one for all."""
        if self._timeline is None:
            self._error = GONE
            for playing in tuple(self._natives):
                playing.deafen()

    async def close(self) -> None:
        """See `AudioOutput`."""
        if self._timeline is not None:
            await self._timeline.close()
        if self._library is not None:
            await asyncio.to_thread(self._library.release)
