"""Alarms: what is wrong, what was and nobody knows of yet, and who has what in hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar

import anyio.from_thread
from fastapi import APIRouter, Depends, Path, Response

from broadcast.alarms import MAX_NOTE, acknowledge, alarms_seen_by, past_alarms_seen_by
from broadcast.errors import InvalidInput
from broadcast.models import Alarm, NoticeChannel
from broadcast.notify import NotifyFailed
from broadcast.permissions import Action, may
from broadcast.users import names_of_users
from web.deps import Door, PostedForm, SignedIn, allowed
from web.errors import Refusal, refusal_of
from web.templating import Page

router = APIRouter(prefix="/canh-bao", include_in_schema=False)
Responsible = Annotated[Door, Depends(allowed(Action.ACKNOWLEDGE_ALARMS))]
Administrator = Annotated[Door, Depends(allowed(Action.MANAGE_USERS))]
AlarmId = Annotated[int, Path(ge=1, le=2**53)]
PAST_SHOWN_FOR = timedelta(days=7)
_SENT = {NoticeChannel.WEBHOOK: "da-thu-webhook", NoticeChannel.MAIL: "da-thu-thu"}


@dataclass(frozen=True, kw_only=True)
class AlarmsPage(Page):
    """The alarms that stand, those of the last week, and (for the administrator) who is told."""

    template: ClassVar[str] = "alarms.html"
    waiting: Sequence[Alarm]
    known: Sequence[Alarm]
    past: Sequence[Alarm]
    names: dict[int, str]
    """Who has acknowledged."""
    max_note: int = MAX_NOTE
    may_try: bool
    channels: Sequence[NoticeChannel]
    problem: Refusal | None = None


@router.get("")
def show_alarms(door: SignedIn) -> Response:
    """The page."""
    return _show(door)


@router.post("/{alarm_id}/da-biet")
def know(alarm_id: AlarmId, form: PostedForm, door: Responsible) -> Response:
    """Somebody knows of it."""
    try:
        with door.work() as session:
            acknowledge(session, alarm_id, door.user, form.text("note"), door.station.notifier.channels, door.now)
    except InvalidInput as error:
        return _show(door, refusal_of(error))
    door.station.alarms_changed()
    return door.go("/canh-bao", "da-biet")


@router.post("/gui-thu/{channel}")
def try_out(channel: NoticeChannel, door: Administrator) -> Response:
    """Send a test, and say whether it went out."""
    try:
        anyio.from_thread.run(door.station.notifier.try_out, channel)
    except NotifyFailed as error:
        return _show(door, Refusal(502, "not-sent", f"Không gửi được: {error}"))
    return door.go("/canh-bao", _SENT[channel])


def _show(door: Door, problem: Refusal | None = None) -> Response:
    with door.read() as session:
        standing = alarms_seen_by(session, door.user)
        past = past_alarms_seen_by(session, door.user, door.now - PAST_SHOWN_FOR)
        names = names_of_users(session)
    page = AlarmsPage(
        waiting=[alarm for alarm in standing if alarm.acknowledged_at is None],
        known=[alarm for alarm in standing if alarm.acknowledged_at is not None],
        past=past,
        names=names,
        may_try=may(door.user, Action.MANAGE_USERS),
        channels=sorted(door.station.notifier.channels),
        problem=problem,
    )
    return door.show(page, problem.status if problem else 200)
