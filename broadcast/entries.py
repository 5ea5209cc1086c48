"""The timetable's entries: which programme, where, on which days, at what local time.

Every change grows the entry's `revision`; who changes an entry says which revision they read, so that of two people
who change it at once the second is told, and nothing is overwritten.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TypedDict, Unpack

from sqlmodel import Session, col, delete, select

from broadcast.audit import record
from broadcast.communes import get_commune, local_zone
from broadcast.errors import Conflict, InvalidInput, NotFound
from broadcast.models import Commune, EntryChange, EntryZone, Programme, SpecialDay, TimetableEntry, Zone, row_id
from broadcast.zones import sorted_by_name, zones_by_slug

EVERY_DAY = tuple(range(7))
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
"""The days a timetable can name: the lunar calendar knows them all."""
MAX_MINUTES = 240
MAX_RESUME_MINUTES = 240
MAX_LATE_MINUTES = 240
_MAX_DATES = 366
_LUNAR_DAYS = range(1, 31)


class EntryTimes(TypedDict, total=False):
    """What may be said of an entry beside its programme, villages and time."""

    weekdays: Sequence[int]
    until_on: date | None
    dates: Sequence[date]
    lunar_days: Sequence[int]
    skips_holidays: bool
    max_minutes: int | None
    resume_within_minutes: int
    late_within_minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDraft:
    """All that can be said of an entry. `zones` are slugs; `airs_at` is local; 0 is Monday."""

    programme_id: int
    zones: Sequence[str]
    airs_at: time
    from_on: date
    weekdays: Sequence[int] = EVERY_DAY
    until_on: date | None = None
    dates: Sequence[date] = ()
    lunar_days: Sequence[int] = ()
    skips_holidays: bool = False
    max_minutes: int | None = None
    """A longer programme is not aired; none leaves it to the rules of commune and village."""
    resume_within_minutes: int = 0
    """Broken off at a pole, it goes on there where it was, if that is possible so soon after; 0: it does not."""
    late_within_minutes: int = 0
    """What could not be aired at its time may still be, so soon after; 0: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayDraft:
    """What is to be different about an entry on one day: off, at another local time, with another programme.

    `max_minutes` is how long it may last that day.
    """

    is_off: bool = False
    airs_at: time | None = None
    programme_id: int | None = None
    max_minutes: int | None = None


def create_entry(
    session: Session,
    programme: Programme,
    *,
    zones: Sequence[str],
    airs_at: time,
    from_on: date,
    now: datetime,
    actor: str,
    **times: Unpack[EntryTimes],
) -> TimetableEntry:
    """Add an entry; it is planned from `now` on.

    Raises:
        InvalidInput: a field cannot be used; it says which and why.
    """
    draft = EntryDraft(programme_id=row_id(programme.id), zones=zones, airs_at=airs_at, from_on=from_on, **times)
    return add_entry(session, draft, now, actor)


def add_entry(session: Session, draft: EntryDraft, now: datetime, actor: str) -> TimetableEntry:
    """Add an entry as it was typed. Raises as `create_entry`."""
    entry = TimetableEntry(
        commune_id=row_id(get_commune(session).id),
        programme_id=draft.programme_id,
        airs_at=draft.airs_at,
        weekdays=[],
        from_on=draft.from_on,
        created_at=now,
    )
    said = _take(session, entry, draft)
    record(session, now, actor, "create-entry", str(entry.id), said)
    return entry


def edit_entry(
    session: Session, entry_id: int, revision: int, draft: EntryDraft, now: datetime, actor: str
) -> TimetableEntry:
    """Change an entry that is still as it was read; what was planned of it follows at the next planning.

    Raises:
        NotFound: there is no such entry.
        Conflict: somebody has changed it since that revision.
        InvalidInput: a field cannot be used.
    """
    entry = _unchanged(session, entry_id, revision)
    before = said_of(session, entry)
    after = _take(session, entry, draft)
    _touch(session, entry, now)
    record(session, now, actor, "edit-entry", str(entry_id), {"before": before, "after": after})
    return entry


