"""Our own emergencies as CAP 1.2 messages. Each is made of the tables whenever it is read, and always the same."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from broadcast.cap.model import (
    Alert,
    Area,
    CapSeverity,
    CapUrgency,
    Category,
    Certainty,
    Info,
    MsgType,
    Named,
    Point,
    Reference,
    Resource,
    Response,
    Scope,
    Status,
)
from broadcast.cap.places import own_sender, rules_of
from broadcast.cap.raising import source_of_broadcast
from broadcast.communes import get_commune
from broadcast.models import Broadcast, BroadcastState, EmergencyRepeat, Follows, PreparedMessage, Zone
from broadcast.orders import zones_of
from broadcast.presses import words_of
from broadcast.zones import list_zones
from players.messages import Severity, Urgency

KEPT_FOR = timedelta(days=30)
MOST_LISTED = 100
HOLDS_FOR, HOLDS_REPEATED = timedelta(hours=1), timedelta(hours=24)
"""An emergency that is aired once, and one that is said again until its all-clear."""
STOPPED = ".dung"
"""What a message that says that an emergency was stopped adds to its identifier."""
_KINDS: Mapping[str, tuple[Category, Response | None]] = {
    "storm": (Category.MET, Response.SHELTER),
    "flood": (Category.MET, Response.AVOID),
    "dam": (Category.INFRA, Response.EVACUATE),
    "fire": (Category.FIRE, Response.AVOID),
    "child": (Category.RESCUE, Response.MONITOR),
    "epidemic": (Category.HEALTH, Response.AVOID),
    "evacuate": (Category.SAFETY, Response.EVACUATE),
}
"""By the picture of a prepared message's button; others are a matter of safety."""
_SEVERITY = {
    Severity.EXTREME: CapSeverity.EXTREME,
    Severity.SEVERE: CapSeverity.SEVERE,
    Severity.MODERATE: CapSeverity.MODERATE,
    Severity.MINOR: CapSeverity.MINOR,
}
_OVER = frozenset({Follows.ALL_CLEAR})
FindAudio = Callable[[str], Resource | None]


@dataclass(frozen=True, slots=True)
class Own:
    """One of our messages: an emergency, or that it was stopped."""

    broadcast: Broadcast
    is_stop: bool = False

    @property
    def identifier(self) -> str:
        """As CAP's `identifier`."""
        return self.broadcast.id + (STOPPED if self.is_stop else "")

    @property
    def sent(self) -> datetime:
        """When it was said; of a stop, when it was stopped.

        What was started at a pole while the line was cut was said then, not when we heard of it.
        """
        one = self.broadcast
        at = one.ended_at if self.is_stop else None
        if not self.is_stop and one.started_at_node_id is not None and one.starts_at is not None:
            at = min(one.starts_at, one.created_at)
        return (at or one.created_at).replace(microsecond=0)


def list_own(session: Session, now: datetime) -> list[Own]:
    """Our messages of late, the newest first. One that is said again is the same message."""
    query = select(Broadcast).where(
        Broadcast.urgency == Urgency.EMERGENCY,
        col(Broadcast.created_at) > now - KEPT_FOR,
        col(Broadcast.follows_as).is_distinct_from(Follows.REPEAT),
    )
    rows = session.exec(query.order_by(col(Broadcast.created_at).desc(), col(Broadcast.id)).limit(MOST_LISTED)).all()
    followed = set(session.exec(select(Broadcast.follows_id).where(col(Broadcast.follows_as) != Follows.REPEAT)))
    found = []
    for row in rows:
        was_stopped = row.state in {BroadcastState.CUT, BroadcastState.CANCELLED} and row.changed_by_id is not None
        if was_stopped and row.id not in followed and row.ended_at is not None:
            found.append(Own(row, is_stop=True))
        found.append(Own(row))
    return sorted(found, key=lambda own: own.sent, reverse=True)


def find_own(session: Session, identifier: str, now: datetime) -> Own | None:
    """One of our messages of late."""
    return next((own for own in list_own(session, now) if own.identifier == identifier), None)


