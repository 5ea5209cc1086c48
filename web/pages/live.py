"""Speaking live into the phone or the computer: choose the village, press, speak after the chime, stop."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Response

from broadcast.models import Zone
from broadcast.permissions import Action
from broadcast.zones import zones_open_to
from web.deps import Door, allowed
from web.guard import permissions_policy
from web.templating import Page

router = APIRouter(prefix="/phat-truc-tiep", include_in_schema=False)
Caller = Annotated[Door, Depends(allowed(Action.SPEAK_LIVE))]


@dataclass(frozen=True, kw_only=True)
class SpeakPage(Page):
    """Where to speak; the rest is done by the browser."""

    template: ClassVar[str] = "speak.html"
    zones: Sequence[Zone]
    minutes: int


@router.get("")
def show_speaking(door: Caller) -> Response:
    """The page."""
    with door.read() as session:
        zones = zones_open_to(session, door.user)
    headers = {"permissions-policy": permissions_policy(microphone="self")}
    return door.show(SpeakPage(zones=zones, minutes=door.station.settings.streams.live_minutes), headers=headers)
