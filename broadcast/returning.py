"""Poles that come back: an order that still holds is sent again to those that it did not reach."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from broadcast.models import Delivery, DeliveryState, IssuedOrder, Node
from broadcast.orders import DueOrder, order_of
from players.messages import Play

REPORTS_WITHIN = timedelta(seconds=2)
"""A pole that has got an order says so within this."""


def unheard_plays(session: Session, heard_at: Mapping[str, datetime], now: datetime) -> list[DueOrder]:
    """The `Play` orders that hold, each with the poles that are there and have said nothing of it.

    An order goes out once, and reaches who is connected: a pole that was just starting, or whose line was cut, would
    never hear of the broadcast. Sent again it changes nothing where it was known, because a pole obeys an order once.

    Args:
        session: for reading.
        heard_at: when each pole that is online was heard last.
        now: the present.
    """
    query = select(IssuedOrder).where(col(IssuedOrder.sent_at).is_not(None), col(IssuedOrder.expires_at) > now)
    found = []
    for issued in session.exec(query.order_by(col(IssuedOrder.issued_at), col(IssuedOrder.id))).all():
        order, sent_at = order_of(issued), issued.sent_at
        if not isinstance(order, Play) or sent_at is None:
            continue
        silent = _silent_poles(session, issued.broadcast_id)
        back = tuple(slug for slug in silent if slug in heard_at and heard_at[slug] - sent_at >= REPORTS_WITHIN)
        if back:
            found.append(DueOrder(order, (), back))
    return found


def _silent_poles(session: Session, broadcast_id: str) -> list[str]:
    """Those that have said nothing of a broadcast yet."""
    waits = {DeliveryState.PENDING, DeliveryState.SILENT}
    query = select(Node.slug).join(Delivery, col(Delivery.node_id) == col(Node.id))
    query = query.where(Delivery.broadcast_id == broadcast_id, col(Delivery.state).in_(waits))
    return list(session.exec(query.where(col(Delivery.reported_at).is_(None)).order_by(col(Node.slug))))
