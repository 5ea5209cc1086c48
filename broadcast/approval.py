"""Who may approve a bulletin, by the commune's rule: in their own right or for who is away, never their own."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from broadcast.approval_rules import RULED, approval_rules
from broadcast.delegations import deputies
from broadcast.errors import NotAllowed
from broadcast.models import Bulletin, User
from broadcast.users import list_users
from players.messages import Urgency


@dataclass(frozen=True, slots=True)
class Authority:
    """By what right somebody decides."""

    principal: User | None = None
    """For whom; none in their own right."""


def urgencies_of(session: Session, user: User, now: datetime) -> frozenset[Urgency]:
    """What a user may approve at all, in their own right or as a deputy."""
    if not user.is_active:
        return frozenset()
    rules = approval_rules(session)
    roles = {user.role} | {one.principal.role for one in deputies(session, now, user) if one.deputy.id == user.id}
    return frozenset(urgency for urgency in RULED if roles & rules[urgency])


def authority_over(session: Session, bulletin: Bulletin, user: User, now: datetime) -> Authority:
    """By what right this user decides on this bulletin.

    Raises:
        NotAllowed: by none; they wrote or changed it themselves, or they stand in only for somebody who did.
    """
    roles = approval_rules(session).get(bulletin.urgency, frozenset())
    own = {bulletin.author_id, bulletin.editor_id}
    given = [
        one.principal
        for one in deputies(session, now, user)
        if one.deputy.id == user.id and one.principal.role in roles
    ]
    if not user.is_active or (user.role not in roles and not given):
        raise NotAllowed("role-not-allowed", "Tài khoản của bạn không có quyền duyệt bản tin mức này.")
    if user.id in own:
        raise NotAllowed("own-bulletin", "Không ai tự duyệt bản tin của mình.")
    if user.role in roles:
        return Authority()
    principal = next((one for one in given if one.id not in own), None)
    if principal is None:
        raise NotAllowed(
            "own-bulletin", "Người ủy quyền cho bạn đã viết hoặc sửa bản tin này nên người khác phải duyệt."
        )
    return Authority(principal)


def approvers_of(
    session: Session, urgency: Urgency, now: datetime, apart_from: Collection[int | None] = ()
) -> list[str]:
    """The names of all who could approve a bulletin of this urgency, deputies with whom they stand in for.

    Args:
        session: for reading.
        urgency: of the bulletin.
        now: the present.
        apart_from: ids of who wrote or changed it.
    """
    roles = approval_rules(session).get(urgency, frozenset())
    names = [
        one.name for one in list_users(session) if one.is_active and one.role in roles and one.id not in apart_from
    ]
    for one in deputies(session, now):
        fits = one.principal.role in roles and one.deputy.role not in roles
        if fits and not {one.deputy.id, one.principal.id} & set(apart_from):
            names.append(f"{one.deputy.name} (thay {one.principal.name})")
    return names
