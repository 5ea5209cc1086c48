"""The emergency button for programs and for the phone's page: press, see what came of it."""

from typing import Annotated

from fastapi import APIRouter, Depends

from broadcast.permissions import Action, require
from broadcast.policy import Check, policy_of
from broadcast.prepared import fill, list_prepared
from broadcast.zones import zones_open_to
from web.api.emergency_schemas import (
    BoardMessage,
    BoardReply,
    BoardZone,
    EmergencyMade,
    EmergencyRequest,
    PoleReply,
    ProgressReply,
)
from web.auth import Wait
from web.deps import Door, scoped
from web.emergency_view import progress_at
from web.errors import answers
from web.pages.sign_in import too_many

router = APIRouter(prefix="/api/emergencies", tags=["emergencies"])
Reader = Annotated[Door, Depends(scoped("read"))]
Writer = Annotated[Door, Depends(scoped("write"))]


@router.post("", status_code=201, responses=answers(401, 403, 404, 409, 413, 422, 429))
def call_out(asked: EmergencyRequest, door: Writer) -> EmergencyMade:
    """Press the emergency button: it sounds at once, above everything else. One key is one press, sent twice too."""
    try:
        pressed = door.station.presses.press(door.user, asked.press(), asked.pin, door.now)
    except Wait as error:
        raise too_many(error) from error
    door.station.nudge()
    return EmergencyMade(
        state="raised" if pressed.is_raised else "waiting", press=pressed.id, broadcast=pressed.broadcast_id
    )


@router.get("/board", responses=answers(401, 403))
def read_board(door: Reader) -> BoardReply:
    """What a phone keeps so that the button is there without a network."""
    require(door.user, Action.RAISE_EMERGENCY)
    with door.read() as session:
        checks = policy_of(session).checks
        messages = [
            BoardMessage(key=one.key, title=one.title, said=fill(one), needs_pin=checks[one.severity] is Check.PIN)
            for one in list_prepared(session)
        ]
        zones = [BoardZone(slug=zone.slug, name=zone.name) for zone in zones_open_to(session, door.user)]
    return BoardReply(username=door.user.username, csrf=door.visitor.csrf, zones=zones, messages=messages)


@router.get("/{broadcast_id}", responses=answers(401, 403, 404, 422))
def read_progress(broadcast_id: str, door: Reader) -> ProgressReply:
    """An emergency pole by pole."""
    progress = progress_at(door, broadcast_id)
    return ProgressReply(
        broadcast=progress.row.id,
        title=progress.row.title,
        state=progress.row.state,
        reason=progress.row.reason,
        is_drill=progress.is_drill,
        is_final=progress.row.is_final,
        sounded=progress.sounded,
        total=progress.total,
        poles=[
            PoleReply(
                node=pole.row.node,
                name=pole.row.node_name,
                step=pole.step,
                reason=pole.row.reason,
                reason_text=pole.row.why,
                started_at=pole.row.started_at,
            )
            for pole in progress.poles
        ],
    )
