"""python-vlc, as far as we use it: the only file that knows it."""

import asyncio
import ctypes
from collections.abc import Callable
from typing import Any

import vlc

from players.errors import OutputMissing
from players.node.feed import Feed
from players.node.output import SAMPLE_RATE, Sound
from players.node.record import wav_header

MICROSECONDS = 1_000_000
LIVE_CACHING_MS = 300
"""What VLC keeps back of a live stream against a line that stutters: all of it is heard so much later."""
STALL_S = 3.0
"""A live stream of which nothing is heard for so long has broken off."""
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
_READ_FRAMES = SAMPLE_RATE // 50
_ENDLESS_BYTES = 0x7FFFFF00
_UNKNOWN_SIZE = 2**64 - 1
_SOUND_OUTPUT = b"audio output"
"""The kind of VLC's object whose errors mean that nothing is heard: VLC itself plays on and says nothing of it."""


class Library:
    """VLC, started. Blocks.

    Args:
        on_deaf: called on the event loop when VLC's own sound output says that it fails.

    Raises:
        OutputMissing: it does not start.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, on_deaf: Callable[[], None]) -> None:
        self.instance = vlc.Instance(list(_OPTIONS))
        if self.instance is None:
            raise OutputMissing("VLC does not start")
        self._loop = loop
        self._on_deaf = on_deaf
        # python-vlc 3.0.21 cannot call this one: its own wrapper refuses every argument.
        name, line = ctypes.POINTER(ctypes.c_char_p), ctypes.POINTER(ctypes.c_size_t)
        prototype = ctypes.CFUNCTYPE(None, ctypes.c_void_p, name, name, line)
        self._about = prototype(("libvlc_log_get_object", vlc.dll))
        self._logs = vlc.CallbackDecorators.LogCb(self._log)
        self.instance.log_set(self._logs, None)

    def release(self) -> None:
        """Free it. Blocks."""
        self.instance.log_unset()
        self.instance.release()

    def _log(self, _data: object, level: int, context: Any, _format: object, _arguments: object) -> None:
        if level < vlc.LogLevel.ERROR.value:
            return
        kind, header, number = ctypes.c_char_p(), ctypes.c_char_p(), ctypes.c_size_t()
        self._about(
            ctypes.cast(context, ctypes.c_void_p), ctypes.byref(kind), ctypes.byref(header), ctypes.byref(number)
        )
        if kind.value == _SOUND_OUTPUT:
            hand_over(self._loop, self._on_deaf)


class Deck:
    """One media player of VLC, and the few things of it we use. Its events are brought to the event loop."""

    def __init__(self, library: Library, media: Any, on_event: Callable[[str], None]) -> None:
        loop = asyncio.get_running_loop()
        self._released = False
        self.player = library.instance.media_player_new()
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
            manager.event_attach(kind, lambda _, name=name: hand_over(loop, on_event, name))

    async def release(self) -> None:
        """Stop and free it, once; VLC waits for its own threads meanwhile."""
        if not self._released:
            self._released = True
            await asyncio.to_thread(self._release)

    def _release(self) -> None:
        self.player.stop()
        self.player.release()

    def has_device(self) -> bool:
        """Whether VLC's sound output knows any device."""
        found = self.player.audio_output_device_enum()
        if found:
            vlc.libvlc_audio_output_device_list_release(found)
        return bool(found)


def hand_over(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: object) -> None:
    """Have something called on the event loop, from one of VLC's threads."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(call, *arguments)


class WavSource:
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
        """Stop decoding."""
        self._feed.close()

    def media(self, library: Library) -> Any:
        """For a `Deck`."""
        return library.instance.media_new_callbacks(self._opens, self._reads, self._seeks, self._closes, None)

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


def live_media(library: Library, url: str | None) -> Any:
    """A stream that is made while it sounds, with little kept back."""
    return library.instance.media_new(url, ":demux=mp3", f":network-caching={LIVE_CACHING_MS}")


async def open_media(library: Library, sound: Sound, source: WavSource | None, *options: str) -> Any:
    """The stream, or the files as one. What comes is taken for what it should be, never for a playlist."""
    if source is None:
        return library.instance.media_new(sound.url, ":demux=mp3", *options)
    await asyncio.to_thread(source.open)
    media = source.media(library)
    for option in (":demux=wav", *options):
        media.add_option(option)
    return media


def audio_callbacks(
    play: Callable[[object, int, int, int], None],
    pause: Callable[[object, int], None],
    resume: Callable[[object, int], None],
) -> tuple[Any, ...]:
    """The callbacks by which VLC hands over decoded blocks. Whoever gives them to VLC keeps them."""
    kinds = vlc.CallbackDecorators
    nothing = (kinds.AudioFlushCb(lambda *_: None), kinds.AudioDrainCb(lambda *_: None))
    return (kinds.AudioPlayCb(play), kinds.AudioPauseCb(pause), kinds.AudioResumeCb(resume), *nothing)
