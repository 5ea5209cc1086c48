"""The hour of a broadcast: what is ready, what begins, what is over. Each step reads its work from the database."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from sqlmodel import Session, and_, col, or_, select

from broadcast.airings import (
    clips_of,
    deliveries_of,
    end_before_start,
    ensure_deliveries,
    first_clips_of,
    note_duration,
    note_durations,
    states_of_each,
)
from broadcast.conclusion import conclude
from broadcast.expecting import GRACE, SPOKEN_WITHIN, open_places
from broadcast.hours import Hours, load_hours
from broadcast.lifecycle import COMING, OPEN_DELIVERIES, WhyNot, move
from broadcast.models import Broadcast, BroadcastState, Delivery, DeliveryState, Node
from broadcast.orders import ends_at_of, growing_plays, grown_play, issue_play, lead_of, plays_of, zones_of
from broadcast.outlook import is_ready, why_not, why_not_with
from broadcast.relays import relays_of
from broadcast.rules import apply_rules
from players.messages import ClipRef, Heartbeat, Play, Urgency

NOW_WITHIN = timedelta(minutes=15)
"""What was to air at once and could not within this is missed: it would come as a surprise."""
LATE_LEAD = timedelta(seconds=30)
"""What is aired late begins so much after it was decided: poles are told, and fetch what they have not got."""
_NOBODY: Mapping[str, Heartbeat] = MappingProxyType({})
_MENDS_ITSELF = frozenset({WhyNot.SERVER_OFF, WhyNot.NOT_SENT, WhyNot.CLIP_NOT_READY})
OFF_AFTER = timedelta(minutes=1)
"""A start that is seen this much too late was slept through."""


@dataclass(frozen=True, slots=True)
class ReadyNow:
    """A broadcast that can be ordered now, and what its poles need for it."""

    id: str
    urgency: Urgency
    zones: tuple[str, ...]
    nodes: tuple[str, ...]
    """Its paired poles."""
    clips: tuple[ClipRef, ...]


@dataclass(frozen=True, slots=True)
class Grown:
    """The order of an emergency, with what was spoken since it was last sent."""

    order: Play
    zones: tuple[str, ...]
    new_clips: tuple[ClipRef, ...]


def coming_ids(session: Session) -> list[str]:
    """What has not begun, the next first."""
    return [broadcast.id for broadcast in _coming(session)]


def refresh_coming(session: Session, now: datetime, only: Collection[str] | None = None) -> None:
    """Look over what has not begun, or some of it: new poles, lengths, and what would keep it from sounding."""
    hours = load_hours(session)
    coming = [one for one in _coming(session, only) if one.starts_at is None or one.starts_at > now]
    ensure_deliveries(session, *coming)
    ready = note_durations(session, coming)
    states = states_of_each(session, [broadcast.id for broadcast in coming])
    for broadcast in coming:
        if broadcast.is_now:
            continue
        reason = why_not_with(states.get(broadcast.id, ()), broadcast, hours, broadcast.starts_at)
        if broadcast.state is BroadcastState.CUED and (reason or broadcast.id not in ready):
            move(broadcast, BroadcastState.PLANNED)
        broadcast.reason = reason
        session.add(broadcast)
    session.flush()


def has_now(session: Session) -> bool:
    """Whether anything is to air at once: to be asked often, for it only reads."""
    query = select(Broadcast.id).where(col(Broadcast.is_now), Broadcast.state == BroadcastState.PLANNED)
    return session.exec(query.limit(1)).first() is not None


def ready_now(session: Session, now: datetime) -> list[ReadyNow]:
    """What is to air at once and can, the most urgent first. What cannot any more is missed, with its reason."""
    hours = load_hours(session)
    apply_rules(session, now)
    ready = []
    for broadcast in _coming(session):
        if not broadcast.is_now or broadcast.state is not BroadcastState.PLANNED:
            continue
        clips = note_duration(session, broadcast)
        if clips is None and broadcast.urgency is Urgency.EMERGENCY:
            clips = first_clips_of(session, broadcast.id) or None
        reason = _why_not_now(session, broadcast, hours, now)
        if reason is not None:
            end_before_start(session, broadcast, BroadcastState.MISSED, reason, now)
        elif clips is not None:
            zones = tuple(zone.slug for zone in zones_of(session, broadcast.id))
            ready.append(ReadyNow(broadcast.id, broadcast.urgency, zones, _paired_poles(session, broadcast.id), clips))
    return sorted(ready, key=lambda one: -one.urgency.rank)


def begin_now(session: Session, broadcast_id: str, now: datetime) -> bool:
    """Order a ready broadcast played; whether it was still to be. Twice changes nothing.

    An emergency is ready with its first clip: see `grown_emergencies`.
    """
    broadcast = session.get(Broadcast, broadcast_id)
    if broadcast is None or broadcast.state is not BroadcastState.PLANNED:
        return False
    is_emergency = broadcast.urgency is Urgency.EMERGENCY
    clips = first_clips_of(session, broadcast_id) if is_emergency else clips_of(session, broadcast_id)
    if not clips:
        return False
    ensure_deliveries(session, broadcast)
    issue_play(session, broadcast, clips, now)
    move(broadcast, BroadcastState.CUED)
    session.add(broadcast)
    return True


def has_growing(session: Session, now: datetime) -> bool:
    """Whether an emergency sounds that is still being spoken: to be asked often, for it only reads."""
    return bool(growing_plays(session, now))


def grown_emergencies(session: Session, now: datetime) -> list[Grown]:
    """The orders of emergencies that have grown, with all that is spoken. Only reads: see `orders.note_grown`."""
    grown = []
    for issued in growing_plays(session, now):
        clips = first_clips_of(session, issued.broadcast_id)
        known = len(issued.document["item"]["clips"])
        play = grown_play(session, issued, clips)
        if play is not None:
            grown.append(Grown(play, tuple(issued.zones), clips[known:]))
    return grown


def begin_due(session: Session, now: datetime) -> list[str]:
    """Move what has reached its instant on the air, or miss it with the reason; the ids of what was moved."""
    hours = load_hours(session)
    moved = []
    for broadcast in _coming(session):
        if broadcast.starts_at is None or broadcast.starts_at > now:
            continue
        reason = _why_not_begun(session, broadcast, hours, now)
        if reason in _MENDS_ITSELF and _may_be_late(session, broadcast, now):
            reason = _put_off(session, broadcast, hours, now)
            if reason is None:
                continue
        if reason is not None:
            end_before_start(session, broadcast, BroadcastState.MISSED, reason, now)
        elif broadcast.is_now and not _is_sent(session, broadcast):
            continue
        else:
            ensure_deliveries(session, broadcast)
            move(broadcast, BroadcastState.ON_AIR)
            session.add(broadcast)
        moved.append(broadcast.id)
    return moved


def close_finished(session: Session, now: datetime, beats: Mapping[str, Heartbeat] = _NOBODY) -> list[str]:
    """End what is over: as soon as every pole has had its last word, or when its grace has passed.

    Where it sounds on or waits for its turn, it is not over (`broadcast.expecting`); elsewhere it is meanwhile.

    Args:
        session: a writing session.
        now: the present.
        beats: what the poles that are there say of themselves, by pole.
    """
    has_open = select(Delivery.broadcast_id).where(col(Delivery.state).in_(OPEN_DELIVERIES)).distinct()
    untold = set(session.exec(has_open))
    is_over = and_(col(Broadcast.state).not_in(COMING), col(Broadcast.id).in_(has_open))
    query = select(Broadcast).where(or_(Broadcast.state == BroadcastState.ON_AIR, is_over))
    found = session.exec(query.order_by(col(Broadcast.id))).all()
    due = [one for one in found if one.id not in untold or now >= _waits_until(one)]
    places, closed = open_places(session, [one for one in due if one.id in untold], beats, now), []
    for broadcast in due:
        expected = places.get(broadcast.id, {})
        if expected and all(expected.values()):
            continue
        deliveries = deliveries_of(session, broadcast.id)
        if not deliveries and now < _waits_until(broadcast):
            continue
        for delivery in deliveries:
            if not expected.get(delivery.id or 0):
                _conclude_delivery(session, delivery)
        if broadcast.state is BroadcastState.ON_AIR and not any(expected.values()):
            state, reason = conclude(deliveries)
            move(broadcast, state, reason)
            broadcast.ended_at = now
            session.add(broadcast)
        closed.append(broadcast.id)
    session.flush()
    return closed


def mark_cued(session: Session, broadcast_ids: set[str]) -> list[str]:
    """Write down that the poles' timetables, as the broker has them now, list these; the ids of those that were new."""
    changed = []
    query = select(Broadcast).where(Broadcast.state == BroadcastState.PLANNED, ~col(Broadcast.is_now))
    for broadcast in session.exec(query).all():
        if broadcast.id in broadcast_ids:
            move(broadcast, BroadcastState.CUED)
            session.add(broadcast)
            changed.append(broadcast.id)
    return changed


