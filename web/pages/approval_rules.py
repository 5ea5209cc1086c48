"""Who approves bulletins of which urgency, and who approves for somebody who is away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Path, Response

from broadcast.approval import approvers_of
from broadcast.approval_rules import MAY_BE_CHOSEN, RULED, approval_rules, set_approval_rules
from broadcast.delegations import (
    LONGEST,
    Deputy,
    delegate,
    deputies,
    end_delegation,
    may_delegate,
    possible_deputies,
)
from broadcast.errors import BroadcastError, InvalidInput
from broadcast.models import Role, User
from broadcast.permissions import Action, may
from players.messages import Urgency
from web.deps import Door, Fields, PostedForm, SignedIn, allowed
from web.errors import Refusal, refusal_of
from web.templating import Page
from web.typed_days import MAX_ID, parse_day

router = APIRouter(include_in_schema=False)
Ruler = Annotated[Door, Depends(allowed(Action.EDIT_RULES))]
DelegationId = Annotated[int, Path(ge=1, le=MAX_ID)]


@dataclass(frozen=True)
class RuleRow:
    """One urgency: its roles, and the people whom that means now."""

    urgency: Urgency
    chosen: frozenset[str]
    approvers: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class ApprovalRulesPage(Page):
    """A form for the rules, the deputies there are, and a form to name one."""

    template: ClassVar[str] = "approval_rules.html"
    rows: Sequence[RuleRow]
    roles: Sequence[Role]
    deputies: Sequence[Deputy]
    may_delegate: bool
    people: Sequence[User]
    deputy: str
    until_on: str
    longest_days: int = LONGEST.days
    problem: Refusal | None = None


@router.get("/quy-tac-duyet")
def show_rules(door: Ruler) -> Response:
    """The page."""
    return _show(door)


@router.post("/quy-tac-duyet")
def keep_rules(form: PostedForm, door: Ruler) -> Response:
    """Set the rules, or name a deputy."""
    try:
        if form.text("act") == "delegate":
            until_on = parse_day(form.text("until_on"), "until_on")
            with door.work() as session:
                delegate(session, door.user, form.text("deputy"), until_on, door.now)
            return door.go("/quy-tac-duyet", "da-uy-quyen")
        with door.work() as session:
            set_approval_rules(session, _rules_in(form), door.user, door.now)
    except BroadcastError as error:
        return _show(door, form, refusal_of(error))
    return door.go("/quy-tac-duyet", "da-luu-quy-tac")


@router.post("/uy-quyen/{delegation_id}/ket-thuc")
def end(delegation_id: DelegationId, door: SignedIn) -> Response:
    """End a delegation early."""
    with door.work() as session:
        end_delegation(session, delegation_id, door.user, door.now)
    return door.go("/quy-tac-duyet" if may(door.user, Action.EDIT_RULES) else "/", "da-ket-thuc-uy-quyen")


def _rules_in(form: Fields) -> dict[Urgency, frozenset[Role]]:
    known = {role.value for role in Role}
    found = {}
    for urgency in RULED:
        typed = form.many(urgency.value)
        if not set(typed) <= known:
            raise InvalidInput("never-approves", "Vai trò này không duyệt bản tin.", urgency.value)
        found[urgency] = frozenset(Role(role) for role in typed)
    return found


def _show(door: Door, form: Fields | None = None, problem: Refusal | None = None) -> Response:
    is_typed = form is not None and form.text("act") != "delegate"
    with door.read() as session:
        stored: Mapping[Urgency, frozenset[Role]] = approval_rules(session)
        rows = [
            RuleRow(
                urgency,
                frozenset(form.many(urgency.value) if form and is_typed else stored[urgency]),
                approvers_of(session, urgency, door.now),
            )
            for urgency in RULED
        ]
        page = ApprovalRulesPage(
            rows=rows,
            roles=MAY_BE_CHOSEN,
            deputies=deputies(session, door.now),
            may_delegate=may_delegate(session, door.user),
            people=possible_deputies(session, door.user),
            deputy=form.text("deputy") if form else "",
            until_on=form.text("until_on") if form else "",
            problem=problem,
        )
    return door.show(page, problem.status if problem else 200)
