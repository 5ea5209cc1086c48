"""A broadcast that is partly made while it sounds: clips from the store, and relays between them, as one sound.

A relay that does not come, or breaks off, costs the broadcast nothing else: what was chosen for that is done, and
the rest sounds at its instant.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from players.errors import ClipUnavailable, OutputError, OutputFailed
from players.messages import ClipRef, CuedBroadcast, OnFailure, Reason, RelayPart
from players.node.errors import ClipRefused
from players.node.output import Playing, Sounded

OPEN_AHEAD_S: Final = 0.3
"""A relay is opened so long before its instant: what comes is heard about so much later."""
COMES_WITHIN_S: Final = 5.0
"""A relay of which nothing is heard for so long after it was opened does not come."""
SHORT_S: Final = 1.0
"""A relay that ends so much before its time has not broken off."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Clips in a row, or a relay. `starts_s` counts from the start of the broadcast."""

    starts_s: float
    lasts_s: float
    clips: tuple[ClipRef, ...] = ()
    relay: RelayPart | None = None


class Sources(Protocol):
    """What the pieces are opened with."""

    async def clips(self, clips: tuple[ClipRef, ...], from_ms: int) -> Playing:
        """Open clips of the store. Raises as `AudioOutput.prepare`, and `ClipRefused` for one that is not whole."""
        ...

    async def relay(self, relay: RelayPart) -> Playing:
        """Open a relay; it makes no sound and asks for nothing before it is started. Raises `OutputError`."""
        ...


def pieces_of(item: CuedBroadcast) -> tuple[Piece, ...]:
    """A broadcast's pieces, in order."""
    pieces: list[Piece] = []
    clips, ends_ms = 0, 0
    for relay in item.relays:
        before = item.clips[clips : relay.after_clips]
        if before:
            pieces.append(_clips_from(ends_ms, before))
        pieces.append(Piece(relay.starts_ms / 1000, relay.lasts_ms / 1000, relay=relay))
        clips, ends_ms = relay.after_clips, relay.starts_ms + relay.lasts_ms
    if item.clips[clips:]:
        pieces.append(_clips_from(ends_ms, item.clips[clips:]))
    return tuple(pieces)


def _clips_from(starts_ms: int, clips: tuple[ClipRef, ...]) -> Piece:
    return Piece(starts_ms / 1000, sum(clip.duration_ms for clip in clips) / 1000, clips)


