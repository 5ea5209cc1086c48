"""Bulletins: written, changed, submitted, approved or returned, withdrawn."""

from typing import Annotated

from fastapi import APIRouter, Depends
from sqlmodel import Session

from broadcast.bulletin_parts import PartDraft, parts_of_bulletin
from broadcast.bulletins import (
    BulletinDraft,
    approve_bulletin,
    edit_bulletin,
    get_bulletin,
    list_bulletins,
    return_bulletin,
    submit_bulletin,
    withdraw_bulletin,
    write_bulletin,
    zones_of_bulletin,
)
from broadcast.models import Bulletin, BulletinState
from broadcast.placements import programmes_of
from broadcast.views import broadcasts_of_bulletin
from players.messages import Urgency
from web.api.schemas import (
    Approval,
    BulletinChange,
    BulletinReply,
    BulletinRequest,
    BulletinsReply,
    PartReply,
    Return,
)
from web.deps import Door, scoped
from web.errors import answers
from web.typed_bulletin import Draft

router = APIRouter(prefix="/api/bulletins", tags=["bulletins"])
Reader = Annotated[Door, Depends(scoped("read"))]
Writer = Annotated[Door, Depends(scoped("write"))]
ERRORS = answers(401, 403, 404, 409, 413, 422)


@router.get("", responses=answers(401, 403, 422))
def read_bulletins(door: Reader, state: BulletinState | None = None) -> BulletinsReply:
    """The bulletins the caller may see, the last edited first."""
    with door.read() as session:
        found = list_bulletins(session, door.user, state)
        return BulletinsReply(bulletins=[reply_of(session, bulletin) for bulletin in found])


@router.post("", status_code=201, responses=answers(401, 403, 413, 422))
def write(asked: BulletinRequest, door: Writer) -> BulletinReply:
    """Keep a new draft."""
    with door.work() as session:
        return reply_of(session, write_bulletin(session, door.user, now=door.now, **_typed(asked)))


@router.get("/{bulletin_id}", responses=answers(401, 403, 404, 422))
def read_bulletin(bulletin_id: str, door: Reader) -> BulletinReply:
    """One of them."""
    with door.read() as session:
        return reply_of(session, get_bulletin(session, bulletin_id, door.user))


@router.put("/{bulletin_id}", responses=ERRORS)
def change(bulletin_id: str, asked: BulletinChange, door: Writer) -> BulletinReply:
    """Change a bulletin that is still at the revision that was read."""
    draft = BulletinDraft(**_typed(asked))
    with door.work() as session:
        bulletin = edit_bulletin(session, bulletin_id, door.user, asked.revision, door.now, draft)
        return reply_of(session, bulletin)


@router.post("/{bulletin_id}/submit", responses=ERRORS)
def submit(bulletin_id: str, door: Writer) -> BulletinReply:
    """Hand it to the leaders."""
    with door.work() as session:
        return reply_of(session, submit_bulletin(session, bulletin_id, door.user, door.now))


@router.post("/{bulletin_id}/approve", responses=ERRORS)
def approve(bulletin_id: str, asked: Approval, door: Writer) -> BulletinReply:
    """Let the text of that revision be aired."""
    with door.work() as session:
        bulletin = approve_bulletin(session, bulletin_id, door.user, asked.revision, door.now, was_heard=asked.heard)
        reply = reply_of(session, bulletin)
    door.station.nudge()
    return reply


@router.post("/{bulletin_id}/return", responses=ERRORS)
def give_back(bulletin_id: str, asked: Return, door: Writer) -> BulletinReply:
    """Give it back to its author, saying why."""
    with door.work() as session:
        return reply_of(session, return_bulletin(session, bulletin_id, door.user, asked.reason, door.now))


@router.post("/{bulletin_id}/withdraw", responses=ERRORS)
def withdraw(bulletin_id: str, door: Writer) -> BulletinReply:
    """Take it back for good; what has not begun is cancelled."""
    with door.work() as session:
        reply = reply_of(session, withdraw_bulletin(session, bulletin_id, door.user, door.now))
    door.station.nudge()
    return reply


def _typed(asked: BulletinRequest) -> Draft:
    return Draft(
        title=asked.title,
        script=asked.script,
        urgency=Urgency(asked.urgency),
        zones=asked.zones,
        airs_at=asked.airs_at,
        airs_now=asked.airs_now,
        programmes=asked.programmes,
        is_read_twice=asked.is_read_twice,
        parts=[PartDraft(part.script or "", part.recording) for part in asked.parts],
    )


def reply_of(session: Session, bulletin: Bulletin) -> BulletinReply:
    """A bulletin as the API says it."""
    return BulletinReply(
        id=bulletin.id,
        title=bulletin.title,
        script=bulletin.script,
        urgency=bulletin.urgency,
        state=bulletin.state,
        revision=bulletin.revision,
        zones=[zone.slug for zone in zones_of_bulletin(session, bulletin.id)],
        airs_now=bulletin.airs_now,
        airs_at=bulletin.airs_at,
        programmes=programmes_of(session, bulletin.id),
        is_read_twice=bulletin.is_read_twice,
        parts=[
            PartReply(
                kind=part.kind,
                script=part.script or None,
                recording=part.recording or None,
                name=part.name or None,
                language=part.language or None,
                clip_sha256=part.clip or None,
            )
            for part in parts_of_bulletin(session, bulletin)
        ],
        return_reason=bulletin.return_reason,
        broadcasts=[row.id for row in broadcasts_of_bulletin(session, bulletin.id)],
    )
