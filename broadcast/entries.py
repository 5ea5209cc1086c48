"""The timetable's entries: which programme, where, on which days, at what local time."""

from collections.abc import Iterable
from datetime import date, datetime, time

from sqlmodel import Session, col, select

from broadcast.audit import record
from broadcast.errors import InvalidInput, NotFound
from broadcast.models import Commune, EntryChange, EntryZone, Programme, SpecialDay, TimetableEntry, Zone, row_id
from broadcast.zones import sorted_by_name, zones_by_slug

EVERY_DAY = tuple(range(7))


def create_entry(
    session: Session,
    programme: Programme,
    *,
    zones: Iterable[str],
    airs_at: time,
    from_on: date,
    now: datetime,
    actor: str,
    weekdays: Iterable[int] = EVERY_DAY,
    until_on: date | None = None,
) -> TimetableEntry:
    """Add an entry; it is planned from `now` on.

    Raises:
        InvalidInput: no day or no village is chosen, or the last day comes before the first.
    """
    its_zones = zones_by_slug(session, zones)
    days = sorted(set(weekdays))
    if not days or not set(days) <= set(EVERY_DAY):
        raise InvalidInput("no-weekday", "Chưa chọn ngày nào trong tuần.", "weekdays")
    if until_on is not None and until_on < from_on:
        raise InvalidInput("days-reversed", "Ngày cuối đứng trước ngày đầu.", "until_on")
    entry = TimetableEntry(
        commune_id=programme.commune_id,
        programme_id=row_id(programme.id),
        airs_at=airs_at.replace(second=0, microsecond=0, tzinfo=None),
        weekdays=days,
        from_on=from_on,
        until_on=until_on,
        created_at=now,
    )
    session.add(entry)
    session.flush()
    session.add_all(EntryZone(entry_id=row_id(entry.id), zone_id=row_id(zone.id)) for zone in its_zones)
    said = {"programme": programme.name, "airs_at": f"{entry.airs_at:%H:%M}", "weekdays": days}
    record(session, now, actor, "create-entry", str(entry.id), said)
    return entry


def set_entry_active(session: Session, entry_id: int, now: datetime, actor: str, *, is_active: bool) -> TimetableEntry:
    """Switch an entry off or on; what was planned of it follows at the next planning.

    Raises:
        NotFound: there is no such entry.
    """
    entry = session.get(TimetableEntry, entry_id)
    if entry is None:
        raise NotFound("no-entry", "Không có lịch phát này.")
    entry.is_active = is_active
    session.add(entry)
    record(session, now, actor, "activate-entry" if is_active else "stop-entry", str(entry_id))
    return entry


def list_entries(session: Session) -> list[TimetableEntry]:
    """All entries by their time of day."""
    return list(session.exec(select(TimetableEntry).order_by(col(TimetableEntry.airs_at), col(TimetableEntry.id))))


def zones_of_entry(session: Session, entry: TimetableEntry) -> list[Zone]:
    """The villages an entry speaks to, by name."""
    query = select(Zone).join(EntryZone).where(EntryZone.entry_id == entry.id)
    return sorted_by_name(session.exec(query))


def changes_of_entry(session: Session, entry: TimetableEntry) -> list[EntryChange]:
    """What is different about an entry on single days, in order."""
    query = select(EntryChange).where(EntryChange.entry_id == entry.id)
    return list(session.exec(query.order_by(col(EntryChange.on))))


def special_days(session: Session, commune: Commune) -> list[SpecialDay]:
    """The days that a whole commune keeps otherwise, in order."""
    query = select(SpecialDay).where(SpecialDay.commune_id == commune.id)
    return list(session.exec(query.order_by(col(SpecialDay.on))))
