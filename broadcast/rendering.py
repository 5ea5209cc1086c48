"""From a wanted rendering to a stored clip: two lanes, one for bulletins, one for emergencies that waits for nobody."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from pydantic import TypeAdapter
from sqlalchemy import Engine, ScalarSelect, func
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, and_, case, col, or_, select

from broadcast.airings import note_duration
from broadcast.bulletin_renderer import AT_ONCE, BulletinRenderer
from broadcast.db import reading, session_of
from broadcast.emergency_renderer import VOICE_LOST, EmergencyRenderer
from broadcast.lifecycle import COMING
from broadcast.models import Broadcast, BroadcastPart, Clip, Rendering, RenderingState
from broadcast.renderers import Renderer, RendererLost
from broadcast.renderings import want_rendering
from broadcast.stand_in import SIGNAL, instead_of, make_instead
from players.child import ChildState
from players.errors import ChildStopped
from players.messages import Urgency
from tts.chimes import Chime
from tts.clip_store import ClipStore
from tts.errors import ClipError, StoreFull
from tts.render_job import ClipLine, Ready, Rendered, RenderFailed, RenderJob, SentenceLine
from tts.voices import FALLBACK_VOICE

__all__ = ["MAX_ATTEMPTS", "RendererPool", "due_rendering", "store_rendered", "want_rendering"]

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
FIRST_PAUSE = timedelta(seconds=2)
FIRST_PAUSE_EMERGENCY = timedelta(seconds=0.2)
DISK_PAUSE = timedelta(seconds=5)
_LOOK_AGAIN_S = 1.0
_LINE: TypeAdapter[SentenceLine | ClipLine] = TypeAdapter(SentenceLine | ClipLine)


@dataclass(frozen=True, slots=True)
class _Due:
    """A text's turn. `must_sound`: an emergency's last try, after which there is its signal and never silence."""

    job: RenderJob
    wanted_voice: str
    must_sound: bool


class RendererPool:
    """Keeps both renderers at work on what the database wants.

    Args:
        engine: The database.
        bulletins: The renderer for what has time.
        emergencies: The renderer that is kept warm.
        clips: Where the signal goes that is aired when no renderer can speak an emergency.
        clock: The present.
        target_lufs: How loud that is.
    """

    def __init__(
        self,
        engine: Engine,
        bulletins: BulletinRenderer,
        emergencies: EmergencyRenderer,
        clips: ClipStore,
        clock: Callable[[], datetime],
        target_lufs: float = -16.0,
    ) -> None:
        self._engine = engine
        self._bulletins = bulletins
        self._emergencies = emergencies
        self._clips = clips
        self._clock = clock
        self._target_lufs = target_lufs
        self._work = {False: asyncio.Event(), True: asyncio.Event()}
        self._listeners: list[Callable[[], None]] = []
        self._signalling = threading.Lock()
        self._picking = asyncio.Lock()
        self._in_hand: set[str] = set()

    @property
    def states(self) -> tuple[ChildState, ...]:
        """How both processes are, for the page."""
        return self._bulletins.state, self._emergencies.state

    @property
    def loaded(self) -> Ready | None:
        """Who is loaded to speak emergencies, by the renderer's own word; none until it has said so."""
        return self._emergencies.loaded

    def listen(self, on_rendered: Callable[[], None]) -> None:
        """Have this called after each rendering that is done or given up."""
        self._listeners.append(on_rendered)

    def nudge(self) -> None:
        """Something is wanted: look now."""
        for event in self._work.values():
            event.set()

    def warm(self, voice: str) -> None:
        """Have the emergencies' renderer load a voice before it is needed. On the event loop."""
        self._emergencies.want(voice)

    @property
    def loops(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What is to be kept running from start to stop, by the name that the page knows it by."""
        return {
            "emergency-lane": partial(self._lane, self._emergencies, is_emergency=True),
            **{
                f"bulletin-lane-{number}": partial(self._lane, self._bulletins, is_emergency=False)
                for number in range(1, AT_ONCE + 1)
            },
            "emergency-voice": self._emergencies.keep_warm,
        }

    async def start(self) -> None:
        """Start both processes; `loops` give them work."""
        await asyncio.gather(self._bulletins.start(), self._emergencies.start())

    async def stop(self) -> None:
        """Stop the processes, once the loops have ended. What was being rendered stays wanted."""
        await asyncio.gather(self._bulletins.stop(), self._emergencies.stop())

    async def _lane(self, renderer: Renderer, *, is_emergency: bool) -> None:
        event = self._work[is_emergency]
        while True:
            event.clear()
            try:
                did_something = await self.render_due(renderer, is_emergency=is_emergency)
            except ChildStopped:
                return
            except SQLAlchemyError:
                # A full disk or a locked file mends itself or is mended; what is wanted stays wanted.
                log.exception("the rendering lane cannot use the database")
                did_something = False
            if not did_something:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_AGAIN_S):
                        await event.wait()

    async def render_due(self, renderer: Renderer, *, is_emergency: bool) -> bool:
        """Render the one text that is due first in this lane; whether there was one.

        Raises:
            ChildStopped: the renderer was stopped for good.
        """
        async with self._taken(is_emergency) as due:
            if due is None:
                return False
            answer = await self._answer(renderer, due)
            if due.must_sound and isinstance(answer, RenderFailed):
                await asyncio.to_thread(self._stand_in, due.job, answer.error)
            else:
                await asyncio.to_thread(self._store, due.job.job, answer)
        for listener in self._listeners:
            listener()
        return True

    @contextlib.asynccontextmanager
    async def _taken(self, is_emergency: bool) -> AsyncIterator["_Due | None"]:
        """The text that is due first; of the bulletins' lanes none takes what another has in hand."""
        if is_emergency:
            yield await asyncio.to_thread(self._next_job, is_emergency, ())
            return
        async with self._picking:
            due = await asyncio.to_thread(self._next_job, is_emergency, frozenset(self._in_hand))
            taken = {due.job.job} if due else set()
            self._in_hand |= taken
        try:
            yield due
        finally:
            self._in_hand -= taken

    async def _answer(self, renderer: Renderer, due: "_Due") -> Rendered | RenderFailed:
        answer: Rendered | RenderFailed
        try:
            answer = await renderer.render(due.job)
        except RendererLost as error:
            answer = RenderFailed(job=due.job.job, error=str(error))
        if isinstance(answer, Rendered):
            is_substitute = answer.voice == FALLBACK_VOICE != due.wanted_voice
            reason = answer.fallback_reason or (VOICE_LOST if is_substitute else None)
            return answer.model_copy(update={"fallback_reason": reason})
        log.warning("rendering %s: %s", due.job.job[:12], answer.error)
        return answer

    def _stand_in(self, job: RenderJob, error: str) -> None:
        """Store a signal before another lane asks whether its broadcast has one."""
        with self._signalling:
            self._store(job.job, self._signal(job, error))

    def _signal(self, job: RenderJob, error: str) -> Rendered | RenderFailed:
        """An emergency that no renderer can speak: what `broadcast.stand_in` gives, made here."""
        log.error("no renderer can speak emergency %s: a signal is given instead", job.job[:12])
        try:
            with reading(self._engine) as session:
                instead = instead_of(session, job.job)
            signal = make_instead(instead, self._target_lufs)
            sha256 = self._clips.add(signal.data)
        except ClipError as trouble:
            said = f"{error}; {trouble}"
            return RenderFailed(job=job.job, error=said, is_disk_full=isinstance(trouble, StoreFull))
        return Rendered(
            job=job.job,
            sha256=sha256,
            size_bytes=signal.size_bytes,
            duration_ms=signal.duration_ms,
            engine=signal.engine,
            voice=signal.voice,
            fallback_reason=VOICE_LOST,
            render_ms=0,
        )

    def _next_job(self, is_emergency: bool, in_hand: Collection[str]) -> "_Due | None":
        is_alone = not is_emergency and not self._emergencies.is_ready
        with reading(self._engine) as session:
            rendering = due_rendering(
                session, self._clock(), is_emergency=is_emergency, is_alone=is_alone, in_hand=in_hand
            )
        return None if rendering is None else _due_of(rendering, is_doubted=self._emergencies.doubts(rendering.voice))

    def _store(self, key: str, answer: Rendered | RenderFailed) -> None:
        with session_of(self._engine) as session:
            rendering = session.get(Rendering, key)
            if rendering is None or rendering.state is RenderingState.RENDERED:
                return
            if isinstance(answer, Rendered):
                store_rendered(session, rendering, answer, self._clock())
            elif rendering.state is RenderingState.WANTED:  # both renderers may have tried an emergency
                note = put_off if answer.is_disk_full else store_failed
                note(session, rendering, answer.error, self._clock())


def due_rendering(
    session: Session, now: datetime, *, is_emergency: bool, is_alone: bool = False, in_hand: Collection[str] = ()
) -> Rendering | None:
    """What is to be rendered next, of what is not in hand: the more urgent, then what is needed first.

    What is on no timetable (somebody listens beforehand, or airs it now) was needed when it was wanted; of what is in
    parts, the first of them.

    An emergency that its own renderer could not do is everybody's; so are all while that one takes none (`is_alone`).
    """
    is_urgent = col(Rendering.urgency) == Urgency.EMERGENCY
    mine = is_urgent if is_emergency else or_(~is_urgent, and_(is_urgent, or_(is_alone, col(Rendering.attempts) > 0)))
    rank = case({Urgency.EMERGENCY.value: 0, Urgency.PRIORITY.value: 1}, value=col(Rendering.urgency), else_=2)
    query = (
        select(Rendering)
        .where(Rendering.state == RenderingState.WANTED, mine, col(Rendering.key).not_in(in_hand))
        .where(or_(col(Rendering.try_after).is_(None), col(Rendering.try_after) <= now))
        .order_by(rank, func.coalesce(_first_start(), col(Rendering.wanted_at)), _first_position(), col(Rendering.key))
    )
    return session.exec(query.limit(1)).first()


def _first_start() -> ScalarSelect[datetime | None]:
    """The soonest start of the broadcasts that hold a rendering; for use inside a query of renderings."""
    return (
        select(func.min(col(Broadcast.starts_at)))
        .join(BroadcastPart, col(BroadcastPart.broadcast_id) == col(Broadcast.id))
        .where(or_(BroadcastPart.rendering_key == Rendering.key, BroadcastPart.next_key == Rendering.key))
        .where(col(Broadcast.state).in_(COMING))
        .correlate(Rendering)
        .scalar_subquery()
    )


def _first_position() -> ScalarSelect[int | None]:
    """Where a rendering stands in the broadcasts that hold it, at the earliest."""
    mine = BroadcastPart.rendering_key == Rendering.key
    return select(func.min(col(BroadcastPart.position))).where(mine).correlate(Rendering).scalar_subquery()


def store_rendered(session: Session, rendering: Rendering, answer: Rendered, now: datetime) -> None:
    """Write down that the clip is there, and how long the broadcasts are that it completes."""
    if session.get(Clip, answer.sha256) is None:
        session.add(
            Clip(
                sha256=answer.sha256,
                size_bytes=answer.size_bytes,
                duration_ms=answer.duration_ms,
                engine=answer.engine,
                voice=answer.voice,
                fallback_reason=answer.fallback_reason,
                created_at=now,
                said_at=list(answer.said_at),
            )
        )
        session.flush()
    rendering.state, rendering.clip_sha256, rendering.error = RenderingState.RENDERED, answer.sha256, None
    rendering.rendered_at, rendering.render_ms = now, answer.render_ms
    rendering.is_signal = answer.engine == SIGNAL and bool(rendering.sentences)
    session.add(rendering)
    session.flush()
    of_parts = select(BroadcastPart.broadcast_id).where(BroadcastPart.rendering_key == rendering.key)
    for broadcast in session.exec(select(Broadcast).where(col(Broadcast.id).in_(of_parts))).all():
        note_duration(session, broadcast)


def put_off(session: Session, rendering: Rendering, error: str, now: datetime) -> None:
    """The disk is full, which is no fault of the text: it stays wanted until there is room, however long that takes."""
    rendering.error, rendering.try_after = error[:1000], now + DISK_PAUSE
    session.add(rendering)


def store_failed(session: Session, rendering: Rendering, error: str, now: datetime) -> None:
    """Count a failure: it is tried again after a growing pause, and given up after the third.

    An emergency is never given up: two lanes may have failed at once, and what comes next is its signal alone.
    """
    is_emergency = rendering.urgency is Urgency.EMERGENCY
    rendering.attempts = min(rendering.attempts + 1, MAX_ATTEMPTS - 1 if is_emergency else MAX_ATTEMPTS)
    rendering.error = error[:1000]
    if rendering.attempts >= MAX_ATTEMPTS:
        rendering.state = RenderingState.FAILED
    else:
        first = FIRST_PAUSE_EMERGENCY if is_emergency else FIRST_PAUSE
        rendering.try_after = now + first * 4 ** (rendering.attempts - 1)
    session.add(rendering)


def _due_of(rendering: Rendering, *, is_doubted: bool) -> _Due:
    """A renderer that died or hung over a text is not given the same voice for ever: the last try has the fallback.

    An emergency has it already when its renderer was lost over the voice before (`is_doubted`).
    """
    is_emergency, is_last = rendering.urgency is Urgency.EMERGENCY, rendering.attempts >= MAX_ATTEMPTS - 1
    is_given_up = is_last or (is_emergency and (is_doubted or rendering.attempts > 0))
    job = RenderJob(
        job=rendering.key,
        sentences=tuple(_LINE.validate_python(line) for line in rendering.sentences),
        voice=FALLBACK_VOICE if is_given_up else rendering.voice,
        chime=Chime(rendering.chime) if rendering.chime else None,
        closing_chime=rendering.has_closing_chime,
        tune=rendering.tune,
        twice=rendering.is_read_twice,
        rate=rendering.rate,
    )
    return _Due(job, rendering.voice, must_sound=is_emergency and is_last)