def alert_of(session: Session, own: Own, find_audio: FindAudio) -> Alert:
    """One of our messages; `find_audio` gives a broadcast's sound, if there is any yet."""
    broadcast, sender = own.broadcast, own_sender(session)
    earlier = broadcast if own.is_stop else _followed(session, broadcast)
    found = source_of_broadcast(session, broadcast.id)
    return Alert(
        identifier=own.identifier,
        sender=sender,
        sent=own.sent,
        status=Status.EXERCISE if broadcast.is_drill else Status.ACTUAL,
        msg_type=_type_of(own, earlier),
        scope=Scope.PUBLIC,
        source=f"{found[1].name} ({found[0].sender})" if found else "",
        note="Diễn tập: không có nguy hiểm thật." if broadcast.is_drill else "",
        references=() if earlier is None else (Reference(sender, earlier.id, Own(earlier).sent),),
        infos=(_info(session, own, find_audio),),
    )


def _type_of(own: Own, earlier: Broadcast | None) -> MsgType:
    if own.is_stop or (earlier is not None and own.broadcast.follows_as in _OVER):
        return MsgType.CANCEL
    return MsgType.ALERT if earlier is None else MsgType.UPDATE


def _followed(session: Session, broadcast: Broadcast) -> Broadcast | None:
    return session.get(Broadcast, broadcast.follows_id) if broadcast.follows_id else None


def _info(session: Session, own: Own, find_audio: FindAudio) -> Info:
    broadcast = own.broadcast
    category, response = _kind_of(session, broadcast)
    is_over = own.is_stop or broadcast.follows_as in _OVER
    repeats = session.get(EmergencyRepeat, broadcast.id) is not None
    expires = broadcast.valid_until or own.sent + (HOLDS_REPEATED if repeats else HOLDS_FOR)
    audio = None if own.is_stop else find_audio(broadcast.id)
    said = "Xã đã dừng phát tin này." if own.is_stop else words_of(session, broadcast)
    return Info(
        language="vi-VN",
        categories=(category,),
        event=broadcast.title,
        responses=(Response.ALL_CLEAR,) if is_over else (response,) if response else (),
        urgency=CapUrgency.PAST if is_over else CapUrgency.IMMEDIATE,
        severity=_SEVERITY[broadcast.severity or Severity.SEVERE],
        certainty=Certainty.LIKELY,
        effective=own.sent,
        expires=max(expires, own.sent),
        sender_name=get_commune(session).name,
        headline=f"Đã dừng: {broadcast.title}" if own.is_stop else broadcast.title,
        description=said,
        resources=(audio,) if audio else (),
        areas=(_area(session, zones_of(session, broadcast.id)),),
    )


def _kind_of(session: Session, broadcast: Broadcast) -> tuple[Category, Response | None]:
    first = _followed(session, broadcast) or broadcast
    query = select(PreparedMessage.icon).where(PreparedMessage.key == (first.prepared_key or ""))
    return _KINDS.get(session.exec(query).first() or "", (Category.SAFETY, None))


def _area(session: Session, zones: Sequence[Zone]) -> Area:
    calls, is_all = rules_of(session).places, len(zones) == len(list_zones(session))
    listed = [one for zone in zones for one in calls.get(zone.slug, [])] + (calls.get("", []) if is_all else [])
    codes = (one.partition("=") for one in dict.fromkeys(listed) if "=" in one)
    return Area(
        description=", ".join([*(zone.name for zone in zones), get_commune(session).name]),
        polygons=tuple(_closed(zone.outline) for zone in zones if len(zone.outline) >= 3),
        geocodes=tuple(Named(name.strip(), value.strip()) for name, _, value in codes if name.strip()),
    )


def _closed(outline: Sequence[Sequence[float]]) -> tuple[Point, ...]:
    points = [Point(latitude, longitude) for longitude, latitude in outline]
    return tuple(points if points[0] == points[-1] else [*points, points[0]])
