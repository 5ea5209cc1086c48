"""What will sound, when, and why the rest will not: as a pole lets the more urgent cut and equals wait.

`foresee` is pure and follows `players.node.airing`; `load_lines` reads what it is asked about.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlmodel import Session, and_, col, or_, select

from broadcast.airings import clips_of_each
from broadcast.airtime import LATE_LEAD
from broadcast.communes import get_commune, local_zone, windows_of_commune
from broadcast.emergency_repeats import open_repeats, upcoming_airings, zones_left
from broadcast.entries import list_entries
from broadcast.lifecycle import COMING, WhyNot
from broadcast.models import (
    Broadcast,
    BroadcastRelay,
    BroadcastState,
    Commune,
    Delivery,
    DeliveryState,
    Node,
    Zone,
    row_id,
)
from broadcast.nodes import get_node, nodes_of_zones, zones_of_node
from broadcast.relays import relays_of, say_relay, starts_of
from broadcast.views import BroadcastRow, broadcast_rows
from broadcast.volumes import volume_at, volumes_for
from broadcast.windows import open_until, windows_of
from broadcast.zones import list_zones
from players.messages import ClipRef, Reason, Urgency, Volume
from scheduler.loading import load_calendar, load_entries
from scheduler.planner import plan_broadcasts

QUEUE_PATIENCE = timedelta(hours=1)
"""What had to wait for others is not played later than this (`players.node.airing.QUEUE_PATIENCE`)."""
_EMERGENCY_LASTS_ON = timedelta(minutes=15)
_BEFORE = timedelta(hours=12)
"""What began earlier is over, and what missed its time earlier is missed."""


@dataclass(frozen=True, slots=True)
class Relay:
    """An upper radio within a broadcast, which nobody can hear beforehand; it `begins` so long after the start."""

    said: str
    """In words: `Tiếp âm Đài tỉnh, 15 phút`."""
    after_clips: int
    begins: timedelta
    lasts: timedelta


@dataclass(frozen=True, slots=True)
class Line:
    """Something that is in the timetable, and what becomes of it where it was asked about.

    `sounds_at` and `ends_at` are none when it does not sound, or not known while its clips are not made.
    """

    broadcast: str
    title: str
    urgency: Urgency
    starts_at: datetime
    zones: tuple[str, ...]
    clips: tuple[ClipRef, ...] = ()
    lasts: timedelta | None = None
    reason: str | None = None
    """Why it does not sound, or not whole: a member of `WhyNot` or of the node's `Reason`."""
    sounds_at: datetime | None = None
    ends_at: datetime | None = None
    entry_id: int | None = None
    """The entry of the timetable it comes from, if from one."""
    relays: tuple[Relay, ...] = ()
    gain_db: float = 0.0
    """How loud the pole sounds it, if it is a pole that was asked about."""
    begun_at: datetime | None = None
    """Since when it sounds, if a pole has said so."""
    late_from: datetime | None = None
    """It missed its time and may still be aired, not before this."""

    @property
    def arrives_at(self) -> datetime:
        """When a pole is to begin it, or has."""
        return self.begun_at or self.late_from or self.starts_at

    @property
    def pieces(self) -> tuple[ClipRef | Relay, ...]:
        """Clips and relays in the order in which they sound."""
        found: list[ClipRef | Relay] = []
        done = 0
        for relay in self.relays:
            found += [*self.clips[done : relay.after_clips], relay]
            done = relay.after_clips
        return (*found, *self.clips[done:])

    @property
    def will_sound(self) -> bool:
        """Whether anything of it is heard, as far as is known now."""
        return self.sounds_at is not None or self.reason is None


