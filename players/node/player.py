"""Carries out `Prepare`, `Go`, `Hush`, `Discard` and `Decode` on the outputs, and tells the agent what came of it.

Each broadcast that is prepared has a task of its own; one lock lets one of them sound at a time. Whatever an
output does, each `Go` is answered by `Ended`, `Broke` or `Silenced`, within a limit.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from players.errors import ClipUnavailable, OutputError, OutputFailed, OutputMissing
from players.messages import CuedBroadcast, Reason, Rehearse, RelayPart
from players.node.clock import NodeClock
from players.node.errors import ClipRefused
from players.node.events import (
    Began,
    Broke,
    ClipTrouble,
    Decode,
    Decoded,
    Discard,
    Ended,
    Event,
    Go,
    Hush,
    Lengthen,
    Prepare,
    Silenced,
    Way,
)
from players.node.medley import Medley
from players.node.output import AudioOutput, Playing, Sound, Sounded
from players.node.sequel import Sequel
from players.node.shelves import Shelves
from players.node.sources import PoleSources

T = TypeVar("T")

log = logging.getLogger(__name__)

PREPARE_WITHIN_S = 10.0
START_WITHIN_S = 10.0
END_GRACE_S = 10.0
MOST_GROWN_S = 3600.0
STOP_WITHIN_S = 1.0
STUCK_AFTER = 3
"""So many sounds in a row that an output did not open in time: a library is stuck that only a new process frees."""


class _Airing:
    """One broadcast between `Prepare` and its end."""

    def __init__(self, action: Prepare) -> None:
        self.item = action.item
        self.serial = action.serial
        self.way = action.way
        self.from_ms = action.from_ms
        self.gain_db = action.gain_db
        self.sequel: Sequel | None = None
        loop = asyncio.get_running_loop()
        self.go: asyncio.Future[datetime] = loop.create_future()
        self.hushed = asyncio.Event()
        self.discarded = False
        self.task: asyncio.Task[None] | None = None

    @property
    def remaining_s(self) -> float:
        """How long it may sound from there; what grows has a bound of its own."""
        return MOST_GROWN_S if self.sequel is not None else max(0, self.item.duration_ms - self.from_ms) / 1000


class Player:
    """Plays for the agent.

    Args:
        outputs: what plays files and, perhaps, what plays streams.
        clips: the store.
        clock: to turn instants into dates and back.
        stream_url: the address of a broadcast's stream from a place in it.
        relay_url: the address of a relay, asked when it is opened.
        emit: takes what happened; called on the event loop.
        spares_data: whether what is left of the month's data is for emergencies.
    """

    def __init__(
        self,
        outputs: Mapping[Way, AudioOutput],
        clips: Shelves,
        clock: NodeClock,
        stream_url: Callable[[CuedBroadcast, int], str],
        relay_url: Callable[[RelayPart], str],
        emit: Callable[[Event], None],
        spares_data: Callable[[], bool],
    ) -> None:
        self._outputs = outputs
        self._clips = clips
        self._clock = clock
        self._stream_url = stream_url
        self._relay_url = relay_url
        self._emit = emit
        self._spares_data = spares_data
        self._airings: dict[str, _Airing] = {}
        self._turn = asyncio.Lock()
        self._unopened = 0
        self._rehearsals: set[asyncio.Task[None]] = set()

    @property
    def is_stuck(self) -> bool:
        """Whether an output hangs, as far as its last sounds tell."""
        return self._unopened >= STUCK_AFTER

    def carry_out(self, action: Prepare | Go | Lengthen | Hush | Discard | Decode) -> None:
        """Begin to do it; what comes of it is emitted.

        A broadcast that is no longer prepared here has broken, and word of that is already on its way.
        """
        if isinstance(action, Prepare):
            self._discard(action.item.broadcast)
            self._prepare(action)
            return
        if isinstance(action, Decode):
            rehearsing = asyncio.create_task(self._rehearse(action.rehearsal), name="rehearsal")
            self._rehearsals.add(rehearsing)
            rehearsing.add_done_callback(self._rehearsals.discard)
            return
        airing = self._airings.get(action.broadcast)
        if airing is None:
            return
        match action:
            case Go(_, starts_at):
                if not airing.go.done():
                    airing.go.set_result(starts_at)
            case Lengthen(_, clips, is_last):
                if airing.sequel is not None:
                    airing.sequel.add(clips, is_last=is_last)
            case Hush():
                airing.hushed.set()
            case Discard(broadcast):
                self._discard(broadcast)

    async def _rehearse(self, order: Rehearse) -> None:
        """Open a clip as if it were to sound, and close it: nothing is told to start, so no amplifier opens."""
        sources, error = PoleSources(self._outputs, self._clips, self._relay_url, 0.0, spares_data=True), None
        playing: Playing | None = None
        try:
            playing = await _within(PREPARE_WITHIN_S, sources.clips((order.clip,), 0), "the output does not prepare")
        except (OutputError, ClipUnavailable) as trouble:
            error = str(trouble)
        self._emit(Decoded(order.order, self._clock.now().at, error))
        await self._stopped(playing)

    def _prepare(self, action: Prepare) -> None:
        airing = _Airing(action)
        if action.begin_with is not None:
            airing.sequel = Sequel(
                action.item.clips[: action.begin_with],
                action.from_ms,
                self._sources(airing),
                self._clock.monotonic,
                is_open=action.is_open,
            )
        self._airings[action.item.broadcast] = airing
        airing.task = asyncio.create_task(self._air(airing), name=f"air {action.item.broadcast}")
        airing.task.add_done_callback(partial(self._task_done, airing))

    def _discard(self, broadcast: str) -> None:
        airing = self._airings.pop(broadcast, None)
        if airing is not None:
            airing.discarded = True
            airing.hushed.set()

    def _task_done(self, airing: _Airing, task: "asyncio.Task[None]") -> None:
        """A mistake of ours must not leave a broadcast without its end."""
        if task.cancelled() or task.exception() is None:
            return
        log.error("playing %s failed", airing.item.broadcast, exc_info=task.exception())
        self._airings.pop(airing.item.broadcast, None)
        self._emit(Broke(airing.item.broadcast, airing.serial, Reason.OUTPUT_FAILED, repr(task.exception())))

    async def rest(self, limit_s: float) -> None:
        """Wait until nothing sounds or is prepared, at most so long."""
        tasks = [airing.task for airing in self._airings.values() if airing.task is not None]
        tasks += self._rehearsals
        if tasks:
            await asyncio.wait(tasks, timeout=limit_s)

    async def _air(self, airing: _Airing) -> None:
        playing: Playing | None = None
        try:
            playing = await self._opened(airing)
            event = await self._sound(airing, playing)
        except ClipRefused as error:
            if error.reason is Reason.CLIP_CORRUPT and airing.way is Way.FILES:
                await self._condemn(airing)
            event = self._broke(airing, error.reason, error.detail, await self._stopped(playing))
        except ClipUnavailable as error:
            event = self._broke(airing, Reason.CLIP_UNAVAILABLE, str(error), await self._stopped(playing))
        except OutputError as error:
            sounded = await self._stopped(playing)
            event = self._broke(airing, _reason(error, airing.way), str(error), sounded)
        broadcast = airing.item.broadcast
        if self._airings.get(broadcast) is airing:
            del self._airings[broadcast]
        if not airing.discarded:
            self._emit(event)

    async def _opened(self, airing: _Airing) -> Playing:
        try:
            playing = await _within(PREPARE_WITHIN_S, self._open(airing), "the output does not prepare")
        except OutputFailed as error:
            # A stream that does not come is the server's affair, not the output's.
            self._unopened += airing.way is Way.FILES and isinstance(error.__cause__, TimeoutError)
            raise
        self._unopened = 0
        return playing

    async def _open(self, airing: _Airing) -> Playing:
        if airing.way is Way.STREAM:
            sound = Sound(
                url=self._stream_url(airing.item, airing.from_ms),
                gain_db=airing.gain_db,
                expected_ms=airing.item.duration_ms - airing.from_ms,
            )
            return await self._outputs[Way.STREAM].prepare(sound)
        if airing.sequel is not None:
            await airing.sequel.open()
            return airing.sequel
        sources = self._sources(airing)
        if not airing.item.relays:
            return await sources.clips(airing.item.clips, airing.from_ms)
        medley = Medley(airing.item, airing.from_ms, sources, self._clock.monotonic)
        await medley.open()
        return medley

    def _sources(self, airing: _Airing) -> PoleSources:
        spares_data = self._spares_data() and not airing.item.is_emergency
        return PoleSources(self._outputs, self._clips, self._relay_url, airing.gain_db, spares_data=spares_data)

    async def _sound(self, airing: _Airing, playing: Playing) -> Event:
        """Wait for the word and for the turn, sound, and say how it ended."""
        if not await _before(airing.hushed, airing.go):
            return self._silenced(airing, await self._stopped(playing))
        async with self._turn:
            if airing.hushed.is_set():
                return self._silenced(airing, await self._stopped(playing))
            starts = self._clock.monotonic_of(airing.go.result())
            playing.start(starts)
            ended = asyncio.ensure_future(self._watch(airing, playing, starts))
            if not await _before(airing.hushed, ended):
                ended.cancel()
                with suppress(asyncio.CancelledError, OutputError):
                    await ended
                return self._silenced(airing, await self._stopped(playing))
            return await ended

    async def _watch(self, airing: _Airing, playing: Playing, starts: float) -> Event:
        wait_s = max(0.0, starts - self._clock.monotonic()) + START_WITHIN_S
        started = await _within(wait_s, playing.started(), "the output did not begin")
        self._emit(Began(airing.item.broadcast, airing.serial, self._clock.at(started)))
        finished = await _within(airing.remaining_s + END_GRACE_S, playing.finished(), "the output did not end")
        reason = playing.reason if isinstance(playing, Medley) else None
        began, ended = self._clock.at(started), self._clock.at(finished)
        return Ended(airing.item.broadcast, airing.serial, began, ended, playing.note, reason)

    async def _stopped(self, playing: Playing | None) -> Sounded:
        if playing is None:
            return Sounded(None, None)
        try:
            return await _within(STOP_WITHIN_S, playing.stop(), "the output did not stop")
        except OutputError:
            return Sounded(None, None)

    async def _condemn(self, airing: _Airing) -> None:
        """A file that cannot be played is not kept: it is fetched again."""
        for clip in airing.item.clips:
            if len(airing.item.clips) == 1 or not await asyncio.to_thread(self._clips.is_whole, clip.sha256):
                await asyncio.to_thread(self._clips.drop, clip.sha256)
                self._emit(ClipTrouble(clip.sha256, Reason.CLIP_CORRUPT, "the clip on disk cannot be played"))

    def _silenced(self, airing: _Airing, sounded: Sounded) -> Silenced:
        return Silenced(airing.item.broadcast, airing.serial, self._date(sounded.started), self._date(sounded.finished))

    def _broke(self, airing: _Airing, reason: Reason, detail: str, sounded: Sounded | None) -> Broke:
        started = None if sounded is None else self._date(sounded.started)
        finished = None if sounded is None else self._date(sounded.finished)
        return Broke(airing.item.broadcast, airing.serial, reason, detail, started, finished)

    def _date(self, instant: float | None) -> datetime | None:
        return None if instant is None else self._clock.at(instant)


async def _before(event: asyncio.Event, awaited: "asyncio.Future[T]") -> bool:
    """Wait for one of two. Whether `awaited` was done before the event was set."""
    flag = asyncio.ensure_future(event.wait())
    either: set[asyncio.Future[Any]] = {flag, awaited}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        flag.cancel()
    return awaited.done() or not event.is_set()


async def _within(limit_s: float, awaitable: Awaitable[T], complaint: str) -> T:
    """Await, at most so long.

    Raises:
        OutputFailed: it took longer.
    """
    try:
        async with asyncio.timeout(limit_s):
            return await awaitable
    except TimeoutError as error:
        raise OutputFailed(complaint) from error


def _reason(error: OutputError, way: Way) -> Reason:
    if isinstance(error, OutputMissing):
        return Reason.OUTPUT_MISSING
    return Reason.STREAM_FAILED if way is Way.STREAM else Reason.OUTPUT_FAILED
