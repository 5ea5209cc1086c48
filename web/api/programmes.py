"""Programmes, the weather line, and where bulletins are placed."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from sqlmodel import Session
from starlette.responses import Response

from broadcast.bulletins import get_bulletin
from broadcast.communes import get_commune
from broadcast.models import Placement, Programme, Zone, row_id
from broadcast.permissions import Action
from broadcast.placements import Campaign, place_campaign, placements_of, remove_placement
from broadcast.programme_parts import ProgrammePartDraft, parts_of_programme, set_weather
from broadcast.programmes import ProgrammeDraft, add_programme, edit_programme, get_programme, list_programmes
from players.messages import OnFailure
from web.api.entries import Planner, Reader
from web.api.programme_schemas import (
    CampaignRequest,
    PartBody,
    PlacementReply,
    PlacementsReply,
    ProgrammeChangeRequest,
    ProgrammeReply,
    ProgrammeRequest,
    ProgrammesReply,
    WeatherRequest,
)
from web.deps import Door, allowed_to
from web.errors import answers
from web.relayed import require_elsewhere
from web.typed_days import MAX_ID

router = APIRouter(prefix="/api", tags=["timetable"])
Id = Annotated[int, Path(ge=1, le=MAX_ID)]
ERRORS = answers(401, 403, 404, 409, 413, 422)


Editor = Annotated[Door, Depends(allowed_to(Action.EDIT_PROGRAMMES))]


@router.get("/programmes", responses=answers(401, 403))
def read_programmes(door: Reader) -> ProgrammesReply:
    """All programmes by name."""
    with door.read() as session:
        return ProgrammesReply(programmes=[reply_of(session, programme) for programme in list_programmes(session)])


@router.post("/programmes", status_code=201, responses=answers(401, 403, 409, 413, 422))
def add(asked: ProgrammeRequest, door: Editor) -> ProgrammeReply:
    """Add a programme."""
    draft = _draft(asked, door)
    with door.work() as session:
        return reply_of(session, add_programme(session, get_commune(session), draft, door.now, door.user))


@router.get("/programmes/{programme_id}", responses=answers(401, 403, 404, 422))
def read_programme(programme_id: Id, door: Reader) -> ProgrammeReply:
    """One of them."""
    with door.read() as session:
        return reply_of(session, get_programme(session, programme_id))


@router.put("/programmes/{programme_id}", responses=ERRORS)
def change(programme_id: Id, asked: ProgrammeChangeRequest, door: Editor) -> ProgrammeReply:
    """Change a programme that is still at the revision that was read; what is planned follows at once."""
    draft = _draft(asked, door)
    with door.work() as session:
        changed = edit_programme(session, programme_id, asked.revision, draft, door.now, door.user)
        reply = reply_of(session, changed)
    door.station.nudge()
    return reply


@router.put("/weather/{on}", status_code=204, responses=answers(401, 403, 409, 413, 422))
def keep_weather(on: date, asked: WeatherRequest, door: Planner) -> Response:
    """Say what the weather is on a day, for the slot of greetings; an empty text takes it back."""
    with door.work() as session:
        set_weather(session, on, asked.text, door.now, door.user.username)
    door.station.nudge()
    return Response(status_code=204)


@router.get("/bulletins/{bulletin_id}/placements", responses=answers(401, 403, 404, 422))
def read_placements(bulletin_id: str, door: Reader) -> PlacementsReply:
    """Where a bulletin is placed, the earliest first."""
    with door.read() as session:
        get_bulletin(session, bulletin_id, door.user)
        return _placements(session, bulletin_id)


@router.post("/bulletins/{bulletin_id}/placements", status_code=201, responses=ERRORS)
def place(bulletin_id: str, asked: CampaignRequest, door: Planner) -> PlacementsReply:
    """Place a bulletin over chosen days, villages and programmes, beside where it is already."""
    campaign = Campaign(
        programmes=asked.programmes,
        from_on=asked.from_on,
        until_on=asked.until_on,
        weekdays=asked.weekdays,
        zones=asked.zones,
        times=asked.times,
    )
    with door.work() as session:
        bulletin = get_bulletin(session, bulletin_id, door.user)
        place_campaign(session, bulletin, campaign, door.now, door.user.username)
        reply = _placements(session, bulletin_id)
    door.station.nudge()
    return reply


@router.delete("/bulletins/{bulletin_id}/placements/{placement_id}", status_code=204, responses=ERRORS)
def take_out(bulletin_id: str, placement_id: Id, door: Planner) -> Response:
    """Take a bulletin out of a programme again."""
    with door.work() as session:
        bulletin = get_bulletin(session, bulletin_id, door.user)
        remove_placement(session, bulletin, placement_id, door.now, door.user.username)
    door.station.nudge()
    return Response(status_code=204)


def _draft(asked: ProgrammeRequest, door: Door) -> ProgrammeDraft:
    parts = [
        ProgrammePartDraft(
            part.kind,
            part.text,
            part.recording,
            url=part.url,
            minutes=part.minutes,
            starts_after_minutes=part.starts_after_minutes,
            on_failure=part.on_failure,
        )
        for part in asked.parts
    ]
    require_elsewhere(parts, door.station.settings)
    return ProgrammeDraft(asked.name, parts, asked.when_empty)


def reply_of(session: Session, programme: Programme) -> ProgrammeReply:
    """A programme as the API says it."""
    return ProgrammeReply(
        id=row_id(programme.id),
        revision=programme.revision,
        name=programme.name,
        when_empty=programme.when_empty,
        parts=[
            PartBody(
                kind=part.kind,
                text=part.text,
                recording=part.recording_id,
                url=part.stream_url or "",
                minutes=(part.lasts_s or 0) // 60,
                starts_after_minutes=None if part.starts_after_s is None else part.starts_after_s // 60,
                on_failure=part.on_failure or OnFailure.SILENCE,
            )
            for part in parts_of_programme(session, row_id(programme.id))
        ],
    )


def _placements(session: Session, bulletin_id: str) -> PlacementsReply:
    return PlacementsReply(placements=[_placement(session, one) for one, _ in placements_of(session, bulletin_id)])


def _placement(session: Session, placement: Placement) -> PlacementReply:
    zones = [zone.slug for id_ in placement.zone_ids if (zone := session.get(Zone, id_)) is not None]
    return PlacementReply(
        id=row_id(placement.id),
        programme=placement.programme_id,
        from_on=placement.from_on,
        until_on=placement.until_on,
        weekdays=placement.weekdays,
        zones=zones,
        times=placement.times,
    )
