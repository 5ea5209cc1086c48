"""Moving one time of an entry: what would meet what is shown before anything is kept, for that day and for every week.

Dragging in the grid comes here too: the drop is this page's address.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, ClassVar
from urllib.parse import quote

from fastapi import APIRouter, Query, Response
from sqlmodel import Session

from broadcast.airtime import refresh_coming
from broadcast.entries import MAX_MINUTES, draft_of_entry, get_entry
from broadcast.errors import BroadcastError, InvalidInput
from broadcast.programmes import get_programme
from broadcast.rules import apply_rules
from scheduler.advice import Advice, advice_for
from scheduler.moves import Move, move_every_week, move_one_day
from scheduler.planner import plan_entries
from web.deps import Door, Fields, PostedForm
from web.errors import Refusal, refusal_of
from web.pages.entries import Planner
from web.templating import Page
from web.typed_days import parse_day, parse_minute, parse_whole

router = APIRouter(include_in_schema=False)
_Asked = Annotated[str, Query(max_length=60)]
_Act = Callable[[Session, int, int, Move, datetime, str], None]
ACTS: dict[str, tuple[str, _Act]] = {
    "day": ("Chỉ ngày này", move_one_day),
    "week": ("Mọi tuần", move_every_week),
}


@dataclass(frozen=True)
class Choice:
    """One of the two ways to move it: what it would meet, or why it cannot be."""

    act: str
    label: str
    advice: Sequence[Advice] = ()
    refusal: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class Typed:
    """The form as it was typed or dragged."""

    entry: str = ""
    revision: str = ""
    on: str = ""
    to_on: str = ""
    airs_at: str = ""
    max_minutes: str = ""
    zone: str = ""


@dataclass(frozen=True, kw_only=True)
class WeekMovePage(Page, Typed):
    """Where it goes, and what that would mean."""

    template: ClassVar[str] = "week_move.html"
    title: str
    day: date
    choices: Sequence[Choice]
    longest: int = MAX_MINUTES
    problem: Refusal | None = None


@router.get("/lich-phat/tuan/doi")
def show_move(
    door: Planner,
    lich: _Asked = "",
    ban: _Asked = "",
    ngay: _Asked = "",
    sang: _Asked = "",
    gio: _Asked = "",
    phut: _Asked = "",
    thon: _Asked = "",
) -> Response:
    """The page: entry `lich` at revision `ban`, its time on `ngay`, to `sang` at `gio`, `phut` minutes at most."""
    typed = Typed(entry=lich, revision=ban, on=ngay, to_on=sang, airs_at=gio, max_minutes=phut, zone=thon)
    return _show(door, typed)


@router.post("/lich-phat/tuan/doi")
def keep_move(form: PostedForm, door: Planner) -> Response:
    """Move it, on that day or in every week."""
    typed = typed_in(form)
    if form.text("act") not in ACTS:
        raise Refusal(422, "unknown-act", "Không rõ phải làm gì với lịch phát.", "act")
    _, act = ACTS[form.text("act")]
    try:
        entry_id, revision, move = _move_in(typed)
        with door.work() as session:
            act(session, entry_id, revision, move, door.now, door.user.username)
            # So that the grid, which comes next, shows it moved, and what the rules say of it now.
            plan_entries(session, [entry_id], door.now)
            refresh_coming(session, door.now, apply_rules(session, door.now))
    except BroadcastError as error:
        refusal = refusal_of(error)
        if refusal.status == 404:
            raise
        return _show(door, typed, refusal)
    door.station.replan(entry_id)
    return door.go(f"/lich-phat/tuan?thon={quote(typed.zone)}&ngay={move.to_on.isoformat()}&da=da-luu-lich")


def typed_in(form: Fields) -> Typed:
    """The posted form."""
    names = {"entry": "lich", "revision": "ban", "on": "ngay", "to_on": "sang", "airs_at": "gio", "max_minutes": "phut"}
    return Typed(**{name: form.text(field) for name, field in names.items()}, zone=form.text("thon"))


def _move_in(typed: Typed) -> tuple[int, int, Move]:
    """What was typed: the entry, the revision that was read, the move.

    Raises:
        InvalidInput: a field is no day, time or number.
    """
    minutes = parse_whole(typed.max_minutes, "phut") if typed.max_minutes.strip() else None
    move = Move(
        on=parse_day(typed.on, "ngay"),
        to_on=parse_day(typed.to_on, "sang"),
        airs_at=parse_minute(typed.airs_at, "gio"),
        max_minutes=minutes,
    )
    return parse_whole(typed.entry, "lich"), parse_whole(typed.revision, "ban"), move


def _show(door: Door, typed: Typed, problem: Refusal | None = None) -> Response:
    entry_id = parse_whole(typed.entry, "lich")
    day = parse_day(typed.on, "ngay")
    with door.read() as session:
        entry = get_entry(session, entry_id)
        draft = draft_of_entry(session, entry)
        title = get_programme(session, entry.programme_id).name
    filled = Typed(
        entry=typed.entry,
        revision=typed.revision or str(entry.revision),
        on=typed.on,
        to_on=typed.to_on or typed.on,
        airs_at=typed.airs_at or f"{draft.airs_at:%H:%M}",
        max_minutes=typed.max_minutes if typed.airs_at else str(draft.max_minutes or ""),
        zone=typed.zone,
    )
    choices: Sequence[Choice] = ()
    try:
        if typed.airs_at and problem is None:
            choices = [_try(door, key, *_move_in(filled)) for key in ACTS]
    except InvalidInput as error:
        problem = problem or refusal_of(error)
    page = WeekMovePage(**vars(filled), title=title, day=day, choices=choices, problem=problem)
    return door.show(page, problem.status if problem else 200)


def _try(door: Door, key: str, entry_id: int, revision: int, move: Move) -> Choice:
    """What it would mean: done as it would be, looked at, and undone."""
    label, act = ACTS[key]
    try:
        with door.work() as session:
            act(session, entry_id, revision, move, door.now, door.user.username)
            advice = advice_for(session, entry_id, door.now)
            session.rollback()
    except BroadcastError as error:
        return Choice(key, label, refusal=refusal_of(error))
    return Choice(key, label, advice)
