"""Broadcasts as rows: making them with their deliveries, and taking them back. What must sound is decided elsewhere."""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

import sqlalchemy
from sqlalchemy import insert, literal, tuple_
from sqlmodel import Session, col, delete, or_, select

from broadcast.lifecycle import COMING, OPEN_DELIVERIES, WhyNot, move
from broadcast.models import (
    Broadcast,
    BroadcastPart,
    BroadcastState,
    BroadcastZone,
    Bulletin,
    Clip,
    Delivery,
    DeliveryState,
    Node,
    NodeZone,
    Rendering,
    RenderingState,
    User,
)
from broadcast.models.columns import EnumText
from broadcast.orders import issue_stop, plays_of, void_orders
from broadcast.relays import relays_of, starts_of
from players.messages import ClipRef

STOP_ORDER_AHEAD = timedelta(minutes=15)
"""A broadcast that is ended this shortly before its start is also stopped by name: a node may be starting it."""

NewBroadcast = tuple[Broadcast, Set[int], Sequence[str]]
"""A broadcast, its villages, and the keys of its parts in order."""


def id_for(bulletin: Bulletin) -> str:
    """The id of the broadcast of a bulletin that is aired by itself: each revision has its own."""
    return f"b-{bulletin.id}-r{bulletin.revision}"


def add_broadcast(
    session: Session, broadcast: Broadcast, zone_ids: Iterable[int], rendering_keys: Sequence[str]
) -> Broadcast:
    """Store a new broadcast with its zones, its parts and a delivery for each of its poles.

    One with that id that is there already is given back unchanged.
    """
    known = session.get(Broadcast, broadcast.id)
    if known is not None:
        return known
    add_broadcasts(session, [(broadcast, frozenset(zone_ids), rendering_keys)])
    return broadcast


def add_broadcasts(session: Session, new: Sequence[NewBroadcast]) -> None:
    """Store new broadcasts with all that `add_broadcast` stores, in few statements."""
    if not new:
        return
    lengths = _lengths(session, {key for _, _, keys in new for key in keys})
    for broadcast, _, keys in new:
        broadcast.duration_ms = _length(lengths, keys)
        session.add(broadcast)
    session.flush()
    rows = {
        BroadcastZone: [
            {"broadcast_id": broadcast.id, "zone_id": zone_id}
            for broadcast, zone_ids, _ in new
            for zone_id in sorted(zone_ids)
        ],
        BroadcastPart: [
            {"broadcast_id": broadcast.id, "position": position, "rendering_key": key}
            for broadcast, _, keys in new
            for position, key in enumerate(keys)
        ],
    }
    for table, values in rows.items():
        if values:
            session.connection().execute(insert(table), values)
    pending = literal(DeliveryState.PENDING, EnumText(DeliveryState))
    deliveries = _poles_present([broadcast.id for broadcast, _, _ in new]).add_columns(pending)
    session.connection().execute(insert(Delivery).from_select(["broadcast_id", "node_id", "state"], deliveries))


def set_parts(session: Session, broadcast: Broadcast, rendering_keys: Sequence[str]) -> None:
    """Say what a broadcast is made of; the duration follows when all of it is rendered."""
    for part in parts_of(session, broadcast.id):
        session.delete(part)
    session.flush()
    session.add_all(
        BroadcastPart(broadcast_id=broadcast.id, position=position, rendering_key=key)
        for position, key in enumerate(rendering_keys)
    )
    session.flush()
    broadcast.duration_ms = None
    note_duration(session, broadcast)


def set_zones(session: Session, broadcast: Broadcast, zone_ids: Collection[int]) -> None:
    """Say which villages a broadcast that has not begun is for; its deliveries follow."""
    session.exec(delete(BroadcastZone).where(col(BroadcastZone.broadcast_id) == broadcast.id))
    session.add_all(BroadcastZone(broadcast_id=broadcast.id, zone_id=zone_id) for zone_id in sorted(zone_ids))
    session.flush()
    ensure_deliveries(session, broadcast)


def note_duration(session: Session, broadcast: Broadcast) -> tuple[ClipRef, ...] | None:
    """The broadcast's clips, its length written down; none while one of them is missing or it has none."""
    return note_durations(session, [broadcast]).get(broadcast.id)


