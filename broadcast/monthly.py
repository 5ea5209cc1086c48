"""What a month of broadcasting came to, village by village and pole by pole, as communes report it upward."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy
from sqlmodel import Session, col, func

from broadcast.collation import vietnamese_key
from broadcast.models import Broadcast, BroadcastState, BroadcastZone, Delivery, DeliveryState, Node, NodeZone, Zone
from players.messages import Urgency

ON_TIME = timedelta(seconds=2)
"""A pole that begins within this of the instant is on time."""
_SOUNDED = frozenset({BroadcastState.AIRED, BroadcastState.CUT})
_ENDED = _SOUNDED | {BroadcastState.MISSED}
_PLAYED = frozenset({DeliveryState.PLAYED, DeliveryState.HEARD, DeliveryState.CUT})
_ASKED = _PLAYED | {DeliveryState.SILENT, DeliveryState.FAILED, DeliveryState.MISSED}


@dataclass(frozen=True, slots=True)
class VillageMonth:
    """A village. A broadcast to several villages counts in each of them."""

    name: str
    sounded: int
    missed: int
    emergencies: int
    """Of `sounded`, without drills."""
    drills: int
    """Counted here and nowhere else."""
    lasted: timedelta


@dataclass(frozen=True, slots=True)
class PoleMonth:
    """A pole, by its own reports; drills are not counted."""

    name: str
    zones: tuple[str, ...]
    asked: int
    """What it was to play."""
    played: int
    silent: int
    """Nothing was heard of it."""
    timed: int
    """Of `played`, what had an instant to begin at."""
    on_time: int

    @property
    def is_silent(self) -> bool:
        """Whether it was to play and never did."""
        return self.asked > 0 and self.played == 0


@dataclass(frozen=True, slots=True)
class MonthReport:
    """A month, or another span. Villages and poles are by name."""

    villages: tuple[VillageMonth, ...]
    poles: tuple[PoleMonth, ...]
    sounded: int
    missed: int
    lasted: timedelta

    @property
    def on_time_part(self) -> float | None:
        """Which part of what had an instant began on time, 0 to 1; none when nothing had."""
        timed = sum(pole.timed for pole in self.poles)
        return sum(pole.on_time for pole in self.poles) / timed if timed else None


def month_report(session: Session, since: datetime, until: datetime, zones: Iterable[str] | None = None) -> MonthReport:
    """The report of what began, or should have begun, from an instant to another.

    Args:
        session: for reading.
        since: the first instant.
        until: the first one after.
        zones: the slugs of the villages it is about; none: all.
    """
    broadcasts = _broadcasts(session, since, until)
    names = _zone_names(session, zones)
    to_zones: dict[str, list[int]] = {}
    for broadcast_id, zone_id in session.execute(
        sqlalchemy.select(col(BroadcastZone.broadcast_id), col(BroadcastZone.zone_id)).where(
            col(BroadcastZone.broadcast_id).in_(_ids(since, until)), col(BroadcastZone.zone_id).in_(names)
        )
    ):
        to_zones.setdefault(broadcast_id, []).append(zone_id)
    ours = {id_: one for id_, one in broadcasts.items() if id_ in to_zones and not one.is_drill}
    villages = (
        _village(names[zone], [broadcasts[id_] for id_, at in to_zones.items() if zone in at]) for zone in names
    )
    return MonthReport(
        villages=tuple(sorted(villages, key=lambda one: vietnamese_key(one.name))),
        poles=_poles(session, since, until, ours, names),
        sounded=sum(one.state in _SOUNDED for one in ours.values()),
        missed=sum(one.state is BroadcastState.MISSED for one in ours.values()),
        lasted=sum((one.lasted for one in ours.values() if one.state in _SOUNDED), timedelta()),
    )


@dataclass(frozen=True, slots=True)
class _Broadcast:
    state: BroadcastState
    urgency: Urgency
    starts_at: datetime | None
    lasted: timedelta
    is_drill: bool


def _ids(since: datetime, until: datetime) -> sqlalchemy.Select[Any]:
    at = func.coalesce(Broadcast.starts_at, Broadcast.ended_at, Broadcast.created_at)
    ids: sqlalchemy.Select[Any] = sqlalchemy.select(col(Broadcast.id))
    return ids.where(at >= since, at < until, col(Broadcast.state).in_(_ENDED))


def _broadcasts(session: Session, since: datetime, until: datetime) -> dict[str, _Broadcast]:
    """Those that have ended, by id. What sounds at once has no instant that a pole could miss."""
    columns = (Broadcast.id, Broadcast.state, Broadcast.urgency, Broadcast.starts_at, Broadcast.duration_ms)
    query = sqlalchemy.select(*map(col, columns), col(Broadcast.is_drill), col(Broadcast.is_now))
    return {
        id_: _Broadcast(
            state, urgency, None if is_now else starts_at, timedelta(milliseconds=duration_ms or 0), is_drill
        )
        for id_, state, urgency, starts_at, duration_ms, is_drill, is_now in session.execute(
            query.where(col(Broadcast.id).in_(_ids(since, until)))
        )
    }


def _zone_names(session: Session, slugs: Iterable[str] | None) -> dict[int, str]:
    query = sqlalchemy.select(col(Zone.id), col(Zone.name))
    if slugs is not None:
        query = query.where(col(Zone.slug).in_(set(slugs)))
    return {row.id: row.name for row in session.execute(query)}


def _village(name: str, broadcasts: Iterable[_Broadcast]) -> VillageMonth:
    real = [one for one in broadcasts if not one.is_drill]
    sounded = [one for one in real if one.state in _SOUNDED]
    return VillageMonth(
        name=name,
        sounded=len(sounded),
        missed=sum(one.state is BroadcastState.MISSED for one in real),
        emergencies=sum(one.urgency is Urgency.EMERGENCY for one in sounded),
        drills=sum(one.is_drill and one.state in _SOUNDED for one in broadcasts),
        lasted=sum((one.lasted for one in sounded), timedelta()),
    )


def _poles(
    session: Session, since: datetime, until: datetime, ours: Mapping[str, _Broadcast], zones: Mapping[int, str]
) -> tuple[PoleMonth, ...]:
    query = sqlalchemy.select(
        col(Delivery.node_id), col(Delivery.broadcast_id), col(Delivery.state), col(Delivery.started_at)
    ).where(col(Delivery.broadcast_id).in_(_ids(since, until)), col(Delivery.state).in_(_ASKED))
    said: dict[int, list[tuple[DeliveryState, datetime | None, datetime | None]]] = {}
    for node_id, broadcast_id, state, started_at in session.execute(query):
        if broadcast_id in ours:
            said.setdefault(node_id, []).append((state, started_at, ours[broadcast_id].starts_at))
    of_nodes = sqlalchemy.select(col(Node.id), col(Node.name), col(NodeZone.zone_id)).join(NodeZone)
    places: dict[tuple[int, str], list[str]] = {}
    for node_id, name, zone_id in session.execute(of_nodes.where(col(NodeZone.zone_id).in_(zones))):
        places.setdefault((node_id, name), []).append(zones[zone_id])
    poles = (_pole(name, at, said[node_id]) for (node_id, name), at in places.items() if node_id in said)
    return tuple(sorted(poles, key=lambda pole: vietnamese_key(pole.name)))


def _pole(
    name: str, zones: Iterable[str], said: list[tuple[DeliveryState, datetime | None, datetime | None]]
) -> PoleMonth:
    begun = [
        abs(started_at - starts_at)
        for state, started_at, starts_at in said
        if state in _PLAYED and started_at is not None and starts_at is not None
    ]
    return PoleMonth(
        name=name,
        zones=tuple(sorted(zones)),
        asked=len(said),
        played=sum(state in _PLAYED for state, _, _ in said),
        silent=sum(state is DeliveryState.SILENT for state, _, _ in said),
        timed=len(begun),
        on_time=sum(late <= ON_TIME for late in begun),
    )
