"""Moving or stretching one time of an entry, as a person drags it in the week: on that day alone, or in every week.

A move is an ordinary change of the entry: it grows the revision, is in the audit log, and is planned like any other.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, time

from sqlmodel import Session

from broadcast.communes import get_commune, local_zone
from broadcast.entries import (
    DayDraft,
    change_day,
    changes_of_entry,
    clear_day,
    draft_of_entry,
    edit_entry,
    get_entry,
)
from broadcast.errors import Conflict, InvalidInput
from broadcast.models import EntryChange, TimetableEntry
from scheduler.loading import load_calendar, load_entries
from scheduler.timetable import is_due


@dataclass(frozen=True, slots=True)
class Move:
    """Where one time of an entry goes: from its day to a day, at a local time, and how long it may last at most."""

    on: date
    to_on: date
    airs_at: time
    max_minutes: int | None = None


def move_one_day(session: Session, entry_id: int, revision: int, move: Move, now: datetime, actor: str) -> None:
    """Move it on that day alone.

    Raises:
        NotFound: there is no such entry.
        Conflict: somebody has changed the entry since that revision, or it is aired on the new day already.
        InvalidInput: the entry is not aired on that day, or the new day, time or length cannot be used.
    """
    entry = get_entry(session, entry_id)
    if move.max_minutes is None and entry.max_minutes is not None:
        raise InvalidInput("no-length-that-day", "Hãy ghi số phút dài nhất cho riêng ngày này.", "max_minutes")
    if datetime.combine(move.to_on, move.airs_at, local_zone(get_commune(session))) <= now:
        raise InvalidInput("gone-by", "Giờ này đã qua.", "airs_at")
    _require_due(session, entry, move.on)
    programme_id = next((change.programme_id for change in _changes(session, entry, move.on)), None)
    own_minutes = move.max_minutes if move.max_minutes != entry.max_minutes else None
    there = DayDraft(airs_at=move.airs_at, programme_id=programme_id, max_minutes=own_minutes)
    if move.to_on == move.on:
        change_day(session, entry_id, revision, move.on, there, now, actor)
        return
    if _is_due(session, entry, move.to_on):
        raise Conflict("aired-already", f"Ngày {move.to_on:%d/%m} lịch này đã có một lượt phát.")
    change_day(session, entry_id, revision, move.on, DayDraft(is_off=True), now, actor)
    draft = draft_of_entry(session, entry)
    wanted = replace(draft, dates=[*draft.dates, move.to_on])
    edit_entry(session, entry_id, entry.revision, wanted, now, actor)
    _require_inside(entry, move.to_on)
    change_day(session, entry_id, entry.revision, move.to_on, there, now, actor)


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
    if any(not change.is_off and change.programme_id is None for change in _changes(session, entry, move.on)):
        clear_day(session, entry_id, entry.revision, move.on, now, actor)


def _changes(session: Session, entry: TimetableEntry, on: date) -> list[EntryChange]:
    return [change for change in changes_of_entry(session, entry) if change.on == on]


def _is_due(session: Session, entry: TimetableEntry, on: date) -> bool:
    (loaded,) = load_entries(session, [entry])
    return is_due(loaded, on, load_calendar(session, get_commune(session)))


def _require_due(session: Session, entry: TimetableEntry, on: date) -> None:
    if not _is_due(session, entry, on):
        raise InvalidInput("not-on-that-day", f"Lịch phát không có lượt nào ngày {on:%d/%m/%Y}.", "on")


def _require_inside(entry: TimetableEntry, on: date) -> None:
    if on < entry.from_on or (entry.until_on is not None and on > entry.until_on):
        until = "" if entry.until_on is None else f" đến {entry.until_on:%d/%m/%Y}"
        raise InvalidInput("outside-entry", f"Lịch phát có hạn từ {entry.from_on:%d/%m/%Y}{until}.", "to_on")
