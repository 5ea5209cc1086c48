"""An emergency that is said again every so many minutes until its all-clear: the storm routine of Sa Pa.

What is due is asked of the table, so that a server that was away goes on where it is, not with what it has missed.
"""

from datetime import datetime, time, timedelta

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from broadcast.airings import add_broadcast, parts_of, zone_ids_of
from broadcast.audit import record
from broadcast.communes import get_commune, local_zone
from broadcast.expecting import GRACE, lasts
from broadcast.lifecycle import COMING
from broadcast.models import Broadcast, BroadcastState, Commune, EmergencyRepeat, Follows, PreparedMessage

MOST_REPEATS = 500
"""A rule that everybody has forgotten ends by itself: every hour, it is three weeks."""


def begin_repeats(session: Session, first: Broadcast, message: PreparedMessage, now: datetime) -> None:
    """Have an emergency aired again as its message's rule says. Twice changes nothing."""
    every = message.repeat_every_minutes
    if every is None or session.get(EmergencyRepeat, first.id) is not None:
        return
    rule = EmergencyRepeat(
        broadcast_id=first.id,
        every_minutes=every,
        opens=message.repeat_opens,
        closes=message.repeat_closes,
        next_at=now + timedelta(minutes=every),
    )
    session.add(rule)
    session.flush()


def end_repeats(session: Session, first_id: str, now: datetime) -> bool:
    """Air it no more; whether it was still to be."""
    rule = session.get(EmergencyRepeat, first_id)
    if rule is None or rule.ended_at is not None:
        return False
    rule.ended_at = now
    session.add(rule)
    session.flush()
    return True


def has_due_repeats(session: Session, now: datetime) -> bool:
    """Whether any is due: to be asked often, for it only reads."""
    return session.exec(_due(now).limit(1)).first() is not None


def air_due_repeats(session: Session, now: datetime) -> list[str]:
    """Make the airings that are due; their ids. One that still sounds is not doubled."""
    commune = get_commune(session)
    made = []
    for rule in session.exec(_due(now)).all():
        first = session.get_one(Broadcast, rule.broadcast_id)
        if _is_open(commune, rule, now) and not _is_sounding(session, first.id, now):
            made.append(_air_again(session, first, rule, now))
        every = timedelta(minutes=rule.every_minutes)
        rule.next_at += every * ((now - rule.next_at) // every + 1)
        if rule.aired_again >= MOST_REPEATS:
            rule.ended_at = now
        session.add(rule)
    session.flush()
    return made


def next_repeat(session: Session, now: datetime) -> datetime | None:
    """When the next airing of any emergency is due."""
    query = select(EmergencyRepeat.next_at).where(col(EmergencyRepeat.ended_at).is_(None))
    first = session.exec(query.order_by(col(EmergencyRepeat.next_at)).limit(1)).first()
    return None if first is None else max(first, now)


def _air_again(session: Session, first: Broadcast, rule: EmergencyRepeat, now: datetime) -> str:
    rule.aired_again += 1
    again = Broadcast(
        id=f"{first.id}-r{rule.aired_again}",
        commune_id=first.commune_id,
        title=first.title,
        urgency=first.urgency,
        is_now=True,
        created_at=now,
        made_by_id=first.made_by_id,
        severity=first.severity,
        prepared_key=first.prepared_key,
        follows_id=first.id,
        follows_as=Follows.REPEAT,
    )
    keys = [part.rendering_key for part in parts_of(session, first.id)]
    record(session, now, "loalang", "repeat-emergency", again.id, {"of": first.id})
    return add_broadcast(session, again, zone_ids_of(session, first.id), keys).id


def _is_open(commune: Commune, rule: EmergencyRepeat, now: datetime) -> bool:
    if rule.opens is None or rule.closes is None:
        return True
    clock = now.astimezone(local_zone(commune)).time()
    return time.fromisoformat(rule.opens) <= clock <= time.fromisoformat(rule.closes)


def _is_sounding(session: Session, first_id: str, now: datetime) -> bool:
    """Whether it is about to sound, or does. One pole at which it still waits for its turn keeps no other from it."""
    query = select(Broadcast).where((Broadcast.id == first_id) | (Broadcast.follows_id == first_id))
    is_open = col(Broadcast.state).in_({*COMING, BroadcastState.ON_AIR})
    found = session.exec(query.where(is_open)).all()
    return any(one.state in COMING or now < (one.starts_at or now) + lasts(one) + GRACE for one in found)


def _due(now: datetime) -> SelectOfScalar[EmergencyRepeat]:
    is_due = col(EmergencyRepeat.next_at) <= now
    return select(EmergencyRepeat).where(col(EmergencyRepeat.ended_at).is_(None), is_due)