def set_entry_active(session: Session, entry_id: int, now: datetime, actor: str, *, is_active: bool) -> TimetableEntry:
    """Switch an entry off or on; what was planned of it follows at the next planning. Twice changes nothing.

    Raises:
        NotFound: there is no such entry.
    """
    entry = get_entry(session, entry_id)
    if entry.is_active != is_active:
        entry.is_active = is_active
        _touch(session, entry, now)
        record(session, now, actor, "activate-entry" if is_active else "stop-entry", str(entry_id))
    return entry


def end_entry(session: Session, entry_id: int, revision: int, now: datetime, actor: str) -> TimetableEntry:
    """Let today be the last day of an entry; what it aired stays in the log.

    Raises:
        NotFound: there is no such entry.
        Conflict: somebody has changed it since that revision.
    """
    entry = _unchanged(session, entry_id, revision)
    today = now.astimezone(local_zone(get_commune(session))).date()
    entry.until_on = today if entry.until_on is None else min(entry.until_on, today)
    if entry.until_on < entry.from_on:
        # It has never begun: it is switched off instead of having a last day before its first.
        entry.until_on, entry.is_active = entry.from_on, False
    _touch(session, entry, now)
    record(session, now, actor, "end-entry", str(entry_id), {"until_on": entry.until_on.isoformat()})
    return entry


def change_day(
    session: Session, entry_id: int, revision: int, on: date, draft: DayDraft, now: datetime, actor: str
) -> TimetableEntry:
    """Say what is different about an entry on one day, in place of what was said before.

    Raises:
        NotFound: there is no such entry.
        Conflict: somebody has changed the entry since that revision.
        InvalidInput: nothing is different, the day or the length cannot be used, or there is no such programme.
    """
    entry = _unchanged(session, entry_id, revision)
    _check_day(on, "on")
    if draft == DayDraft():
        raise InvalidInput("nothing-different", "Chưa chọn điều gì khác cho ngày này.", "is_off")
    if draft.programme_id is not None:
        _get_programme(session, draft.programme_id)
    _check_minutes(draft.max_minutes)
    change = session.get(EntryChange, (entry_id, on)) or EntryChange(entry_id=entry_id, on=on)
    change.is_off = draft.is_off
    change.airs_at = None if draft.is_off or draft.airs_at is None else to_minute(draft.airs_at)
    change.programme_id = None if draft.is_off else draft.programme_id
    change.max_minutes = None if draft.is_off else draft.max_minutes
    session.add(change)
    _touch(session, entry, now)
    said = {
        "on": on.isoformat(),
        "is_off": change.is_off,
        "programme": change.programme_id,
        "airs_at": change.airs_at and f"{change.airs_at:%H:%M}",
        "max_minutes": change.max_minutes,
    }
    record(session, now, actor, "change-entry-day", str(entry_id), said)
    return entry


def clear_day(session: Session, entry_id: int, revision: int, on: date, now: datetime, actor: str) -> TimetableEntry:
    """Let an entry be on a day as on all others.

    Raises:
        NotFound: there is no such entry, or nothing is different on that day.
        Conflict: somebody has changed the entry since that revision.
    """
    entry = _unchanged(session, entry_id, revision)
    change = session.get(EntryChange, (entry_id, on))
    if change is None:
        raise NotFound("no-change", "Lịch phát không có thay đổi nào cho ngày này.")
    session.delete(change)
    _touch(session, entry, now)
    record(session, now, actor, "clear-entry-day", str(entry_id), {"on": on.isoformat()})
    return entry


def get_entry(session: Session, entry_id: int) -> TimetableEntry:
    """An entry.

    Raises:
        NotFound: there is no such entry.
    """
    entry = session.get(TimetableEntry, entry_id)
    if entry is None:
        raise NotFound("no-entry", "Không có lịch phát này.")
    return entry


