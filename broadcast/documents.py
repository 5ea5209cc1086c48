"""What the poles must know at any time: the retained documents of the wire, made from the database."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from pydantic import ValidationError
from sqlmodel import Session, and_, col, or_, select

from broadcast.airings import clips_of_each
from broadcast.budget import Budget
from broadcast.communes import get_commune, windows_of_commune
from broadcast.emergency_packs import build_pack
from broadcast.hours import load_hours
from broadcast.lifecycle import WhyNot
from broadcast.models import (
    Broadcast,
    BroadcastState,
    BroadcastZone,
    Commune,
    IssuedOrder,
    Node,
    TimetableEntry,
    WireVersion,
    Zone,
    row_id,
)
from broadcast.nodes import list_nodes
from broadcast.offline import ZoneOffline, offline_of_zones
from broadcast.orders import JOIN_WITHIN, order_of
from broadcast.outlook import why_quiet
from broadcast.relays import relay_parts, relays_of
from broadcast.rules import load_budgets
from broadcast.volumes import volumes_for
from broadcast.zones import list_zones, zones_of_each_node
from players.messages import (
    MOST_EMERGENCIES,
    CuedBroadcast,
    Emergencies,
    NodeConfig,
    OfflineCard,
    Play,
    PoleKey,
    PreparedMessage,
    PreparedPack,
    Timetable,
    Urgency,
    ZoneRules,
)
from players.versions import next_version

LISTED_AHEAD = timedelta(days=7)
LISTED_AFTER = timedelta(hours=24)
"""What has begun stays listed this long: a pole that let others sound first plays it then, one that was off says so."""

_B = BroadcastState
_M = TypeVar("_M")
_TOLD_BY_NODES = frozenset({WhyNot.NODES_SILENT.value, WhyNot.NO_NODE_PLAYED.value})


@dataclass(frozen=True, slots=True)
class Documents:
    """All retained documents as they should be at the broker, by their topic below the commune."""

    timetables: Mapping[str, Timetable]
    configs: Mapping[str, NodeConfig]
    emergencies: Mapping[str, Emergencies]
    packs: Mapping[str, PreparedPack]
    gone_nodes: tuple[str, ...] = ()
    """Poles that had a configuration once and are no longer ours: the broker is to forget it."""
    news: tuple[WireVersion, ...] = ()
    """What says something new: `keep_versions` before it is published."""
    broken: Mapping[str, str] = field(default_factory=dict)
    """What could not be made, by its topic or the broadcast's id, and why: all else is there without it."""

    @property
    def listed(self) -> set[str]:
        """The broadcasts that some timetable lists."""
        return {item.broadcast for timetable in self.timetables.values() for item in timetable.broadcasts}


@dataclass(frozen=True, slots=True)
class _Desk:
    """What documents are written with: the commune's own things, read once for all of them."""

    session: Session
    commune: Commune
    now: datetime
    versions: dict[str, WireVersion]
    budgets: Mapping[int, Budget]
    news: dict[str, WireVersion] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    def each(self, makers: Iterable[tuple[str, Callable[[], _M]]]) -> dict[str, _M]:
        """What can be made of these, each by itself: one that the wire cannot carry holds up no other."""
        made = {}
        for name, make in makers:
            try:
                made[name] = make()
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                self.broken[name] = f"{error.title}.{'.'.join(map(str, first['loc']))}: {first['msg']}"
                self.news.pop(name, None)
        return made

    def version_of(self, topic: str, content: Mapping[str, Any]) -> int:
        """The document's version: its own while it says the same, else the next."""
        digest = hashlib.sha256(json.dumps(content, default=_as_json, sort_keys=True).encode()).hexdigest()
        known = self.versions.get(topic)
        if known is not None and known.digest == digest:
            return known.version
        version = next_version(None if known is None else known.version, self.now)
        self.news[topic] = WireVersion(topic=topic, version=version, digest=digest)
        return version


