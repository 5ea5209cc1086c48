"""An emergency that is said again every so many minutes until its all-clear: the storm routine of Sa Pa.

What is due is asked of the table, so that a server that was away goes on where it is, not with what it has missed.
"""

from collections.abc import Iterator
from datetime import datetime, time, timedelta

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from broadcast.airings import add_broadcast, parts_of, zone_ids_of
from broadcast.audit import record
from broadcast.communes import get_commune, local_zone
from broadcast.expecting import GRACE, lasts
from broadcast.lifecycle import COMING
from broadcast.models import (
    Broadcast,
    BroadcastState,
    BroadcastZone,
    Commune,
    EmergencyRepeat,
    Follows,
    PreparedMessage,
)

MOST_REPEATS = 500
"""A rule that everybody has forgotten ends by itself: every hour, it is three weeks."""
_LOOKED_AHEAD = timedelta(days=2)


def begin_repeats(session: Session, first: Broadcast, message: PreparedMessage, now: datetime) -> None:
    """Have an emergency aired again as its message's rule says. Twice changes nothing.

    A village hears a message by one rule: this one takes the place of those that have no other village; none is made
    where another has these and more.
    """
    every = message.repeat_every_minutes
    if every is None or session.get(EmergencyRepeat, first.id) is not None:
        return
    zones = zone_ids_of(session, first.id)
    for rule, other in open_repeats(session, message.key):
        left = zones_left(session, other)
        if left <= zones:
            end_repeats(session, rule.broadcast_id, now)
        elif zones <= left:
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


def open_repeats(session: Session, prepared_key: str | None = None) -> list[tuple[EmergencyRepeat, Broadcast]]:
    """The rules that have not ended, of one message or of all, with their first airings; the oldest first."""
    query = select(EmergencyRepeat, Broadcast).join(Broadcast).where(col(EmergencyRepeat.ended_at).is_(None))
    if prepared_key is not None:
        query = query.where(Broadcast.prepared_key == prepared_key)
    return list(session.exec(query.order_by(col(Broadcast.created_at), col(Broadcast.id))))


def zones_left(session: Session, first: Broadcast) -> set[int]:
    """Where a rule still airs: not where the all-clear of its message came since, nor where a newer rule says it."""
    ended, over = aliased(Broadcast), aliased(Broadcast)
    cleared = (
        select(BroadcastZone.zone_id)
        .join(over, col(over.id) == col(BroadcastZone.broadcast_id))
        .join(ended, col(ended.id) == col(over.follows_id))
        .where(
            col(over.follows_as) == Follows.ALL_CLEAR,
            col(over.created_at) >= first.created_at,
            col(ended.prepared_key) == first.prepared_key,
            ~col(over.is_drill),
        )
    )
    newer = (
        select(BroadcastZone.zone_id)
        .join(Broadcast)
        .join(EmergencyRepeat)
        .where(
            col(EmergencyRepeat.ended_at).is_(None),
            Broadcast.prepared_key == first.prepared_key,
            col(Broadcast.created_at) > first.created_at,
        )
    )
    elsewhere = {*session.exec(cleared).all(), *session.exec(newer).all()}
    return zone_ids_of(session, first.id) - elsewhere


def end_all_repeats(session: Session, prepared_key: str, now: datetime) -> list[Broadcast]:
    """After an all-clear: end the rules of a message that have no village left; their first airings."""
    ended = []
    for rule, first in open_repeats(session, prepared_key):
        if not zones_left(session, first):
            end_repeats(session, rule.broadcast_id, now)
            ended.append(first)
    return ended


def upcoming_airings(rule: EmergencyRepeat, commune: Commune, now: datetime, until: datetime) -> Iterator[datetime]:
    """When a rule will air from now on, as far as is known."""
    every = timedelta(minutes=rule.every_minutes)
    at = max(rule.next_at, now)
    while at < until:
        if _is_open(commune, rule, at):
            yield at
        at += every


def next_airings(session: Session, now: datetime) -> dict[str, datetime]:
    """When each rule airs next, by its first airing."""
    commune = get_commune(session)
    found = {
        first.id: next(upcoming_airings(rule, commune, now, now + _LOOKED_AHEAD), None)
        for rule, first in open_repeats(session)
    }
    return {first: at for first, at in found.items() if at is not None}


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
        zones = zones_left(session, first)
        if zones and _is_open(commune, rule, now) and not _is_sounding(session, first.id, now):
            made.append(_air_again(session, first, rule, zones, now))
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


def _air_again(session: Session, first: Broadcast, rule: EmergencyRepeat, zones: set[int], now: datetime) -> str:
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
    return add_broadcast(session, again, zones, keys).id


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
