"""VLC's own audio output, which tells to some milliseconds only when a sample sounded."""

import asyncio
from collections.abc import Callable

from players.errors import OutputFailed, OutputMissing
from players.node.arriving import SHORT_FRAMES
from players.node.output import SAMPLE_RATE, Sound, Sounded
from players.node.vlc.library import STALL_S, Deck, Library, WavSource, hand_over, live_media, open_media

LATENCY_S = 0.002
"""From the end of the pause to the first sample at VLC's own output, as measured on PulseAudio."""
GONE = "the sound device is gone"


class NativePlaying:
    """A `Playing` on a sound device."""

    note: str | None = None

    def __init__(
        self,
        library: Library,
        sound: Sound,
        device: str | None,
        monotonic: Callable[[], float],
    ) -> None:
        self._sound = sound
        self._monotonic = monotonic
        self._library = library
        self._device = device
        self._loop = asyncio.get_running_loop()
        # VLC may swallow what is shorter than its buffers.
        self._source = None if sound.url is not None else WavSource(sound, SAMPLE_RATE // 2, self._on_read)
        self._deck: Deck | None = None
        self._came: set[str] = set()
        self._news = asyncio.Event()
        self._starts: float | None = None
        self._ended: float | None = None
        self._is_deaf = False
        self._moved_at: float | None = None

    async def open(self) -> None:
        """Open it paused, and buffer.

        Raises:
            OutputFailed: nothing comes.
            OutputMissing: there is no sound device.
            ClipUnavailable: a file cannot be decoded.
        """
        if self._sound.is_live:
            media = live_media(self._library, self._sound.url)
        else:
            media = await open_media(self._library, self._sound, self._source, ":start-paused")
        self._deck = Deck(self._library, media, self._on_event)
        if self._device is not None:
            self._deck.player.audio_output_device_set(None, self._device)
        if self._sound.url is not None and self._sound.gain_db:
            # VLC's volume is the cube root of the amplitude.
            self._deck.player.audio_set_volume(round(100 * 10 ** (self._sound.gain_db / 60)))
        if self._sound.is_live:
            return
        self._deck.player.play()
        await self._until("paused")
        if not await asyncio.to_thread(self._deck.has_device):
            raise OutputMissing("no sound device")

    def start(self, at: float) -> None:
        """See `Playing`."""
        wait_s = max(0.0, at - LATENCY_S - self._monotonic())
        self._loop.call_later(wait_s, self._play_live if self._sound.is_live else self._unpause)

    async def started(self) -> float:
        """See `Playing`."""
        await self._until("moved")
        if self._starts is None:
            raise OutputFailed("VLC moved before it was told to")
        return self._starts

    async def finished(self) -> float:
        """See `Playing`."""
        if self._source is None:
            await (self._until_over() if self._sound.is_live else self._until("ended"))
            finished = self._ended or self._monotonic()
            self._check_length(finished)
        else:
            await self._until("read")
            finished = (self._starts or self._monotonic()) + self._source.frames / SAMPLE_RATE
            await self._sounds_until(finished)
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
            self._starts = self._monotonic() + LATENCY_S

    def _play_live(self) -> None:
        if self._deck is not None and self._ended is None:
            self._deck.player.play()

    async def _until_over(self) -> None:
        """Wait for the end of a live stream.

        Raises:
            OutputFailed: nothing has moved for a while.
        """
        while "ended" not in self._came:
            try:
                async with asyncio.timeout(STALL_S / 4):
                    await self._until("ended")
            except TimeoutError as error:
                if self._monotonic() - (self._moved_at or self._starts or 0.0) > STALL_S:
                    self._ended = self._monotonic()
                    raise OutputFailed(f"nothing came for {STALL_S:.0f} s") from error

    def deafen(self) -> None:
        """VLC's sound output fails: what sounded until now has sounded, the rest is not heard."""
        if self._starts is not None and not self._is_deaf:
            self._is_deaf = True
            self._ended = self._ended or self._monotonic()
            self._news.set()

    async def _sounds_until(self, instant: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, instant - self._monotonic())):
                while not self._is_deaf:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return
        raise OutputFailed(GONE)

    async def _until(self, name: str) -> None:
        while name not in self._came:
            if self._is_deaf:
                raise OutputFailed(GONE)
            if "failed" in self._came or "ended" in self._came:
                raise OutputFailed("VLC cannot play what comes")
            self._news.clear()
            await self._news.wait()

    def _on_read(self) -> None:
        """From VLC's thread: nothing is left to be read."""
        hand_over(self._loop, self._on_event, "read")

    def _on_event(self, name: str) -> None:
        if name == "ended" and self._ended is None:
            self._ended = self._monotonic()
        elif name == "moved":
            self._moved_at = self._monotonic()
            self._starts = self._starts or self._moved_at  # of what was not paused before
        self._came.add(name)
        self._news.set()