def draft_of_entry(session: Session, entry: TimetableEntry) -> EntryDraft:
    """The entry as it stands in the form; `dataclasses.replace` makes a changed one for an edit."""
    return EntryDraft(
        programme_id=entry.programme_id,
        zones=tuple(zone.slug for zone in zones_of_entry(session, entry)),
        airs_at=entry.airs_at,
        from_on=entry.from_on,
        weekdays=tuple(entry.weekdays),
        until_on=entry.until_on,
        dates=tuple(date.fromisoformat(day) for day in entry.dates),
        lunar_days=tuple(entry.lunar_days),
        skips_holidays=entry.skips_holidays,
        max_minutes=entry.max_minutes,
        resume_within_minutes=entry.resume_within_minutes,
        late_within_minutes=entry.late_within_minutes,
    )


def list_entries(session: Session) -> list[TimetableEntry]:
    """All entries by their time of day."""
    return list(session.exec(select(TimetableEntry).order_by(col(TimetableEntry.airs_at), col(TimetableEntry.id))))


def entries_with(session: Session, programme_ids: Collection[int]) -> set[int]:
    """The ids of the entries that air one of these programmes, every day or on a single one."""
    usual = select(TimetableEntry.id).where(col(TimetableEntry.programme_id).in_(programme_ids))
    once = select(EntryChange.entry_id).where(col(EntryChange.programme_id).in_(programme_ids))
    return {id_ for id_ in (*session.exec(usual), *session.exec(once)) if id_ is not None}


def zones_of_entry(session: Session, entry: TimetableEntry) -> list[Zone]:
    """The villages an entry speaks to, by name."""
    query = select(Zone).join(EntryZone).where(EntryZone.entry_id == entry.id)
    return sorted_by_name(session.exec(query))


def changes_of_entry(session: Session, entry: TimetableEntry) -> list[EntryChange]:
    """What is different about an entry on single days, in order."""
    query = select(EntryChange).where(EntryChange.entry_id == entry.id)
    return list(session.exec(query.order_by(col(EntryChange.on))))


def lengths_of_days(session: Session) -> dict[tuple[int, date], int]:
    """How many minutes entries may last on days that have a length of their own, by entry and day."""
    changes = session.exec(select(EntryChange).where(col(EntryChange.max_minutes).is_not(None)))
    return {(one.entry_id, one.on): one.max_minutes for one in changes if one.max_minutes is not None}


def special_days(session: Session, commune: Commune) -> list[SpecialDay]:
    """The days that a whole commune keeps otherwise, in order."""
    query = select(SpecialDay).where(SpecialDay.commune_id == commune.id)
    return list(session.exec(query.order_by(col(SpecialDay.on))))


def said_of(session: Session, entry: TimetableEntry) -> dict[str, object]:
    """An entry as the audit log keeps it."""
    return {
        "programme": entry.programme_id,
        "airs_at": f"{entry.airs_at:%H:%M}",
        "weekdays": list(entry.weekdays),
        "dates": list(entry.dates),
        "lunar_days": list(entry.lunar_days),
        "skips_holidays": entry.skips_holidays,
        "from_on": entry.from_on.isoformat(),
        "until_on": entry.until_on and entry.until_on.isoformat(),
        "max_minutes": entry.max_minutes,
        "resume_within_minutes": entry.resume_within_minutes,
        "late_within_minutes": entry.late_within_minutes,
        "zones": [zone.slug for zone in zones_of_entry(session, entry)],
    }


def to_minute(at: time) -> time:
    """A time of day without seconds and without a zone."""
    return at.replace(second=0, microsecond=0, tzinfo=None)


