"""Clips that wait to be aired, read anew when the commune reads otherwise.

What was approved is the written text, and it stays: see docs/decisions/032-rereading.md. The old clip keeps its place
until the new one is rendered, so that a notice is never lost over a word; what begins within a minute, or has begun, is
left alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from broadcast.airings import note_duration, parts_of, set_parts
from broadcast.audit import record
from broadcast.db import reading, session_of
from broadcast.lifecycle import COMING
from broadcast.models import Broadcast, BroadcastPart, BroadcastState, Rendering, RenderingState
from broadcast.reading_rules import ReadingRules, rules_of
from broadcast.renderings import read_sentences, want_rendering

LEAVE_WITHIN = timedelta(minutes=1)
"""What begins within this is left as it is: the poles must have time for another clip."""
_LATEST = func.coalesce(col(BroadcastPart.next_key), col(BroadcastPart.rendering_key))


class LeftAlone(StrEnum):
    """Why a broadcast keeps its old reading."""

    ON_AIR = "on-air"
    AT_ONCE = "at-once"
    STARTS_SOON = "starts-soon"


LEFT_ALONE_TEXTS = {
    LeftAlone.ON_AIR: "đang phát, giữ nguyên cách đọc cũ",
    LeftAlone.AT_ONCE: "phát ngay, giữ nguyên cách đọc cũ",
    LeftAlone.STARTS_SOON: "sắp đến giờ phát, giữ nguyên cách đọc cũ",
}


@dataclass(frozen=True, slots=True)
class Touched:
    """A broadcast that would be read otherwise now. `left_alone` says why it is not."""

    broadcast: str
    title: str
    starts_at: datetime | None
    bulletin: str | None
    left_alone: LeftAlone | None


def touched_by(session: Session, before: ReadingRules, now: datetime) -> list[Touched]:
    """The broadcasts, not yet aired, that the change from `before` to the present rules touches, the next first."""
    after = rules_of(session)
    if before == after:
        return []
    may_touch = _touches(before, after)
    found: dict[str, Touched] = {}
    for broadcast, rendering in session.exec(_waiting(*COMING, BroadcastState.ON_AIR)):
        if broadcast.id in found or rendering.script is None or not may_touch(rendering.script):
            continue
        # Not compared with the rendering: the step may have wanted another meanwhile.
        if read_sentences(rendering.script, before) != read_sentences(rendering.script, after):
            found[broadcast.id] = Touched(
                broadcast.id,
                broadcast.title,
                broadcast.starts_at,
                broadcast.bulletin_id,
                _why_left_alone(broadcast, now),
            )
    return list(found.values())


def reread_coming(engine: Engine, now: datetime) -> list[str]:
    """Want what is read otherwise now, and put what was rendered of it in its place; the broadcasts that changed.

    Each broadcast is a unit of work of its own, and its texts are read before it begins: an emergency gets its turn.
    """
    with reading(engine) as session:
        rules = rules_of(session)
        due = _due(session, rules, now)
    for broadcast_id, scripts in due.items():
        for script in scripts:
            read_sentences(script, rules)
        with session_of(engine) as session:
            reread(session, broadcast_id, now)
    with session_of(engine) as session:
        return take_rereadings(session, now)


def reread(session: Session, broadcast_id: str, now: datetime) -> None:
    """Want the parts of a broadcast as they are read now. Twice changes nothing."""
    broadcast = session.get(Broadcast, broadcast_id)
    if broadcast is None or broadcast.state not in COMING or _why_left_alone(broadcast, now) is not None:
        return
    for part in parts_of(session, broadcast_id):
        latest = session.get_one(Rendering, part.next_key or part.rendering_key)
        if latest.script is None or latest.rules_sha256 == rules_of(session).sha256:
            continue
        fresh = want_rendering(
            session,
            latest.script,
            latest.voice,
            latest.chime,
            latest.urgency,
            now,
            has_closing_chime=latest.has_closing_chime,
            is_read_twice=latest.is_read_twice,
        )
        _follow(session, part, fresh)


def take_rereadings(session: Session, now: datetime) -> list[str]:
    """Put each new reading that is rendered in its part's place; the broadcasts that changed.

    One that comes too late is dropped: the broadcast airs as it was.
    """
    query = select(BroadcastPart, Broadcast, Rendering).join(Broadcast)
    found = query.join(Rendering, col(Rendering.key) == col(BroadcastPart.next_key))
    changed: dict[str, Broadcast] = {}
    for part, broadcast, fresh in session.exec(found).all():
        said = {"from": part.rendering_key, "to": fresh.key}
        if broadcast.state not in COMING or _why_left_alone(broadcast, now) is not None:
            part.next_key = None
            record(session, now, "loalang", "reread-too-late", broadcast.id, said)
        elif fresh.state is RenderingState.RENDERED:
            part.rendering_key, part.next_key = fresh.key, None
            record(session, now, "loalang", "reread-broadcast", broadcast.id, said)
            changed[broadcast.id] = broadcast
        session.add(part)
    session.flush()
    for broadcast in changed.values():
        note_duration(session, broadcast)
    return list(changed)


def change_parts(session: Session, broadcast: Broadcast, keys: Sequence[str], now: datetime) -> None:
    """Say what a coming broadcast is made of. A part that only says the same text otherwise waits until it is rendered.

    Raises:
        NoResultFound: a key is of no rendering.
    """
    parts = parts_of(session, broadcast.id)
    fresh = [session.get_one(Rendering, key) for key in keys]
    old = [session.get_one(Rendering, part.rendering_key) for part in parts]
    if len(old) != len(fresh) or not all(map(_says_the_same, old, fresh)):
        set_parts(session, broadcast, keys)
    elif _why_left_alone(broadcast, now) is None:
        for part, rendering in zip(parts, fresh, strict=True):
            _follow(session, part, rendering)


def _follow(session: Session, part: BroadcastPart, fresh: Rendering) -> None:
    """Have a rendering take the part's place: once it is there, if the old one is there already."""
    old = session.get_one(Rendering, part.rendering_key)
    if old.state is RenderingState.RENDERED and fresh.key != old.key:
        part.next_key = fresh.key
    else:
        part.rendering_key, part.next_key = fresh.key, None
    session.add(part)
    session.flush()


