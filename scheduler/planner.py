"""From the timetable to broadcasts: what is planned is pure; applying it twice changes nothing."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from broadcast.airings import add_broadcast, end_before_start, parts_of, set_parts
from broadcast.communes import get_commune, local_zone
from broadcast.entries import list_entries, zones_of_entry
from broadcast.errors import NotFound
from broadcast.lifecycle import COMING, WhyNot
from broadcast.models import Broadcast, BroadcastState, Programme, TimetableEntry, row_id
from broadcast.programmes import parts_for
from scheduler.models import Entry, PlannedBroadcast
from scheduler.timetable import occurrences

HORIZON = timedelta(days=7)
LOOK_BACK = timedelta(days=31)
"""A server that was off for longer does not write down each time it missed before that."""


def plan_broadcasts(
    entries: Iterable[Entry], zone: ZoneInfo, now: datetime, horizon: timedelta = HORIZON
) -> tuple[PlannedBroadcast, ...]:
    """What the timetable wants until `now + horizon`, and wanted since each entry was last planned, in order."""
    planned = []
    for entry in entries:
        since = min(max(entry.planned_from, now - LOOK_BACK), now)
        for occurrence in occurrences(entry, zone, since, now + horizon):
            local = occurrence.starts_at.astimezone(zone)
            planned.append(
                PlannedBroadcast(
                    id=f"e-{entry.id}-{occurrence.on:%Y%m%d}T{entry.airs_at:%H%M}",
                    entry_id=entry.id,
                    title=f"{entry.title}, {local:%d/%m}",
                    on=occurrence.on,
                    starts_at=occurrence.starts_at,
                    zone_ids=entry.zone_ids,
                    is_past=occurrence.starts_at <= now,
                )
            )
    return tuple(sorted(planned, key=lambda one: (one.starts_at, one.id)))


def plan_timetable(session: Session, now: datetime) -> None:
    """Plan every entry."""
    for row in list_entries(session):
        plan_entry(session, row_id(row.id), now)


def plan_entry(session: Session, entry_id: int, now: datetime) -> tuple[PlannedBroadcast, ...]:
    """Plan one entry as it stands in the database, and make the database what the plan says.

    One that is switched off, or is no more, wants nothing.
    """
    row = session.get(TimetableEntry, entry_id)
    entry = load_entry(session, row) if row is not None and row.is_active else None
    plan = plan_broadcasts([entry] if entry else [], local_zone(get_commune(session)), now)
    apply_plan(session, entry_id, plan, now)
    if row is not None and entry is not None:
        row.planned_until = max(row.planned_until or now, now)
        session.add(row)
    return plan


def load_entry(session: Session, row: TimetableEntry) -> Entry | None:
    """The entry as planning takes it; none when its programme is gone."""
    programme = session.get(Programme, row.programme_id)
    if programme is None:
        return None
    return Entry(
        id=row_id(row.id),
        title=programme.name,
        airs_at=row.airs_at,
        weekdays=frozenset(row.weekdays),
        from_on=row.from_on,
        until_on=row.until_on,
        zone_ids=frozenset(row_id(zone.id) for zone in zones_of_entry(session, row)),
        planned_from=row.planned_until or row.created_at,
    )


def apply_plan(session: Session, entry_id: int, plan: Iterable[PlannedBroadcast], now: datetime) -> None:
    """New broadcasts of an entry, the parts of known ones, and the end of what is no longer wanted.

    What has begun or ended, or was cancelled by a person, is left alone.
    """
    wanted = set()
    for planned in plan:
        broadcast, is_new = _broadcast_of(session, planned, now)
        wanted.add(broadcast.id)
        if broadcast.state not in COMING:
            continue
        if planned.is_past and is_new:
            end_before_start(session, broadcast, BroadcastState.MISSED, WhyNot.SERVER_OFF, now)
        elif broadcast.starts_at is not None and broadcast.starts_at > now:
            _refresh_parts(session, broadcast, planned, now)
    _cancel_unwanted(session, entry_id, wanted, now)
    session.flush()


def _broadcast_of(session: Session, planned: PlannedBroadcast, now: datetime) -> tuple[Broadcast, bool]:
    """The broadcast of one time of an entry, and whether it was made just now.

    A time that was taken out of the timetable and is in it again gets a new one.
    """
    number, broadcast_id = 1, planned.id
    while (known := session.get(Broadcast, broadcast_id)) is not None:
        if not (known.state is BroadcastState.CANCELLED and known.reason == WhyNot.TIMETABLE_CHANGED):
            return known, False
        number += 1
        broadcast_id = f"{planned.id}-{number}"
    entry = session.get(TimetableEntry, planned.entry_id)
    if entry is None:
        raise NotFound("no-entry", "Không có lịch phát này.")
    broadcast = Broadcast(
        id=broadcast_id,
        commune_id=entry.commune_id,
        title=planned.title,
        urgency=planned.urgency,
        entry_id=planned.entry_id,
        starts_at=planned.starts_at,
        created_at=now,
    )
    return add_broadcast(session, broadcast, planned.zone_ids, []), True


def _refresh_parts(session: Session, broadcast: Broadcast, planned: PlannedBroadcast, now: datetime) -> None:
    entry = session.get(TimetableEntry, planned.entry_id)
    keys = parts_for(session, entry, planned.on, now) if entry is not None else []
    if keys != [part.rendering_key for part in parts_of(session, broadcast.id)]:
        set_parts(session, broadcast, keys)


def _cancel_unwanted(session: Session, entry_id: int, wanted: set[str], now: datetime) -> None:
    query = select(Broadcast).where(
        Broadcast.entry_id == entry_id,
        col(Broadcast.state).in_(COMING),
        col(Broadcast.starts_at) > now,
        # Beyond the horizon the plan says nothing: a clock that jumped back must not cancel the days it forgot.
        col(Broadcast.starts_at) < now + HORIZON,
    )
    for broadcast in session.exec(query).all():
        if broadcast.id not in wanted:
            end_before_start(session, broadcast, BroadcastState.CANCELLED, WhyNot.TIMETABLE_CHANGED, now)