def build_documents(session: Session, now: datetime) -> Documents:
    """Make them all; a document that says something new gets the next version, an unchanged one keeps its own.

    Only reads, for it takes its time: an emergency that is pressed meanwhile does not wait for it.
    """
    commune = get_commune(session)
    desk = _Desk(session, commune, now, _known_versions(session), load_budgets(session))
    items = desk.each(_items(session, now))
    plays, messages = list(_active_plays(session, now)), build_pack(session)
    zones, zones_of = list_zones(session), zones_of_each_node(session)
    poles = [node for node in list_nodes(session) if node.public_key is not None and zones_of.get(node.id)]
    offline = offline_of_zones(session, now)
    gone = select(Node.slug).where(col(Node.revoked_at).is_not(None)).order_by(col(Node.slug))
    found = Documents(
        gone_nodes=tuple(session.exec(gone)),
        timetables=desk.each((_timetable_topic(zone), partial(_timetable, desk, zone, items)) for zone in zones),
        configs=desk.each((_config_topic(node), partial(_config, desk, node, zones_of[node.id])) for node in poles),
        emergencies=desk.each((_emergencies_topic(zone), partial(_emergencies, desk, zone, plays)) for zone in zones),
        packs=desk.each(
            (_pack_topic(zone), partial(_pack, desk, zone, messages, offline[row_id(zone.id)]))
            for zone in zones
            if messages or _pack_topic(zone) in desk.versions
        ),
    )
    return replace(found, news=tuple(desk.news.values()), broken=desk.broken)


def keep_versions(session: Session, news: Iterable[WireVersion]) -> None:
    """Write down what the next documents are compared with. Twice changes nothing."""
    for known in news:
        session.merge(known)
    session.flush()


def _timetable_topic(zone: Zone) -> str:
    return f"zones/{zone.slug}/timetable"


def _config_topic(node: Node) -> str:
    return f"nodes/{node.slug}/config"


def _emergencies_topic(zone: Zone) -> str:
    return f"zones/{zone.slug}/emergencies"


def _pack_topic(zone: Zone) -> str:
    return f"zones/{zone.slug}/prepared"


def _pack(desk: _Desk, zone: Zone, messages: tuple[PreparedMessage, ...], offline: ZoneOffline) -> PreparedPack:
    content = {
        "zone": zone.slug,
        "messages": messages,
        "button": offline.button,
        "poles": offline.poles,
        "cards": offline.cards,
    }
    version = desk.version_of(_pack_topic(zone), content)
    return PreparedPack(commune=desk.commune.slug, version=version, issued_at=desk.now, **content)


def _known_versions(session: Session) -> dict[str, WireVersion]:
    return {known.topic: known for known in session.exec(select(WireVersion))}


def next_expiry(session: Session, now: datetime) -> datetime | None:
    """When the next emergency stops being active by itself."""
    return min((issued.expires_at for issued, _ in _active_plays(session, now)), default=None)


def _timetable(desk: _Desk, zone: Zone, items: Mapping[str, CuedBroadcast]) -> Timetable:
    query = select(BroadcastZone.broadcast_id).where(BroadcastZone.zone_id == zone.id)
    of_zone = set(desk.session.exec(query.where(col(BroadcastZone.broadcast_id).in_(list(items)))))
    content = {"zone": zone.slug, "broadcasts": tuple(item for key, item in items.items() if key in of_zone)}
    version = desk.version_of(_timetable_topic(zone), content)
    return Timetable(commune=desk.commune.slug, version=version, issued_at=desk.now, **content)


def _config(desk: _Desk, node: Node, its_zones: Sequence[Zone]) -> NodeConfig:
    content = {
        "node": node.slug,
        "name": node.name,
        "zones": tuple(zone.slug for zone in its_zones),
        "timezone": desk.commune.timezone,
        "windows": windows_of_commune(desk.commune),
        "gain_db": desk.commune.gain_db,
        "heartbeat_s": desk.commune.heartbeat_s,
        "keys_version": desk.commune.keys_version,
        "renewal": desk.commune.renewal,
        "rules": tuple(_rules(zone, desk.budgets[row_id(zone.id)]) for zone in its_zones),
        "volumes": volumes_for(node, its_zones),
        "delay_ms": node.delay_ms,
        "data_mb": node.data_mb,
    }
    version = desk.version_of(_config_topic(node), content)
    return NodeConfig(commune=desk.commune.slug, version=version, issued_at=desk.now, **content)


def _rules(zone: Zone, budget: Budget) -> ZoneRules:
    """A pole's own copy of what counts in a village: it refuses by it, whatever it is told."""
    return ZoneRules(
        zone=zone.slug,
        windows=budget.windows,
        sessions_a_day=budget.sessions_a_day,
        session_minutes=budget.session_minutes,
        day_minutes=budget.day_minutes,
    )


def _emergencies(desk: _Desk, zone: Zone, plays: Iterable[tuple[IssuedOrder, Play]]) -> Emergencies:
    content = {"zone": zone.slug, "active": _most_urgent([play for issued, play in plays if zone.slug in issued.zones])}
    version = desk.version_of(_emergencies_topic(zone), content)
    return Emergencies(commune=desk.commune.slug, version=version, issued_at=desk.now, **content)


