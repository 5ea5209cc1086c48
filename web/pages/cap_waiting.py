"""A message from outside that waits for a decision: what it says, what would be read out, air it or put it aside."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Path, Response

from broadcast.cap.raising import CANCEL, get_message, set_message_aside, zones_meant
from broadcast.errors import BroadcastError
from broadcast.models import CapMessage, CapState, Source, Zone
from broadcast.permissions import Action
from broadcast.presses import Press, PressKind
from broadcast.typed_text import MAX_EMERGENCY
from broadcast.zones import list_zones
from web.auth import new_secret
from web.deps import Door, PostedForm, SignedIn, allowed
from web.errors import SAID, Refusal, refusal_of
from web.pages.cap_sources import CAP_STATES
from web.pages.emergency import show_confirm
from web.templating import Page

router = APIRouter(prefix="/khan-cap/cap", include_in_schema=False)
MessageId = Annotated[str, Path(max_length=20)]


def decides(door: Annotated[Door, Depends(allowed(Action.RAISE_EMERGENCY))]) -> Door:
    """Let pass who may raise emergencies in the whole commune.

    Raises:
        Refusal: 403, the person may not.
    """
    if door.user.zone_id is not None:
        raise Refusal(403, *SAID[403])
    return door


Decider = Annotated[Door, Depends(decides)]


@dataclass(frozen=True, kw_only=True)
class CapMessagePage(Page):
    """One message."""

    template: ClassVar[str] = "cap_message.html"
    message: CapMessage
    source: Source
    state: str
    is_waiting: bool
    is_cancel: bool
    is_drill: bool
    zones: Sequence[Zone]
    chosen_zones: Sequence[str]
    text: str
    max_chars: int = MAX_EMERGENCY
    problem: Refusal | None = None


@router.get("/{message_id}")
def show_message(message_id: MessageId, door: Decider) -> Response:
    """The page."""
    return _show(door, message_id)


@router.post("/{message_id}")
def confirm(message_id: MessageId, form: PostedForm, door: Decider) -> Response:
    """Show how it will be read, before it cannot be taken back; what was not changed is the template's."""
    with door.read() as session:
        said = get_message(session, message_id).said
    typed = form.text("text").replace("\r\n", "\n").strip()
    asked = Press(
        key=new_secret(),
        kind=PressKind.CAP,
        follows=message_id,
        text="" if typed == said else typed,
        zones=form.many("zones"),
    )
    try:
        return show_confirm(door, asked)
    except BroadcastError as error:
        return _show(door, message_id, refusal_of(error), typed, form.many("zones"))


@router.post("/{message_id}/bo")
def put_aside(message_id: MessageId, form: PostedForm, door: Decider) -> Response:
    """Have it not aired."""
    try:
        with door.work() as session:
            set_message_aside(session, message_id, form.text("reason"), door.user, door.now)
    except BroadcastError as error:
        return _show(door, message_id, refusal_of(error))
    door.station.nudge()
    return door.go("/khan-cap", "da-bo-qua")


def _show(
    door: SignedIn,
    message_id: str,
    problem: Refusal | None = None,
    text: str | None = None,
    chosen: Sequence[str] | None = None,
) -> Response:
    with door.read() as session:
        message = get_message(session, message_id)
        expired = message.expires_at is not None and message.expires_at <= door.now
        page = CapMessagePage(
            message=message,
            source=session.get_one(Source, message.source_id),
            state=CAP_STATES[message.state],
            is_waiting=message.state is CapState.WAITING and not expired,
            is_cancel=message.msg_type == CANCEL,
            is_drill=message.is_drill,
            zones=list_zones(session),
            chosen_zones=zones_meant(session, message) if chosen is None else chosen,
            text=message.said if text is None else text,
            problem=problem,
        )
    return door.show(page, problem.status if problem else 200)
