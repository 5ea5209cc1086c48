"""Plays files and streams by VLC: the only file that knows python-vlc.

Two ways, one for each kind of ear:

* to a sound device by VLC's own audio output;
* into a recording: VLC decodes and says by its audio callbacks when each block would sound, and that is written.

A sound is opened and paused before its minute, so that at its minute only the pause has to end. VLC's clock is the
monotonic clock (`libvlc_clock`, in microseconds).
"""

import asyncio
import ctypes
from collections.abc import Callable
from typing import Any

import vlc

from players.errors import OutputFailed, OutputMissing
from players.node.arriving import SHORT_FRAMES, ArrivingFeed
from players.node.feed import Feed
from players.node.output import SAMPLE_RATE, Playing, Sound, Sounded
from players.node.record import WavTimeline, wav_header
from players.node.timeline import TimelineOutput

OPEN_WITHIN_S = 8.0
NATIVE_LATENCY_S = 0.002
"""From the end of the pause to the first sample at VLC's own output, as measured on PulseAudio."""
_OPTIONS = (
    "--intf=dummy",
    "--no-video",
    "--no-spu",
    "--no-stats",
    "--no-lua",
    "--quiet",
    "--no-media-library",
    "--no-metadata-network-access",
    "--network-caching=1000",
    "--file-caching=300",
)
_MICROSECONDS = 1_000_000
_READ_FRAMES = SAMPLE_RATE // 50
_ENDLESS_BYTES = 0x7FFFFF00
_UNKNOWN_SIZE = 2**64 - 1


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
        self._vlc: Any = None
        self._error: str | None = None

    @property
    def error(self) -> str | None:
        """See `AudioOutput`."""
        return self._error if self._timeline is None else self._timeline.error

    async def open(self) -> None:
        """See `AudioOutput`."""
        self._vlc = await asyncio.to_thread(vlc.Instance, list(_OPTIONS))
        if self._vlc is None:
            raise OutputMissing("VLC does not start")
        if self._timeline is not None:
            await self._timeline.open()

    async def prepare(self, sound: Sound) -> Playing:
        """See `AudioOutput`."""
        playing: _Recorded | _Native
        if self._timeline is not None:
            playing = _Recorded(self._vlc, sound, self._timeline, self._monotonic)
        else:
            playing = _Native(self._vlc, sound, self._device, self._monotonic)
        try:
            async with asyncio.timeout(OPEN_WITHIN_S):
                await playing.open()
        except (TimeoutError, OutputFailed) as error:
            await playing.stop()
            self._error = str(error) or "nothing came in time"
            raise OutputFailed(self._error) from error
        self._error = None
        return playing

    async def close(self) -> None:
        """See `AudioOutput`."""
        if self._timeline is not None:
            await self._timeline.close()
        if self._vlc is not None:
            await asyncio.to_thread(self._vlc.release)


class _Deck:
    """One media player of VLC, and the few things of it we use. Its events are brought to the event loop."""

    def __init__(self, instance: Any, media: Any, on_event: Callable[[str], None]) -> None:
        loop = asyncio.get_running_loop()
        self._released = False
        self.player = instance.media_player_new()
        self.player.set_media(media)
        media.release()
        manager = self.player.event_manager()
        kinds = vlc.EventType
        for kind, name in (
            (kinds.MediaPlayerPaused, "paused"),
            (kinds.MediaPlayerEndReached, "ended"),
            (kinds.MediaPlayerEncounteredError, "failed"),
            (kinds.MediaPlayerTimeChanged, "moved"),
        ):
            manager.event_attach(kind, lambda _, name=name: _hand_over(loop, on_event, name))

    async def release(self) -> None:
        """Stop and free it, once; VLC waits for its own threads meanwhile."""
        if not self._released:
            self._released = True
            await asyncio.to_thread(self._release)

    def _release(self) -> None:
        self.player.stop()
        self.player.release()


def _hand_over(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: object) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call, *arguments)


