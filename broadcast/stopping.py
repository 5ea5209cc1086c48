"""Taking back what is coming, and silencing what sounds."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from broadcast.airings import end_before_start
from broadcast.audit import record
from broadcast.emergency_repeats import end_repeats
from broadcast.errors import Conflict, NotAllowed, NotFound
from broadcast.expecting import latest_begin
from broadcast.lifecycle import COMING, WhyNot, is_taken_back, move
from broadcast.models import Broadcast, BroadcastState, Delivery, DeliveryState, IssuedOrder, Node, Role, User
from broadcast.nodes import get_node, zones_of_node
from broadcast.orders import issue_stop, plays_of, void_orders, zones_of
from broadcast.permissions import Action, require

OBEYS_WITHIN = timedelta(seconds=12)
"""Longer than two heartbeats: what a pole says it plays may be older than the order to stop it."""


def cancel_broadcast(session: Session, broadcast_id: str, user: User, now: datetime) -> Broadcast:
    """Cancel what has not begun, for all its poles.

    Raises:
        NotFound: there is no such broadcast.
        NotAllowed: it is not for this user to cancel; a village head cancels what is for his village alone.
        Conflict: it has begun, or is over.
    """
    broadcast = _broadcast_for(session, broadcast_id, user)
    if broadcast.state not in COMING:
        raise Conflict("not-coming", "Lượt phát đã bắt đầu hoặc đã kết thúc.")
    end_before_start(session, broadcast, BroadcastState.CANCELLED, WhyNot.CANCELLED_BY_USER, now, user)
    record(session, now, user.username, "cancel-broadcast", broadcast.id)
    return broadcast


def stop_broadcast(
    session: Session, broadcast_id: str, user: User, now: datetime, node: str | None = None
) -> Broadcast:
    """Silence a broadcast at all its poles, or at one. The poles report for themselves what became of it.

    Stopping again sends the order again. What is still coming is cancelled. An emergency is not repeated any more.

    Raises:
        NotFound: there is no such broadcast, or no such pole.
        NotAllowed: it is not for this user to stop.
        Conflict: it is over, or that pole has no part in it.
    """
    if node is not None:
        return _stop_at_node(session, broadcast_id, user, now, get_node(session, node))
    broadcast = _broadcast_for(session, broadcast_id, user)
    has_repeats = end_repeats(session, broadcast.follows_id or broadcast.id, now)
    sounds = _sounds_somewhere(session, broadcast)
    if broadcast.state in COMING and (sounds or _was_sent_to_begin(session, broadcast, now)):
        move(broadcast, BroadcastState.ON_AIR)  # this came before this server's next look at the clock
    if broadcast.state in COMING:
        return cancel_broadcast(session, broadcast_id, user, now)
    if broadcast.state is BroadcastState.ON_AIR or _may_still_begin(broadcast, now):
        move(broadcast, BroadcastState.CUT, WhyNot.STOPPED_BY_USER)
        broadcast.ended_at, broadcast.changed_by_id = now, user.id
        session.add(broadcast)
    elif broadcast.state is not BroadcastState.CUT and not sounds and not has_repeats:
        raise Conflict("already-ended", "Lượt phát đã kết thúc.")
    void_orders(session, broadcast.id, now)
    issue_stop(session, broadcast, now)
    record(session, now, user.username, "stop-broadcast", broadcast.id)
    return broadcast


def stop_stragglers(session: Session, playing: Mapping[str, str], now: datetime) -> list[str]:
    """Order stopped again what poles still play although people stopped or cancelled it; gives those poles.

    `playing` is the broadcast by node. A pole is given time to have obeyed the order before.
    """
    stragglers = []
    for slug, broadcast_id in sorted(playing.items()):
        broadcast = session.get(Broadcast, broadcast_id)
        if broadcast is None or not is_taken_back(broadcast.state, broadcast.reason):
            continue
        recent = select(IssuedOrder.id).where(
            IssuedOrder.broadcast_id == broadcast_id, col(IssuedOrder.issued_at) > now - OBEYS_WITHIN
        )
        if session.exec(recent).first() is None:
            issue_stop(session, broadcast, now, [slug])
            stragglers.append(slug)
    return stragglers


def _was_sent_to_begin(session: Session, broadcast: Broadcast, now: datetime) -> bool:
    """Whether its instant has come and poles have its order: what they made of it is theirs to tell."""
    has_come = broadcast.starts_at is not None and broadcast.starts_at <= now
    return has_come and any(play.sent_at is not None for play in plays_of(session, broadcast.id))


def _sounds_somewhere(session: Session, broadcast: Broadcast) -> bool:
    query = select(Delivery.id).where(Delivery.broadcast_id == broadcast.id, Delivery.state == DeliveryState.PLAYING)
    return session.exec(query.limit(1)).first() is not None


def _may_still_begin(broadcast: Broadcast, now: datetime) -> bool:
    """Whether a pole of which nothing was heard may have it waiting for its turn."""
    last = latest_begin(broadcast)
    return broadcast.reason == WhyNot.NODES_SILENT and last is not None and now < last


def _stop_at_node(session: Session, broadcast_id: str, user: User, now: datetime, node: Node) -> Broadcast:
    require(user, Action.STOP_BROADCAST)
    broadcast = _broadcast(session, broadcast_id)
    its_zones = {zone.id for zone in zones_of_node(session, node)}
    if user.role is Role.VILLAGE_HEAD and user.zone_id not in its_zones:
        raise NotAllowed("other-village", "Cụm loa này không thuộc thôn của bạn.")
    if broadcast.state in COMING:
        raise Conflict("not-on-air", "Lượt phát chưa bắt đầu.")
    query = select(Delivery).where(Delivery.broadcast_id == broadcast_id, Delivery.node_id == node.id)
    if session.exec(query).first() is None:
        raise Conflict("not-its-node", "Cụm loa này không phát lượt này.")
    issue_stop(session, broadcast, now, [node.slug])
    record(session, now, user.username, "stop-broadcast-at-node", broadcast.id, {"node": node.slug})
    return broadcast


def _broadcast_for(session: Session, broadcast_id: str, user: User) -> Broadcast:
    require(user, Action.STOP_BROADCAST)
    broadcast = _broadcast(session, broadcast_id)
    zones = {zone.id for zone in zones_of(session, broadcast_id)}
    if user.role is Role.VILLAGE_HEAD and zones != {user.zone_id}:
        raise NotAllowed("other-village", "Lượt phát này không chỉ dành cho thôn của bạn.")
    return broadcast


def _broadcast(session: Session, broadcast_id: str) -> Broadcast:
    broadcast = session.get(Broadcast, broadcast_id)
    if broadcast is None:
        raise NotFound("no-broadcast", "Không có lượt phát này.")
    return broadcast
