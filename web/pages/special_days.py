"""The commune's special days, and the public holidays that are coming."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, ClassVar, Protocol

from fastapi import APIRouter, Depends, Response

from broadcast.communes import get_commune
from broadcast.entries import LAST_DAY, special_days
from broadcast.errors import BroadcastError, InvalidInput
from broadcast.models import SpecialDayKind
from broadcast.permissions import Action
from broadcast.special_days import clear_special_day, set_special_day
from broadcast.vietnamese_days import holiday_name, lunar_day, say_lunar
from web.deps import Door, Fields, PostedForm, allowed
from web.errors import Refusal, refusal_of
from web.templating import Page
from web.typed_days import parse_day, parse_whole
from web.words import WEEKDAYS

router = APIRouter(include_in_schema=False)
Planner = Annotated[Door, Depends(allowed(Action.EDIT_TIMETABLE))]
HOLIDAYS_AHEAD = timedelta(days=120)
DAY_KINDS = {
    SpecialDayKind.MOURNING: "Ngày để tang: chỉ phát tin khẩn cấp",
    SpecialDayKind.LIKE_WEEKDAY: "Phát theo lịch của ngày khác trong tuần",
}


class DayLike(Protocol):
    """A special day as the list shows it."""

    on: date
    name: str
    kind: SpecialDayKind
    like_weekday: int | None


@dataclass(frozen=True)
class Holiday:
    """A public holiday, with its lunar day."""

    on: date
    name: str
    lunar: str


@dataclass(frozen=True, kw_only=True)
class SpecialDaysPage(Page):
    """The list, the form, and the holidays."""

    template: ClassVar[str] = "special_days.html"
    days: Sequence[DayLike]
    holidays: Sequence[Holiday]
    kinds: dict[SpecialDayKind, str]
    weekdays: Sequence[str] = WEEKDAYS
    on: str = ""
    name: str = ""
    kind: str = SpecialDayKind.MOURNING.value
    like_weekday: str = ""
    problem: Refusal | None = None


@router.get("/ngay-dac-biet")
def show_days(door: Planner) -> Response:
    """The page."""
    return _show(door)


@router.post("/ngay-dac-biet")
def act_on_days(form: PostedForm, door: Planner) -> Response:
    """Set a day, or clear it."""
    try:
        _act(form, door)
    except BroadcastError as error:
        return _show(door, form, refusal_of(error))
    door.station.nudge()
    return door.go("/ngay-dac-biet", "da-luu-lich")


def _act(form: Fields, door: Door) -> None:
    on, actor = parse_day(form.text("on"), "on"), door.user.username
    with door.work() as session:
        commune = get_commune(session)
        if form.text("act") == "clear":
            clear_special_day(session, commune, on, door.now, actor)
            return
        if form.text("kind") not in {kind.value for kind in SpecialDayKind}:
            raise InvalidInput("unknown-kind", "Chọn loại ngày đặc biệt.", "kind")
        kind, weekday = SpecialDayKind(form.text("kind")), form.text("like_weekday")
        follows = kind is SpecialDayKind.LIKE_WEEKDAY and weekday
        set_special_day(
            session,
            commune,
            on=on,
            name=form.text("name"),
            kind=kind,
            like_weekday=parse_whole(weekday, "like_weekday") if follows else None,
            now=door.now,
            actor=actor,
        )


def _show(door: Door, form: Fields | None = None, problem: Refusal | None = None) -> Response:
    today = door.now.astimezone(door.zone).date()
    with door.read() as session:
        page = SpecialDaysPage(
            days=[day for day in special_days(session, get_commune(session)) if day.on >= today],
            holidays=holidays_from(today),
            kinds=DAY_KINDS,
            on=form.text("on") if form else "",
            name=form.text("name") if form else "",
            kind=form.text("kind") if form else SpecialDayKind.MOURNING.value,
            like_weekday=form.text("like_weekday") if form else "",
            problem=problem,
        )
    return door.show(page, problem.status if problem else 200)


def holidays_from(today: date) -> list[Holiday]:
    """The public holidays of the coming months."""
    days = (today + timedelta(days=n) for n in range(HOLIDAYS_AHEAD.days))
    return [
        Holiday(day, name, say_lunar(lunar_day(day)))
        for day in days
        if day <= LAST_DAY and (name := holiday_name(day)) is not None
    ]