def foresee(lines: Iterable[Line], closes_at: Callable[[datetime], datetime | None]) -> list[Line]:
    """What one pole makes of these: the more urgent cuts, equals wait their turn, closing hours cut what had to wait.

    What does not fit the hours at its own time the server refuses as a whole.

    Args:
        lines: what is in its timetable. Those with a reason, or without a known length, stay as they are.
        closes_at: when the hours that are open at an instant end; none when it is quiet.
    """
    done, waiting, sounding = _already(lines)
    queue: list[Line] = []
    while waiting or queue or sounding:
        arrives_at = waiting[0].arrives_at if waiting else None
        ends_at = sounding.ends_at if sounding is not None else None
        if sounding is not None and ends_at is not None and (arrives_at is None or ends_at <= arrives_at):
            done.append(sounding)
            sounding = _next_of(queue, ends_at, closes_at, done)
            continue
        line = waiting.pop(0)
        if line.reason is not None or line.lasts is None:
            done.append(line)
        elif not _fits(line, line.lasts, closes_at):
            done.append(replace(line, reason=WhyNot.QUIET_HOURS))
        elif sounding is None:
            sounding = _begun(line, line.arrives_at, closes_at, done)
        elif line.urgency.rank > sounding.urgency.rank:
            at = max(line.arrives_at, sounding.arrives_at)
            done.append(replace(sounding, ends_at=at, reason=Reason.PREEMPTED))
            sounding = _begun(line, at, closes_at, done)
        else:
            queue.append(line)
    return sorted(done, key=lambda line: (line.sounds_at or line.starts_at, line.broadcast))


def _already(lines: Iterable[Line]) -> tuple[list[Line], list[Line], Line | None]:
    """What is over, what arrives in its order, and what sounds already: the last that poles said they have begun."""
    arriving = sorted(lines, key=lambda line: (line.arrives_at, line.broadcast))
    begun = [
        replace(line, sounds_at=line.begun_at, ends_at=line.begun_at + line.lasts)
        for line in arriving
        if line.begun_at is not None and line.lasts is not None
    ]
    ids = {line.broadcast for line in begun}
    return begun[:-1], [line for line in arriving if line.broadcast not in ids], begun[-1] if begun else None


def _fits(line: Line, lasts: timedelta, closes_at: Callable[[datetime], datetime | None]) -> bool:
    closes = closes_at(line.arrives_at)
    return line.urgency is Urgency.EMERGENCY or (closes is not None and line.arrives_at + lasts <= closes)


def _next_of(
    queue: list[Line], free_at: datetime, closes_at: Callable[[datetime], datetime | None], done: list[Line]
) -> Line | None:
    """Whose turn it is: the most urgent first, then the earliest."""
    while queue:
        line = min(queue, key=lambda one: (-one.urgency.rank, one.arrives_at, one.broadcast))
        queue.remove(line)
        patience = _EMERGENCY_LASTS_ON if line.urgency is Urgency.EMERGENCY else QUEUE_PATIENCE
        if free_at >= line.arrives_at + patience:
            done.append(replace(line, reason=Reason.TOO_LATE))
            continue
        begun = _begun(line, free_at, closes_at, done)
        if begun is not None:
            return begun
    return None


def _begun(line: Line, at: datetime, closes_at: Callable[[datetime], datetime | None], done: list[Line]) -> Line | None:
    ends_at = at + (line.lasts or timedelta())
    if line.urgency is Urgency.EMERGENCY:
        return replace(line, sounds_at=at, ends_at=ends_at)
    closes = closes_at(at)
    if closes is None:
        done.append(replace(line, reason=Reason.QUIET_HOURS))
        return None
    reason = Reason.QUIET_HOURS if closes < ends_at else None
    return replace(line, sounds_at=at, ends_at=min(ends_at, closes), reason=reason)


