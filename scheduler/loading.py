"""The timetable as planning takes it, read from the database: a few statements for many entries."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta

from sqlmodel import Session, col, select

from broadcast.entries import special_days
from broadcast.models import Commune, EntryChange, EntryZone, Programme, SpecialDayKind, TimetableEntry, row_id
from scheduler.models import CommuneDay, DayChange, Entry


def load_entries(session: Session, rows: Sequence[TimetableEntry]) -> list[Entry]:
    """The entries as planning takes them, in order."""
    ids = [row_id(row.id) for row in rows]
    programmes = {row.programme_id for row in rows}
    names = dict(session.exec(select(Programme.id, Programme.name).where(col(Programme.id).in_(programmes))).all())
    zone_ids: defaultdict[int, set[int]] = defaultdict(set)
    of_entries = col(EntryZone.entry_id).in_(ids)
    for entry_id, zone_id in session.exec(select(EntryZone.entry_id, EntryZone.zone_id).where(of_entries)):
        zone_ids[entry_id].add(zone_id)
    changes: defaultdict[int, dict[date, DayChange]] = defaultdict(dict)
    for change in session.exec(select(EntryChange).where(col(EntryChange.entry_id).in_(ids))):
        changes[change.entry_id][change.on] = DayChange(change.is_off, change.airs_at, change.programme_id)
    return [
        Entry(
            id=id_,
            commune_id=row.commune_id,
            title=names[row.programme_id],
            programme_id=row.programme_id,
            airs_at=row.airs_at,
            weekdays=frozenset(row.weekdays),
            from_on=row.from_on,
            until_on=row.until_on,
            zone_ids=frozenset(zone_ids[id_]),
            planned_from=row.planned_until or row.created_at,
            dates=frozenset(date.fromisoformat(day) for day in row.dates),
            lunar_days=frozenset(row.lunar_days),
            skips_holidays=row.skips_holidays,
            late_within=timedelta(minutes=row.late_within_minutes),
            changes=changes[id_],
        )
        for id_, row in zip(ids, rows, strict=True)
    ]


def load_calendar(session: Session, commune: Commune) -> dict[date, CommuneDay]:
    """A commune's special days as planning takes them."""
    return {
        day.on: CommuneDay(day.kind is SpecialDayKind.MOURNING, day.like_weekday)
        for day in special_days(session, commune)
    }
