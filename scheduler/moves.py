"""Changing, moving or stretching one time of an entry, as a person drags it in the week: that day's, or every week's.

A move is an ordinary change of the entry: it grows the revision, is in the audit log, and is planned like any other.
What would have no effect is refused: a day without a time of the entry, an hour that has gone by.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from sqlmodel import Session

from broadcast.communes import get_commune, local_zone
from broadcast.entries import (
    FIRST_DAY,
    LAST_DAY,
    DayDraft,
    change_day,
    changes_of_entry,
    clear_day,
    draft_of_entry,
    edit_entry,
    get_entry,
    to_minute,
)
from broadcast.errors import Conflict, InvalidInput
from broadcast.models import EntryChange, TimetableEntry, row_id
from scheduler.loading import load_calendar, load_entries
from scheduler.timetable import is_due


@dataclass(frozen=True, slots=True)
class Move:
    """Where one time of an entry goes: from its day to a day, at a local time, and how long it may last at most."""

    on: date
    to_on: date
    airs_at: time
    max_minutes: int | None = None


def change_one_day(
    session: Session, entry_id: int, revision: int, on: date, draft: DayDraft, now: datetime, actor: str
) -> TimetableEntry:
    """Say what is different about an entry on one day on which it has a time that is still to come.

    Raises:
        NotFound: there is no such entry.
        Conflict: somebody has changed the entry since that revision.
        InvalidInput: it has no time on that day, the time has gone by, or `change_day` cannot use it.
    """
    entry = get_entry(session, entry_id)
    _require_due(session, entry, on)
    if draft.airs_at is not None:
        _require_ahead(session, on, draft.airs_at, now, "on")
    else:
        # What waits to be aired late can still be left out, or be of another programme.
        waits_since = now - timedelta(minutes=entry.late_within_minutes)
        usual = _airs_at(session, entry, on) if draft.is_off else entry.airs_at
        _require_ahead(session, on, usual, waits_since, "on")
    return change_day(session, entry_id, revision, on, draft, now, actor)


def move_one_day(session: Session, entry_id: int, revision: int, move: Move, now: datetime, actor: str) -> None:
    """Move it on that day alone; moved back, it is as on all other days.

    Raises:
        NotFound: there is no such entry.
        Conflict: somebody has changed the entry since that revision, or it is aired on the new day already.
        InvalidInput: the entry is not aired on that day, or the new day, time or length cannot be used.
    """
    entry = get_entry(session, entry_id)
    if move.max_minutes is None and entry.max_minutes is not None:
        raise InvalidInput("no-length-that-day", "Hãy ghi số phút dài nhất cho riêng ngày này.", "max_minutes")
    _require_ahead(session, move.to_on, move.airs_at, now, "airs_at")
    _require_due(session, entry, move.on)
    changed = _change(session, entry, move.on)
    own_minutes = move.max_minutes if move.max_minutes != entry.max_minutes else None
    there = DayDraft(
        airs_at=move.airs_at, programme_id=changed.programme_id if changed else None, max_minutes=own_minutes
    )
    if move.to_on != move.on:
        _change_days(session, entry, revision, move, now, actor)
        revision = entry.revision
    is_usual = there == DayDraft(airs_at=entry.airs_at)
    if is_usual and _change(session, entry, move.to_on) is not None:
        clear_day(session, entry_id, revision, move.to_on, now, actor)
    elif not is_usual or move.to_on == move.on:
        change_day(session, entry_id, revision, move.to_on, there, now, actor)


def move_every_week(session: Session, entry_id: int, revision: int, move: Move, now: datetime, actor: str) -> None:
    """Move it in every week: the entry's time, its length, and the weekday when it goes to another.

    What was different on that one day alone goes with it.

    Raises: as `move_one_day`.
    """
    entry = get_entry(session, entry_id)
    _require_due(session, entry, move.on)
    draft = draft_of_entry(session, entry)
    wanted = replace(draft, airs_at=move.airs_at, max_minutes=move.max_minutes)
    if move.to_on != move.on:
        if move.on.weekday() in draft.weekdays and move.on not in draft.dates:
            kept = set(draft.weekdays) - {move.on.weekday()}
            wanted = replace(wanted, weekdays=sorted(kept | {move.to_on.weekday()}))
        elif move.on in draft.dates:
            wanted = replace(wanted, dates=sorted({*draft.dates, move.to_on} - {move.on}))
        else:
            said = "Lịch này theo ngày âm lịch hoặc ngày hoán đổi: chỉ dời được riêng ngày này."
            raise InvalidInput("no-weekday-to-move", said, "to_on")
    edit_entry(session, entry_id, revision, wanted, now, actor)
    _require_inside(entry, move.to_on)
    changed = _change(session, entry, move.on)
    if changed is not None and not changed.is_off and changed.programme_id is None:
        clear_day(session, entry_id, entry.revision, move.on, now, actor)


def _change_days(session: Session, entry: TimetableEntry, revision: int, move: Move, now: datetime, actor: str) -> None:
    """Have it on the new day instead of the old one.

    A day that the entry names is named no more, any other is off; the new one is named if it would not be due.
    """
    entry_id, target = row_id(entry.id), _change(session, entry, move.to_on)
    has_target = _is_due(session, entry, move.to_on)
    if has_target and not (target is not None and target.is_off):
        raise Conflict("aired-already", f"Ngày {move.to_on:%d/%m} lịch này đã có một lượt phát.")
    draft = draft_of_entry(session, entry)
    dates = set(draft.dates) if has_target else {*draft.dates, move.to_on}
    if _is_due(session, entry, move.on, is_named=False):
        revision = change_day(session, entry_id, revision, move.on, DayDraft(is_off=True), now, actor).revision
    else:
        dates.discard(move.on)
        if _change(session, entry, move.on) is not None:
            revision = clear_day(session, entry_id, revision, move.on, now, actor).revision
    if dates != set(draft.dates):
        edit_entry(session, entry_id, revision, replace(draft, dates=sorted(dates)), now, actor)
    _require_inside(entry, move.to_on)


def _change(session: Session, entry: TimetableEntry, on: date) -> EntryChange | None:
    return next((change for change in changes_of_entry(session, entry) if change.on == on), None)


def _airs_at(session: Session, entry: TimetableEntry, on: date) -> time:
    """At what time it is aired that day, as it stands."""
    change = _change(session, entry, on)
    return entry.airs_at if change is None or change.airs_at is None else change.airs_at


def _is_due(session: Session, entry: TimetableEntry, on: date, *, is_named: bool = True) -> bool:
    """Whether it has a time on that day; not `is_named`: also if it did not name that very day."""
    if not FIRST_DAY <= on <= LAST_DAY:
        return False
    (loaded,) = load_entries(session, [entry])
    if not is_named:
        loaded = replace(loaded, dates=loaded.dates - {on})
    return is_due(loaded, on, load_calendar(session, get_commune(session)))


def _require_due(session: Session, entry: TimetableEntry, on: date) -> None:
    if not _is_due(session, entry, on):
        raise InvalidInput("not-on-that-day", f"Lịch phát không có lượt nào ngày {on:%d/%m/%Y}.", "on")


def _require_ahead(session: Session, on: date, airs_at: time, now: datetime, field: str) -> None:
    if datetime.combine(on, to_minute(airs_at), local_zone(get_commune(session))) <= now:
        raise InvalidInput("gone-by", "Giờ này đã qua.", field)


def _require_inside(entry: TimetableEntry, on: date) -> None:
    if on < entry.from_on or (entry.until_on is not None and on > entry.until_on):
        until = "" if entry.until_on is None else f" đến {entry.until_on:%d/%m/%Y}"
        raise InvalidInput("outside-entry", f"Lịch phát có hạn từ {entry.from_on:%d/%m/%Y}{until}.", "to_on")
