"""From the timetable to broadcasts: what is planned is pure; applying it twice changes nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from broadcast.airings import add_broadcasts, end_before_start, note_duration, set_zones
from broadcast.communes import local_zone
from broadcast.entries import list_entries
from broadcast.lifecycle import COMING, WhyNot
from broadcast.models import (
    Broadcast,
    BroadcastPart,
    BroadcastState,
    BroadcastZone,
    Commune,
    TimetableEntry,
    row_id,
)
from broadcast.programmes import Composition, parts_by_day
from broadcast.relays import plans_in, relays_of, set_relays
from broadcast.rereading import change_parts
from scheduler.loading import load_calendar, load_entries
from scheduler.models import CommuneDay, Entry, PlannedBroadcast
from scheduler.timetable import PLAIN_YEAR, occurrences

HORIZON = timedelta(days=7)
LOOK_BACK = timedelta(days=31)
"""A server that was off for longer does not write down each time it missed before that."""
_BY_THE_TIMETABLE = frozenset({WhyNot.TIMETABLE_CHANGED, WhyNot.MOURNING_DAY, WhyNot.HOLIDAY, WhyNot.DAY_OFF})
"""Cancelled for these a time is planned anew when the timetable wants it again; for another reason it is not."""
_TOGETHER = 8
_What = tuple[int, frozenset[int], date]
"""A programme, the villages it speaks to, and the day: what decides of which parts a broadcast consists."""


def plan_broadcasts(
    entries: Iterable[Entry],
    zone: ZoneInfo,
    now: datetime,
    horizon: timedelta = HORIZON,
    calendar: Mapping[date, CommuneDay] = PLAIN_YEAR,
) -> tuple[PlannedBroadcast, ...]:
    """What the timetable wants until `now + horizon`, and wanted since each entry was last planned, in order."""
    planned = []
    for entry in entries:
        since = min(max(entry.planned_from, now - LOOK_BACK), now)
        # What may still be aired late is looked after until it begins.
        for occurrence in occurrences(entry, zone, min(since, now - entry.late_within), now + horizon, calendar):
            local = occurrence.starts_at.astimezone(zone)
            late_until = occurrence.starts_at + entry.late_within if entry.late_within else None
            planned.append(
                PlannedBroadcast(
                    id=f"e-{entry.id}-{occurrence.on:%Y%m%d}T{local:%H%M}",
                    entry_id=entry.id,
                    commune_id=entry.commune_id,
                    title=f"{entry.title}, {local:%d/%m}",
                    on=occurrence.on,
                    starts_at=occurrence.starts_at,
                    programme_id=occurrence.programme_id,
                    zone_ids=entry.zone_ids,
                    is_past=occurrence.starts_at <= now,
                    why_not=occurrence.why_not,
                    late_until=late_until,
                    is_over=(late_until or occurrence.starts_at) <= now,
                    was_planned=occurrence.starts_at < since,
                )
            )
    return tuple(sorted(planned, key=lambda one: (one.starts_at, one.id)))


def planned_together(session: Session) -> list[list[int]]:
    """Every entry, in groups for one unit of work each: entries of one programme say the same.

    The groups are small, so that an emergency's order gets its turn in between.
    """
    of_programme: defaultdict[int, list[int]] = defaultdict(list)
    for row in list_entries(session):
        of_programme[row.programme_id].append(row_id(row.id))
    return [ids[first : first + _TOGETHER] for ids in of_programme.values() for first in range(0, len(ids), _TOGETHER)]


def plan_entries(session: Session, entry_ids: Collection[int], now: datetime) -> None:
    """Plan entries as they stand in the database, and make the database what the plan says.

    One that is switched off, or is no more, wants nothing.
    """
    query = select(TimetableEntry).where(col(TimetableEntry.id).in_(entry_ids), col(TimetableEntry.is_active))
    of_commune: defaultdict[int, list[TimetableEntry]] = defaultdict(list)
    for row in session.exec(query):
        of_commune[row.commune_id].append(row)
    plan: list[PlannedBroadcast] = []
    for commune_id, rows in of_commune.items():
        commune = session.get_one(Commune, commune_id)
        calendar = load_calendar(session, commune)
        plan += plan_broadcasts(load_entries(session, rows), local_zone(commune), now, calendar=calendar)
        for row in rows:
            row.planned_until = max(row.planned_until or now, now)
            session.add(row)
    _apply(session, entry_ids, plan, now)


def _apply(session: Session, entry_ids: Collection[int], plan: Sequence[PlannedBroadcast], now: datetime) -> None:
    """New broadcasts of entries, the parts of coming ones, and the end of what is no longer wanted.

    What has begun or ended, or was cancelled by a person, is left alone.
    """
    known = _known_broadcasts(session, entry_ids, min((one.starts_at for one in plan), default=now))
    wanted = {_id_of(one, known): one for one in plan}
    parts = _wanted_parts(session, plan, now)
    new = {
        id_: _new_broadcast(id_, one, now) for id_, one in wanted.items() if id_ not in known and not one.was_planned
    }
    composed = {id_: parts.get(_what(wanted[id_]), Composition()) for id_ in new}
    add_broadcasts(session, [(one, wanted[id_].zone_ids, composed[id_].keys) for id_, one in new.items()])
    for id_, broadcast in new.items():
        if relays := composed[id_].relays:
            set_relays(session, id_, relays)
            note_duration(session, broadcast)
    coming = [one for one in known.values() if _is_coming(one, now)]
    _refresh(session, [(one, wanted[one.id]) for one in coming if one.id in wanted], parts, now)
    for broadcast in (*new.values(), *coming):
        _end_unwanted(session, broadcast, wanted.get(broadcast.id), now)
    session.flush()


def _known_broadcasts(session: Session, entry_ids: Collection[int], since: datetime) -> dict[str, Broadcast]:
    """The entries' broadcasts from a day before an instant on, by id."""
    query = select(Broadcast).where(
        col(Broadcast.entry_id).in_(entry_ids), col(Broadcast.starts_at) >= since - timedelta(days=1)
    )
    return {broadcast.id: broadcast for broadcast in session.exec(query)}