class Medley:
    """A `Playing` made of others.

    Args:
        item: with relays.
        from_ms: where in it to begin.
        sources: what opens its pieces.
        monotonic: the node's clock.
    """

    def __init__(self, item: CuedBroadcast, from_ms: int, sources: Sources, monotonic: Callable[[], float]) -> None:
        self._from_s = from_ms / 1000
        self._pieces = tuple(piece for piece in pieces_of(item) if piece.starts_s + piece.lasts_s > self._from_s)
        self._sources = sources
        self._monotonic = monotonic
        self._opened: Playing | None = None
        self._run: asyncio.Task[None] | None = None
        self._origin = 0.0
        self._first: float | None = None
        self._last: float | None = None
        self._begun: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._troubles: list[str] = []

    @property
    def note(self) -> str | None:
        """See `Playing`."""
        return "; ".join(self._troubles) or None

    @property
    def reason(self) -> Reason | None:
        """`RELAY_FAILED` when a relay was not heard as it should be."""
        return Reason.RELAY_FAILED if self._troubles else None

    async def open(self) -> None:
        """Open the first piece, if it is clips. Raises as `Sources.clips`."""
        first = self._pieces[0]
        if first.clips:
            self._opened = await self._sources.clips(first.clips, self._offset_ms(first))

    def start(self, at: float) -> None:
        """See `Playing`."""
        self._origin = at - self._from_s
        self._run = asyncio.create_task(self._play(), name="medley")
        self._run.add_done_callback(self._settle)

    async def started(self) -> float:
        """See `Playing`."""
        return await asyncio.shield(self._begun)

    async def finished(self) -> float:
        """See `Playing`."""
        if self._run is not None:
            await asyncio.shield(self._run)
        if self._last is None:
            raise OutputFailed(self.note or "nothing sounded")
        return self._last

    async def stop(self) -> Sounded:
        """See `Playing`."""
        if self._run is not None and not self._run.done():
            self._run.cancel()
            with suppress(asyncio.CancelledError, OutputError):
                await self._run
        if self._opened is not None:
            await self._opened.stop()
        return Sounded(self._first, self._last)

    def _settle(self, run: "asyncio.Task[None]") -> None:
        """The first sample that nobody will hear any more is not waited for."""
        if self._begun.done():
            return
        error = None if run.cancelled() else run.exception()
        self._begun.set_exception(error or OutputFailed(self.note or "nothing sounded"))
        self._begun.exception()  # nobody has to ask

    def _offset_ms(self, piece: Piece) -> int:
        return round(max(0.0, self._from_s - piece.starts_s) * 1000)

    async def _play(self) -> None:
        for piece in self._pieces:
            if piece.relay is None:
                await self._play_clips(piece)
            else:
                await self._play_relay(piece, piece.relay)

    async def _play_clips(self, piece: Piece) -> None:
        playing, self._opened = self._opened, None
        offset_ms = self._offset_ms(piece)
        if playing is None:
            try:
                playing = await self._sources.clips(piece.clips, offset_ms)
            except (ClipRefused, ClipUnavailable) as error:
                raise OutputFailed(f"a clip after a relay: {error}") from error
        await self._sound(playing, self._origin + piece.starts_s + offset_ms / 1000, playing.finished)

    async def _play_relay(self, piece: Piece, relay: RelayPart) -> None:
        ends = self._origin + piece.starts_s + piece.lasts_s
        await self._until(self._origin + piece.starts_s - OPEN_AHEAD_S)
        try:
            playing = await self._sources.relay(relay)
            await self._sound(playing, self._monotonic(), lambda: self._hear_relay(playing, ends, relay))
        except OutputError as error:
            self._troubles.append(f"relay: {error}")
            await self._do_instead(relay, ends)
        else:
            if relay.may_end:
                self._origin += min(0.0, self._monotonic() - ends)
        await self._until(self._origin + piece.starts_s + piece.lasts_s)

    async def _hear_relay(self, playing: Playing, ends: float, relay: RelayPart) -> float:
        """Listen until its time is over; when its last sample sounded."""
        finished = await self._hear(playing, ends)
        if not relay.may_end and finished < ends - SHORT_S:
            raise OutputFailed(f"it broke off {ends - finished:.1f} s before its end")
        return finished

    async def _hear(self, playing: Playing, ends: float) -> float:
        """Listen to the end of a sound, or to that instant; when its last sample sounded."""
        try:
            async with asyncio.timeout(max(0.0, ends - self._monotonic())):
                return await playing.finished()
        except TimeoutError:
            sounded = await playing.stop()
            return max(ends, sounded.finished or ends)

    async def _do_instead(self, relay: RelayPart, ends: float) -> None:
        if relay.on_failure is OnFailure.NEXT:
            self._origin += min(0.0, self._monotonic() - ends)
        if relay.fallback is None:
            return
        try:
            playing = await self._sources.clips((relay.fallback,), 0)
        except (ClipRefused, ClipUnavailable) as error:
            self._troubles.append(f"the clip in its place: {error}")
            return
        await self._sound(playing, self._monotonic(), lambda: self._hear(playing, ends))

    async def _sound(self, playing: Playing, at: float, hear: Callable[[], Awaitable[float]]) -> None:
        """Let one sound be heard to its end; silence it when this is cancelled or it breaks off."""
        try:
            playing.start(at)
            async with asyncio.timeout(max(0.0, at - self._monotonic()) + COMES_WITHIN_S):
                started = await playing.started()
            self._first = self._first or started
            if not self._begun.done():
                self._begun.set_result(started)
            self._last = await hear()
        except TimeoutError as error:
            await playing.stop()
            raise OutputFailed(f"nothing was heard of it for {COMES_WITHIN_S:.0f} s") from error
        except (asyncio.CancelledError, OutputError):
            sounded = await playing.stop()
            self._last = sounded.finished or self._last
            raise

    async def _until(self, instant: float) -> None:
        await asyncio.sleep(max(0.0, instant - self._monotonic()))
