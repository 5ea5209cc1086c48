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
    waits = {DeliveryState.PENDING, DeliveryState.SILENT}
    query = select(IssuedOrder, Node.slug).join(Delivery, col(Delivery.broadcast_id) == col(IssuedOrder.broadcast_id))
    query = query.join(Node, col(Delivery.node_id) == col(Node.id))
    query = query.where(col(IssuedOrder.sent_at) <= now - REPORTS_WITHIN, col(IssuedOrder.expires_at) > now)
    query = query.where(col(Delivery.state).in_(waits), col(Delivery.reported_at).is_(None))
    back: dict[str, tuple[IssuedOrder, list[str]]] = {}
    for issued, node in session.exec(query.order_by(col(IssuedOrder.issued_at), col(IssuedOrder.id), col(Node.slug))):
        heard, sent = heard_at.get(node), issued.sent_at
        if heard is not None and sent is not None and heard - sent >= REPORTS_WITHIN:
            back.setdefault(issued.id, (issued, []))[1].append(node)
    orders = [(order_of(issued), nodes) for issued, nodes in back.values()]
    return [DueOrder(order, (), tuple(nodes)) for order, nodes in orders if isinstance(order, Play)]
