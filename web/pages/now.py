"""The first page: what sounds now, what sounds next, what is wrong; and the events that keep it alive."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Query, Response
from markupsafe import Markup

from broadcast.models import HeldPress
from broadcast.second_person import waiting_for
from web.deps import SignedIn
from web.event_stream import event_stream, scope_at
from web.fragments import now_parts, scope_of
from web.live import Part
from web.templating import Page

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class NowPage(Page):
    """The live parts as they are when the page is opened."""

    template: ClassVar[str] = "now.html"
    alarms: Markup
    morning: Markup
    onair: Markup
    nodes: Markup
    coming: Markup
    waiting: Sequence[HeldPress]
    """Emergencies that wait for this person's word."""


@dataclass(frozen=True, kw_only=True)
class MorePage(Page):
    """The whole menu, for a phone."""

    template: ClassVar[str] = "more.html"


@router.get("/")
def show_now(door: SignedIn) -> Response:
    """The page."""
    with door.read() as session:
        parts = now_parts(scope_of(session, door.user))
        waiting = waiting_for(session, door.user, door.now)
    html = {part.name: Markup(text) for part, text in door.station.render_parts(parts).items()}  # noqa: S704 - our own templates
    return door.show(
        NowPage(
            alarms=html["alarms"],
            morning=html["morning"],
            onair=html["onair"],
            nodes=html["nodes"],
            coming=html["coming"],
            waiting=waiting,
        )
    )


@router.get("/them")
def show_more(door: SignedIn) -> Response:
    """The menu."""
    return door.show(MorePage())


@router.get("/truc-tiep")
async def live(door: SignedIn, broadcast: Annotated[str, Query(alias="luot-phat", max_length=100)] = "") -> Response:
    """Server-sent events: each is a part of the page that changed."""
    scope = await asyncio.to_thread(scope_at, door)
    parts = (Part("deliveries", scope, broadcast),) if broadcast else now_parts(scope)
    return event_stream(door, parts)
