"""Who approves bulletins: the commune's rule, and deputies of those who are away."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from sqlmodel import Session
from starlette.responses import Response

from broadcast.approval_rules import Rules, approval_rules, set_approval_rules
from broadcast.delegations import Deputy, delegate, deputies, end_delegation
from broadcast.models import Role, row_id
from broadcast.permissions import Action
from players.messages import Urgency
from web.api.schemas import Sent, SlugText
from web.deps import Door, allowed_to, scoped
from web.errors import answers
from web.typed_days import MAX_ID

router = APIRouter(prefix="/api", tags=["approval"])
Reader = Annotated[Door, Depends(scoped("read"))]
Writer = Annotated[Door, Depends(scoped("write"))]
Ruler = Annotated[Door, Depends(allowed_to(Action.EDIT_RULES))]
DelegationId = Annotated[int, Path(ge=1, le=MAX_ID)]
Roles = Annotated[frozenset[Role], Field(min_length=1)]


class ApprovalRulesBody(Sent):
    """The roles that approve, by urgency; nobody approves their own."""

    normal: Roles
    priority: Roles


class DelegationRequest(Sent):
    """Somebody else approves for the caller, until the end of a day."""

    deputy: SlugText
    until_on: date


class DelegationReply(BaseModel):
    """A delegation that holds."""

    id: int
    principal: str
    deputy: str
    until_on: date


class DelegationsReply(BaseModel):
    """Those that hold, the last made first."""

    delegations: list[DelegationReply]


@router.get("/approval-rules", responses=answers(401, 403))
def read_rules(door: Reader) -> ApprovalRulesBody:
    """Who approves what."""
    with door.read() as session:
        return _body(approval_rules(session))


@router.put("/approval-rules", responses=answers(401, 403, 413, 422))
def keep_rules(asked: ApprovalRulesBody, door: Ruler) -> ApprovalRulesBody:
    """Say who approves what."""
    rules = {Urgency.NORMAL: asked.normal, Urgency.PRIORITY: asked.priority}
    with door.work() as session:
        return _body(set_approval_rules(session, rules, door.user, door.now))


@router.get("/delegations", responses=answers(401, 403))
def read_delegations(door: Reader) -> DelegationsReply:
    """Who approves for whom, until when."""
    with door.read() as session:
        return DelegationsReply(delegations=[_reply(one) for one in deputies(session, door.now)])


@router.post("/delegations", status_code=201, responses=answers(401, 403, 413, 422))
def name_deputy(asked: DelegationRequest, door: Ruler) -> DelegationReply:
    """Name who approves for the caller, in place of one named before."""
    with door.work() as session:
        made = delegate(session, door.user, asked.deputy, asked.until_on, door.now)
        return _find(session, door, row_id(made.id))


@router.delete("/delegations/{delegation_id}", status_code=204, responses=answers(401, 403, 404, 409, 422))
def end(delegation_id: DelegationId, door: Writer) -> Response:
    """End one early: by who gave it, who has it, or the administrator."""
    with door.work() as session:
        end_delegation(session, delegation_id, door.user, door.now)
    return Response(status_code=204)


def _body(rules: Rules) -> ApprovalRulesBody:
    return ApprovalRulesBody(normal=rules[Urgency.NORMAL], priority=rules[Urgency.PRIORITY])


def _find(session: Session, door: Door, delegation_id: int) -> DelegationReply:
    return next(_reply(one) for one in deputies(session, door.now, door.user) if one.delegation.id == delegation_id)


def _reply(one: Deputy) -> DelegationReply:
    return DelegationReply(
        id=row_id(one.delegation.id),
        principal=one.principal.username,
        deputy=one.deputy.username,
        until_on=one.delegation.until_on,
    )
