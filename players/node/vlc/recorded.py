"""VLC decodes and says by its audio callbacks when each block would sound; that is written into a recording."""

import asyncio
import ctypes
from collections.abc import Callable

from players.errors import OutputFailed
from players.node.arriving import ArrivingFeed
from players.node.output import SAMPLE_RATE, Sound, Sounded
from players.node.timeline import TimelineOutput
from players.node.vlc.library import (
    MICROSECONDS,
    STALL_S,
    Deck,
    Library,
    WavSource,
    audio_callbacks,
    hand_over,
    live_media,
    open_media,
)


class RecordedPlaying:
    """A `Playing` into a recording, placed by the times that VLC's audio callbacks give."""

    def __init__(
        self,
        library: Library,
        sound: Sound,
        timeline: TimelineOutput,
        monotonic: Callable[[], float],
    ) -> None:
        self._sound = sound
        self._monotonic = monotonic
        self._library = library
        self._loop = asyncio.get_running_loop()
        self._source = None if sound.url is not None else WavSource(sound, 0, lambda: None)
        self._feed = ArrivingFeed(sound.gain_db if self._source is None else 0.0, sound.expected_ms)
        self._fed = timeline.attach(self._feed)
        self._deck: Deck | None = None
        self._first_at: float | None = None
        self._paused_at: float | None = None
        self._goes_on_at: float | None = None
        self._has_resumed = False
        self._news = asyncio.Event()
        self._failed = False
        self._callbacks = audio_callbacks(self._on_block, self._on_pause, self._on_resume)

    async def open(self) -> None:
        """Play until the first block comes, and pause there: the block is not yet due.

        Raises:
            OutputFailed: nothing comes.
            ClipUnavailable: a file cannot be decoded.
        """
        if self._sound.is_live:
            media = live_media(self._library, self._sound.url)
        else:
            media = await open_media(self._library, self._sound, self._source)
        self._deck = Deck(self._library, media, self._on_event)
        self._deck.player.audio_set_format("S16N", SAMPLE_RATE, 1)
        self._deck.player.audio_set_callbacks(*self._callbacks, None)
        if self._sound.is_live:
            return
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
        if self._sound.is_live:
            self._loop.call_later(max(0.0, at - self._monotonic()), self._play_live)
            return
        if self._deck is None or self._first_at is None or self._paused_at is None:
            self._fed.start(at)  # so short that all of it came before the pause
            return
        ahead_s = self._first_at - self._paused_at
        wait_s = max(0.0, at - ahead_s - self._monotonic())
        self._loop.call_later(wait_s, self._go_on, at)

    async def started(self) -> float:
        """See `Playing`."""
        return await self._fed.started()

    async def finished(self) -> float:
        """See `Playing`."""
        finished = await (self._until_over() if self._sound.is_live else self._fed.finished())
        await self._release()
        return finished

    async def stop(self) -> Sounded:
        """See `Playing`."""
        sounded = await self._fed.stop()
        await self._release()
        return sounded

    def _go_on(self, at: float) -> None:
        self._goes_on_at = at
        if self._deck is None or self._feed.at_end:
            self._fed.start(at)  # it ended, or broke off, while it was paused: VLC has nothing to go on with
        else:
            self._deck.player.set_pause(0)

    def _play_live(self) -> None:
        if self._deck is not None and not self._feed.at_end:
            self._deck.player.play()

    async def _until_over(self) -> float:
        """Wait for the end of a live stream; a stall ends it."""
        ended = asyncio.ensure_future(self._fed.finished())
        came, came_at = self._feed.came, self._monotonic()
        try:
            while not ended.done():
                await asyncio.wait({ended}, timeout=STALL_S / 4)
                if self._feed.came != came:
                    came, came_at = self._feed.came, self._monotonic()
                elif self._monotonic() - came_at > STALL_S:
                    self._fed.fail(f"nothing came for {STALL_S:.0f} s")
            return await ended
        finally:
            ended.cancel()

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
            if self._goes_on_at is not None and not self._has_resumed:
                # All was decoded before the pause: VLC often ends where it was to go on, and does not say that it did.
                self._fed.start(self._goes_on_at)
            if self._sound.is_live and self._first_at is None:
                self._fed.fail("VLC cannot play what comes")
            self._news.set()

    # From VLC's threads

    def _on_block(self, _opaque: object, samples: int, count: int, pts: int) -> None:
        self._feed.put(ctypes.string_at(samples, count * 2))
        if self._first_at is None:
            self._first_at = pts / MICROSECONDS
            if self._sound.is_live:
                self._fed.start(self._first_at)
            hand_over(self._loop, self._news.set)

    def _on_pause(self, _opaque: object, pts: int) -> None:
        self._paused_at = pts / MICROSECONDS
        hand_over(self._loop, self._news.set)

    def _on_resume(self, _opaque: object, pts: int) -> None:
        self._has_resumed = True
        if self._first_at is not None and self._paused_at is not None:
            self._fed.start(self._first_at + pts / MICROSECONDS - self._paused_at)
