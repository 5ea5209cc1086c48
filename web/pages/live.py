"""Speaking live into the phone or the computer: choose the village, press, speak after the chime, stop."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Response

from broadcast.errors import BroadcastError
from broadcast.models import Zone
from broadcast.permissions import Action
from broadcast.zones import zones_open_to
from web.deps import Door, PostedForm, allowed
from web.guard import permissions_policy
from web.talks import LiveWish, open_talk
from web.templating import Page

router = APIRouter(prefix="/phat-truc-tiep", include_in_schema=False)
Caller = Annotated[Door, Depends(allowed(Action.SPEAK_LIVE))]


@dataclass(frozen=True, kw_only=True)
class SpeakPage(Page):
    """Where to speak; the rest is done by the browser."""

    template: ClassVar[str] = "speak.html"
    zones: Sequence[Zone]
    minutes: int
    key: str
    """Names the press of the form's button: sent twice it is one announcement."""
    error: str = ""
    chosen: frozenset[str] = frozenset()


@router.get("")
def show_speaking(door: Caller) -> Response:
    """The page."""
    return _page(door)


@router.post("")
async def speak_at_the_office(door: Caller, fields: PostedForm) -> Response:
    """Have the microphone at the office heard; the announcement's own page stops it."""
    zones = tuple(fields.many("zones"))
    try:
        live = await open_talk(door, LiveWish(zones=zones, key=fields.text("key"), is_office=True))
    except BroadcastError as error:
        return await asyncio.to_thread(_page, door, 409, error.message, frozenset(zones))
    return door.go(f"/luot-phat/{live.broadcast_id}")


def _page(door: Door, status: int = 200, error: str = "", chosen: frozenset[str] = frozenset()) -> Response:
    with door.read() as session:
        zones = zones_open_to(session, door.user)
    page = SpeakPage(
        zones=zones,
        minutes=door.station.settings.streams.live_minutes,
        key=token_urlsafe(24),
        error=error,
        chosen=chosen or frozenset(zone.slug for zone in zones if len(zones) == 1),
    )
    return door.show(page, status, {"permissions-policy": permissions_policy(microphone="self")})
