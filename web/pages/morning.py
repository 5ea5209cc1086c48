"""The check of the morning: what will not sound until noon, pole by pole, and what to do."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Response

from broadcast.morning_checks import latest_result
from broadcast.permissions import Action
from broadcast.views import node_rows
from web.deps import Door, SignedIn, allowed
from web.fragments import EVERYTHING, scope_of
from web.mornings import MorningView, view_of
from web.templating import Page

router = APIRouter(prefix="/kiem-tra-sang", include_in_schema=False)
Responsible = Annotated[Door, Depends(allowed(Action.ACKNOWLEDGE_ALARMS))]


@dataclass(frozen=True, kw_only=True)
class MorningPage(Page):
    """What was found last."""

    template: ClassVar[str] = "morning.html"
    view: MorningView | None
    hour: str
    """When it is checked by itself."""


@router.get("")
def show_morning(door: SignedIn) -> Response:
    """The page."""
    with door.read() as session:
        result, scope = latest_result(session), scope_of(session, door.user)
        village = None if scope == EVERYTHING else scope
        view = None if result is None else view_of(session, result, village, node_rows(session), door.zone)
    return door.show(MorningPage(view=view, hour=f"{door.station.settings.notify.morning_at:%H:%M}"))


@router.post("")
def check(door: Responsible) -> Response:
    """Check now."""
    door.station.morning.check_now()
    door.station.alarms_changed()
    return door.go("/kiem-tra-sang", "da-kiem-tra")
