"""One time of an entry changed or moved: what would have no effect is refused, and moved back it is as before."""

from dataclasses import replace
from datetime import date, datetime, time

import pytest
from sqlmodel import Session

from broadcast.entries import (
    DayDraft,
    EntryDraft,
    add_entry,
    changes_of_entry,
    draft_of_entry,
    edit_entry,
    get_entry,
)
from broadcast.errors import Conflict, InvalidInput
from broadcast.models import TimetableEntry, row_id
from broadcast.programmes import create_programme
from scheduler.moves import Move, change_one_day, move_one_day
from tests.broadcast.conftest import House

MONDAY, WEDNESDAY, THURSDAY = date(2026, 6, 1), date(2026, 6, 3), date(2026, 6, 4)
SATURDAY = date(2026, 6, 6)
AT = time(17)


@pytest.fixture
def entry(unit: Session, house: House, now: datetime) -> TimetableEntry:
    """From Monday to Friday at 17:00; it is Monday, 15:00."""
    made = create_programme(unit, house.commune, name="Chiều", greeting="Chào.", closing="", now=now, actor="canbo")
    draft = EntryDraft(
        programme_id=row_id(made.id), zones=("thon-dong",), airs_at=AT, from_on=MONDAY, weekdays=range(5),
    )  # fmt: skip
    return add_entry(unit, draft, now, "canbo")


def moved(unit: Session, entry: TimetableEntry, move: Move, now: datetime) -> None:
    move_one_day(unit, row_id(entry.id), entry.revision, move, now, "canbo")


def changes(unit: Session, entry: TimetableEntry) -> list[tuple[date, bool, time | None]]:
    return [(one.on, one.is_off, one.airs_at) for one in changes_of_entry(unit, entry)]


def test_what_was_moved_to_a_free_day_is_moved_back(unit: Session, entry: TimetableEntry, now: datetime) -> None:
    before = draft_of_entry(unit, entry)
    moved(unit, entry, Move(WEDNESDAY, SATURDAY, AT), now)
    assert draft_of_entry(unit, entry).dates == (SATURDAY,)
    assert changes(unit, entry) == [(WEDNESDAY, True, None)]
    moved(unit, entry, Move(SATURDAY, WEDNESDAY, AT), now)
    assert (draft_of_entry(unit, entry), changes(unit, entry)) == (before, [])


def test_moved_back_to_another_hour_it_differs_in_that_alone(
    unit: Session, entry: TimetableEntry, now: datetime
) -> None:
    moved(unit, entry, Move(WEDNESDAY, SATURDAY, time(9)), now)
    assert changes(unit, entry) == [(WEDNESDAY, True, None), (SATURDAY, False, time(9))]
    moved(unit, entry, Move(SATURDAY, WEDNESDAY, time(10)), now)
    assert draft_of_entry(unit, entry).dates == ()
    assert changes(unit, entry) == [(WEDNESDAY, False, time(10))]


def test_a_day_on_which_it_is_aired_takes_no_second_time(unit: Session, entry: TimetableEntry, now: datetime) -> None:
    with pytest.raises(Conflict) as told:
        moved(unit, entry, Move(WEDNESDAY, THURSDAY, AT), now)
    assert told.value.code == "aired-already"


def test_a_named_day_that_is_moved_is_named_no_more(unit: Session, entry: TimetableEntry, now: datetime) -> None:
    entry_id, (first, second) = row_id(entry.id), (date(2026, 6, 20), date(2026, 6, 21))
    draft = draft_of_entry(unit, entry)
    edit_entry(unit, entry_id, 1, replace(draft, weekdays=(), dates=(first,)), now, "a")
    moved(unit, entry, Move(first, second, AT), now)
    assert (draft_of_entry(unit, entry).dates, changes(unit, entry)) == ((second,), [])


def test_of_two_who_move_it_back_the_second_is_told(unit: Session, entry: TimetableEntry, now: datetime) -> None:
    moved(unit, entry, Move(WEDNESDAY, SATURDAY, AT), now)
    read = entry.revision
    moved(unit, entry, Move(SATURDAY, WEDNESDAY, AT), now)
    moved(unit, entry, Move(WEDNESDAY, SATURDAY, AT), now)
    with pytest.raises(Conflict) as told:
        move_one_day(unit, row_id(entry.id), read, Move(SATURDAY, WEDNESDAY, AT), now, "canbo2")
    assert told.value.code == "changed-meanwhile"


@pytest.mark.parametrize(
    ("on", "draft", "code"),
    [
        (SATURDAY, DayDraft(airs_at=time(9)), "not-on-that-day"),
        (SATURDAY, DayDraft(is_off=True), "not-on-that-day"),
        (date(9999, 12, 31), DayDraft(is_off=True), "not-on-that-day"),
        (date(2026, 5, 29), DayDraft(airs_at=time(9)), "not-on-that-day"),
        (MONDAY, DayDraft(airs_at=time(9)), "gone-by"),
        (MONDAY, DayDraft(airs_at=time(15, 0, 30)), "gone-by"),
    ],
)
def test_a_change_that_nothing_would_come_of_is_refused(
    unit: Session, entry: TimetableEntry, now: datetime, on: date, draft: DayDraft, code: str
) -> None:
    with pytest.raises(InvalidInput) as told:
        change_one_day(unit, row_id(entry.id), 1, on, draft, now, "canbo")
    assert (told.value.code, told.value.field) == (code, "on")
    assert changes(unit, entry) == []


def test_what_has_been_aired_is_not_left_out_but_what_waits_to_be_late_is(
    unit: Session, entry: TimetableEntry, now: datetime
) -> None:
    entry_id, later = row_id(entry.id), now.replace(hour=10, minute=10)
    with pytest.raises(InvalidInput) as told:
        change_one_day(unit, entry_id, 1, MONDAY, DayDraft(is_off=True), later, "canbo")
    assert told.value.code == "gone-by"
    get_entry(unit, entry_id).late_within_minutes = 60
    change_one_day(unit, entry_id, 1, MONDAY, DayDraft(is_off=True), later, "canbo")
    assert changes(unit, entry) == [(MONDAY, True, None)]
