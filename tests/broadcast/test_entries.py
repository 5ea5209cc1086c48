from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest
from sqlmodel import Session, col, select

from broadcast.entries import (
    DayDraft,
    EntryDraft,
    add_entry,
    change_day,
    changes_of_entry,
    clear_day,
    draft_of_entry,
    edit_entry,
    end_entry,
    set_entry_active,
    zones_of_entry,
)
from broadcast.errors import Conflict, InvalidInput, NotFound
from broadcast.models import AuditEntry, SpecialDayKind, TimetableEntry, row_id
from broadcast.programmes import create_programme
from broadcast.special_days import clear_special_day, set_special_day
from tests.broadcast.conftest import House

MONDAY = date(2026, 6, 1)


@pytest.fixture
def draft(unit: Session, house: House, now: datetime) -> EntryDraft:
    programme = create_programme(unit, house.commune, name="Sáng", greeting="", closing="", now=now, actor="canbo")
    unit.flush()
    return EntryDraft(programme_id=row_id(programme.id), zones=("thon-dong",), airs_at=time(5, 30, 12), from_on=MONDAY)


@pytest.fixture
def entry(unit: Session, draft: EntryDraft, now: datetime) -> TimetableEntry:
    return add_entry(unit, draft, now, "canbo")


def actions(unit: Session) -> list[tuple[str, str, str]]:
    found = unit.exec(select(AuditEntry).order_by(col(AuditEntry.id)))
    return [(one.actor, one.action, one.subject) for one in found if "entry" in one.action or "day" in one.action]


def test_an_entry_is_changed_whole_and_the_log_says_how(
    unit: Session, entry: TimetableEntry, draft: EntryDraft, now: datetime
) -> None:
    changed = replace(
        draft, zones=("thon-tay", "thon-dong"), airs_at=time(6), weekdays=(), dates=(date(2026, 6, 9),),
        lunar_days=(15, 1), until_on=date(2026, 7, 1), skips_holidays=True, max_minutes=15, resume_within_minutes=5,
    )  # fmt: skip
    edit_entry(unit, row_id(entry.id), 1, changed, now, "canbo2")
    assert draft_of_entry(unit, entry) == replace(changed, lunar_days=(1, 15), zones=("thon-dong", "thon-tay"))
    assert entry.revision == 2
    assert actions(unit) == [("canbo", "create-entry", "1"), ("canbo2", "edit-entry", "1")]
    said = unit.exec(select(AuditEntry).where(AuditEntry.action == "edit-entry")).one().detail
    assert (said["before"]["airs_at"], said["after"]["airs_at"]) == ("05:30", "06:00")
    assert (said["before"]["zones"], said["after"]["zones"]) == (["thon-dong"], ["thon-dong", "thon-tay"])


def test_of_two_who_edit_at_once_the_second_is_told_and_nothing_is_overwritten(
    unit: Session, entry: TimetableEntry, draft: EntryDraft, now: datetime
) -> None:
    entry_id = row_id(entry.id)
    edit_entry(unit, entry_id, 1, replace(draft, airs_at=time(6)), now, "canbo")
    with pytest.raises(Conflict) as told:
        edit_entry(unit, entry_id, 1, replace(draft, airs_at=time(7)), now, "canbo2")
    assert told.value.code == "changed-meanwhile"
    with pytest.raises(Conflict):
        change_day(unit, entry_id, 1, MONDAY, DayDraft(is_off=True), now, "canbo2")
    with pytest.raises(Conflict):
        end_entry(unit, entry_id, 1, now, "canbo2")
    assert (entry.airs_at, entry.revision, entry.until_on) == (time(6), 2, None)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"zones": ()}, "no-zone", "zones"),
        ({"zones": ("thon-nam",)}, "unknown-zone", "zones"),
        ({"programme_id": 99}, "unknown-programme", "programme"),
        ({"weekdays": ()}, "no-weekday", "weekdays"),
        ({"weekdays": (7,)}, "no-weekday", "weekdays"),
        ({"lunar_days": (31,)}, "bad-lunar-day", "lunar_days"),
        ({"dates": (date(2110, 1, 1),)}, "day-out-of-range", "dates"),
        ({"dates": tuple(MONDAY + timedelta(days=n) for n in range(367))}, "too-many-days", "dates"),
        ({"from_on": date(1900, 1, 1)}, "day-out-of-range", "from_on"),
        ({"until_on": date(2026, 5, 31)}, "days-reversed", "until_on"),
        ({"until_on": date(2200, 5, 31)}, "day-out-of-range", "until_on"),
        ({"max_minutes": 0}, "bad-length", "max_minutes"),
        ({"resume_within_minutes": 241}, "bad-resume", "resume_within_minutes"),
    ],
)
def test_what_cannot_be_used_is_named_and_changes_nothing(
    unit: Session,
    entry: TimetableEntry,
    draft: EntryDraft,
    now: datetime,
    change: dict[str, object],
    code: str,
    field: str,
) -> None:
    with pytest.raises(InvalidInput) as told:
        edit_entry(unit, row_id(entry.id), 1, replace(draft, **change), now, "canbo")  # type: ignore[arg-type]
    assert (told.value.code, told.value.field) == (code, field)
    assert entry.revision == 1
    assert [zone.slug for zone in zones_of_entry(unit, entry)] == ["thon-dong"]


