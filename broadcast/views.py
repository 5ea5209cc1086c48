"""What pages and the API show: frozen rows, read in one moment of the database. No HTTP, no rules."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy
from sqlmodel import Session, and_, col, func, or_, select

from broadcast.airings import clips_of, renderings_of
from broadcast.errors import NotFound
from broadcast.expecting import latest_begin
from broadcast.lifecycle import COMING, OPEN_DELIVERIES, WhyNot, why_text
from broadcast.models import (
    Broadcast,
    BroadcastState,
    BroadcastZone,
    Bulletin,
    BulletinState,
    BulletinZone,
    Clip,
    Delivery,
    DeliveryState,
    Node,
    Placement,
    Programme,
    Rendering,
    User,
    Zone,
)
from broadcast.offline import who_started
from broadcast.orders import ends_at_of
from broadcast.relays import relays_of, say_relay
from broadcast.zones import sorted_by_name, zones_of_each_node
from players.messages import ClipRef, Urgency

_SHOWN_AT_MOST = 500
_OVERDUE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class BulletinCard:
    """A bulletin with its people, villages and programmes by name."""

    id: str
    title: str
    script: str
    urgency: Urgency
    state: BulletinState
    revision: int
    author: str
    edited_at: datetime
    submitted_at: datetime | None
    decided_by: str | None
    decided_for: str | None
    """Whose deputy decided."""
    decided_at: datetime | None
    was_heard: bool | None
    return_reason: str | None
    airs_at: datetime | None
    airs_now: bool
    is_read_twice: bool
    zones: tuple[str, ...]
    programmes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BroadcastRow:
    """A broadcast as lists show it. `why` says in Vietnamese why it did not sound whole; `deliveries` counts states."""

    id: str
    title: str
    urgency: Urgency
    state: BroadcastState
    reason: str | None
    why: str
    is_now: bool
    is_drill: bool
    starts_at: datetime | None
    due_at: datetime | None
    """When it was to begin, of one that is aired late."""
    ends_at: datetime | None
    duration_ms: int | None
    created_at: datetime
    ended_at: datetime | None
    bulletin_id: str | None
    entry_id: int | None
    zones: tuple[str, ...]
    zone_slugs: tuple[str, ...]
    deliveries: Mapping[DeliveryState, int]
    made_by: str | None
    changed_by: str | None
    relays: tuple[str, ...] = ()
    """Upper radios in it, in words."""
    started_by: str | None = None
    """What started it at a pole without the server, in Vietnamese."""
    begins_until: datetime | None = None
    """No pole begins it after this."""

    @property
    def is_final(self) -> bool:
        """Whether it has ended and no pole owes a word."""
        ended = self.state not in {*COMING, BroadcastState.ON_AIR}
        return ended and not any(self.deliveries.get(state) for state in OPEN_DELIVERIES)

    def may_sound(self, now: datetime) -> bool:
        """Whether there is something to be stopped: it sounds, or may wait for its turn where nothing was heard."""
        is_silent = self.reason == WhyNot.NODES_SILENT and self.begins_until is not None and now < self.begins_until
        return self.state is BroadcastState.ON_AIR or is_silent or bool(self.deliveries.get(DeliveryState.PLAYING))


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """What became of a broadcast at one pole, by that pole's own clock; `node_zones` are the villages it speaks for."""

    node: str
    node_name: str
    node_zones: tuple[str, ...]
    state: DeliveryState
    reason: str | None
    why: str
    detail: str | None
    output: str | None
    started_at: datetime | None
    finished_at: datetime | None
    clip_sha256: str | None
    reported_at: datetime | None


@dataclass(frozen=True, slots=True)
class VoiceUsed:
    """Who spoke a broadcast; `fallback_reason` says why it was not the wanted voice."""

    engine: str
    name: str
    fallback_reason: str | None


