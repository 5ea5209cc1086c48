"""One entry of the timetable: adding it, changing it, ending it, and what is different on single days."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, ClassVar, Protocol

from fastapi import APIRouter, Depends, Path, Response
from sqlmodel import Session

from broadcast.entries import (
    DayDraft,
    EntryDraft,
    add_entry,
    changes_of_entry,
    clear_day,
    draft_of_entry,
    edit_entry,
    end_entry,
    get_entry,
    set_entry_active,
)
from broadcast.errors import BroadcastError
from broadcast.models import TimetableEntry, row_id
from broadcast.permissions import Action
from broadcast.programmes import list_programmes
from broadcast.zones import list_zones
from scheduler.advice import Advice, advice_for
from scheduler.moves import change_one_day
from scheduler.planner import plan_entries
from web.deps import Door, Fields, PostedForm, allowed
from web.errors import Refusal, refusal_of
from web.templating import Page
from web.texts import told
from web.typed_days import MAX_ID, parse_day, parse_days, parse_minute, parse_whole
from web.words import WEEKDAYS

router = APIRouter(include_in_schema=False)
Planner = Annotated[Door, Depends(allowed(Action.EDIT_TIMETABLE))]
EntryId = Annotated[int, Path(ge=1, le=MAX_ID)]


RESUMES = (
    ("0", "Không phát tiếp"),
    ("2", "Phát tiếp nếu gián đoạn dưới 2 phút"),
    ("5", "Phát tiếp nếu gián đoạn dưới 5 phút"),
    ("15", "Phát tiếp nếu gián đoạn dưới 15 phút"),
    ("60", "Phát tiếp nếu gián đoạn dưới 60 phút"),
)
"""What an officer can choose for a broadcast that is broken off, in minutes."""


class Choice(Protocol):
    """A village that can be chosen."""

    slug: str
    name: str


class ProgrammeChoice(Protocol):
    """A programme that can be chosen."""

    id: int | None
    name: str


@dataclass(frozen=True, kw_only=True)
class Typed:
    """The form as it was typed: nothing of it is lost when something is wrong."""

    revision: str = "0"
    """Of the entry, as it was read: shown again with what was typed, or the next press would overwrite another's."""
    programme: str = ""
    airs_at: str = ""
    chosen_zones: Sequence[str] = ()
    chosen_weekdays: Sequence[str] = tuple("0123456")
    dates: str = ""
    lunar_days: str = ""
    skips_holidays: bool = False
    from_on: str = ""
    until_on: str = ""
    max_minutes: str = ""
    resume_within_minutes: str = "0"
    late_within_minutes: str = "0"


@dataclass(frozen=True, kw_only=True)
class DayRow:
    """What is different on one day, in words."""

    on: date
    said: str


@dataclass(frozen=True, kw_only=True)
class EntryPage(Page, Typed):
    """The form, and beside it what is different on single days."""

    template: ClassVar[str] = "entry.html"
    entry_id: int = 0
    is_active: bool = True
    zones: Sequence[Choice]
    programmes: Sequence[ProgrammeChoice]
    weekdays: Sequence[str] = WEEKDAYS
    resumes: Sequence[tuple[str, str]] = RESUMES
    changes: Sequence[DayRow] = ()
    advice: Sequence[Advice] = ()
    problem: Refusal | None = None


@router.get("/lich-phat/moi")
def new_entry(door: Planner) -> Response:
    """An empty form."""
    return _show(door, Typed(from_on=f"{door.now.astimezone(door.zone):%Y-%m-%d}"))


@router.post("/lich-phat/moi")
def keep_new(form: PostedForm, door: Planner) -> Response:
    """Add an entry."""
    typed = typed_in(form)
    try:
        with door.work() as session:
            entry_id = row_id(add_entry(session, draft_in(typed), door.now, door.user.username).id)
            # So that the page, which comes next, knows how long it lasts and what it meets.
            plan_entries(session, [entry_id], door.now)
    except BroadcastError as error:
        return _show(door, typed, problem=refusal_of(error))
    door.station.replan(entry_id)
    return door.go(f"/lich-phat/{entry_id}", "da-luu-lich")


@router.get("/lich-phat/{entry_id}")
def open_entry(entry_id: EntryId, door: Planner) -> Response:
    """An entry in the form."""
    return _show(door, None, entry_id)


@router.post("/lich-phat/{entry_id}")
def act_on_entry(entry_id: EntryId, form: PostedForm, door: Planner) -> Response:
    """Change it, switch it off or on, end it, or change one day."""
    act = form.text("act")
    if act not in ACTS:
        raise Refusal(422, "unknown-act", "Không rõ phải làm gì với lịch phát.", "act")
    try:
        with door.work() as session:
            ACTS[act](session, entry_id, form, door)
            plan_entries(session, [entry_id], door.now)
    except BroadcastError as error:
        refusal = refusal_of(error)
        if refusal.status == 404:
            raise
        return _show(door, typed_in(form) if act == "save" else None, entry_id, refusal)
    door.station.replan(entry_id)
    return door.go(f"/lich-phat/{entry_id}", "da-luu-lich")


def typed_in(form: Fields) -> Typed:
    """The form's fields, as text."""
    return Typed(
        revision=form.text("revision"),
        programme=form.text("programme"),
        airs_at=form.text("airs_at"),
        chosen_zones=tuple(form.many("zones")),
        chosen_weekdays=tuple(form.many("weekdays")),
        dates=form.text("dates"),
        lunar_days=form.text("lunar_days"),
        skips_holidays=bool(form.text("skips_holidays")),
        from_on=form.text("from_on"),
        until_on=form.text("until_on"),
        max_minutes=form.text("max_minutes"),
        resume_within_minutes=form.text("resume_within_minutes") or "0",
        late_within_minutes=form.text("late_within_minutes").strip() or "0",
    )


