"""An emergency after the press: pole by pole, stop, say again, correct, all-clear; and the wait for a second person."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter, Response
from markupsafe import Markup

from broadcast.button import note_refused_decision
from broadcast.errors import BroadcastError, Conflict
from broadcast.models import HeldPress, HeldState, User
from broadcast.permissions import Action, may
from broadcast.phone_tree import numbers_of
from broadcast.press_progress import Progress
from broadcast.presses import Press, emergency_of, words_of
from broadcast.second_person import confirm_press, decline_press, get_held, who_may_confirm
from broadcast.zones import list_zones
from web.auth import new_secret
from web.deps import Door, PostedForm, SignedIn
from web.emergency_view import progress_at
from web.errors import Refusal, refusal_of
from web.event_stream import event_stream, scope_at
from web.fragments import scope_of
from web.live import Part
from web.pages.emergency import press_in, show_confirm
from web.templating import Page

router = APIRouter(prefix="/khan-cap", include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class ProgressPage(Page):
    """An emergency; its poles are a live part."""

    template: ClassVar[str] = "emergency_progress.html"
    progress: Progress
    words: str
    part: Markup
    is_drill: bool
    may_press: bool
    text: str = ""
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class HeldPage(Page):
    """A press that needs a second person."""

    template: ClassVar[str] = "emergency_held.html"
    held: HeldPress
    presser: str
    zones: Sequence[str]
    part: Markup
    confirmers: Sequence[str]
    numbers: Mapping[str, str]
    """Their telephone numbers by name, as far as a phone tree has them."""
    may_confirm: bool
    is_over: bool
    is_drill: bool
    problem: Refusal | None = None


@router.get("/luot/{broadcast_id}")
def show_progress(broadcast_id: str, door: SignedIn) -> Response:
    """The page."""
    return _show(door, broadcast_id)


@router.get("/luot/{broadcast_id}/truc-tiep")
async def live(broadcast_id: str, door: SignedIn) -> Response:
    """Server-sent events: the poles, whenever one of them changed."""
    scope = await asyncio.to_thread(scope_at, door)
    return event_stream(door, [Part("emergency", scope, broadcast_id)], is_urgent=True)


@router.post("/luot/{broadcast_id}/dung")
async def stop(broadcast_id: str, door: SignedIn) -> Response:
    """Silence it. One that has just ended by itself says so."""
    try:
        await door.station.playout.stop(broadcast_id, door.user)
    except Conflict as error:
        return await asyncio.to_thread(_show, door, broadcast_id, "", refusal_of(error))
    return door.go(f"/khan-cap/luot/{broadcast_id}", "da-dung")


@router.post("/luot/{broadcast_id}/tiep")
def follow(broadcast_id: str, form: PostedForm, door: SignedIn) -> Response:
    """Say it again, correct it, or say that it is over: seen and confirmed like every press."""
    typed = press_in(form, new_secret())
    asked = Press(key=typed.key, kind=typed.kind, text=typed.text, follows=broadcast_id)
    try:
        return show_confirm(door, asked)
    except BroadcastError as error:
        return _show(door, broadcast_id, typed.text, refusal_of(error))


@router.get("/cho/{press}")
def show_held(press: str, door: SignedIn) -> Response:
    """A press that waits: for who pressed, and for who may confirm."""
    with door.read() as session:
        held = get_held(session, press, door.user)
    return door.go(f"/khan-cap/luot/{press}") if held.state is HeldState.CONFIRMED else _show_held(door, held)


@router.get("/cho/{press}/truc-tiep")
async def live_held(press: str, door: SignedIn) -> Response:
    """Server-sent events: what becomes of a press that waits."""
    return event_stream(door, [await asyncio.to_thread(_held_part, door, press)], is_urgent=True)


@router.post("/cho/{press}")
def decide(press: str, form: PostedForm, door: SignedIn) -> Response:
    """Let it go on the air, or not."""
    try:
        with door.work() as session:
            user = session.merge(door.user)
            if form.text("act") == "confirm":
                confirm_press(session, press, user, door.now)
            else:
                held = decline_press(session, press, user, door.now)
    except BroadcastError as error:
        with door.work() as session:
            note_refused_decision(session, door.user, press, form.text("act"), error, door.now)
        with door.read() as session:
            held = get_held(session, press, door.user)
        return _show_held(door, held, refusal_of(error))
    door.station.nudge()
    return door.go(f"/khan-cap/luot/{press}") if form.text("act") == "confirm" else _show_held(door, held)


def _show(door: Door, broadcast_id: str, text: str = "", problem: Refusal | None = None) -> Response:
    progress = progress_at(door, broadcast_id)
    with door.read() as session:
        part = Part("emergency", scope_of(session, door.user), broadcast_id)
        words = words_of(session, emergency_of(session, broadcast_id))
    html = door.station.render_parts([part])
    page = ProgressPage(
        progress=progress,
        words=words,
        part=Markup(html.get(part, "")),  # noqa: S704 - our own template
        is_drill=progress.is_drill,
        may_press=may(door.user, Action.RAISE_EMERGENCY),
        text=text,
        problem=problem,
    )
    return door.show(page, problem.status if problem else 200)


def _held_part(door: Door, press: str) -> Part:
    with door.read() as session:
        return Part("held", scope_of(session, door.user), get_held(session, press, door.user).id)


def _show_held(door: Door, held: HeldPress, problem: Refusal | None = None) -> Response:
    with door.read() as session:
        presser = session.get_one(User, held.user_id)
        confirmers = [user.name for user in who_may_confirm(session, held)]
        numbers = numbers_of(session, confirmers)
        part = Part("held", scope_of(session, door.user), held.id)
        zones = [zone.name for zone in list_zones(session) if zone.slug in held.zones]
    page = HeldPage(
        held=held,
        presser=presser.name,
        zones=zones,
        part=Markup(door.station.render_parts([part]).get(part, "")),  # noqa: S704 - our own template
        confirmers=confirmers,
        numbers=numbers,
        may_confirm=held.user_id != door.user.id,
        is_over=held.state is HeldState.DECLINED or door.now >= held.until,
        is_drill=Press.of(held.asked).is_drill,
        problem=problem,
    )
    return door.show(page, problem.status if problem else 200)
