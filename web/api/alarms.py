"""Alarms: what is wrong until somebody has acknowledged it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import AwareDatetime, BaseModel

from broadcast.alarms import acknowledge, alarms_seen_by
from broadcast.models import Alarm, AlarmKind
from broadcast.users import names_of_users
from web.api.schemas import Sent, ShortText
from web.deps import Door, scoped
from web.errors import answers

router = APIRouter(prefix="/api/alarms", tags=["alarms"])
Reader = Annotated[Door, Depends(scoped("read"))]
Writer = Annotated[Door, Depends(scoped("write"))]
AlarmId = Annotated[int, Path(ge=1, le=2**53)]


class AlarmReply(BaseModel):
    """One thing that is wrong, or was and nobody has acknowledged."""

    id: int
    kind: AlarmKind
    subject: str
    """The pole, the broadcast or the part of the server; empty: the server."""
    is_bad: bool
    title: str
    detail: str
    zones: list[str]
    first_seen_at: AwareDatetime
    last_seen_at: AwareDatetime
    over_since: AwareDatetime | None
    times: int
    acknowledged_at: AwareDatetime | None
    acknowledged_by: str | None
    note: str


class AlarmsReply(BaseModel):
    """The unacknowledged first, the worst and latest first."""

    alarms: list[AlarmReply]


class AcknowledgeRequest(Sent):
    """Somebody has it in hand."""

    note: ShortText = ""


@router.get("", responses=answers(401, 403))
def read_alarms(door: Reader) -> AlarmsReply:
    """What is wrong, and what was and nobody has acknowledged; a village head's are those of the village."""
    with door.read() as session:
        names = names_of_users(session)
        return AlarmsReply(alarms=[_reply(alarm, names) for alarm in alarms_seen_by(session, door.user)])


@router.post("/{alarm_id}/acknowledge", responses=answers(401, 403, 404, 409, 413, 422))
def know(alarm_id: AlarmId, asked: AcknowledgeRequest, door: Writer) -> AlarmReply:
    """Say that somebody knows of it. Twice changes nothing."""
    with door.work() as session:
        channels = door.station.notifier.channels
        alarm = acknowledge(session, alarm_id, door.user, asked.note, channels, door.now)
        reply = _reply(alarm, names_of_users(session))
    door.station.alarms_changed()
    return reply


def _reply(alarm: Alarm, names: dict[int, str]) -> AlarmReply:
    fields = alarm.model_dump(exclude={"commune_id", "acknowledged_by_id"})
    by = None if alarm.acknowledged_by_id is None else names.get(alarm.acknowledged_by_id)
    return AlarmReply.model_validate(fields | {"acknowledged_by": by})