def next_due(session: Session, now: datetime) -> datetime | None:
    """The next instant at which a step here has something to do by the clock alone."""
    starts = select(Broadcast.starts_at).where(col(Broadcast.state).in_(COMING), col(Broadcast.starts_at) > now)
    first = session.exec(starts.order_by(col(Broadcast.starts_at)).limit(1)).first()
    sounding = session.exec(select(Broadcast).where(Broadcast.state == BroadcastState.ON_AIR)).all()
    instants = [_waits_until(broadcast) for broadcast in sounding]
    return min([instant for instant in (first, *instants) if instant is not None and instant > now], default=None)


def _paired_poles(session: Session, broadcast_id: str) -> tuple[str, ...]:
    query = select(Node.slug).join(Delivery, col(Delivery.node_id) == col(Node.id))
    paired = query.where(col(Node.paired_at).is_not(None), col(Node.revoked_at).is_(None))
    return tuple(session.exec(paired.where(Delivery.broadcast_id == broadcast_id).order_by(col(Node.slug))))


def _coming(session: Session, only: Collection[str] | None = None) -> list[Broadcast]:
    query = select(Broadcast).where(col(Broadcast.state).in_(COMING))
    if only is not None:
        query = query.where(col(Broadcast.id).in_(only))
    return list(session.exec(query.order_by(col(Broadcast.starts_at), col(Broadcast.id))))


