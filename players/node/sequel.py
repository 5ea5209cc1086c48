"""An emergency that is played clip by clip: the chime sounds while its words are still coming."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from players.errors import ClipUnavailable, OutputError, OutputFailed
from players.messages import ClipRef
from players.node.errors import ClipRefused
from players.node.medley import Sources
from players.node.output import Playing, Sounded

PATIENCE_S: Final = 20.0
"""So long its silence lasts at most: then what is still to come does not come."""
BEGINS_WITHIN_S: Final = 5.0


class Sequel:
    """A `Playing` made of clips, of which more may be added while it sounds.

    Args:
        clips: those that are there, at least one.
        from_ms: where in the first to begin.
        sources: what opens them.
        monotonic: the node's clock.
        is_open: whether more will be added.
    """

    def __init__(
        self,
        clips: Sequence[ClipRef],
        from_ms: int,
        sources: Sources,
        monotonic: Callable[[], float],
        *,
        is_open: bool,
    ) -> None:
        self._first_clip = clips[0]
        self._coming = deque(clips[1:])
        self._from_ms = from_ms
        self._sources = sources
        self._monotonic = monotonic
        self._is_open = is_open
        self._more = asyncio.Event()
        self._opened: list[Playing] = []
        self._run: asyncio.Task[None] | None = None
        self._first: float | None = None
        self._last: float | None = None
        self._begun: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waited_s = 0.0

    @property
    def note(self) -> str | None:
        """See `Playing`."""
        return f"waited {self._waited_s:.1f} s for words" if self._waited_s >= 1 else None

    async def open(self) -> None:
        """Open the first clip. Raises as `Sources.clips`."""
        self._opened.append(await self._sources.clips((self._first_clip,), self._from_ms))

    def add(self, clips: Sequence[ClipRef], *, is_last: bool) -> None:
        """Go on with these."""
        self._coming.extend(clips)
        self._is_open = not is_last
        self._more.set()

    def start(self, at: float) -> None:
        """See `Playing`."""
        self._run = asyncio.create_task(self._play(at), name="sequel")
        self._run.add_done_callback(self._settle)

    async def started(self) -> float:
        """See `Playing`."""
        return await asyncio.shield(self._begun)

    async def finished(self) -> float:
        """See `Playing`.

        Raises:
            ClipUnavailable: its words did not come.
            ClipRefused: one of its clips is damaged.
        """
        if self._run is not None:
            await asyncio.shield(self._run)
        if self._last is None:
            raise OutputFailed("nothing sounded")
        return self._last

    async def stop(self) -> Sounded:
        """See `Playing`."""
        sounded = [await playing.stop() for playing in self._opened]
        if self._run is not None and not self._run.done():
            self._run.cancel()
            with suppress(asyncio.CancelledError, OutputError, ClipRefused):
                await self._run
        for one in sounded:
            self._first = one.started if self._first is None else self._first
            self._last = one.finished or self._last
        return Sounded(self._first, self._last)

    def _settle(self, run: "asyncio.Task[None]") -> None:
        """The first sample that nobody will hear any more is not waited for."""
        error = OutputFailed("it was stopped") if run.cancelled() else run.exception()
        if not self._begun.done():
            self._begun.set_exception(error or OutputFailed("nothing sounded"))
            self._begun.exception()  # nobody has to ask

    async def _play(self, at: float) -> None:
        playing: Playing | None = self._opened[0]
        while playing is not None:
            playing.start(at)
            async with asyncio.timeout(max(0.0, at - self._monotonic()) + BEGINS_WITHIN_S):
                started = await playing.started()
            if self._first is None:
                self._first = started
                self._begun.set_result(started)
            following = asyncio.create_task(self._open_next(), name="sequel next")
            try:
                self._last = await playing.finished()
                self._opened.remove(playing)
                playing = await self._within_patience(following)
            finally:
                following.cancel()
            at = self._monotonic()

    async def _within_patience(self, following: "asyncio.Task[Playing | None]") -> Playing | None:
        silent_since = self._monotonic()
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await following
        except TimeoutError as error:
            raise ClipUnavailable(f"its words did not come within {PATIENCE_S:.0f} s") from error
        finally:
            self._waited_s += self._monotonic() - silent_since

    async def _open_next(self) -> Playing | None:
        """All that has come, as one sound, as soon as there is any; none when nothing more will come."""
        while not self._coming:
            if not self._is_open:
                return None
            self._more.clear()
            await self._more.wait()
        clips = tuple(self._coming)
        self._coming.clear()
        playing = await self._sources.clips(clips, 0)
        self._opened.append(playing)
        return playing