def _says_the_same(old: Rendering, fresh: Rendering) -> bool:
    return old.script is not None and _asked(old) == _asked(fresh)


def _asked(rendering: Rendering) -> tuple[str | None, str | None, bool, bool]:
    return rendering.script, rendering.chime, rendering.has_closing_chime, rendering.is_read_twice


def _waiting(*states: BroadcastState) -> Select[Broadcast, Rendering]:
    """Broadcasts in these states with the latest rendering of each part, where its text is known."""
    query = select(Broadcast, Rendering).join(BroadcastPart, col(BroadcastPart.broadcast_id) == col(Broadcast.id))
    query = query.join(Rendering, col(Rendering.key) == _LATEST)
    query = query.where(col(Broadcast.state).in_(states), col(Rendering.script).is_not(None))
    return query.order_by(col(Broadcast.starts_at), col(Broadcast.id), col(BroadcastPart.position))


def _due(session: Session, rules: ReadingRules, now: datetime) -> dict[str, list[str]]:
    """The texts to be read anew, by broadcast."""
    is_stale = func.coalesce(col(Rendering.rules_sha256), "") != rules.sha256
    due: dict[str, list[str]] = {}
    for broadcast, rendering in session.exec(_waiting(*COMING).where(is_stale)):
        if _why_left_alone(broadcast, now) is None and rendering.script is not None:
            due.setdefault(broadcast.id, []).append(rendering.script)
    return due


def _why_left_alone(broadcast: Broadcast, now: datetime) -> LeftAlone | None:
    if broadcast.state is BroadcastState.ON_AIR:
        return LeftAlone.ON_AIR
    if broadcast.is_now or broadcast.starts_at is None:
        return LeftAlone.AT_ONCE
    return LeftAlone.STARTS_SOON if broadcast.starts_at - now < LEAVE_WITHIN else None


def _touches(before: ReadingRules, after: ReadingRules) -> Callable[[str], bool]:
    """Whether a text may be read otherwise: cheap, and never wrong when it says no."""
    from tts.normalize import Lexicon  # noqa: PLC0415 - see broadcast.reading_rules
    from tts.normalize import LexiconEntry as Entry  # noqa: PLC0415
    from tts.normalize.canonical import iron  # noqa: PLC0415

    if before.style != after.style:
        return lambda _script: True
    changed = set(before.words) ^ set(after.words)
    lexicon = Lexicon(tuple(Entry(written, spoken) for written, spoken in changed))
    return lambda script: bool(lexicon.find(iron(script).text))
