"""The silent drill: every day, text → voice → broker → node → decoder of every pole, timed, and nothing sounds.

What stands here are the rows; `readiness_desk` makes the drill.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from sqlmodel import Session, col, delete, select

from broadcast.audit import record
from broadcast.communes import get_commune, local_zone, voice_for
from broadcast.models import (
    Broadcast,
    BroadcastState,
    Clip,
    Node,
    ReadinessDrill,
    ReadinessRow,
    Rendering,
    RenderingState,
    User,
    Zone,
    row_id,
)
from broadcast.permissions import Action, require
from broadcast.renderings import want_sentences
from broadcast.zones import list_zones, zones_of_each_node
from players.messages import Rehearsed, Urgency

ANSWER_WITHIN = timedelta(seconds=60)
"""From the moment at which the order went out: who has not answered then did not."""
ASKED_HOLDS_FOR = timedelta(minutes=2)
"""Who asked and got no drill within this has gone away."""
DUE_FOR = timedelta(hours=1)
"""A server that was off at its minute makes the day's drill within this, or not at all."""
LAST = 30
"""So many drills the percentile is taken over."""
KEPT = timedelta(days=180)


class NotSpoken(Exception):
    """The text of a drill cannot be spoken; says why."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A drill that has begun: what is to be spoken, to which villages."""

    drill_id: int
    rendering_key: str
    zones: tuple[str, ...]
    commune: str


class Verdict(StrEnum):
    """What a drill says of a pole."""

    READY = "ready"
    SLOW = "slow"
    FAILED = "failed"
    """It answered that it could not have sounded."""
    SILENT = "silent"
    """It did not answer."""
    UNTRIED = "untried"
    """It has not been asked yet."""


@dataclass(frozen=True, slots=True)
class PoleReadiness:
    """What the drills say of one pole; times in milliseconds from the press."""

    slug: str
    name: str
    zone_slugs: tuple[str, ...]
    verdict: Verdict
    last_ms: int | None
    p95_ms: int | None
    """Over its last 30 drills, of those that it answered in time."""
    drills: int
    missed: int
    """In how many of those it failed or did not answer."""
    error: str | None


def compute_p95(values: Sequence[int]) -> int | None:
    """The 95th percentile by nearest rank; none of nothing."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1] if values else None


def ask_for_drill(session: Session, now: datetime, user: User | None = None) -> ReadinessDrill:
    """Ask the running server for a drill; without a user somebody does at its terminal.

    Raises:
        NotAllowed: the user is not the administrator.
    """
    if user is not None:
        require(user, Action.MANAGE_NODES)
    drill = ReadinessDrill(asked_at=now, asked_by_id=user.id if user else None)
    session.add(drill)
    session.flush()
    record(session, now, user.username if user else "loalang", "press-readiness", str(drill.id))
    return drill


def asked_drill(session: Session, now: datetime) -> int | None:
    """The drill that somebody asked for and that has not begun. Only reads."""
    waiting = select(ReadinessDrill).where(col(ReadinessDrill.pressed_at).is_(None))
    asked = session.exec(waiting.where(col(ReadinessDrill.asked_at) > now - ASKED_HOLDS_FOR).limit(1)).first()
    return None if asked is None else row_id(asked.id)


def due_on(session: Session, at: time, now: datetime) -> date | None:
    """The day whose own drill is to be made now: none before its minute, long after it, and twice. Only reads."""
    zone = local_zone(get_commune(session))
    on = now.astimezone(zone).date()
    is_time = timedelta() <= now - datetime.combine(on, at, zone) < DUE_FOR
    known = select(ReadinessDrill.id).where(ReadinessDrill.scheduled_on == on)
    return on if is_time and session.exec(known).first() is None else None


def has_emergency(session: Session) -> bool:
    """Whether an emergency is to be heard or sounds: a drill leaves it the voice and the line. Only reads."""
    is_open = (BroadcastState.PLANNED, BroadcastState.CUED, BroadcastState.ON_AIR)
    query = select(Broadcast.id).where(Broadcast.urgency == Urgency.EMERGENCY, col(Broadcast.state).in_(is_open))
    return session.exec(query.limit(1)).first() is not None


def begin_drill(
    session: Session, now: datetime, *, asked: int | None = None, scheduled_on: date | None = None
) -> Begun:
    """Press: want a text that nobody has ever spoken, and write down whom it is for.

    Args:
        session: a writing session.
        now: the press.
        asked: the drill that somebody asked for.
        scheduled_on: the day whose own drill it is.
    """
    commune = get_commune(session)
    drill = ReadinessDrill(asked_at=now, scheduled_on=scheduled_on)
    if asked is not None:
        drill = session.get_one(ReadinessDrill, asked)
    drill.pressed_at = now
    session.add(drill)
    session.flush()
    local = now.astimezone(local_zone(commune))
    text = f"Kiểm tra im lặng lần {drill.id}, lúc {local:%H:%M} ngày {local:%d/%m/%Y}."
    spoken = want_sentences(session, text, voice_for(commune, Urgency.EMERGENCY), Urgency.EMERGENCY, now)[0]
    poles = session.exec(select(Node.id).where(col(Node.public_key).is_not(None), col(Node.revoked_at).is_(None)))
    session.add_all(ReadinessRow(drill_id=row_id(drill.id), node_id=row_id(node)) for node in poles)
    session.flush()
    zones = tuple(zone.slug for zone in list_zones(session))
    return Begun(row_id(drill.id), spoken.key, zones, commune.slug)


def mark_sent(session: Session, drill_id: int, now: datetime) -> None:
    """The order is on its way."""
    session.get_one(ReadinessDrill, drill_id).sent_at = now


def note_answers(session: Session, drill_id: int, answers: Iterable[Rehearsed]) -> bool:
    """Write down what poles said; whether none is missing now. A pole's first word counts."""
    pressed_at = session.get_one(ReadinessDrill, drill_id).pressed_at
    query = select(Node.slug, ReadinessRow).join(ReadinessRow).where(ReadinessRow.drill_id == drill_id)
    rows = dict(session.exec(query).all())
    for answer in answers:
        row = rows.get(answer.node)
        if row is None or pressed_at is None or _has_answered(row):
            continue
        if answer.error is not None:
            row.error = answer.error
        else:
            row.ready_ms = max(0, round((answer.at - pressed_at) / timedelta(milliseconds=1)))
        session.add(row)
    session.flush()
    return all(_has_answered(row) for row in rows.values())