class _WavSource:
    """Clips for VLC as one WAV stream, read by its callbacks: it would lose the first 74 ms of each Ogg Opus file.

    Args:
        sound: files.
        pad_frames: silence after them.
        on_end: called once the last sample was read, in VLC's thread.
    """

    def __init__(self, sound: Sound, pad_frames: int, on_end: Callable[[], None]) -> None:
        self._feed = Feed(sound.paths, sound.from_ms, sound.gain_db)
        self._rest = wav_header(_ENDLESS_BYTES)
        self._pad = bytes(2 * pad_frames)
        self._on_end = on_end
        self._at_end = False
        self.frames = 0
        kinds = vlc.CallbackDecorators
        self._opens = kinds.MediaOpenCb(self._open)
        self._reads = kinds.MediaReadCb(self._read)
        self._seeks = kinds.MediaSeekCb(lambda *_: -1)
        self._closes = kinds.MediaCloseCb(lambda _: None)

    def open(self) -> None:
        """Start decoding. Blocks. See `Feed.open`."""
        self._feed.open()

    def close(self) -> None:
        self._feed.close()

    def media(self, instance: Any) -> Any:
        return instance.media_new_callbacks(self._opens, self._reads, self._seeks, self._closes, None)

    def _open(self, _opaque: object, _data: object, size: Any) -> int:
        size[0] = _UNKNOWN_SIZE
        return 0

    def _read(self, _opaque: object, buffer: Any, length: int) -> int:
        if not self._rest:
            samples = self._feed.read(_READ_FRAMES)
            self.frames += len(samples)
            self._rest = (samples * 32767).astype("<i2").tobytes()
        if not self._rest and not self._at_end:
            self._at_end = True
            self._rest = self._pad
            self._on_end()
        part, self._rest = self._rest[:length], self._rest[length:]
        ctypes.memmove(buffer, part, len(part))
        return len(part)


class _Recorded:
    """A `Playing` into a recording, placed by the times that VLC's audio callbacks give."""

    def __init__(
        self,
        instance: Any,
        sound: Sound,
        timeline: TimelineOutput,
        monotonic: Callable[[], float],
    ) -> None:
        self._sound = sound
        self._monotonic = monotonic
        self._instance = instance
        self._loop = asyncio.get_running_loop()
        self._source = None if sound.url is not None else _WavSource(sound, 0, lambda: None)
        self._feed = ArrivingFeed(sound.gain_db if self._source is None else 0.0, sound.expected_ms)
        self._fed = timeline.attach(self._feed)
        self._deck: _Deck | None = None
        self._first_at: float | None = None
        self._paused_at: float | None = None
        self._news = asyncio.Event()
        self._failed = False
        kinds = vlc.CallbackDecorators
        self._callbacks = (
            kinds.AudioPlayCb(self._on_block),
            kinds.AudioPauseCb(self._on_pause),
            kinds.AudioResumeCb(self._on_resume),
            kinds.AudioFlushCb(lambda *_: None),
            kinds.AudioDrainCb(lambda *_: None),
        )

    async def open(self) -> None:
        """Play until the first block comes, and pause there: the block is not yet due.

        Raises:
            OutputFailed: nothing comes.
            ClipUnavailable: a file cannot be decoded.
        """
        media = await _open_media(self._instance, self._sound, self._source)
        self._deck = _Deck(self._instance, media, self._on_event)
        self._deck.player.audio_set_format("S16N", SAMPLE_RATE, 1)
        self._deck.player.audio_set_callbacks(*self._callbacks, None)
        self._deck.player.play()
        await self._until(lambda: self._first_at is not None)
        self._deck.player.set_pause(1)
        await self._until(lambda: self._paused_at is not None or self._feed.at_end)

    @property
    def note(self) -> str | None:
        """See `Playing`."""
        return self._fed.note

    def start(self, at: float) -> None:
        """See `Playing`."""
        if self._deck is None or self._first_at is None or self._paused_at is None:
            self._fed.start(at)  # so short that all of it came before the pause
            return
        ahead_s = self._first_at - self._paused_at
        wait_s = max(0.0, at - ahead_s - self._monotonic())
        self._loop.call_later(wait_s, self._deck.player.set_pause, 0)

    async def started(self) -> float:
        """See `Playing`."""
        return await self._fed.started()

    async def finished(self) -> float:
        """See `Playing`."""
        finished = await self._fed.finished()
        await self._release()
        return finished

    async def stop(self) -> Sounded:
        """See `Playing`."""
        sounded = await self._fed.stop()
        await self._release()
        return sounded

    async def _release(self) -> None:
        if self._source is not None:
            self._source.close()
        if self._deck is not None:
            await self._deck.release()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            if self._failed or (self._feed.at_end and self._first_at is None):
                raise OutputFailed("VLC cannot play what comes")
            self._news.clear()
            await self._news.wait()

    def _on_event(self, name: str) -> None:
        if name in {"ended", "failed"}:
            self._failed = name == "failed"
            self._feed.end("VLC cannot play on" if self._failed else None)
            self._news.set()

    # From VLC's threads

    def _on_block(self, _opaque: object, samples: int, count: int, pts: int) -> None:
        self._feed.put(ctypes.string_at(samples, count * 2))
        if self._first_at is None:
            self._first_at = pts / _MICROSECONDS
            _hand_over(self._loop, self._news.set)

    def _on_pause(self, _opaque: object, pts: int) -> None:
        self._paused_at = pts / _MICROSECONDS
        _hand_over(self._loop, self._news.set)

    def _on_resume(self, _opaque: object, pts: int) -> None:
        if self._first_at is not None and self._paused_at is not None:
            self._fed.start(self._first_at + pts / _MICROSECONDS - self._paused_at)


