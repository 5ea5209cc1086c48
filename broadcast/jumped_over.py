"""A clock that jumps ahead and back: what it passed is aired after all. Times of entries are the planner's."""

from datetime import datetime

from sqlmodel import Session, col, select

from broadcast.airings import deliveries_of, id_for
from broadcast.lifecycle import move
from broadcast.models import Broadcast, BroadcastState, Bulletin, BulletinState, DeliveryState


def has_jumped_over(session: Session, now: datetime) -> bool:
    """Whether a bulletin's broadcast counts as missed although its instant is ahead: to be asked often, only reads."""
    return bool(_jumped_over(session, now))


def plan_jumped_over(session: Session, now: datetime) -> None:
    """Plan such broadcasts anew. A pole that has had its last word keeps it."""
    for broadcast in _jumped_over(session, now):
        move(broadcast, BroadcastState.PLANNED)
        broadcast.ended_at = None
        session.add(broadcast)
        for delivery in deliveries_of(session, broadcast.id):
            if delivery.final_report is None and delivery.state in {DeliveryState.MISSED, DeliveryState.SILENT}:
                # Nothing has begun; no state machine of its own for that.
                delivery.state, delivery.reason = DeliveryState.PENDING, None
                session.add(delivery)
    session.flush()


def _jumped_over(session: Session, now: datetime) -> list[Broadcast]:
    query = (
        select(Broadcast, Bulletin)
        .join(Bulletin, col(Bulletin.id) == col(Broadcast.bulletin_id))
        .where(
            Broadcast.state == BroadcastState.MISSED,
            col(Broadcast.starts_at) > now,
            ~col(Broadcast.is_now),
            Bulletin.state == BulletinState.APPROVED,
        )
    )
    # One that was edited and approved again has another broadcast.
    return [broadcast for broadcast, bulletin in session.exec(query) if broadcast.id == id_for(bulletin)]
