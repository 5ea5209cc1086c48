"""Makes the silent drill: when its minute comes, and whenever somebody asks for it."""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Protocol

from sqlalchemy import Engine

from broadcast import readiness
from broadcast.db import look_at, reading, session_of, work_on
from broadcast.models import Clip
from broadcast.readiness import ANSWER_WITHIN, Begun, NotSpoken
from players.errors import TransportClosed
from players.hub import Hub
from players.messages import ClipRef, Rehearse, Rehearsed
from tts.clip_store import ClipStore
from tts.errors import ClipError

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
SPOKEN_WITHIN = timedelta(seconds=30)
POLES_HEARD_WITHIN = timedelta(seconds=45)
"""After the server has started its poles find their way back to it: before, the day's own drill would miss them."""


class _Failed(Exception):
    """No pole can be asked; says why, in Vietnamese."""


class Renderers(Protocol):
    """What makes a clip of each text that the database wants."""

    def listen(self, on_rendered: Callable[[], None]) -> None:
        """Have this called after each rendering that is done or given up."""
        ...

    def nudge(self) -> None:
        """Something is wanted: look now."""
        ...


class ReadinessDesk:
    """Makes drills, one at a time.

    Args:
        engine: The database.
        hub: The wire.
        renderers: The voice.
        clips: Where what was spoken lies.
        at: When the day's own drill is made, in the commune's time.
        clock: The present.
        on_change: Told when a drill has begun or is over.
    """

    def __init__(
        self,
        engine: Engine,
        hub: Hub,
        renderers: Renderers,
        clips: ClipStore,
        at: time,
        clock: Callable[[], datetime],
        on_change: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._hub = hub
        self._renderers = renderers
        self._clips = clips
        self._at = at
        self._clock = clock
        self._on_change = on_change
        self._began_at = clock()
        self._asked = asyncio.Event()
        self._spoken = asyncio.Event()
        self._answers: asyncio.Queue[Rehearsed] = asyncio.Queue()
        self._order: str | None = None
        renderers.listen(self._spoken.set)
        hub.listen_to_rehearsals(self._take)

    async def run(self) -> None:
        """Make the drills that are due, until cancelled."""
        await work_on(self._engine, readiness.end_broken_off, self._clock())
        while True:
            try:
                await self.look()
            # One drill that failed in a way we did not foresee must not end them all; the next has rows of its own.
            except Exception:
                log.exception("the silent drill failed")
            await _wait(self._asked, LOOK_EVERY_S)

    def nudge(self) -> None:
        """Somebody has asked for a drill. On the event loop."""
        self._asked.set()

    async def look(self) -> None:
        """Make the drill that is due, if one is, to its end."""
        self._asked.clear()
        begun = await asyncio.to_thread(self._begin)
        if begun is None:
            return
        self._on_change()
        error = None
        try:
            await self._make(begun)
        except _Failed as failed:
            error = str(failed)
        finally:
            self._order = None
        await work_on(self._engine, readiness.end_drill, begun.drill_id, self._clock(), error)
        sha256 = await work_on(self._engine, readiness.forget_spoken, begun.rendering_key)
        if sha256 is not None:
            await asyncio.to_thread(self._clips.remove, sha256)
        self._on_change()

    def _begin(self) -> Begun | None:
        now = self._clock()
        with reading(self._engine) as session:
            asked, on = readiness.asked_drill(session, now), readiness.due_on(session, self._at, now)
            if timedelta() <= now - self._began_at < POLES_HEARD_WITHIN:
                on = None
            if (asked is None and on is None) or readiness.has_emergency(session):
                return None
        with session_of(self._engine) as session:
            return readiness.begin_drill(session, now, asked=asked, scheduled_on=on if asked is None else None)

    async def _make(self, begun: Begun) -> None:
        self._renderers.nudge()
        clip = await self._until_spoken(begun.rendering_key)
        now = self._clock()
        order = Rehearse(
            order=f"rehearse-{begun.drill_id}-{int(now.timestamp())}",
            commune=begun.commune,
            issued_at=now,
            expires_at=now + ANSWER_WITHIN,
            clip=ClipRef(sha256=clip.sha256, size_bytes=clip.size_bytes, duration_ms=clip.duration_ms),
        )
        self._order = order.order
        await self._send(order, begun.zones)
        await work_on(self._engine, readiness.mark_sent, begun.drill_id, self._clock())
        await self._collect(begun.drill_id)

    async def _until_spoken(self, key: str) -> Clip:
        try:
            async with asyncio.timeout(SPOKEN_WITHIN.total_seconds()):
                while True:
                    self._spoken.clear()
                    clip = await look_at(self._engine, readiness.spoken_clip, key)
                    if clip is not None:
                        return clip
                    await self._spoken.wait()
        except TimeoutError as error:
            raise _Failed("giọng đọc không tạo kịp âm thanh") from error
        except NotSpoken as error:
            raise _Failed(f"giọng đọc không tạo được âm thanh: {error}") from error

    async def _send(self, order: Rehearse, zones: tuple[str, ...]) -> None:
        """As the words of an emergency go: the bytes beside the order."""
        try:
            data = await asyncio.to_thread(self._read, order.clip.sha256)
            await asyncio.gather(
                self._hub.send_order(order, zones=zones), self._hub.push_clip(zones, order.clip.sha256, data)
            )
        except TransportClosed as error:
            raise _Failed("máy chủ không nối được với các cụm loa") from error
        except ClipError as error:
            raise _Failed(f"âm thanh vừa tạo không đọc được: {error}") from error

    def _read(self, sha256: str) -> bytes:
        try:
            data = self._clips.path_of(sha256).read_bytes()
        except OSError as error:
            raise ClipError(f"the clip {sha256} cannot be read: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ClipError(f"the clip {sha256} is damaged")
        return data

    async def _collect(self, drill_id: int) -> None:
        """Write down answers as they come, until none is missing or the time for them is over."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
                is_complete = await work_on(self._engine, readiness.note_answers, drill_id, [])
                while not is_complete:
                    answers = [await self._answers.get()]
                    while not self._answers.empty():
                        answers.append(self._answers.get_nowait())
                    own = [answer for answer in answers if answer.order == self._order]
                    is_complete = await work_on(self._engine, readiness.note_answers, drill_id, own)
        except TimeoutError:
            log.info("the silent drill is over; some poles have not answered")

    def _take(self, answer: Rehearsed) -> None:
        if answer.order == self._order:
            self._answers.put_nowait(answer)


async def _wait(event: asyncio.Event, limit_s: float) -> None:
    """Wait for an event, at most so long."""
    try:
        async with asyncio.timeout(limit_s):
            await event.wait()
    except TimeoutError:
        return