def note_durations(session: Session, broadcasts: Collection[Broadcast]) -> dict[str, tuple[ClipRef, ...]]:
    """`note_duration` of several, in few statements: the clips of those that have all of theirs, by id."""
    ids = [broadcast.id for broadcast in broadcasts]
    clips, relays = clips_of_each(session, ids), relays_of(session, ids)
    for broadcast in broadcasts:
        if broadcast.id in clips:
            lengths = [clip.duration_ms for clip in clips[broadcast.id]]
            _, broadcast.duration_ms = starts_of(relays.get(broadcast.id, ()), lengths)
        session.add(broadcast)
    return clips


def ensure_deliveries(session: Session, *broadcasts: Broadcast) -> None:
    """One delivery for every pole of each broadcast's zones, also for those that came since. Twice changes nothing.

    A pole that has left the zones or was revoked before the start is let go, with the reason. The database finds what
    differs: thousands of rows may be as they should be.
    """
    ids = [broadcast.id for broadcast in broadcasts]
    present = _poles_present(ids)
    known = sqlalchemy.select(Delivery.broadcast_id, Delivery.node_id).where(col(Delivery.broadcast_id).in_(ids))  # type: ignore[call-overload]
    missing = session.execute(present.except_(known)).all()
    session.add_all(Delivery(broadcast_id=broadcast_id, node_id=node_id) for broadcast_id, node_id in missing)
    is_present = tuple_(col(Delivery.broadcast_id), col(Delivery.node_id)).in_(present)
    not_begun = [broadcast.id for broadcast in broadcasts if broadcast.state in COMING]
    coming = select(Delivery).where(col(Delivery.broadcast_id).in_(not_begun))
    for delivery in session.exec(coming.where(~is_present, col(Delivery.state).in_(OPEN_DELIVERIES))).all():
        move(delivery, DeliveryState.CANCELLED, WhyNot.NODE_GONE)
        session.add(delivery)
    for delivery in session.exec(coming.where(is_present, Delivery.reason == WhyNot.NODE_GONE)).all():
        # It is back before anything began; no state machine of its own for that.
        delivery.state, delivery.reason = DeliveryState.PENDING, None
        session.add(delivery)
    session.flush()


def _poles_present(broadcast_ids: Collection[str]) -> sqlalchemy.Select[Any]:
    """The poles, not revoked, of the broadcasts' zones, as pairs of broadcast and node."""
    pairs = sqlalchemy.select(BroadcastZone.broadcast_id, NodeZone.node_id).join(  # type: ignore[call-overload]
        NodeZone, col(NodeZone.zone_id) == col(BroadcastZone.zone_id)
    )
    pairs = pairs.join(Broadcast, col(Broadcast.id) == col(BroadcastZone.broadcast_id))
    pairs = pairs.where(or_(col(Broadcast.only_node_id).is_(None), Broadcast.only_node_id == NodeZone.node_id))
    of_these = pairs.join(Node, col(Node.id) == col(NodeZone.node_id)).where(col(Node.revoked_at).is_(None))
    found: sqlalchemy.Select[Any] = of_these.where(col(BroadcastZone.broadcast_id).in_(broadcast_ids)).distinct()
    return found


def end_before_start(
    session: Session, broadcast: Broadcast, to: BroadcastState, reason: WhyNot, now: datetime, by: User | None = None
) -> None:
    """End a broadcast that has not begun, and all its deliveries, as missed or cancelled with one reason.

    Raises:
        Conflict: it has begun or ended.
    """
    was_cued = broadcast.state is BroadcastState.CUED
    move(broadcast, to, reason)
    broadcast.ended_at, broadcast.changed_by_id = now, by.id if by else None
    session.add(broadcast)
    delivery_to = DeliveryState.MISSED if to is BroadcastState.MISSED else DeliveryState.CANCELLED
    for delivery in deliveries_of(session, broadcast.id):
        if delivery.state in OPEN_DELIVERIES:
            move(delivery, delivery_to, reason)
            session.add(delivery)
    is_out = was_cued or plays_of(session, broadcast.id)
    void_orders(session, broadcast.id, now)
    if is_out and broadcast.starts_at and broadcast.starts_at - now < STOP_ORDER_AHEAD:
        issue_stop(session, broadcast, now)
    session.flush()