def end_drill(session: Session, drill_id: int, now: datetime, error: str | None = None) -> None:
    """The drill is over; `error` says why no pole could be asked."""
    drill = session.get_one(ReadinessDrill, drill_id)
    drill.done_at, drill.error = now, error
    session.add(drill)


def forget_spoken(session: Session, key: str) -> str | None:
    """Forget what was spoken for a drill; the digest of its clip, whose file may go."""
    rendering = session.get_one(Rendering, key)
    sha256 = rendering.clip_sha256
    session.delete(rendering)
    session.flush()
    if sha256 is None or session.exec(select(Rendering.key).where(Rendering.clip_sha256 == sha256)).first():
        return None
    session.exec(delete(Clip).where(col(Clip.sha256) == sha256))
    return sha256


def end_broken_off(session: Session, now: datetime) -> None:
    """Drills that a server did not live to end: nobody is blamed for their silence."""
    begun = col(ReadinessDrill.pressed_at).is_not(None)
    for drill in session.exec(select(ReadinessDrill).where(begun, col(ReadinessDrill.done_at).is_(None))):
        session.exec(delete(ReadinessRow).where(col(ReadinessRow.drill_id) == drill.id))
        end_drill(session, row_id(drill.id), now, "máy chủ khởi động lại giữa chừng")


def spoken_clip(session: Session, key: str) -> Clip | None:
    """What was spoken for a drill; none as long as it is not.

    Raises:
        NotSpoken: it cannot be spoken.
    """
    rendering = session.get_one(Rendering, key)
    if rendering.state is RenderingState.FAILED:
        raise NotSpoken(rendering.error or "")
    if rendering.is_signal:
        raise NotSpoken("chỉ làm được tín hiệu, không có lời")
    return None if rendering.clip_sha256 is None else session.get_one(Clip, rendering.clip_sha256)


def latest_drill(session: Session) -> ReadinessDrill | None:
    """The last drill that is over."""
    done = select(ReadinessDrill).where(col(ReadinessDrill.done_at).is_not(None))
    return session.exec(done.order_by(col(ReadinessDrill.id).desc()).limit(1)).first()


def open_drill(session: Session, now: datetime) -> ReadinessDrill | None:
    """The drill that is asked for or under way."""
    is_open = (col(ReadinessDrill.done_at).is_(None), col(ReadinessDrill.asked_at) > now - ASKED_HOLDS_FOR)
    return session.exec(select(ReadinessDrill).where(*is_open).limit(1)).first()


def readiness_of_poles(session: Session, limit_ms: int, last: int = LAST) -> list[PoleReadiness]:
    """What the `last` drills say of each paired pole, by name; those that are over and did reach the broker count."""
    rows: dict[int, list[ReadinessRow]] = {}
    is_over = (col(ReadinessDrill.done_at).is_not(None), col(ReadinessDrill.error).is_(None))
    drills = select(ReadinessDrill.id).where(*is_over).order_by(col(ReadinessDrill.id).desc()).limit(last)
    query = select(ReadinessRow).where(col(ReadinessRow.drill_id).in_(drills))
    for row in session.exec(query.order_by(col(ReadinessRow.drill_id).desc())):
        rows.setdefault(row.node_id, []).append(row)
    poles = select(Node).where(col(Node.public_key).is_not(None), col(Node.revoked_at).is_(None))
    zones = zones_of_each_node(session)
    return [
        _readiness_of(node, zones.get(node.id, ()), rows.get(row_id(node.id), []), limit_ms)
        for node in session.exec(poles.order_by(col(Node.name), col(Node.id)))
    ]


def forget_old_drills(session: Session, now: datetime) -> None:
    """Forget drills of long ago."""
    old = select(ReadinessDrill.id).where(col(ReadinessDrill.asked_at) < now - KEPT)
    session.exec(delete(ReadinessRow).where(col(ReadinessRow.drill_id).in_(old)))
    session.exec(delete(ReadinessDrill).where(col(ReadinessDrill.asked_at) < now - KEPT))


def _has_answered(row: ReadinessRow) -> bool:
    return row.ready_ms is not None or row.error is not None


def _readiness_of(node: Node, zones: Sequence[Zone], rows: Sequence[ReadinessRow], limit_ms: int) -> PoleReadiness:
    times = [row.ready_ms for row in rows if row.ready_ms is not None]
    last = rows[0] if rows else None
    return PoleReadiness(
        slug=node.slug,
        name=node.name,
        zone_slugs=tuple(zone.slug for zone in zones),
        verdict=_verdict(last, limit_ms),
        last_ms=last.ready_ms if last else None,
        p95_ms=compute_p95(times),
        drills=len(rows),
        missed=len(rows) - len(times),
        error=last.error if last else None,
    )


def _verdict(row: ReadinessRow | None, limit_ms: int) -> Verdict:
    if row is None:
        return Verdict.UNTRIED
    if row.error is not None:
        return Verdict.FAILED
    if row.ready_ms is None:
        return Verdict.SILENT
    return Verdict.READY if row.ready_ms <= limit_ms else Verdict.SLOW
