"""The first page: what sounds now, what sounds next, what is wrong; and the events that keep it alive."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Query, Response
from markupsafe import Markup
from sse_starlette import EventSourceResponse

from broadcast.users import session_user
from web.auth import cookie_name
from web.deps import Door, SignedIn
from web.errors import SAID, Refusal
from web.fragments import now_parts, scope_of
from web.live import Part, TooManyClients
from web.templating import Page

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class NowPage(Page):
    """The live parts as they are when the page is opened."""

    template: ClassVar[str] = "now.html"
    alarms: Markup
    onair: Markup
    nodes: Markup
    coming: Markup


@dataclass(frozen=True, kw_only=True)
class MorePage(Page):
    """The whole menu, for a phone."""

    template: ClassVar[str] = "more.html"


@router.get("/")
def show_now(door: SignedIn) -> Response:
    """The page."""
    with door.read() as session:
        parts = now_parts(scope_of(session, door.user))
    html = {part.name: Markup(text) for part, text in door.station.render_parts(parts).items()}  # noqa: S704 - our own templates
    return door.show(NowPage(alarms=html["alarms"], onair=html["onair"], nodes=html["nodes"], coming=html["coming"]))


@router.get("/them")
def show_more(door: SignedIn) -> Response:
    """The menu."""
    return door.show(MorePage())


@router.get("/truc-tiep")
async def live(door: SignedIn, broadcast: Annotated[str, Query(alias="luot-phat", max_length=100)] = "") -> Response:
    """Server-sent events: each is a part of the page that changed."""
    scope = await asyncio.to_thread(_scope, door)
    parts = (Part("deliveries", scope, broadcast),) if broadcast else now_parts(scope)
    feed = door.station.live
    try:
        events = feed.events(parts, lambda: _is_still_signed_in(door))
    except TooManyClients as error:
        raise Refusal(503, *SAID[503], headers={"retry-after": "30"}) from error
    return EventSourceResponse(events, ping=3600, send_timeout=30, headers={"cache-control": "no-store"})


def _scope(door: Door) -> str:
    with door.read() as session:
        return scope_of(session, door.user)


def _is_still_signed_in(door: Door) -> bool:
    cookie = door.request.cookies.get(cookie_name(is_secure=door.station.settings.http.is_secure), "")
    with door.read() as session:
        return session_user(session, cookie, door.station.clock()) is not None