def _id_of(planned: PlannedBroadcast, known: Mapping[str, Broadcast]) -> str:
    """The id of the broadcast of one time of an entry.

    A time that was taken out of the timetable and is in it again gets a new one, and so does one that counts as missed
    and is still ahead: the clock jumped over it and is back.
    """
    number, id_ = 1, planned.id
    while (one := known.get(id_)) is not None:
        was_left_out = one.state is BroadcastState.CANCELLED and one.reason in _BY_THE_TIMETABLE
        was_jumped_over = one.state is BroadcastState.MISSED and not planned.is_past
        if planned.why_not is not None or not (was_left_out or was_jumped_over):
            break
        number += 1
        id_ = f"{planned.id}-{number}"
    return id_


def _what(planned: PlannedBroadcast) -> _What:
    return planned.programme_id, planned.zone_ids, planned.on


def _wanted_parts(session: Session, plan: Sequence[PlannedBroadcast], now: datetime) -> dict[_What, Composition]:
    """What there is of all that is still to be aired."""
    days: defaultdict[tuple[int, frozenset[int]], set[date]] = defaultdict(set)
    for planned in plan:
        if not planned.is_over and planned.why_not is None:
            days[planned.programme_id, planned.zone_ids].add(planned.on)
    return {
        (programme_id, zone_ids, on): composed
        for (programme_id, zone_ids), its_days in days.items()
        for on, composed in parts_by_day(session, programme_id, zone_ids, its_days, now).items()
    }


def _new_broadcast(id_: str, planned: PlannedBroadcast, now: datetime) -> Broadcast:
    return Broadcast(
        id=id_,
        commune_id=planned.commune_id,
        title=planned.title,
        urgency=planned.urgency,
        entry_id=planned.entry_id,
        starts_at=planned.starts_at,
        late_until=planned.late_until,
        created_at=now,
    )


def _is_coming(broadcast: Broadcast, now: datetime) -> bool:
    """Whether it has not begun; also what waits to be aired late, which is on no pole yet."""
    if broadcast.state not in COMING or broadcast.starts_at is None:
        return False
    may_be_late = broadcast.late_until is not None and broadcast.late_until > now
    return broadcast.starts_at > now or (may_be_late and broadcast.state is BroadcastState.PLANNED)


def _refresh(
    session: Session,
    coming: Sequence[tuple[Broadcast, PlannedBroadcast]],
    parts: Mapping[_What, Composition],
    now: datetime,
) -> None:
    """Have coming broadcasts consist of what is approved for them now, in the villages their entry has now."""
    if not coming:
        return
    has_parts: defaultdict[str, list[str]] = defaultdict(list)
    in_zones: defaultdict[str, set[int]] = defaultdict(set)
    ids = [broadcast.id for broadcast, _ in coming]
    # Columns, not rows: a week has thousands of parts and villages, and nearly all stay as they are.
    part, zone = BroadcastPart, BroadcastZone
    parts_of = select(part.broadcast_id, part.rendering_key, part.next_key).where(col(part.broadcast_id).in_(ids))
    for id_, key, next_key in session.exec(parts_of.order_by(col(part.position))):
        has_parts[id_].append(next_key or key)
    for id_, zone_id in session.exec(select(zone.broadcast_id, zone.zone_id).where(col(zone.broadcast_id).in_(ids))):
        in_zones[id_].add(zone_id)
    relays = relays_of(session, ids)
    for broadcast, planned in coming:
        if planned.why_not is not None or planned.is_over:
            continue
        if (broadcast.title, broadcast.late_until) != (planned.title, planned.late_until):
            broadcast.title, broadcast.late_until = planned.title, planned.late_until
            session.add(broadcast)
        composed = parts[_what(planned)]
        if plans_in(relays.get(broadcast.id, ())) != list(composed.relays):
            set_relays(session, broadcast.id, composed.relays)
            note_duration(session, broadcast)
        if list(composed.keys) != has_parts[broadcast.id]:
            change_parts(session, broadcast, composed.keys, now)
        if in_zones[broadcast.id] != planned.zone_ids:
            set_zones(session, broadcast, planned.zone_ids)


def _end_unwanted(session: Session, broadcast: Broadcast, wanted: PlannedBroadcast | None, now: datetime) -> None:
    """End what this day leaves out, what went by while the server was off, and what the timetable no longer has."""
    if wanted is not None and wanted.why_not is not None:
        end_before_start(session, broadcast, BroadcastState.CANCELLED, wanted.why_not, now)
    elif wanted is not None and wanted.is_over:
        end_before_start(session, broadcast, BroadcastState.MISSED, WhyNot.SERVER_OFF, now)
    # Beyond the horizon the plan says nothing: a clock that jumped back must not cancel the days it forgot.
    elif wanted is None and broadcast.starts_at is not None and broadcast.starts_at < now + HORIZON:
        end_before_start(session, broadcast, BroadcastState.CANCELLED, WhyNot.TIMETABLE_CHANGED, now)