def test_switching_off_twice_is_one_change(unit: Session, entry: TimetableEntry, now: datetime) -> None:
    for is_active in (False, False, True):
        set_entry_active(unit, row_id(entry.id), now, "canbo", is_active=is_active)
    assert (entry.is_active, entry.revision) == (True, 3)
    assert [action for _, action, _ in actions(unit)] == ["create-entry", "stop-entry", "activate-entry"]


def test_an_entry_ends_today_and_one_that_never_began_is_switched_off(
    unit: Session, entry: TimetableEntry, draft: EntryDraft, now: datetime
) -> None:
    end_entry(unit, row_id(entry.id), 1, now, "canbo")
    assert (entry.until_on, entry.is_active) == (date(2026, 6, 1), True)
    later = add_entry(unit, replace(draft, from_on=date(2026, 9, 1)), now, "canbo")
    end_entry(unit, row_id(later.id), 1, now, "canbo")
    assert (later.until_on, later.is_active) == (date(2026, 9, 1), False)


def test_a_day_is_changed_changed_again_and_as_others(
    unit: Session, entry: TimetableEntry, draft: EntryDraft, now: datetime
) -> None:
    entry_id, day = row_id(entry.id), date(2026, 6, 3)
    change_day(unit, entry_id, 1, day, DayDraft(is_off=True, airs_at=time(9)), now, "canbo")
    assert [(c.on, c.is_off, c.airs_at) for c in changes_of_entry(unit, entry)] == [(day, True, None)]
    change_day(unit, entry_id, 2, day, DayDraft(airs_at=time(6, 15)), now, "canbo")
    assert [(c.is_off, c.airs_at, c.programme_id) for c in changes_of_entry(unit, entry)] == [
        (False, time(6, 15), None)
    ]
    clear_day(unit, entry_id, 3, day, now, "canbo")
    assert changes_of_entry(unit, entry) == []
    with pytest.raises(NotFound):
        clear_day(unit, entry_id, 4, day, now, "canbo")
    assert [action for _, action, _ in actions(unit)][1:] == ["change-entry-day", "change-entry-day", "clear-entry-day"]


def test_a_day_without_a_difference_or_with_what_cannot_be_is_refused(
    unit: Session, entry: TimetableEntry, now: datetime
) -> None:
    for wrong, code in (
        (DayDraft(), "nothing-different"),
        (DayDraft(programme_id=99), "unknown-programme"),
        (DayDraft(max_minutes=0), "bad-length"),
        (DayDraft(max_minutes=241), "bad-length"),
    ):
        with pytest.raises(InvalidInput) as told:
            change_day(unit, row_id(entry.id), 1, MONDAY, wrong, now, "canbo")
        assert told.value.code == code


def test_a_special_day_is_set_once_and_cleared(unit: Session, house: House, now: datetime) -> None:
    def mourn() -> None:
        set_special_day(
            unit, house.commune, on=MONDAY, name="Quốc tang", kind=SpecialDayKind.MOURNING, like_weekday=None,
            now=now, actor="lanhdao",
        )  # fmt: skip

    mourn()
    with pytest.raises(Conflict) as told:
        mourn()
    assert told.value.code == "day-taken"
    clear_special_day(unit, house.commune, MONDAY, now, "lanhdao")
    with pytest.raises(NotFound):
        clear_special_day(unit, house.commune, MONDAY, now, "lanhdao")
    assert [action for _, action, _ in actions(unit)] == ["set-special-day", "clear-special-day"]


@pytest.mark.parametrize(
    ("kind", "weekday"),
    [(SpecialDayKind.MOURNING, 3), (SpecialDayKind.LIKE_WEEKDAY, None), (SpecialDayKind.LIKE_WEEKDAY, 7)],
)
def test_a_special_day_says_a_weekday_only_when_it_follows_one(
    unit: Session, house: House, now: datetime, kind: SpecialDayKind, weekday: int | None
) -> None:
    with pytest.raises(InvalidInput) as told:
        set_special_day(
            unit, house.commune, on=MONDAY, name="Ngày", kind=kind, like_weekday=weekday, now=now, actor="lanhdao"
        )
    assert told.value.field == "like_weekday"
