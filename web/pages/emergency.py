"""The emergency button: choose or type, see how it will be read and where, hold to send; then pole by pole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Query, Response
from sqlmodel import Session

from broadcast.button import needed_check
from broadcast.cap.raising import messages_in
from broadcast.emergency_repeats import next_airings
from broadcast.errors import BroadcastError, NotAllowed
from broadcast.models import CapMessage, CapState, HeldPress, PreparedMessage, Zone
from broadcast.permissions import Action, may
from broadcast.policy import Check, policy_of
from broadcast.prepared import Slot, get_prepared, list_prepared, slots_of
from broadcast.press_progress import Progress
from broadcast.presses import Press, PressKind, read_press
from broadcast.second_person import waiting_for
from broadcast.typed_text import MAX_EMERGENCY
from broadcast.zones import zones_open_to
from web.auth import Wait, new_secret
from web.deps import Door, Fields, PostedForm, SignedIn, allowed
from web.emergency_part import VillageRow, villages_of
from web.emergency_view import recent_at
from web.errors import Refusal, refusal_of
from web.pages.compose import read_script
from web.pages.sign_in import too_many
from web.reading import Reading
from web.teaching import Taught
from web.templating import Page

router = APIRouter(prefix="/khan-cap", include_in_schema=False)
Caller = Annotated[Door, Depends(allowed(Action.RAISE_EMERGENCY))]
IsDrill = Annotated[bool, Query(alias="dien-tap")]
_SLOT = "slot-"
_PIN_CODES = ("pin-needed", "pin-wrong", "pin-expired", "pin-unset")


@dataclass(frozen=True, kw_only=True)
class EmergencyPage(Page):
    """The buttons, what is going on, and a form for other words."""

    template: ClassVar[str] = "emergency.html"
    messages: Sequence[PreparedMessage]
    zones: Sequence[Zone]
    villages: Sequence[VillageRow]
    chosen_zones: Sequence[str]
    recent: Sequence[Progress]
    said_again: Mapping[str, datetime]
    """When what is repeated until its all-clear comes next, by its first airing."""
    waiting: Sequence[HeldPress]
    reported: Sequence[CapMessage]
    is_drill: bool
    may_edit: bool
    text: str = ""
    max_chars: int = MAX_EMERGENCY
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class MessagePage(Page):
    """A prepared message's slots."""

    template: ClassVar[str] = "emergency_message.html"
    message: PreparedMessage
    slots: Sequence[Slot]
    typed: Mapping[str, str]
    zones: Sequence[Zone]
    chosen_zones: Sequence[str]
    is_drill: bool
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class ConfirmPage(Page):
    """How it will be read and where, before it cannot be taken back."""

    template: ClassVar[str] = "emergency_confirm.html"
    asked: Press
    words: str
    villages: Sequence[VillageRow]
    check: Check
    confirm_minutes: int
    is_drill: bool
    reading: Reading | None
    taught: Taught | None = None
    problem: Refusal | None = None


@router.get("")
def show_emergency(door: Caller, *, is_drill: IsDrill = False) -> Response:
    """The page."""
    return _show(door, Press(key="", is_drill=is_drill))


@router.get("/tin/{key}")
def show_message(key: str, door: Caller, *, is_drill: IsDrill = False) -> Response:
    """A prepared message."""
    return _show_message(door, Press(key="", template=key, is_drill=is_drill))


@router.post("/xem-truoc")
def confirm(form: PostedForm, door: Caller) -> Response:
    """Show how it will be read. The key makes pressing twice one emergency; the phone makes its own."""
    asked = press_in(form, new_secret())
    try:
        return show_confirm(door, asked)
    except NotAllowed as error:  # its field is the village
        problem = Refusal(422, error.code, "Bạn chỉ được phát ở thôn mình.", "zones")
    except BroadcastError as error:
        problem = refusal_of(error)
    return _show_message(door, asked, problem) if asked.template else _show(door, asked, problem)