def _take(session: Session, entry: TimetableEntry, draft: EntryDraft) -> dict[str, object]:
    """Check what was typed, store it, and say it."""
    zones = zones_by_slug(session, draft.zones)
    _get_programme(session, draft.programme_id)
    _check_days(draft)
    _check_minutes(draft.max_minutes)
    if not 0 <= draft.resume_within_minutes <= MAX_RESUME_MINUTES:
        said = f"Số phút từ 0 đến {MAX_RESUME_MINUTES}."
        raise InvalidInput("bad-resume", said, "resume_within_minutes")
    if not 0 <= draft.late_within_minutes <= MAX_LATE_MINUTES:
        raise InvalidInput("bad-late", f"Số phút từ 0 đến {MAX_LATE_MINUTES}.", "late_within_minutes")
    entry.programme_id, entry.airs_at = draft.programme_id, to_minute(draft.airs_at)
    entry.weekdays, entry.lunar_days = sorted(set(draft.weekdays)), sorted(set(draft.lunar_days))
    entry.dates = sorted({day.isoformat() for day in draft.dates})
    entry.from_on, entry.until_on = draft.from_on, draft.until_on
    entry.skips_holidays, entry.max_minutes = draft.skips_holidays, draft.max_minutes
    entry.resume_within_minutes = draft.resume_within_minutes
    entry.late_within_minutes = draft.late_within_minutes
    session.add(entry)
    session.flush()
    entry_id = row_id(entry.id)
    session.exec(delete(EntryZone).where(col(EntryZone.entry_id) == entry_id))
    session.add_all(EntryZone(entry_id=entry_id, zone_id=row_id(zone.id)) for zone in zones)
    session.flush()
    return said_of(session, entry)


def _check_days(draft: EntryDraft) -> None:
    if not (draft.weekdays or draft.dates or draft.lunar_days) or not set(draft.weekdays) <= set(EVERY_DAY):
        raise InvalidInput("no-weekday", "Chưa chọn ngày phát nào.", "weekdays")
    if not set(draft.lunar_days) <= set(_LUNAR_DAYS):
        raise InvalidInput("bad-lunar-day", "Ngày âm lịch từ 1 đến 30.", "lunar_days")
    if len(draft.dates) > _MAX_DATES:
        raise InvalidInput("too-many-days", f"Chọn tối đa {_MAX_DATES} ngày riêng.", "dates")
    for day in draft.dates:
        _check_day(day, "dates")
    _check_day(draft.from_on, "from_on")
    if draft.until_on is not None:
        _check_day(draft.until_on, "until_on")
        if draft.until_on < draft.from_on:
            raise InvalidInput("days-reversed", "Ngày cuối đứng trước ngày đầu.", "until_on")


def _check_minutes(minutes: int | None) -> None:
    if minutes is not None and not 1 <= minutes <= MAX_MINUTES:
        raise InvalidInput("bad-length", f"Thời lượng tối đa từ 1 đến {MAX_MINUTES} phút.", "max_minutes")


def _check_day(day: date, field: str) -> None:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise InvalidInput("day-out-of-range", f"Chọn ngày từ năm {FIRST_DAY.year} đến {LAST_DAY.year}.", field)


def _get_programme(session: Session, programme_id: int) -> Programme:
    programme = session.get(Programme, programme_id)
    if programme is None:
        raise InvalidInput("unknown-programme", "Không có chương trình này.", "programme")
    return programme


def _unchanged(session: Session, entry_id: int, revision: int) -> TimetableEntry:
    entry = get_entry(session, entry_id)
    if entry.revision != revision:
        raise Conflict("changed-meanwhile", "Người khác vừa sửa lịch phát này. Hãy tải lại trang rồi sửa tiếp.")
    return entry


def _touch(session: Session, entry: TimetableEntry, now: datetime) -> None:
    """It is another revision. A new time of day that has just gone by was not slept through."""
    entry.revision += 1
    if entry.planned_until is not None:
        entry.planned_until = max(entry.planned_until, now)
    session.add(entry)
    session.flush()
