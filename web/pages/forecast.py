"""The next 24 hours, as one pole or one village will sound them, to be heard beforehand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, ClassVar

from fastapi import APIRouter, Query, Response
from sqlmodel import Session

from broadcast.errors import BroadcastError, NotFound
from broadcast.models import User
from broadcast.nodes import get_node, zones_of_node
from broadcast.views import NodeRow, node_rows
from broadcast.zones import zones_open_to
from scheduler.forecast import Line, lines_of_node, lines_of_zones
from web.deps import Door, SignedIn
from web.errors import Refusal, refusal_of
from web.templating import Page
from web.typed_days import parse_minute

router = APIRouter(include_in_schema=False)
AHEAD = timedelta(days=1)
_Asked = Annotated[str, Query(max_length=60)]


@dataclass(frozen=True)
class Choice:
    """A village or a pole that can be asked about."""

    slug: str
    name: str


@dataclass(frozen=True, kw_only=True)
class ForecastPage(Page):
    """What will sound, in order; and what sounds at the asked minute, if one was asked."""

    template: ClassVar[str] = "forecast.html"
    zones: Sequence[Choice]
    nodes: Sequence[Choice]
    zone: str
    node: str
    minute: str
    where: str
    lines: Sequence[Line] = ()
    asked_at: datetime | None = None
    sounding: Line | None = None
    problem: Refusal | None = None


@router.get("/24-gio-toi")
def show_forecast(door: SignedIn, thon: _Asked = "", loa: _Asked = "", luc: _Asked = "") -> Response:
    """The page: `thon` a village, or `loa` a pole; `luc` a time of day."""
    with door.read() as session:
        zones = [Choice(zone.slug, zone.name) for zone in zones_open_to(session, door.user)]
        page = ForecastPage(
            zones=zones,
            nodes=[Choice(row.slug, row.name) for row in _poles(session, door.user)],
            zone=thon or ("" if loa or not zones else zones[0].slug),
            node=loa,
            minute=luc,
            where="",
        )
        try:
            where, lines = _asked(session, door, page.zone, loa)
            asked_at = next_time(luc, door) if luc else None
        except BroadcastError as error:
            problem = refusal_of(error)
            return door.show(replace(page, problem=problem), problem.status)
    sounding = next((line for line in lines if asked_at is not None and is_heard_at(line, asked_at)), None)
    return door.show(replace(page, where=where, lines=lines, asked_at=asked_at, sounding=sounding))


def next_time(minute: str, door: Door) -> datetime:
    """The next time the clock shows that minute.

    Raises:
        InvalidInput: there is no such time of day.
    """
    local = door.now.astimezone(door.zone)
    at = datetime.combine(local.date(), parse_minute(minute, "luc"), door.zone)
    return at if at >= local.replace(second=0, microsecond=0) else at + timedelta(days=1)


def is_heard_at(line: Line, at: datetime) -> bool:
    """Whether it sounds at some time of that minute."""
    if line.sounds_at is None or line.ends_at is None:
        return False
    return line.sounds_at < at + timedelta(minutes=1) and line.ends_at > at


def _poles(session: Session, user: User) -> list[NodeRow]:
    """The poles a user may ask about: a village head his village's."""
    own = {zone.slug for zone in zones_open_to(session, user)}
    return [row for row in node_rows(session) if not row.is_revoked and own & set(row.zone_slugs)]


def _asked(session: Session, door: Door, zone: str, node: str) -> tuple[str, list[Line]]:
    until = door.now + AHEAD
    own = zones_open_to(session, door.user)
    if node:
        pole = get_node(session, node)
        if not {one.id for one in own} & {one.id for one in zones_of_node(session, pole)}:
            raise NotFound("no-node", "Không có cụm loa này.")
        return pole.name, lines_of_node(session, node, door.now, until)
    chosen = [one for one in own if one.slug == zone]
    if zone and not chosen:
        raise NotFound("no-zone", "Không có khu vực này.")
    return ", ".join(one.name for one in chosen), lines_of_zones(session, chosen, door.now, until)
