"""The timetable's entries, what is different on single days, and the commune's special days."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from sqlmodel import Session
from starlette.responses import Response

from broadcast.communes import get_commune
from broadcast.entries import (
    DayDraft,
    EntryDraft,
    add_entry,
    changes_of_entry,
    clear_day,
    draft_of_entry,
    edit_entry,
    get_entry,
    list_entries,
    set_entry_active,
    special_days,
)
from broadcast.models import Programme, SpecialDay, TimetableEntry, row_id
from broadcast.permissions import Action
from broadcast.special_days import clear_special_day, set_special_day
from scheduler.advice import advice_for
from scheduler.moves import change_one_day
from web.api.timetable_schemas import (
    AdviceLine,
    AdviceReply,
    DayReply,
    DayRequest,
    EntriesReply,
    EntryChangeRequest,
    EntryReply,
    EntryRequest,
    SpecialDayReply,
    SpecialDayRequest,
    SpecialDaysReply,
)
from web.deps import Door, allowed_to, scoped
from web.errors import answers
from web.typed_days import MAX_ID

router = APIRouter(prefix="/api", tags=["timetable"])
Reader = Annotated[Door, Depends(scoped("read"))]
EntryId = Annotated[int, Path(ge=1, le=MAX_ID)]
ERRORS = answers(401, 403, 404, 409, 413, 422)


Planner = Annotated[Door, Depends(allowed_to(Action.EDIT_TIMETABLE))]


@router.get("/entries", responses=answers(401, 403))
def read_entries(door: Reader) -> EntriesReply:
    """The timetable's entries by their time of day."""
    with door.read() as session:
        return EntriesReply(entries=[reply_of(session, entry) for entry in list_entries(session)])


@router.post("/entries", status_code=201, responses=answers(401, 403, 409, 413, 422))
def add(asked: EntryRequest, door: Planner) -> EntryReply:
    """Add an entry; it is planned at once."""
    with door.work() as session:
        reply = reply_of(session, add_entry(session, _draft(asked), door.now, door.user.username))
    door.station.replan(reply.id)
    return reply


@router.get("/entries/{entry_id}", responses=answers(401, 403, 404, 422))
def read_entry(entry_id: EntryId, door: Reader) -> EntryReply:
    """One of them."""
    with door.read() as session:
        return reply_of(session, get_entry(session, entry_id))


@router.get("/entries/{entry_id}/advice", responses=answers(401, 403, 404, 422))
def read_advice(entry_id: EntryId, door: Reader) -> AdviceReply:
    """What to know of it in the coming 60 days: what it meets, what the rules refuse, what is missing."""
    with door.read() as session:
        found = advice_for(session, entry_id, door.now)
    return AdviceReply(advice=[AdviceLine(kind=one.kind, text=one.text, at=one.at) for one in found])


@router.put("/entries/{entry_id}", responses=ERRORS)
def change(entry_id: EntryId, asked: EntryChangeRequest, door: Planner) -> EntryReply:
    """Change an entry that is still at the revision that was read; what is planned follows at once."""
    with door.work() as session:
        edit_entry(session, entry_id, asked.revision, _draft(asked), door.now, door.user.username)
        entry = set_entry_active(session, entry_id, door.now, door.user.username, is_active=asked.is_active)
        reply = reply_of(session, entry)
    door.station.replan(entry_id)
    return reply


@router.put("/entries/{entry_id}/days/{on}", responses=ERRORS)
def change_on_day(entry_id: EntryId, on: date, asked: DayRequest, door: Planner) -> EntryReply:
    """Say what is different on one day: off, at another time, with another programme, or shorter or longer."""
    draft = DayDraft(
        is_off=asked.is_off, airs_at=asked.airs_at, programme_id=asked.programme, max_minutes=asked.max_minutes
    )
    with door.work() as session:
        entry = change_one_day(session, entry_id, asked.revision, on, draft, door.now, door.user.username)
        reply = reply_of(session, entry)
    door.station.replan(entry_id)
    return reply


@router.delete("/entries/{entry_id}/days/{on}", responses=ERRORS)
def clear_one_day(
    entry_id: EntryId, on: date, revision: Annotated[int, Query(ge=1, le=MAX_ID)], door: Planner
) -> EntryReply:
    """Let the entry be on that day as on all others."""
    with door.work() as session:
        reply = reply_of(session, clear_day(session, entry_id, revision, on, door.now, door.user.username))
    door.station.replan(entry_id)
    return reply


@router.get("/special-days", responses=answers(401, 403))
def read_special_days(door: Reader) -> SpecialDaysReply:
    """The days that the whole commune keeps otherwise, in order."""
    with door.read() as session:
        return SpecialDaysReply(days=[_day_reply(day) for day in special_days(session, get_commune(session))])


@router.put("/special-days/{on}", responses=answers(401, 403, 409, 413, 422))
def set_day(on: date, asked: SpecialDayRequest, door: Planner) -> SpecialDayReply:
    """Keep a day as special. One that is special already must be cleared first."""
    with door.work() as session:
        day = set_special_day(
            session,
            get_commune(session),
            on=on,
            name=asked.name,
            kind=asked.kind,
            like_weekday=asked.like_weekday,
            now=door.now,
            actor=door.user.username,
        )
        reply = _day_reply(day)
    door.station.nudge()
    return reply


@router.delete("/special-days/{on}", status_code=204, responses=answers(401, 403, 404, 409, 422))
def clear_day_of_commune(on: date, door: Planner) -> Response:
    """Let a day be as any other."""
    with door.work() as session:
        clear_special_day(session, get_commune(session), on, door.now, door.user.username)
    door.station.nudge()
    return Response(status_code=204)


def _draft(asked: EntryRequest) -> EntryDraft:
    return EntryDraft(
        programme_id=asked.programme,
        zones=asked.zones,
        airs_at=asked.airs_at,
        from_on=asked.from_on,
        weekdays=asked.weekdays,
        until_on=asked.until_on,
        dates=asked.dates,
        lunar_days=asked.lunar_days,
        skips_holidays=asked.skips_holidays,
        max_minutes=asked.max_minutes,
        resume_within_minutes=asked.resume_within_minutes,
        late_within_minutes=asked.late_within_minutes,
    )


def reply_of(session: Session, entry: TimetableEntry) -> EntryReply:
    """An entry as the API says it."""
    draft = draft_of_entry(session, entry)
    programme = session.get_one(Programme, entry.programme_id)
    return EntryReply(
        id=row_id(entry.id),
        revision=entry.revision,
        programme=entry.programme_id,
        programme_name=programme.name,
        zones=list(draft.zones),
        airs_at=draft.airs_at,
        weekdays=list(draft.weekdays),
        dates=list(draft.dates),
        lunar_days=list(draft.lunar_days),
        skips_holidays=draft.skips_holidays,
        from_on=draft.from_on,
        until_on=draft.until_on,
        max_minutes=draft.max_minutes,
        resume_within_minutes=draft.resume_within_minutes,
        late_within_minutes=draft.late_within_minutes,
        is_active=entry.is_active,
        changes=[
            DayReply(
                on=one.on,
                is_off=one.is_off,
                airs_at=one.airs_at,
                programme=one.programme_id,
                max_minutes=one.max_minutes,
            )
            for one in changes_of_entry(session, entry)
        ],
    )


def _day_reply(day: SpecialDay) -> SpecialDayReply:
    return SpecialDayReply(on=day.on, name=day.name, kind=day.kind, like_weekday=day.like_weekday)
