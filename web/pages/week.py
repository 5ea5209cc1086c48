"""The week of one village as a grid, lengths to scale; and what sounds there at a moment."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, ClassVar

from fastapi import APIRouter, Query, Response

from broadcast.entries import FIRST_DAY, LAST_DAY
from broadcast.errors import InvalidInput, NotFound
from broadcast.permissions import Action, may
from broadcast.windows import say_windows
from broadcast.zones import zones_open_to
from scheduler.week import DAYS, Block, Week, load_week, meant_for, sounding_at
from web.deps import SignedIn
from web.errors import Refusal, refusal_of
from web.guard import content_policy
from web.templating import Page
from web.typed_days import parse_day, parse_minute
from web.week_grid import Column, Grid, lay_out

router = APIRouter(include_in_schema=False)
_Asked = Annotated[str, Query(max_length=60)]


@dataclass(frozen=True)
class Choice:
    """A village that can be chosen."""

    slug: str
    name: str


@dataclass(frozen=True)
class Answer:
    """What sounds at the asked minute: `sounding`, or what should (`meant`), and what comes `next`."""

    at: datetime
    sounding: Block | None
    meant: Block | None
    next: Block | None


@dataclass(frozen=True, kw_only=True)
class WeekPage(Page):
    """Seven days of a village."""

    template: ClassVar[str] = "week.html"
    zones: Sequence[Choice]
    zone: str
    zone_name: str
    first: date
    chosen: date
    today: date
    minute: str
    answer: Answer | None
    windows: str
    grid: Grid
    columns: Sequence[Column]
    troubles: Sequence[Block]
    before: date
    after: date
    has_poles: bool
    may_edit: bool
    nonce: str
    problem: Refusal | None = None


@router.get("/lich-phat/tuan")
def show_week(door: SignedIn, thon: _Asked = "", tu: _Asked = "", ngay: _Asked = "", luc: _Asked = "") -> Response:
    """The page: `thon` a village; `tu` the first day; `ngay` the day shown on a phone and asked about; `luc` when."""
    today = door.now.astimezone(door.zone).date()
    problem, minute = None, None
    try:
        first, chosen = _days(tu, ngay, today)
        minute = parse_minute(luc, "luc") if luc else None
    except InvalidInput as error:
        first, chosen, problem = today, today, refusal_of(error)
    with door.read() as session:
        zones = zones_open_to(session, door.user)
        zone = next((one for one in zones if one.slug == thon or not thon), None)
        if zone is None:
            raise NotFound("no-zone", "Không có khu vực này.")
        week = load_week(session, zone, first, door.now)
    asked_at = datetime.combine(chosen, minute, door.zone) if minute is not None else None
    grid, columns = lay_out(week, door.zone, asked_at)
    nonce = secrets.token_urlsafe(16)
    page = WeekPage(
        zones=[Choice(one.slug, one.name) for one in zones],
        zone=zone.slug,
        zone_name=zone.name,
        first=first,
        chosen=chosen,
        today=today,
        minute=luc,
        answer=answer_at(week, asked_at) if asked_at is not None else None,
        windows=say_windows(week.windows),
        grid=grid,
        columns=columns,
        troubles=[one for day in week.days for one in day.blocks if one.fate == "trouble"],
        before=max(first - timedelta(days=DAYS), FIRST_DAY),
        after=min(first + timedelta(days=DAYS), LAST_DAY),
        has_poles=week.has_poles,
        may_edit=may(door.user, Action.EDIT_TIMETABLE),
        nonce=nonce,
        problem=problem,
    )
    # Where each block stands is a rule of style of its own: the page's, and no other's.
    headers = {"content-security-policy": content_policy({"style-src": f"'self' 'nonce-{nonce}'"})}
    return door.show(page, problem.status if problem else 200, headers)


def answer_at(week: Week, at: datetime) -> Answer:
    """What is heard in the village at that minute."""
    blocks = [one for day in week.days for one in day.blocks]
    later = [one for one in blocks if one.line.sounds_at is not None and one.starts_at > at]
    sounding = sounding_at(blocks, at)
    meant = None if sounding else meant_for(blocks, at)
    return Answer(at, sounding, meant, min(later, key=lambda one: one.starts_at, default=None))


def _days(first_text: str, chosen_text: str, today: date) -> tuple[date, date]:
    """The week's first day and the chosen one: the week moves to where the chosen day is."""
    first = parse_day(first_text, "tu") if first_text else today
    chosen = parse_day(chosen_text, "ngay") if chosen_text else max(first, min(today, first + timedelta(days=DAYS - 1)))
    if not first <= chosen < first + timedelta(days=DAYS):
        first = today if today <= chosen < today + timedelta(days=DAYS) else chosen
    if not FIRST_DAY <= first <= LAST_DAY:
        raise InvalidInput("day-out-of-range", f"Chọn ngày từ năm {FIRST_DAY.year} đến {LAST_DAY.year}.", "ngay")
    return first, chosen