class _Native:
    """A `Playing` on VLC's own audio output, which tells to some milliseconds only when a sample sounded."""

    note: str | None = None

    def __init__(
        self,
        instance: Any,
        sound: Sound,
        device: str | None,
        monotonic: Callable[[], float],
    ) -> None:
        self._sound = sound
        self._monotonic = monotonic
        self._instance = instance
        self._device = device
        self._loop = asyncio.get_running_loop()
        # VLC may swallow what is shorter than its buffers.
        self._source = None if sound.url is not None else _WavSource(sound, SAMPLE_RATE // 2, self._on_read)
        self._deck: _Deck | None = None
        self._came: set[str] = set()
        self._news = asyncio.Event()
        self._starts: float | None = None
        self._ended: float | None = None

    async def open(self) -> None:
        """Open it paused, and buffer.

        Raises:
            OutputFailed: nothing comes.
            ClipUnavailable: a file cannot be decoded.
        """
        media = await _open_media(self._instance, self._sound, self._source, ":start-paused")
        self._deck = _Deck(self._instance, media, self._on_event)
        if self._device is not None:
            self._deck.player.audio_output_device_set(None, self._device)
        if self._sound.url is not None and self._sound.gain_db:
            # VLC's volume is the cube root of the amplitude.
            self._deck.player.audio_set_volume(round(100 * 10 ** (self._sound.gain_db / 60)))
        self._deck.player.play()
        await self._until("paused")

    def start(self, at: float) -> None:
        """See `Playing`."""
        wait_s = max(0.0, at - NATIVE_LATENCY_S - self._monotonic())
        self._loop.call_later(wait_s, self._unpause)

    async def started(self) -> float:
        """See `Playing`."""
        await self._until("moved")
        if self._starts is None:
            raise OutputFailed("VLC moved before it was told to")
        return self._starts

    async def finished(self) -> float:
        """See `Playing`."""
        if self._source is None:
            await self._until("ended")
            finished = self._ended or self._monotonic()
            self._check_length(finished)
        else:
            await self._until("read")
            finished = (self._starts or self._monotonic()) + self._source.frames / SAMPLE_RATE
            await asyncio.sleep(finished - self._monotonic())
        await self._release()
        return finished

    def _check_length(self, finished: float) -> None:
        expected_ms = self._sound.expected_ms
        lasted_s = finished - (self._starts or finished)
        if expected_ms is not None and lasted_s < (expected_ms / 1000 - SHORT_FRAMES / SAMPLE_RATE):
            raise OutputFailed(f"the stream broke off after {lasted_s:.1f} s")

    async def stop(self) -> Sounded:
        """See `Playing`."""
        if self._deck is not None and self._ended is None:
            self._deck.player.audio_set_mute(True)
            self._ended = self._monotonic()
        await self._release()
        has_sounded = self._starts is not None and self._ended is not None and self._ended > self._starts
        return Sounded(self._starts, self._ended) if has_sounded else Sounded(None, None)

    async def _release(self) -> None:
        if self._source is not None:
            self._source.close()
        if self._deck is not None:
            await self._deck.release()

    def _unpause(self) -> None:
        if self._deck is not None and self._ended is None:
            self._deck.player.set_pause(0)
            self._starts = self._monotonic() + NATIVE_LATENCY_S

    async def _until(self, name: str) -> None:
        while name not in self._came:
            if "failed" in self._came or "ended" in self._came:
                raise OutputFailed("VLC cannot play what comes")
            self._news.clear()
            await self._news.wait()

    def _on_read(self) -> None:
        """From VLC's thread: nothing is left to be read."""
        _hand_over(self._loop, self._on_event, "read")

    def _on_event(self, name: str) -> None:
        if name == "ended" and self._ended is None:
            self._ended = self._monotonic()
        self._came.add(name)
        self._news.set()


async def _open_media(instance: Any, sound: Sound, source: _WavSource | None, *options: str) -> Any:
    """The stream, or the files as one. What comes is taken for what it should be, never for a playlist."""
    if source is None:
        return instance.media_new(sound.url, ":demux=mp3", *options)
    await asyncio.to_thread(source.open)
    media = source.media(instance)
    for option in (":demux=wav", *options):
        media.add_option(option)
    return media