def _most_urgent(plays: Sequence[Play]) -> tuple[Play, ...]:
    """As many as a document holds, in their order: the worst, and of equals the newest, are what a pole sounds."""
    by_rank = sorted(plays, key=lambda play: -1 if play.item.severity is None else play.item.severity.rank)
    kept = {play.order for play in by_rank[-MOST_EMERGENCIES:]}
    return tuple(play for play in plays if play.order in kept)


def _items(session: Session, now: datetime) -> Iterator[tuple[str, Callable[[], CuedBroadcast]]]:
    """All that the timetables list, in order: what is ready and may sound, and what began not long ago."""
    is_coming = and_(
        # On the air and yet to come: the clock was ahead for a moment.
        col(Broadcast.state).in_({_B.PLANNED, _B.CUED, _B.ON_AIR}),
        col(Broadcast.starts_at) > now,
        col(Broadcast.starts_at) < now + LISTED_AHEAD,
    )
    has_begun = and_(
        # Not what the server itself has missed: a clip that is ready too late must not be aired late.
        or_(col(Broadcast.state).in_({_B.CUED, _B.ON_AIR, _B.AIRED}), col(Broadcast.reason).in_(_TOLD_BY_NODES)),
        col(Broadcast.starts_at) <= now,
        col(Broadcast.starts_at) > now - LISTED_AFTER,
    )
    query = select(Broadcast).where(~col(Broadcast.is_now), or_(is_coming, has_begun))
    found = session.exec(query.order_by(col(Broadcast.starts_at), col(Broadcast.id))).all()
    ids = [broadcast.id for broadcast in found]
    all_clips, all_relays = clips_of_each(session, ids), relays_of(session, ids)
    resuming, hours = _resuming_entries(session), load_hours(session)
    for broadcast in found:
        clips = all_clips.get(broadcast.id)
        if clips is None or broadcast.starts_at is None:
            continue
        if broadcast.state in {_B.PLANNED, _B.CUED} and why_quiet(broadcast, hours, broadcast.starts_at):
            continue
        relays = relay_parts(session, all_relays.get(broadcast.id, ()), clips)
        # A relay is joined where it is, however late: nobody can hear later what it said.
        join_ms = broadcast.duration_ms if relays else None
        yield (
            broadcast.id,
            partial(
                CuedBroadcast,
                broadcast=broadcast.id,
                urgency=broadcast.urgency,
                starts_at=broadcast.starts_at,
                clips=clips,
                stream=None if relays else f"/streams/{broadcast.id}",
                join_within_ms=join_ms or round(JOIN_WITHIN.total_seconds() * 1000),
                resume_within_ms=max(join_ms or 0, resuming.get(broadcast.entry_id or 0, 0) * 60_000),
                late_within_ms=0 if relays else _late_ms(broadcast.starts_at, broadcast.late_until),
                relays=relays,
            ),
        )


def _late_ms(starts_at: datetime, late_until: datetime | None) -> int:
    late = timedelta() if late_until is None else max(timedelta(), late_until - starts_at)
    return round(late.total_seconds() * 1000)


def _resuming_entries(session: Session) -> dict[int, int]:
    """The entries whose broadcasts go on after they were broken off, with the minutes they have for it."""
    query = select(TimetableEntry).where(TimetableEntry.resume_within_minutes > 0)
    return {row_id(entry.id): entry.resume_within_minutes for entry in session.exec(query)}


def _active_plays(session: Session, now: datetime) -> Iterator[tuple[IssuedOrder, Play]]:
    """The emergencies that a pole which comes back is still to sound: sent, not expired, not stopped."""
    query = (
        select(IssuedOrder)
        .join(Broadcast)
        .where(
            Broadcast.urgency == Urgency.EMERGENCY,
            col(Broadcast.state).not_in({_B.CUT, _B.CANCELLED}),
            col(IssuedOrder.sent_at).is_not(None),
            col(IssuedOrder.expires_at) > now,
        )
    )
    for issued in session.exec(query.order_by(col(IssuedOrder.issued_at), col(IssuedOrder.id))).all():
        order = order_of(issued)
        if isinstance(order, Play):
            yield issued, order


def _as_json(value: object) -> object:
    if isinstance(value, CuedBroadcast | Play | PreparedMessage | PoleKey | OfflineCard):
        return value.model_dump(mode="json")
    return str(value)
