"""The address of the timetable for calendars, made for one person, and the feed behind it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from broadcast.communes import get_commune, local_zone
from broadcast.db import reading
from broadcast.users import make_token, token_user
from broadcast.zones import list_zones, zones_open_to
from scheduler.forecast import load_lines
from web.calendar_feed import make_calendar
from web.deps import SignedIn, StationDep
from web.errors import SAID, Refusal
from web.templating import Page

router = APIRouter(include_in_schema=False)
feed_router = APIRouter(include_in_schema=False)
SCOPE = "calendar"
LASTS = timedelta(days=366)
AHEAD = timedelta(days=31)
MEDIA_TYPE = "text/calendar; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class CalendarPage(Page):
    """How to get the address, and the address itself, once."""

    template: ClassVar[str] = "calendar.html"
    address: str = ""


@router.get("/lich-dien-thoai")
def show_calendar(door: SignedIn) -> Response:
    """The page."""
    return door.show(CalendarPage())


@router.post("/lich-dien-thoai")
def make_address(door: SignedIn, request: Request) -> Response:
    """A new address. It reads the timetable and nothing else, for a year."""
    with door.work() as session:
        token = make_token(session, door.user, "Lịch điện thoại", [SCOPE], LASTS, door.now)
    return door.show(CalendarPage(address=f"{request.url_for('send_feed')}?ma={token}"))


@feed_router.get("/lich-phat.ics")
def send_feed(station: StationDep, ma: Annotated[str, Query(max_length=200)] = "") -> Response:
    """The coming month of the villages its owner may see. Without the right `ma` there is nothing here."""
    now = station.clock()
    with reading(station.engine) as session:
        found = token_user(session, ma, now)
        if found is None or SCOPE not in found[1].scopes:
            raise Refusal(404, *SAID[404])
        commune, own = get_commune(session), {zone.slug for zone in zones_open_to(session, found[0])}
        lines = [line for line in load_lines(session, now, now + AHEAD) if own & set(line.zones)]
        names = {zone.slug: zone.name for zone in list_zones(session)}
        feed = make_calendar(lines, commune.name, commune.slug, names, local_zone(commune), now)
    return Response(feed, media_type=MEDIA_TYPE)
