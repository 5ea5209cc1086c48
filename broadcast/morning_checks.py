"""The checks of the morning in the database: what they look at, what is asked for, what was found."""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, delete, select

from broadcast.alarm_poles import troubles_of
from broadcast.communes import get_commune, local_zone, voice_for
from broadcast.hours import load_hours
from broadcast.lifecycle import COMING, OPEN_DELIVERIES
from broadcast.models import Broadcast, Commune, Delivery, MorningCheck, Node
from broadcast.morning import (
    BroadcastFacts,
    Clips,
    MorningFacts,
    MorningResult,
    PoleFacts,
    check_morning,
    end_of_morning,
)
from broadcast.outlook import is_ready, why_not
from players.messages import Urgency
from players.presence import PresenceBoard, PresenceState

ASKED_HOLDS_FOR = timedelta(minutes=2)
"""Who asked and got no answer within this has gone away."""
KEPT = timedelta(days=90)


def make_check(
    session: Session, presence: PresenceBoard, voice_trouble: str, until: time, now: datetime
) -> MorningResult:
    """Check the morning that ends next, as everything stands now."""
    commune = get_commune(session)
    ends_at = end_of_morning(now, local_zone(commune), until)
    found = _broadcasts(session, commune, now, ends_at)
    nodes = session.exec(select(Node).where(col(Node.revoked_at).is_(None))).all()
    return check_morning(
        MorningFacts(
            now=now,
            until=ends_at,
            broadcasts=found,
            poles={node.slug: _pole(node, presence, now) for node in nodes},
            voice=voice_for(commune, Urgency.EMERGENCY),  # the one whose trouble is known
            voice_trouble=voice_trouble,
        )
    )


def ask_for_check(session: Session, now: datetime) -> MorningCheck:
    """Ask the running server to check the morning; it looks for this every two seconds."""
    check = MorningCheck(asked_at=now)
    session.add(check)
    session.flush()
    return check


def asked_checks(session: Session, now: datetime) -> list[MorningCheck]:
    """What was asked for and is not done."""
    waiting = select(MorningCheck).where(col(MorningCheck.done_at).is_(None))
    return list(session.exec(waiting.where(col(MorningCheck.asked_at) > now - ASKED_HOLDS_FOR)))


def days_checked(session: Session) -> set[date]:
    """The days that have been checked by themselves."""
    rows = session.exec(select(MorningCheck).where(col(MorningCheck.scheduled_on).is_not(None)))
    return {row.scheduled_on for row in rows if row.scheduled_on is not None}


def store_check(
    session: Session,
    result: MorningResult,
    now: datetime,
    asked: Collection[int] = (),
    scheduled_on: date | None = None,
) -> None:
    """Keep what was found, as the answer to all who asked, or as a check of its own."""
    rows = session.exec(select(MorningCheck).where(col(MorningCheck.id).in_(asked))).all()
    for row in rows or (MorningCheck(asked_at=now, scheduled_on=scheduled_on),):
        row.done_at, row.result = now, result.model_dump(mode="json")
        session.add(row)
    session.flush()


def latest_result(session: Session) -> MorningResult | None:
    """What was found last; none when nothing was ever checked."""
    done = select(MorningCheck).where(col(MorningCheck.done_at).is_not(None))
    row = session.exec(done.order_by(col(MorningCheck.done_at).desc(), col(MorningCheck.id).desc()).limit(1)).first()
    return None if row is None else MorningResult.model_validate(row.result)


def result_of_this_morning(session: Session, at: time, until: time, now: datetime) -> MorningResult | None:
    """What was found last this morning; none before it begins and after it has ended."""
    zone = local_zone(get_commune(session))
    local = now.astimezone(zone)
    if not at <= local.time() < until:
        return None
    result = latest_result(session)
    return result if result is not None and result.checked_at >= _at(local.date(), at, zone) else None


def forget_old_checks(session: Session, now: datetime) -> None:
    """Forget what was found long ago."""
    session.exec(delete(MorningCheck).where(col(MorningCheck.asked_at) < now - KEPT))


def _broadcasts(session: Session, commune: Commune, now: datetime, until: datetime) -> tuple[BroadcastFacts, ...]:
    is_due = (col(Broadcast.starts_at) >= now, col(Broadcast.starts_at) < until)
    query = select(Broadcast).where(
        Broadcast.commune_id == commune.id,
        col(Broadcast.state).in_(COMING),
        Broadcast.urgency != Urgency.EMERGENCY,
        *is_due,
    )
    rows, hours = session.exec(query).all(), load_hours(session)
    poles: dict[str, list[str]] = {}
    of_poles = (
        select(Delivery.broadcast_id, Node.slug)
        .join(Node)
        .where(
            col(Delivery.broadcast_id).in_([row.id for row in rows]),
            col(Delivery.state).in_(OPEN_DELIVERIES),
            col(Node.revoked_at).is_(None),
        )
    )
    for broadcast_id, slug in session.exec(of_poles):
        poles.setdefault(broadcast_id, []).append(slug)
    return tuple(
        BroadcastFacts(
            id=row.id,
            title=row.title,
            starts_at=row.starts_at or now,
            clips=Clips.READY if is_ready(session, row) else Clips.WANTED,
            why_not=why_not(session, row, hours, row.starts_at),
            poles=tuple(sorted(poles.get(row.id, ()))),
        )
        for row in rows
    )


def _pole(node: Node, presence: PresenceBoard, now: datetime) -> PoleFacts:
    heard = presence.row_of(node.slug, now)
    beat = heard.heartbeat
    return PoleFacts(
        slug=node.slug,
        name=node.name,
        is_paired=node.public_key is not None,
        is_heard=heard.state is not PresenceState.OFFLINE,
        cued=frozenset(beat.cued) if beat is not None else frozenset(),
        troubles=tuple(troubles_of(beat)) if beat is not None else (),
    )


def _at(on: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(on, at, zone)