def parts_of(session: Session, broadcast_id: str) -> list[BroadcastPart]:
    """Its parts, in order."""
    query = select(BroadcastPart).where(BroadcastPart.broadcast_id == broadcast_id)
    return list(session.exec(query.order_by(col(BroadcastPart.position))))


def renderings_of(session: Session, broadcast_id: str) -> list[Rendering]:
    """The renderings of its parts, in order."""
    query = select(Rendering).join(BroadcastPart).where(BroadcastPart.broadcast_id == broadcast_id)
    return list(session.exec(query.order_by(col(BroadcastPart.position))))


def states_of_each(session: Session, broadcast_ids: Collection[str]) -> dict[str, set[RenderingState]]:
    """How far the renderings of broadcasts are, by broadcast; without those that have no parts."""
    query = sqlalchemy.select(col(BroadcastPart.broadcast_id), col(Rendering.state)).join(Rendering)
    found: dict[str, set[RenderingState]] = {}
    for id_, state in session.execute(query.where(col(BroadcastPart.broadcast_id).in_(broadcast_ids)).distinct()):
        found.setdefault(id_, set()).add(state)
    return found


def clips_of(session: Session, broadcast_id: str) -> tuple[ClipRef, ...] | None:
    """Its clips, in order; none when it has no parts or one is not rendered."""
    return clips_of_each(session, [broadcast_id]).get(broadcast_id)


def first_clips_of(session: Session, broadcast_id: str) -> tuple[ClipRef, ...]:
    """Those of its clips, from the first on, that are rendered: an emergency begins with them."""
    query = select(Rendering, Clip).join(BroadcastPart).outerjoin(Clip)
    rows = session.exec(query.where(BroadcastPart.broadcast_id == broadcast_id).order_by(col(BroadcastPart.position)))
    rendered = takewhile(lambda row: row[0].state is RenderingState.RENDERED and row[1] is not None, rows)
    return tuple(
        ClipRef(sha256=clip.sha256, size_bytes=clip.size_bytes, duration_ms=clip.duration_ms) for _, clip in rendered
    )


def clips_of_each(session: Session, broadcast_ids: Collection[str]) -> dict[str, tuple[ClipRef, ...]]:
    """The clips of several broadcasts, in order, in one statement; without those that have none by `clips_of`."""
    columns = (BroadcastPart.broadcast_id, Rendering.state, Clip.sha256, Clip.size_bytes, Clip.duration_ms)
    query = sqlalchemy.select(*columns).join(Rendering, col(Rendering.key) == col(BroadcastPart.rendering_key))  # type: ignore[call-overload]
    query = query.outerjoin(Clip, col(Clip.sha256) == col(Rendering.clip_sha256))
    query = query.where(col(BroadcastPart.broadcast_id).in_(broadcast_ids))
    known: dict[tuple[str, int, int], ClipRef] = {}
    found: dict[str, list[ClipRef]] = {}
    unready: set[str] = set()
    for id_, state, *clip in session.execute(query.order_by(col(BroadcastPart.position))):
        if state is not RenderingState.RENDERED or clip[0] is None:
            unready.add(id_)
            continue
        key = tuple(clip)
        if key not in known:
            known[key] = ClipRef(sha256=clip[0], size_bytes=clip[1], duration_ms=clip[2])
        found.setdefault(id_, []).append(known[key])
    return {id_: tuple(refs) for id_, refs in found.items() if id_ not in unready}


def zone_ids_of(session: Session, broadcast_id: str) -> set[int]:
    """Its villages' keys."""
    return set(session.exec(select(BroadcastZone.zone_id).where(BroadcastZone.broadcast_id == broadcast_id)))


def deliveries_of(session: Session, broadcast_id: str) -> list[Delivery]:
    """Its deliveries, by node."""
    query = select(Delivery).where(Delivery.broadcast_id == broadcast_id).order_by(col(Delivery.node_id))
    return list(session.exec(query))


def _lengths(session: Session, keys: Collection[str]) -> dict[str, int]:
    """The lengths of those renderings that are there, in milliseconds."""
    query = select(Rendering.key, Clip.duration_ms).join(Clip)
    rendered = col(Rendering.state) == RenderingState.RENDERED
    return dict(session.exec(query.where(rendered, col(Rendering.key).in_(keys))).all())


def _length(lengths: Mapping[str, int], keys: Sequence[str]) -> int | None:
    return sum(lengths[key] for key in keys) if keys and all(key in lengths for key in keys) else None
