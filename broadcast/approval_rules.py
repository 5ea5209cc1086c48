"""Which roles approve bulletins of which urgency: a setting of the commune. Emergencies have their own rule."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlmodel import Session, select

from broadcast.audit import record
from broadcast.communes import get_commune
from broadcast.errors import InvalidInput
from broadcast.models import ApprovalRule, Role, User, row_id
from broadcast.permissions import Action, require
from players.messages import Urgency

RULED = (Urgency.NORMAL, Urgency.PRIORITY)
"""What is written and approved; an emergency is aired on one person's word (`broadcast.emergency`)."""
MAY_BE_CHOSEN = (Role.LEADER, Role.ADMINISTRATOR, Role.OFFICER)
_WITHOUT_A_RULE = frozenset({Role.LEADER})

Rules = Mapping[Urgency, frozenset[Role]]


def approval_rules(session: Session) -> Rules:
    """The roles that approve, by urgency."""
    query = select(ApprovalRule).where(ApprovalRule.commune_id == get_commune(session).id)
    stored = {rule.urgency: frozenset(Role(role) for role in rule.roles) for rule in session.exec(query)}
    return {urgency: stored.get(urgency, _WITHOUT_A_RULE) for urgency in RULED}


def set_approval_rules(session: Session, rules: Mapping[Urgency, Collection[Role]], user: User, now: datetime) -> Rules:
    """Say which roles approve; an urgency that is not named keeps its rule.

    Raises:
        NotAllowed: the user's role does not set rules.
        InvalidInput: an urgency has no role, or one that never approves.
    """
    require(user, Action.EDIT_RULES)
    before = approval_rules(session)
    for urgency, roles in rules.items():
        if urgency not in RULED:
            raise InvalidInput("own-rule", "Tin khẩn cấp có quy tắc riêng, không duyệt trước.", "emergency")
        if not roles:
            raise InvalidInput("no-approver", "Chọn ít nhất một vai trò được duyệt.", urgency.value)
        if not set(roles) <= set(MAY_BE_CHOSEN):
            raise InvalidInput("never-approves", "Vai trò này không duyệt bản tin.", urgency.value)
        commune_id = row_id(get_commune(session).id)
        rule = session.get(ApprovalRule, (commune_id, urgency)) or ApprovalRule(
            commune_id=commune_id, urgency=urgency, roles=[]
        )
        rule.roles = [role.value for role in MAY_BE_CHOSEN if role in roles]
        session.add(rule)
    session.flush()
    after = approval_rules(session)
    if after != before:
        said = {"before": _said(before), "after": _said(after)}
        record(session, now, user.username, "set-approval-rules", get_commune(session).slug, said)
    return after


def _said(rules: Rules) -> dict[str, list[str]]:
    return {urgency.value: sorted(role.value for role in roles) for urgency, roles in rules.items()}