@dataclass(frozen=True, slots=True)
class BroadcastCard:
    """A broadcast with all that is known of it. `clips` is none until all of it is rendered."""

    row: BroadcastRow
    deliveries: tuple[DeliveryRow, ...]
    spoken: str
    clips: tuple[ClipRef, ...] | None
    voice: VoiceUsed | None
    render_error: str | None


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A pole as the database knows it; presence is in memory, elsewhere."""

    slug: str
    name: str
    zones: tuple[str, ...]
    zone_slugs: tuple[str, ...]
    is_paired: bool
    is_revoked: bool
    paired_at: datetime | None
    pairing_expires_at: datetime | None
    last_seen_at: datetime | None
    version: str | None
    place: tuple[float, float] | None = None
    """Latitude and longitude in degrees; none: not on the map."""


def bulletin_card(session: Session, bulletin: Bulletin) -> BulletinCard:
    """One bulletin."""
    return bulletin_cards(session, [bulletin])[0]


def bulletin_cards(session: Session, bulletins: Sequence[Bulletin]) -> list[BulletinCard]:
    """Bulletins, in the order given."""
    ids = [bulletin.id for bulletin in bulletins]
    names = dict(session.exec(select(User.id, User.name)).all())
    zones: dict[str, list[Zone]] = {}
    of_zones = select(BulletinZone.bulletin_id, Zone).join(Zone).where(col(BulletinZone.bulletin_id).in_(ids))
    for bulletin_id, zone in session.exec(of_zones):
        zones.setdefault(bulletin_id, []).append(zone)
    programmes: dict[str, set[str]] = {}
    placed = select(Placement.bulletin_id, Programme.name).join(Programme).where(col(Placement.bulletin_id).in_(ids))
    for bulletin_id, name in session.exec(placed):
        programmes.setdefault(bulletin_id, set()).add(name)
    return [
        BulletinCard(
            id=one.id,
            title=one.title,
            script=one.script,
            urgency=one.urgency,
            state=one.state,
            revision=one.revision,
            author=names.get(one.author_id, ""),
            edited_at=one.edited_at,
            submitted_at=one.submitted_at,
            decided_by=names.get(one.decided_by_id),
            decided_for=names.get(one.decided_for_id),
            was_heard=one.was_heard,
            decided_at=one.decided_at,
            return_reason=one.return_reason,
            airs_at=one.airs_at,
            airs_now=one.airs_now,
            is_read_twice=one.is_read_twice,
            zones=tuple(zone.name for zone in sorted_by_name(zones.get(one.id, []))),
            programmes=tuple(sorted(programmes.get(one.id, ()))),
        )
        for one in bulletins
    ]


def broadcasts_of_bulletin(session: Session, bulletin_id: str) -> list[BroadcastRow]:
    """What a bulletin has been aired as by itself, the latest first."""
    query = select(Broadcast).where(Broadcast.bulletin_id == bulletin_id)
    return broadcast_rows(session, session.exec(query.order_by(col(Broadcast.created_at).desc(), col(Broadcast.id))))


def coming(session: Session, now: datetime, until: datetime) -> list[BroadcastRow]:
    """What has not begun and is due before `until`, in order; what airs as soon as its clip is there comes first."""
    is_due = and_(col(Broadcast.starts_at) > now - _OVERDUE, col(Broadcast.starts_at) < until)
    query = select(Broadcast).where(col(Broadcast.state).in_(COMING), or_(col(Broadcast.starts_at).is_(None), is_due))
    ordered = query.order_by(col(Broadcast.starts_at).asc().nulls_first(), col(Broadcast.id))
    return broadcast_rows(session, session.exec(ordered.limit(_SHOWN_AT_MOST)))


def on_air(session: Session, now: datetime) -> list[BroadcastRow]:
    """What sounds now, the most urgent first; also what began late at a pole."""
    found = session.exec(select(Broadcast).where(Broadcast.state == BroadcastState.ON_AIR).order_by(col(Broadcast.id)))
    sounding = [
        row
        for row in broadcast_rows(session, found)
        if row.ends_at is None or row.ends_at > now or row.deliveries.get(DeliveryState.PLAYING)
    ]
    return sorted(sounding, key=lambda row: -row.urgency.rank)


def missed(session: Session, since: datetime, limit: int = 50) -> list[BroadcastRow]:
    """What was missed since an instant, the latest first."""
    query = select(Broadcast).where(Broadcast.state == BroadcastState.MISSED, col(Broadcast.ended_at) >= since)
    ordered = query.order_by(col(Broadcast.ended_at).desc(), col(Broadcast.id))
    return broadcast_rows(session, session.exec(ordered.limit(limit)))


def next_instant(session: Session, now: datetime) -> datetime | None:
    """The next instant at which a broadcast begins; none when nothing is planned."""
    query = select(Broadcast.starts_at).where(col(Broadcast.state).in_(COMING), col(Broadcast.starts_at) > now)
    return session.exec(query.order_by(col(Broadcast.starts_at)).limit(1)).first()


def broadcast_card(session: Session, broadcast_id: str) -> BroadcastCard:
    """One broadcast.

    Raises:
        NotFound: there is none.
    """
    broadcast = session.get(Broadcast, broadcast_id)
    if broadcast is None:
        raise NotFound("no-broadcast", "Không có lượt phát này.")
    renderings = renderings_of(session, broadcast_id)
    return BroadcastCard(
        row=broadcast_rows(session, [broadcast])[0],
        deliveries=tuple(delivery_rows(session, broadcast_id)),
        spoken="\n".join(rendering.spoken for rendering in renderings),
        clips=clips_of(session, broadcast_id),
        voice=_voice_of(session, renderings),
        render_error=next((rendering.error for rendering in renderings if rendering.error), None),
    )


def broadcast_row(session: Session, broadcast_id: str) -> BroadcastRow | None:
    """One broadcast as lists show it, if there is one."""
    broadcast = session.get(Broadcast, broadcast_id)
    return None if broadcast is None else broadcast_rows(session, [broadcast])[0]


def delivery_rows(session: Session, broadcast_id: str) -> list[DeliveryRow]:
    """Its poles, by name."""
    return deliveries_of_each(session, [broadcast_id]).get(broadcast_id, [])


def deliveries_of_each(
    session: Session, broadcast_ids: Iterable[str], without: Iterable[DeliveryState] = ()
) -> dict[str, list[DeliveryRow]]:
    """The poles of several broadcasts, by name, but those in some states; a broadcast without any is left out."""
    # Columns, not objects: a day's log has thousands of rows.
    columns = (Node.id, Node.slug, Node.name, Delivery.broadcast_id, Delivery.state, Delivery.reason, Delivery.detail)
    more = (Delivery.output, Delivery.started_at, Delivery.finished_at, Delivery.clip_sha256, Delivery.reported_at)
    query = sqlalchemy.select(*columns, *more).join(Node, col(Delivery.node_id) == col(Node.id))  # type: ignore[call-overload]
    query = query.where(col(Delivery.broadcast_id).in_(list(broadcast_ids)))
    query = query.where(col(Delivery.state).not_in(list(without))).order_by(col(Node.name), col(Node.id))
    zones = zones_of_each_node(session)
    found: dict[str, list[DeliveryRow]] = {}
    for node_id, slug, name, broadcast_id, state, reason, detail, *rest in session.exec(query):
        names = tuple(zone.name for zone in zones.get(node_id, []))
        row = DeliveryRow(slug, name, names, state, reason, why_text(reason), detail, *rest)
        found.setdefault(broadcast_id, []).append(row)
    return found


def node_rows(session: Session) -> list[NodeRow]:
    """All poles, by name."""
    zones = zones_of_each_node(session)
    return [
        NodeRow(
            slug=node.slug,
            name=node.name,
            zones=tuple(zone.name for zone in zones.get(node.id, [])),
            zone_slugs=tuple(zone.slug for zone in zones.get(node.id, [])),
            is_paired=node.public_key is not None,
            is_revoked=node.revoked_at is not None,
            paired_at=node.paired_at,
            pairing_expires_at=node.pairing_expires_at,
            last_seen_at=node.last_seen_at,
            version=node.version,
            place=None if node.latitude is None or node.longitude is None else (node.latitude, node.longitude),
        )
        for node in session.exec(select(Node).order_by(col(Node.name), col(Node.id)))
    ]


def broadcast_rows(session: Session, broadcasts: Iterable[Broadcast]) -> list[BroadcastRow]:
    """Broadcasts as lists show them."""
    found = list(broadcasts)
    ids = [broadcast.id for broadcast in found]
    zones: dict[str, list[Zone]] = {}
    of_zones = select(BroadcastZone.broadcast_id, Zone).join(Zone).where(col(BroadcastZone.broadcast_id).in_(ids))
    for broadcast_id, zone in session.exec(of_zones):
        zones.setdefault(broadcast_id, []).append(zone)
    zones = {broadcast_id: sorted_by_name(its_zones) for broadcast_id, its_zones in zones.items()}
    states: dict[str, dict[DeliveryState, int]] = {}
    counted = select(Delivery.broadcast_id, Delivery.state, func.count()).where(col(Delivery.broadcast_id).in_(ids))
    for broadcast_id, state, count in session.exec(counted.group_by(Delivery.broadcast_id, Delivery.state)):
        states.setdefault(broadcast_id, {})[DeliveryState(state)] = count
    names = dict(session.exec(select(User.id, User.name)).all())
    relays = relays_of(session, ids)
    return [
        BroadcastRow(
            id=one.id,
            title=one.title,
            urgency=one.urgency,
            state=one.state,
            reason=one.reason,
            why=why_text(one.reason),
            is_now=one.is_now,
            is_drill=one.is_drill,
            starts_at=one.starts_at,
            due_at=one.due_at,
            ends_at=ends_at_of(one),
            duration_ms=one.duration_ms,
            created_at=one.created_at,
            ended_at=one.ended_at,
            bulletin_id=one.bulletin_id,
            entry_id=one.entry_id,
            zones=tuple(zone.name for zone in zones.get(one.id, [])),
            zone_slugs=tuple(zone.slug for zone in zones.get(one.id, [])),
            deliveries=states.get(one.id, {}),
            made_by=names.get(one.made_by_id),
            started_by=who_started(session, one),
            begins_until=latest_begin(one),
            changed_by=names.get(one.changed_by_id),
            relays=tuple(
                say_relay(relay.name, relay.lasts_ms) for relay in relays.get(one.id, ()) if not relay.is_live
            ),
        )
        for one in found
    ]


def _voice_of(session: Session, renderings: list[Rendering]) -> VoiceUsed | None:
    clips = [session.get(Clip, rendering.clip_sha256) for rendering in renderings if rendering.clip_sha256]
    used = [clip for clip in clips if clip is not None]
    if not used:
        return None
    told = next((clip for clip in used if clip.fallback_reason), used[0])
    return VoiceUsed(told.engine, told.voice, told.fallback_reason)