def draft_in(typed: Typed) -> EntryDraft:
    """What was typed, as the house takes it.

    Raises:
        InvalidInput: a field is no day, time or number.
    """
    return EntryDraft(
        programme_id=parse_whole(typed.programme, "programme"),
        zones=typed.chosen_zones,
        airs_at=parse_minute(typed.airs_at, "airs_at"),
        from_on=parse_day(typed.from_on, "from_on"),
        weekdays=[parse_whole(day, "weekdays") for day in typed.chosen_weekdays],
        until_on=parse_day(typed.until_on, "until_on") if typed.until_on.strip() else None,
        dates=parse_days(typed.dates, "dates"),
        lunar_days=[parse_whole(day, "lunar_days") for day in typed.lunar_days.replace(",", " ").split()],
        skips_holidays=typed.skips_holidays,
        max_minutes=parse_whole(typed.max_minutes, "max_minutes") if typed.max_minutes.strip() else None,
        resume_within_minutes=parse_whole(typed.resume_within_minutes, "resume_within_minutes"),
        late_within_minutes=parse_whole(typed.late_within_minutes, "late_within_minutes"),
    )


def _revision(form: Fields) -> int:
    return parse_whole(form.text("revision"), "revision")


def _save(session: Session, entry_id: int, form: Fields, door: Door) -> None:
    edit_entry(session, entry_id, _revision(form), draft_in(typed_in(form)), door.now, door.user.username)


def _switch_off(session: Session, entry_id: int, _form: Fields, door: Door) -> None:
    set_entry_active(session, entry_id, door.now, door.user.username, is_active=False)


def _switch_on(session: Session, entry_id: int, _form: Fields, door: Door) -> None:
    set_entry_active(session, entry_id, door.now, door.user.username, is_active=True)


def _end(session: Session, entry_id: int, form: Fields, door: Door) -> None:
    end_entry(session, entry_id, _revision(form), door.now, door.user.username)


def _change_day(session: Session, entry_id: int, form: Fields, door: Door) -> None:
    minute, programme, longest = (form.text(name) for name in ("day_airs_at", "day_programme", "day_max_minutes"))
    draft = DayDraft(
        is_off=bool(form.text("is_off")),
        airs_at=parse_minute(minute, "day_airs_at") if minute.strip() else None,
        programme_id=parse_whole(programme, "day_programme") if programme else None,
        max_minutes=parse_whole(longest, "day_max_minutes") if longest.strip() else None,
    )
    on = parse_day(form.text("on"), "on")
    change_one_day(session, entry_id, _revision(form), on, draft, door.now, door.user.username)


def _clear_day(session: Session, entry_id: int, form: Fields, door: Door) -> None:
    on = parse_day(form.text("on"), "on")
    clear_day(session, entry_id, _revision(form), on, door.now, door.user.username)


ACTS: Mapping[str, Callable[[Session, int, Fields, Door], None]] = {
    "save": _save,
    "off": _switch_off,
    "on": _switch_on,
    "end": _end,
    "change-day": _change_day,
    "clear-day": _clear_day,
}


def _typed_of(draft: EntryDraft, revision: int) -> Typed:
    return Typed(
        revision=str(revision),
        programme=str(draft.programme_id),
        airs_at=f"{draft.airs_at:%H:%M}",
        chosen_zones=draft.zones,
        chosen_weekdays=[str(day) for day in draft.weekdays],
        dates=", ".join(f"{day:%d/%m/%Y}" for day in draft.dates),
        lunar_days=", ".join(str(day) for day in draft.lunar_days),
        skips_holidays=draft.skips_holidays,
        from_on=draft.from_on.isoformat(),
        until_on=draft.until_on.isoformat() if draft.until_on else "",
        max_minutes=str(draft.max_minutes or ""),
        resume_within_minutes=str(draft.resume_within_minutes),
        late_within_minutes=str(draft.late_within_minutes),
    )


def _day_rows(session: Session, entry: TimetableEntry) -> list[DayRow]:
    names = {programme.id: programme.name for programme in list_programmes(session)}
    rows = []
    for change in changes_of_entry(session, entry):
        said = ["Nghỉ"] if change.is_off else []
        said += [f"phát lúc {change.airs_at:%H:%M}"] if change.airs_at is not None else []
        said += [f"thay bằng “{names.get(change.programme_id, '')}”"] if change.programme_id is not None else []
        said += [f"dài nhất {change.max_minutes} phút"] if change.max_minutes is not None else []
        rows.append(DayRow(on=change.on, said=", ".join(told(one) for one in said)))
    return rows


def _show(door: Door, typed: Typed | None, entry_id: int = 0, problem: Refusal | None = None) -> Response:
    """The form with what was typed, or with the entry as it is stored."""
    with door.read() as session:
        entry = get_entry(session, entry_id) if entry_id else None
        if typed is None:
            typed = _typed_of(draft_of_entry(session, entry), entry.revision) if entry else Typed()
        page = EntryPage(**vars(typed), zones=list_zones(session), programmes=list_programmes(session), problem=problem)
        if entry is not None:
            page = replace(
                page,
                entry_id=row_id(entry.id),
                is_active=entry.is_active,
                changes=_day_rows(session, entry),
                advice=advice_for(session, entry_id, door.now) if entry.is_active else (),
            )
    return door.show(page, problem.status if problem else 200)
