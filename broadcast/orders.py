"""Orders: decided on in the database together with what they mean, sent afterwards, once, never when expired."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import TypeAdapter
from sqlmodel import Session, col, func, select

from broadcast.communes import get_commune
from broadcast.models import (
    Broadcast,
    BroadcastPart,
    BroadcastState,
    BroadcastZone,
    Delivery,
    IssuedOrder,
    Node,
    Zone,
)
from broadcast.relays import relay_parts, relays_of
from broadcast.zones import sorted_by_name
from players.messages import AnyOrder, ClipRef, CuedBroadcast, Play, Stop, Urgency

EMERGENCY_LEAD = timedelta(seconds=0.12)
"""From the order to the first sample of an emergency. A pole that it reaches later joins inside the chime."""
NOW_LEAD = timedelta(seconds=3)
"""The same for all else, which is fetched first."""
FETCH_TURN = timedelta(milliseconds=30)
"""By so much the lead grows with every pole: they fetch in turn, not all at once."""
JOIN_WITHIN = timedelta(minutes=1)
EMERGENCY_VALID = timedelta(minutes=15)
"""A pole that comes back within this still hears an emergency."""
STOP_OUTLASTS = timedelta(minutes=2)
_LATE = timedelta(seconds=0.5)
_ORDER: TypeAdapter[Play | Stop] = TypeAdapter(AnyOrder)


@dataclass(frozen=True, slots=True)
class DueOrder:
    """An order that is to go out, and where to."""

    order: Play | Stop
    zones: tuple[str, ...]
    nodes: tuple[str, ...]


def lead_of(session: Session, broadcast: Broadcast) -> timedelta:
    """From the order of what airs now to its first sample: for it to reach every pole, and each to fetch the clip."""
    if broadcast.urgency is Urgency.EMERGENCY:
        return EMERGENCY_LEAD
    poles = session.exec(select(func.count()).where(Delivery.broadcast_id == broadcast.id)).one()
    return NOW_LEAD + poles * FETCH_TURN


def issue_play(session: Session, broadcast: Broadcast, clips: Sequence[ClipRef], now: datetime) -> IssuedOrder:
    """Order a broadcast played as soon as its order can be there; its start is written down."""
    only = None if broadcast.only_node_id is None else session.get_one(Node, broadcast.only_node_id)
    issued = IssuedOrder(
        id=f"play-{broadcast.id}",
        broadcast_id=broadcast.id,
        document={},
        zones=[zone.slug for zone in zones_of(session, broadcast.id)] if only is None else [],
        nodes=[] if only is None else [only.slug],
        issued_at=now,
        expires_at=now,
    )
    _time_play(session, issued, broadcast, clips, now)
    return issued


def issue_stop(session: Session, broadcast: Broadcast, now: datetime, nodes: Sequence[str] = ()) -> IssuedOrder:
    """Order a broadcast stopped, at all its zones or at some poles."""
    stop = Stop(
        order="-".join(["stop", broadcast.id, str(int(now.timestamp() * 1000)), *nodes[:1]])[:100],
        commune=get_commune(session).slug,
        issued_at=now,
        expires_at=max(ends_at_of(broadcast) or now, now) + STOP_OUTLASTS,
        broadcast=broadcast.id,
    )
    issued = IssuedOrder(
        id=stop.order,
        broadcast_id=broadcast.id,
        document=stop.model_dump(mode="json"),
        zones=[] if nodes else [zone.slug for zone in zones_of(session, broadcast.id)],
        nodes=list(nodes),
        issued_at=stop.issued_at,
        expires_at=stop.expires_at,
    )
    merged = session.merge(issued)
    session.flush()
    return merged


def time_missed_starts(session: Session, now: datetime) -> None:
    """Give each `Play` whose start went by unsent a new one."""
    for issued in _unsent(session, now):
        order = order_of(issued)
        if isinstance(order, Play) and has_missed_its_start(order, now):
            _time_play(session, issued, session.get_one(Broadcast, issued.broadcast_id), order.item.clips, now)


def due_orders(session: Session, now: datetime) -> list[DueOrder]:
    """What is to be sent now, in the order it was decided. Only reads: an emergency waits for no writer."""
    return [DueOrder(order_of(one), tuple(one.zones), tuple(one.nodes)) for one in _unsent(session, now)]


def has_missed_its_start(order: Play | Stop, now: datetime) -> bool:
    """Whether it is a `Play` whose start went by before it was sent."""
    return isinstance(order, Play) and order.item.starts_at < now - _LATE


def _unsent(session: Session, now: datetime) -> Sequence[IssuedOrder]:
    query = select(IssuedOrder).where(col(IssuedOrder.sent_at).is_(None), col(IssuedOrder.expires_at) > now)
    return session.exec(query.order_by(col(IssuedOrder.issued_at), col(IssuedOrder.id))).all()


def growing_plays(session: Session, now: datetime) -> list[IssuedOrder]:
    """The orders whose emergencies are still being spoken: to be asked often, for it only reads."""
    query = select(IssuedOrder).join(Broadcast).where(Broadcast.urgency == Urgency.EMERGENCY)
    query = query.where(col(Broadcast.state).in_({BroadcastState.CUED, BroadcastState.ON_AIR}))
    fresh = session.exec(query.where(col(IssuedOrder.expires_at) > now)).all()
    return [issued for issued in fresh if issued.document.get("item", {}).get("growing")]


def grown_play(session: Session, issued: IssuedOrder, clips: Sequence[ClipRef]) -> Play | None:
    """A growing order with all clips that are there now; none when there are no more than it names. Only reads."""
    play = order_of(issued)
    parts = session.exec(select(func.count()).where(BroadcastPart.broadcast_id == issued.broadcast_id)).one()
    if not isinstance(play, Play) or len(clips) <= len(play.item.clips):
        return None
    is_growing = len(clips) < parts
    stream = None if is_growing else f"/streams/{issued.broadcast_id}"
    item = play.item.model_copy(update={"clips": tuple(clips), "growing": is_growing, "stream": stream})
    return play.model_copy(update={"item": item})


def note_grown(session: Session, sent: Play) -> None:
    """Write down what a growing order named when it was sent. Twice, or after more was named, changes nothing."""
    issued = session.get(IssuedOrder, sent.order)
    held = None if issued is None else order_of(issued)
    if issued is None or not isinstance(held, Play) or len(held.item.clips) >= len(sent.item.clips):
        return
    said = {name: getattr(sent.item, name) for name in ("clips", "growing", "stream")}
    play = held.model_copy(update={"item": held.item.model_copy(update=said)})
    issued.document = play.model_dump(mode="json")
    session.add(issued)


def mark_sent(session: Session, order_ids: Collection[str], now: datetime) -> None:
    """Write down that the broker has these orders; once."""
    query = select(IssuedOrder).where(col(IssuedOrder.id).in_(order_ids), col(IssuedOrder.sent_at).is_(None))
    for issued in session.exec(query).all():
        issued.sent_at = now
        session.add(issued)


def void_orders(session: Session, broadcast_id: str, now: datetime) -> None:
    """Let no `Play` of a broadcast go out any more, nor stand in the list of emergencies."""
    for issued in plays_of(session, broadcast_id):
        issued.expires_at = min(issued.expires_at, now)
        session.add(issued)


def plays_of(session: Session, broadcast_id: str) -> list[IssuedOrder]:
    """The `Play` orders of a broadcast: at most one."""
    query = select(IssuedOrder).where(IssuedOrder.broadcast_id == broadcast_id)
    return [issued for issued in session.exec(query).all() if issued.document.get("kind") == "play"]


def order_of(issued: IssuedOrder) -> Play | Stop:
    """The order itself."""
    return _ORDER.validate_python(issued.document)


def ends_at_of(broadcast: Broadcast) -> datetime | None:
    """When its last sample is due; none while that is not known."""
    if broadcast.starts_at is None or broadcast.duration_ms is None:
        return None
    return broadcast.starts_at + timedelta(milliseconds=broadcast.duration_ms)


def zones_of(session: Session, broadcast_id: str) -> list[Zone]:
    """Its villages, by name."""
    query = select(Zone).join(BroadcastZone).where(BroadcastZone.broadcast_id == broadcast_id)
    return sorted_by_name(session.exec(query))


def _time_play(
    session: Session, issued: IssuedOrder, broadcast: Broadcast, clips: Sequence[ClipRef], now: datetime
) -> None:
    is_emergency = broadcast.urgency is Urgency.EMERGENCY
    starts_at = now + lead_of(session, broadcast)
    parts = session.exec(select(func.count()).where(BroadcastPart.broadcast_id == broadcast.id)).one()
    is_growing = is_emergency and len(clips) < parts
    relays = relay_parts(session, relays_of(session, [broadcast.id]).get(broadcast.id, ()), clips)
    lasts = timedelta(milliseconds=broadcast.duration_ms or 0) if relays else timedelta()
    valid = EMERGENCY_VALID if is_emergency else max(JOIN_WITHIN, lasts)
    if broadcast.valid_until is not None:
        valid = max(min(valid, broadcast.valid_until - starts_at), timedelta())
    # An order that went unsent keeps its first expiry: what is too late is not aired.
    expires_at = issued.expires_at if issued.document else starts_at + valid
    play = Play(
        order=issued.id,
        commune=get_commune(session).slug,
        issued_at=now,
        expires_at=expires_at,
        item=CuedBroadcast(
            broadcast=broadcast.id,
            urgency=broadcast.urgency,
            starts_at=starts_at,
            clips=tuple(clips),
            stream=None if relays or is_growing else f"/streams/{broadcast.id}",
            severity=broadcast.severity if is_emergency else None,
            lead_ms=clips[0].duration_ms if is_emergency and parts > 1 and not relays else 0,
            growing=is_growing,
            join_within_ms=round(valid.total_seconds() * 1000),
            resume_within_ms=round(lasts.total_seconds() * 1000),
            relays=relays,
        ),
    )
    broadcast.starts_at = starts_at
    issued.document, issued.issued_at, issued.expires_at = play.model_dump(mode="json"), now, expires_at
    session.add(issued)
    session.add(broadcast)
    session.flush()
