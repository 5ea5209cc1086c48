"""What was noticed of poles: when each came and went, how far off its clock was, how punctual it began."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy
from sqlmodel import Session, col, delete, func, select

from broadcast.models import Broadcast, ClockSample, Delivery, DeliveryState, Node, PresenceChange, row_id
from broadcast.views import DeliveryRow, deliveries_of_each
from players.messages import Heartbeat

CHANGES_KEPT = timedelta(days=90)
SAMPLES_KEPT = timedelta(days=14)
SAMPLE_EVERY = timedelta(minutes=10)
_LISTED = 50
_GRAPHED = 300


@dataclass(frozen=True, slots=True)
class PastBroadcast:
    """What a pole reported of a broadcast."""

    id: str
    title: str
    at: datetime
    delivery: DeliveryRow


def note_presence(session: Session, states: Mapping[str, str], now: datetime) -> None:
    """Write down how poles are, by slug, where that is news."""
    ids = {slug: row_id(node_id) for slug, node_id in session.exec(select(Node.slug, Node.id))}
    session.add_all(
        PresenceChange(node_id=ids[slug], at=now, state=state) for slug, state in states.items() if slug in ids
    )


def last_states(session: Session) -> dict[str, str]:
    """How each pole was when it was noticed last."""
    newest = select(func.max(PresenceChange.id)).group_by(col(PresenceChange.node_id))
    query = select(Node.slug, PresenceChange.state).join(PresenceChange, col(PresenceChange.node_id) == col(Node.id))
    return dict(session.exec(query.where(col(PresenceChange.id).in_(newest))).all())


def note_clocks(session: Session, beats: Collection[Heartbeat], now: datetime) -> None:
    """Write down how far off the clocks of these poles are, where they say it."""
    ids = {slug: row_id(node_id) for slug, node_id in session.exec(select(Node.slug, Node.id))}
    session.add_all(
        ClockSample(node_id=ids[beat.node], at=now, offset_ms=beat.clock_offset_ms, error_ms=beat.clock_error_ms)
        for beat in beats
        if beat.node in ids and beat.clock_offset_ms is not None and beat.clock_error_ms is not None
    )


def presence_of(session: Session, node_id: int, most: int = _LISTED) -> list[PresenceChange]:
    """When a pole came and went, the latest first."""
    query = select(PresenceChange).where(PresenceChange.node_id == node_id)
    return list(session.exec(query.order_by(col(PresenceChange.id).desc()).limit(most)))


def clocks_of(session: Session, node_id: int, since: datetime) -> list[ClockSample]:
    """How far off a pole's clock was, in order."""
    query = select(ClockSample).where(ClockSample.node_id == node_id, col(ClockSample.at) >= since)
    return list(session.exec(query.order_by(col(ClockSample.at))))


def broadcasts_at(session: Session, node: Node, most: int = _LISTED) -> list[PastBroadcast]:
    """What a pole reported lately, the latest first."""
    at = func.coalesce(Broadcast.starts_at, Broadcast.ended_at, Broadcast.created_at)
    open_states = {DeliveryState.PENDING, DeliveryState.CUED}
    query = sqlalchemy.select(Broadcast.id, Broadcast.title, at).join(  # type: ignore[call-overload]
        Delivery, col(Delivery.broadcast_id) == col(Broadcast.id)
    )
    query = query.where(Delivery.node_id == node.id, col(Delivery.state).not_in(open_states))
    rows = session.execute(query.order_by(at.desc()).limit(most)).all()
    own = {
        id_: next(row for row in poles if row.node == node.slug)
        for id_, poles in deliveries_of_each(session, [id_ for id_, _, _ in rows]).items()
    }
    return [PastBroadcast(id_, title, when, own[id_]) for id_, title, when in rows]


def latenesses_of(session: Session, node_id: int) -> list[tuple[datetime, float]]:
    """How much later than planned a pole's first samples sounded, in milliseconds, in order of time."""
    query = select(Broadcast.starts_at, Delivery.started_at).join(Delivery)
    query = query.where(Delivery.node_id == node_id, col(Delivery.started_at).is_not(None))
    query = query.where(col(Broadcast.starts_at).is_not(None), col(Broadcast.due_at).is_(None))
    rows = session.exec(query.order_by(col(Broadcast.starts_at).desc()).limit(_GRAPHED)).all()
    return [
        (planned, (began - planned) / timedelta(milliseconds=1))
        for planned, began in reversed(rows)
        if planned is not None and began is not None
    ]


def forget_old_history(session: Session, now: datetime) -> None:
    """Forget what no page shows any more; how each pole is now stays known."""
    newest = select(func.max(PresenceChange.id)).group_by(col(PresenceChange.node_id))
    is_old = col(PresenceChange.at) < now - CHANGES_KEPT
    session.exec(delete(PresenceChange).where(is_old, col(PresenceChange.id).not_in(newest)))
    session.exec(delete(ClockSample).where(col(ClockSample.at) < now - SAMPLES_KEPT))


def news_of(states: Iterable[tuple[str, str]], known: Mapping[str, str]) -> dict[str, str]:
    """Those states that are not as they were."""
    return {slug: state for slug, state in states if known.get(slug) != state}
