"""The emergency button: type, see and hear how it will be read, confirm once; then pole by pole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Response

from broadcast.emergency import raise_emergency
from broadcast.errors import BroadcastError, InvalidInput
from broadcast.models import Zone
from broadcast.permissions import Action
from broadcast.typed_text import MAX_EMERGENCY, clean_text
from broadcast.zones import zones_by_slug, zones_open_to
from web.auth import new_secret
from web.deps import Door, Fields, PostedForm, allowed
from web.errors import Refusal, refusal_of
from web.pages.compose import read_script
from web.reading import Reading
from web.teaching import Taught
from web.templating import Page

router = APIRouter(prefix="/khan-cap", include_in_schema=False)
Caller = Annotated[Door, Depends(allowed(Action.RAISE_EMERGENCY))]


@dataclass(frozen=True, kw_only=True)
class EmergencyPage(Page):
    """What to say, and where."""

    template: ClassVar[str] = "emergency.html"
    zones: Sequence[Zone]
    chosen_zones: Sequence[str]
    text: str = ""
    max_chars: int = MAX_EMERGENCY
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class ConfirmPage(Page):
    """How it will be read, before it cannot be taken back."""

    template: ClassVar[str] = "emergency_confirm.html"
    text: str
    zones: Sequence[Zone]
    key: str
    reading: Reading | None
    taught: Taught | None = None


@router.get("")
def show_emergency(door: Caller) -> Response:
    """The form."""
    return _show(door, "", ())


@router.post("/xem-truoc")
def confirm(form: PostedForm, door: Caller) -> Response:
    """Show how it will be read. The key makes pressing twice one emergency."""
    text = form.text("text")
    try:
        clean = clean_text(text, "text", max_chars=MAX_EMERGENCY)
        with door.read() as session:
            zones = zones_by_slug(session, form.many("zones"))
            own = {zone.slug for zone in zones_open_to(session, door.user)}
        if not {zone.slug for zone in zones} <= own:
            raise InvalidInput("not-your-village", "Bạn chỉ được phát ở thôn mình.", "zones")
    except BroadcastError as error:
        return _show(door, text, form.many("zones"), refusal_of(error))
    return door.show(ConfirmPage(text=clean, zones=zones, key=new_secret(), reading=read_script(door, clean)))


@router.post("")
def raise_it(form: PostedForm, door: Caller) -> Response:
    """Raise the emergency."""
    try:
        broadcast_id = _raise(door, form)
    except BroadcastError as error:
        return _show(door, form.text("text"), form.many("zones"), refusal_of(error))
    door.station.nudge()
    return door.go(f"/luot-phat/{broadcast_id}")


def _raise(door: Door, form: Fields) -> str:
    with door.work() as session:
        made = raise_emergency(session, door.user, form.many("zones"), form.text("text"), door.now, form.text("key"))
        return made.id


def _show(door: Door, text: str, chosen: Sequence[str], problem: Refusal | None = None) -> Response:
    with door.read() as session:
        zones = zones_open_to(session, door.user)
    page = EmergencyPage(
        zones=zones,
        chosen_zones=chosen or ([zones[0].slug] if len(zones) == 1 else ()),
        text=text,
        problem=problem,
    )
    return door.show(page, problem.status if problem else 200)