@router.post("")
def press(form: PostedForm, door: SignedIn) -> Response:
    """Press. Everybody's press comes here: a refused one is in the audit log too."""
    asked = press_in(form, form.text("key"))
    try:
        pressed = door.station.presses.press(door.user, asked, form.text("pin"), door.now)
    except Wait as error:
        return _show_again(door, asked, too_many(error))
    except BroadcastError as error:
        return _show_again(door, asked, refusal_of(error))
    door.station.nudge()
    return door.go(f"/khan-cap/luot/{pressed.id}" if pressed.is_raised else f"/khan-cap/cho/{pressed.id}")


def show_confirm(door: Door, asked: Press, problem: Refusal | None = None) -> Response:
    """The last page before it sounds.

    Raises:
        BroadcastError: as `broadcast.presses.read_press`.
    """
    with door.read() as session:
        meant = read_press(session, door.user, asked)
        check = needed_check(session, door.user, asked)
        minutes = policy_of(session).confirm_minutes
        villages = villages_of(door.station, session, meant.zones)
    page = ConfirmPage(
        asked=asked,
        words=meant.said,
        villages=villages,
        check=check,
        confirm_minutes=minutes,
        is_drill=meant.is_drill,
        reading=read_script(door, meant.said),
        problem=problem,
    )
    return door.show(page, problem.status if problem else 200, problem.headers if problem else None)


def press_in(form: Fields, key: str) -> Press:
    """The press that a form asks for."""
    kinds = [kind for kind in PressKind if kind == form.text("kind")]
    return Press(
        key=key,
        kind=kinds[0] if kinds else PressKind.ALERT,
        zones=form.many("zones"),
        text=form.text("text"),
        template=form.text("template"),
        slots=form.starting_with(_SLOT),
        follows=form.text("follows"),
        is_drill=form.text("drill") == "1",
    )


def _show_again(door: Door, asked: Press, problem: Refusal) -> Response:
    """A press that was refused: what was asked for is still there where the person can mend it."""
    if problem.code in _PIN_CODES:
        problem = Refusal(problem.status, problem.code, problem.message, "pin")
    elif problem.code != "too-many-tries":
        raise problem
    return show_confirm(door, asked, problem)


def _show(door: Door, asked: Press, problem: Refusal | None = None) -> Response:
    with door.read() as session:
        zones = zones_open_to(session, door.user)
        page = EmergencyPage(
            messages=list_prepared(session),
            zones=zones,
            villages=villages_of(door.station, session, zones),
            chosen_zones=_chosen(zones, asked),
            recent=recent_at(door, session),
            said_again=next_airings(session, door.now),
            waiting=waiting_for(session, door.user, door.now),
            reported=_reported(door, session),
            is_drill=asked.is_drill,
            may_edit=may(door.user, Action.EDIT_PREPARED),
            text=asked.text,
            problem=problem,
        )
    return door.show(page, problem.status if problem else 200)


def _reported(door: Door, session: Session) -> list[CapMessage]:
    """What sources outside say and waits for a decision, for who decides for the whole commune."""
    if door.user.zone_id is not None:
        return []
    rows = [message for message, _ in messages_in(session, [CapState.WAITING])]
    return [row for row in rows if row.expires_at is None or row.expires_at > door.now]


def _show_message(door: Door, asked: Press, problem: Refusal | None = None) -> Response:
    with door.read() as session:
        message = get_prepared(session, asked.template)
        zones = zones_open_to(session, door.user)
    page = MessagePage(
        message=message,
        slots=slots_of(message),
        typed=asked.slots,
        zones=zones,
        chosen_zones=_chosen(zones, asked),
        is_drill=asked.is_drill,
        problem=problem,
    )
    return door.show(page, problem.status if problem else 200)


def _chosen(zones: Sequence[Zone], asked: Press) -> Sequence[str]:
    return asked.zones or ([zones[0].slug] if len(zones) == 1 else ())
