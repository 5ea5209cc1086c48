"""Placing one bulletin over chosen days, villages and programmes: a campaign in one form."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Annotated, ClassVar, Protocol

from fastapi import APIRouter, Depends, Response
from sqlmodel import Session

from broadcast.bulletins import get_bulletin, zones_of_bulletin
from broadcast.entries import EVERY_DAY
from broadcast.errors import BroadcastError, InvalidInput
from broadcast.models import Bulletin, BulletinState, Placement, row_id
from broadcast.permissions import Action
from broadcast.placements import (
    PLACED_FOR,
    Campaign,
    load_placings,
    place_campaign,
    placements_of,
    programmes_of,
    remove_placement,
)
from broadcast.programmes import list_programmes
from broadcast.reach import Reach, reach_of
from scheduler.advice import ProgrammeAdvice, advice_of_programmes
from scheduler.campaigns import CampaignOutlook, outlook_of_campaign
from web.deps import Door, Fields, PostedForm, allowed
from web.errors import Refusal, refusal_of
from web.planning import plan_programmes
from web.templating import Page
from web.texts import Language, language, told
from web.typed_days import parse_day, parse_whole
from web.words import WEEKDAYS, say_weekdays

router = APIRouter(include_in_schema=False)
Planner = Annotated[Door, Depends(allowed(Action.EDIT_TIMETABLE))]


class Choice(Protocol):
    """A village that can be chosen."""

    slug: str
    name: str


class ProgrammeChoice(Protocol):
    """A programme that can be chosen."""

    id: int | None
    name: str


@dataclass(frozen=True)
class PlacementRow:
    """Where the bulletin is placed, in words, and what becomes of it there; none: it is over."""

    id: int
    programme: str
    said: str
    reach: Reach | None = None


@dataclass(frozen=True, kw_only=True)
class PlacementsPage(Page):
    """Where a bulletin is placed, and the form that places it."""

    template: ClassVar[str] = "placements.html"
    bulletin_id: str
    title: str
    state: BulletinState
    placements: Sequence[PlacementRow]
    programmes: Sequence[ProgrammeChoice]
    zones: Sequence[Choice]
    weekdays: Sequence[str] = WEEKDAYS
    chosen_programmes: Sequence[str] = ()
    chosen_zones: Sequence[str] = ()
    chosen_weekdays: Sequence[str] = tuple(str(day) for day in EVERY_DAY)
    from_on: str = ""
    until_on: str = ""
    times: str = "1"
    outlook: ProgrammeAdvice
    """Of the programmes that it is placed in."""
    ahead: CampaignOutlook | None = None
    """How it would be as the form has it now."""
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class AheadFragment(Page):
    """How it would be as the form has it now; none while that says too little."""

    template: ClassVar[str] = "placing_ahead.html"
    ahead: CampaignOutlook | None


@router.get("/ban-tin/{bulletin_id}/xep")
def show_placements(bulletin_id: str, door: Planner) -> Response:
    """The page."""
    return door.show(_page(door, bulletin_id))


@router.post("/ban-tin/{bulletin_id}/xep")
def act_on_placements(bulletin_id: str, form: PostedForm, door: Planner) -> Response:
    """Place the bulletin, or take it out of a programme."""
    if form.text("act") == "look":
        return _look_ahead(door, bulletin_id, form)
    try:
        with door.work() as session:
            bulletin = get_bulletin(session, bulletin_id, door.user)
            touched = programmes_of(session, bulletin_id)
            if form.text("remove"):
                placement_id = parse_whole(form.text("remove"), "remove")
                remove_placement(session, bulletin, placement_id, door.now, door.user.username)
            else:
                campaign = _campaign_in(form)
                place_campaign(session, bulletin, campaign, door.now, door.user.username)
                touched += campaign.programmes
    except BroadcastError as error:
        problem = refusal_of(error)
        return door.show(replace(_with_typed(_page(door, bulletin_id), form), problem=problem), problem.status)
    plan_programmes(door, touched)
    door.station.nudge()
    return door.go(f"/ban-tin/{bulletin_id}/xep", "da-luu-lich")


@router.post("/ban-tin/{bulletin_id}/xep/uoc")
def reckon_placing(bulletin_id: str, form: PostedForm, door: Planner) -> Response:
    """What placing it so would do, while the form is filled in."""
    try:
        return door.show(AheadFragment(ahead=_ahead(door, bulletin_id, form)))
    except InvalidInput:
        return door.show(AheadFragment(ahead=None))  # the form says what is wrong when it is sent


def _look_ahead(door: Door, bulletin_id: str, form: Fields) -> Response:
    """The same without scripts: the page with what was typed, and what it would do."""
    page = _with_typed(_page(door, bulletin_id), form)
    try:
        return door.show(replace(page, ahead=_ahead(door, bulletin_id, form)))
    except InvalidInput as error:
        problem = refusal_of(error)
        return door.show(replace(page, problem=problem), problem.status)


def _ahead(door: Door, bulletin_id: str, form: Fields) -> CampaignOutlook:
    with door.read() as session:
        bulletin = get_bulletin(session, bulletin_id, door.user)
        return outlook_of_campaign(session, bulletin, _campaign_in(form), door.now)


def say_placement(placement: Placement, zone_names: dict[int | None, str]) -> str:
    """`từ 01/06/2026 đến 03/06/2026, Hằng ngày, đọc 2 lần, Thôn Đông`."""
    said = [told(f"từ {placement.from_on:%d/%m/%Y}")]
    if placement.until_on is not None:
        said[0] += told(f" đến {placement.until_on:%d/%m/%Y}")
    days = say_weekdays(placement.weekdays)
    said.append(days.lower() if language() is Language.VIETNAMESE else days)
    if placement.times > 1:
        said.append(told(f"đọc {placement.times} lần"))
    said += [zone_names.get(zone_id, "") for zone_id in placement.zone_ids]
    return ", ".join(said)


def placement_rows(session: Session, bulletin: Bulletin, today: date) -> list[PlacementRow]:
    """Where a bulletin is placed, the earliest first."""
    names = {zone.id: zone.name for zone in zones_of_bulletin(session, bulletin.id)}
    reach = reach_of(session, load_placings(session, today, Placement.bulletin_id == bulletin.id), today)
    return [
        PlacementRow(id_, programme.name, say_placement(placement, names), reach.get(id_))
        for placement, programme in placements_of(session, bulletin.id)
        for id_ in (row_id(placement.id),)
    ]


def _campaign_in(form: Fields) -> Campaign:
    return Campaign(
        programmes=[parse_whole(text, "programmes") for text in form.many("programmes")],
        from_on=parse_day(form.text("from_on"), "from_on"),
        until_on=parse_day(form.text("until_on"), "until_on"),
        weekdays=[parse_whole(text, "weekdays") for text in form.many("weekdays")],
        zones=form.many("zones"),
        times=parse_whole(form.text("times"), "times"),
    )


def _page(door: Door, bulletin_id: str) -> PlacementsPage:
    today = door.now.astimezone(door.zone).date()
    with door.read() as session:
        bulletin = get_bulletin(session, bulletin_id, door.user)
        zones = zones_of_bulletin(session, bulletin_id)
        return PlacementsPage(
            bulletin_id=bulletin_id,
            title=bulletin.title,
            state=bulletin.state,
            placements=placement_rows(session, bulletin, today),
            programmes=list_programmes(session),
            zones=zones,
            chosen_zones=[zone.slug for zone in zones],
            from_on=today.isoformat(),
            until_on=(today + PLACED_FOR - timedelta(days=1)).isoformat(),
            outlook=advice_of_programmes(session, programmes_of(session, bulletin_id), door.now),
        )


def _with_typed(page: PlacementsPage, form: Fields) -> PlacementsPage:
    if form.text("remove"):
        return page
    return replace(
        page,
        chosen_programmes=form.many("programmes"),
        chosen_zones=form.many("zones"),
        chosen_weekdays=form.many("weekdays"),
        from_on=form.text("from_on"),
        until_on=form.text("until_on"),
        times=form.text("times"),
    )