def load_lines(session: Session, now: datetime, until: datetime) -> list[Line]:
    """All that is in the timetable from now on, in order, with the reasons of what will not sound anywhere.

    Also what has begun, if it is known how long it lasts, and what missed its time and waits to be aired late.
    """
    commune = get_commune(session)
    starts_at, state = col(Broadcast.starts_at), col(Broadcast.state)
    waits = and_(state == BroadcastState.PLANNED, col(Broadcast.late_until) > now)
    is_due = or_(starts_at >= now, state == BroadcastState.ON_AIR, waits)
    query = select(Broadcast).where(starts_at >= now - _BEFORE, starts_at < until, is_due)
    rows = broadcast_rows(session, session.exec(query.order_by(starts_at, col(Broadcast.id))))
    ids = [row.id for row in rows]
    clips, relays = clips_of_each(session, ids), relays_of(session, ids)
    begun_at = _begun_at(session, [row.id for row in rows if row.state is BroadcastState.ON_AIR], now)
    lines = []
    for row in rows:
        line = line_of(row, clips.get(row.id, ()), relays.get(row.id, ()))
        if line.starts_at >= now:
            lines += [line] if _is_of_interest(row) else []
        elif row.state is BroadcastState.ON_AIR:
            lines += [replace(line, begun_at=begun_at.get(row.id))] if line.lasts is not None else []
        elif not line.relays:  # what an upper radio said then nobody can hear later
            lines.append(replace(line, late_from=now + LATE_LEAD))
    lines += _not_planned_yet(session, commune, now, until, {(row.entry_id, row.starts_at) for row in rows})
    return sorted(lines, key=lambda line: (line.starts_at, line.broadcast))


def _begun_at(session: Session, ids: Collection[str], now: datetime) -> dict[str, datetime]:
    """When these began, of those that sound at a pole: where they began last."""
    if not ids:
        return {}
    query = select(Delivery.broadcast_id, Delivery.started_at).where(col(Delivery.broadcast_id).in_(ids))
    query = query.where(Delivery.state == DeliveryState.PLAYING, col(Delivery.started_at).is_not(None))
    found: dict[str, datetime] = {}
    for id_, started_at in session.exec(query):
        if started_at is not None:
            found[id_] = max(found.get(id_, started_at), min(started_at, now))
    return found


def lines_of_commune(session: Session, now: datetime, until: datetime) -> list[Line]:
    """`load_lines`, and what no pole is there to sound."""
    nodes = {zone.slug: nodes_of_zones(session, [row_id(zone.id)]) for zone in list_zones(session)}
    lines = load_lines(session, now, until)
    return [
        replace(line, reason=line.reason or _why_all_deaf([node for slug in line.zones for node in nodes[slug]]))
        for line in lines
    ]


def lines_of_zones(session: Session, zones: Sequence[Zone], now: datetime, until: datetime) -> list[Line]:
    """What a pole that speaks for these villages will make of its timetable."""
    slugs = {zone.slug for zone in zones}
    lines = [*load_lines(session, now, until), *_repeated(session, now, until)]
    own = [line for line in lines if slugs & set(line.zones)]
    foreseen = foresee(own, hours_of(get_commune(session), zones))
    return [line for line in foreseen if line.ends_at is None or line.ends_at > now]


def hours_of(commune: Commune, zones: Sequence[Zone]) -> Callable[[datetime], datetime | None]:
    """When the hours that are open at an instant end at a pole of these villages: the commune's and its villages'."""
    local = local_zone(commune)
    own = [windows_of(zone.windows) for zone in zones if zone.windows]

    def closes_at(at: datetime) -> datetime | None:
        ends = [open_until(windows, local, at) for windows in (windows_of_commune(commune), *own)]
        known = [end for end in ends if end is not None]
        return min(known) if len(known) == len(ends) else None

    return closes_at


def lines_of_node(session: Session, slug: str, now: datetime, until: datetime) -> list[Line]:
    """What a pole will make of its timetable, and how loud; one that is not paired, or was revoked, sounds nothing.

    Raises:
        NotFound: there is no such pole.
    """
    node = get_node(session, slug)
    zones = zones_of_node(session, node)
    lines = lines_of_zones(session, zones, now, until)
    why = _why_deaf(node)
    if why is None:
        commune, volumes = get_commune(session), volumes_for(node, zones)
        return [replace(line, gain_db=_gain_db(line, commune, volumes)) for line in lines]
    return [replace(line, reason=line.reason or why, sounds_at=None, ends_at=None) for line in lines]