def _why_not_now(session: Session, broadcast: Broadcast, hours: Hours, now: datetime) -> WhyNot | None:
    reason = why_not(session, broadcast, hours, now + lead_of(session, broadcast))
    is_late = broadcast.valid_until is not None and broadcast.valid_until <= now
    if reason is None and (is_late or now - broadcast.created_at > NOW_WITHIN):
        return WhyNot.NOT_SENT if is_ready(session, broadcast) else WhyNot.CLIP_NOT_READY
    return reason


def _why_not_begun(session: Session, broadcast: Broadcast, hours: Hours, now: datetime) -> WhyNot | None:
    """Why a broadcast whose instant has come is not on the air; none when it may well be."""
    if broadcast.is_now:
        is_expired = all(play.expires_at <= now and play.sent_at is None for play in plays_of(session, broadcast.id))
        return WhyNot.NOT_SENT if is_expired else None
    if broadcast.state is BroadcastState.CUED:
        return None
    reason = why_not(session, broadcast, hours, broadcast.starts_at)
    if reason is not None:
        return reason  # no timetable lists it any more, though a pole may have spoken of it before
    if _was_heard_of(session, broadcast):
        return None
    if broadcast.starts_at is not None and now - broadcast.starts_at > OFF_AFTER:
        return WhyNot.SERVER_OFF
    return WhyNot.NOT_SENT if is_ready(session, broadcast) else WhyNot.CLIP_NOT_READY


def _may_be_late(session: Session, broadcast: Broadcast, now: datetime) -> bool:
    """Whether its entry lets it begin later. What an upper radio said then nobody can hear later."""
    in_time = broadcast.late_until is not None and now + LATE_LEAD <= broadcast.late_until
    return in_time and not relays_of(session, [broadcast.id])


def _put_off(session: Session, broadcast: Broadcast, hours: Hours, now: datetime) -> WhyNot | None:
    """Have it begin a little later than now, once it is ready; or why it may not be."""
    ensure_deliveries(session, broadcast)
    if note_duration(session, broadcast) is None:
        return None
    at = now + LATE_LEAD
    reason = why_not(session, broadcast, hours, at)
    if reason is None:
        broadcast.due_at = broadcast.due_at or broadcast.starts_at
        broadcast.starts_at = at
        session.add(broadcast)
    return reason


def _is_sent(session: Session, broadcast: Broadcast) -> bool:
    return any(play.sent_at is not None for play in plays_of(session, broadcast.id))


def _was_heard_of(session: Session, broadcast: Broadcast) -> bool:
    """Whether a pole has spoken of it: then it had the timetable, whatever our own notes say."""
    return any(delivery.reported_at is not None for delivery in deliveries_of(session, broadcast.id))


def _waits_until(broadcast: Broadcast) -> datetime:
    if broadcast.ended_at is not None:
        return broadcast.ended_at + GRACE
    if broadcast.urgency is Urgency.EMERGENCY and broadcast.duration_ms is None and broadcast.starts_at is not None:
        return broadcast.starts_at + SPOKEN_WITHIN
    return (ends_at_of(broadcast) or broadcast.starts_at or broadcast.created_at) + GRACE


def _conclude_delivery(session: Session, delivery: Delivery) -> None:
    """What the server concludes by itself of a pole that has not had its last word."""
    if delivery.state not in OPEN_DELIVERIES:
        return
    node = session.get(Node, delivery.node_id)
    if node is None or node.revoked_at is not None:
        move(delivery, DeliveryState.MISSED, WhyNot.NODE_GONE)
    elif node.public_key is None:
        move(delivery, DeliveryState.MISSED, WhyNot.NODE_NOT_PAIRED)
    else:
        move(delivery, DeliveryState.SILENT)
    session.add(delivery)