def _gain_db(line: Line, commune: Commune, volumes: Sequence[Volume]) -> float:
    """As a pole reckons it when a broadcast begins (`players.node.windows`)."""
    if line.urgency is Urgency.EMERGENCY:
        return max(0.0, commune.gain_db)
    return commune.gain_db + volume_at(volumes, local_zone(commune), line.sounds_at or line.starts_at)


def _why_deaf(node: Node) -> WhyNot | None:
    if node.revoked_at is not None:
        return WhyNot.NODE_GONE
    return WhyNot.NODE_NOT_PAIRED if node.public_key is None else None


def _why_all_deaf(nodes: Sequence[Node]) -> WhyNot | None:
    whys = [_why_deaf(node) for node in nodes] or [WhyNot.NO_NODES]
    return None if None in whys else whys[0]


def _is_of_interest(row: BroadcastRow) -> bool:
    """What was moved elsewhere in the timetable is not: it has a line there."""
    return row.state in COMING or (row.state is BroadcastState.CANCELLED and row.reason != WhyNot.TIMETABLE_CHANGED)


def _repeated(session: Session, now: datetime, until: datetime) -> Iterator[Line]:
    """Emergencies that are said again until their all-clear."""
    commune, slugs = get_commune(session), {zone.id: zone.slug for zone in list_zones(session)}
    for rule, first in open_repeats(session):
        line = line_of(broadcast_rows(session, [first])[0], clips_of_each(session, [first.id]).get(first.id, ()))
        zones = tuple(sorted(slugs[zone_id] for zone_id in zones_left(session, first)))
        for number, at in enumerate(upcoming_airings(rule, commune, now, until), rule.aired_again + 1):
            yield replace(line, broadcast=f"{first.id}-r{number}", starts_at=at, zones=zones, reason=None)


def line_of(row: BroadcastRow, clips: tuple[ClipRef, ...] = (), relays: Sequence[BroadcastRelay] = ()) -> Line:
    """A broadcast as a line; without clips its length is not known."""
    starts, _ = starts_of(relays, [clip.duration_ms for clip in clips])
    return Line(
        broadcast=row.id,
        title=row.title,
        urgency=row.urgency,
        starts_at=row.starts_at or row.created_at,
        zones=row.zone_slugs,
        clips=clips,
        lasts=_length(row, clips),
        reason=row.reason,
        entry_id=row.entry_id,
        relays=tuple(
            Relay(
                said=say_relay(relay.name, relay.lasts_ms),
                after_clips=relay.after_parts,
                begins=timedelta(milliseconds=starts_ms),
                lasts=timedelta(milliseconds=relay.lasts_ms),
            )
            for relay, starts_ms in zip(relays, starts, strict=True)
        ),
    )


def _length(row: BroadcastRow, clips: tuple[ClipRef, ...]) -> timedelta | None:
    if not clips:
        return None
    of_clips = sum(clip.duration_ms for clip in clips)
    return timedelta(milliseconds=row.duration_ms or of_clips if row.relays else of_clips)


def _not_planned_yet(
    session: Session,
    commune: Commune,
    now: datetime,
    until: datetime,
    known: set[tuple[int | None, datetime | None]],
) -> list[Line]:
    """Times of entries that have no broadcast yet: beyond the horizon, or while the server is off."""
    entries = load_entries(session, [row for row in list_entries(session) if row.is_active])
    calendar = load_calendar(session, commune)
    planned = plan_broadcasts(entries, local_zone(commune), now, until - now, calendar)
    slugs = {zone.id: zone.slug for zone in session.exec(select(Zone))}
    return [
        Line(
            broadcast=one.id,
            title=one.title,
            urgency=one.urgency,
            starts_at=one.starts_at,
            zones=tuple(sorted(slugs[zone_id] for zone_id in one.zone_ids)),
            reason=one.why_not,
            entry_id=one.entry_id,
        )
        for one in planned
        if not one.is_past and (one.entry_id, one.starts_at) not in known
    ]
