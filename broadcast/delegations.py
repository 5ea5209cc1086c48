"""Deputies: somebody who may approve bulletins and will be away names who approves for them, until the end of a day.

A deputy has the right of one person only, and only their own right can be given: it is never passed on.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlmodel import Session, col, or_, select

from broadcast.approval_rules import approval_rules
from broadcast.audit import record
from broadcast.communes import get_commune, local_zone
from broadcast.errors import Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.models import Delegation, Role, User, row_id
from broadcast.permissions import Action, may
from broadcast.users import list_users

LONGEST = timedelta(days=92)
"""A deputy for longer than this is named again: what nobody remembers is not left standing."""


@dataclass(frozen=True, slots=True)
class Deputy:
    """A delegation that holds, with its two people."""

    delegation: Delegation
    principal: User
    deputy: User


def may_delegate(session: Session, user: User) -> bool:
    """Whether a user approves anything in their own right: only that can be given."""
    return user.is_active and any(user.role in roles for roles in approval_rules(session).values())


def possible_deputies(session: Session, user: User) -> list[User]:
    """Whom a user may name, by name: everybody else who works for the commune."""
    return [one for one in list_users(session) if one.is_active and one.id != user.id and not _is_head(one)]


def delegate(session: Session, user: User, deputy: str, until_on: date, now: datetime) -> Delegation:
    """Name a deputy, from now until the end of a day of the commune; in place of one named before.

    Args:
        session: a writing session.
        user: who will be away.
        deputy: the other's username.
        until_on: the last day.
        now: the present.

    Raises:
        NotAllowed: the user has no right of their own to give.
        InvalidInput: the other cannot be named, or the day is past or too far.
    """
    if not may_delegate(session, user):
        raise NotAllowed("nothing-to-delegate", "Chỉ người có quyền duyệt của mình mới ủy quyền; không ủy quyền lại.")
    named = next((one for one in possible_deputies(session, user) if one.username == deputy), None)
    if named is None:
        raise InvalidInput("unknown-deputy", "Chọn một người khác trong danh sách.", "deputy")
    today = _today(session, now)
    if not today <= until_on <= today + LONGEST:
        raise InvalidInput("bad-end", f"Chọn ngày cuối từ hôm nay đến {LONGEST.days} ngày tới.", "until_on")
    for known in _held_by(session, user):
        _end(session, known, now, user)
    made = Delegation(principal_id=row_id(user.id), deputy_id=row_id(named.id), until_on=until_on, created_at=now)
    session.add(made)
    session.flush()
    said = {"deputy": named.username, "until_on": until_on.isoformat()}
    record(session, now, user.username, "delegate-approval", user.username, said)
    return made


def end_delegation(session: Session, delegation_id: int, user: User, now: datetime) -> Delegation:
    """End one early: for who gave it, who has it, and the administrator.

    Raises:
        NotFound: there is no such delegation.
        NotAllowed: it is not this user's to end.
        Conflict: it has ended already.
    """
    found = session.get(Delegation, delegation_id)
    if found is None:
        raise NotFound("no-delegation", "Không có ủy quyền này.")
    if user.id not in {found.principal_id, found.deputy_id} and not may(user, Action.MANAGE_USERS):
        raise NotAllowed("not-your-delegation", "Chỉ người ủy quyền, người được ủy quyền hoặc quản trị được kết thúc.")
    if found.ended_at is not None or found.until_on < _today(session, now):
        raise Conflict("already-ended", "Ủy quyền này đã kết thúc.")
    _end(session, found, now, user)
    return found


def end_overdue(session: Session, now: datetime) -> list[int]:
    """Write down which delegations have ended by themselves; their ids."""
    overdue = has_overdue(session, now)
    for one in overdue:
        _end(session, one, now, None)
    return [row_id(one.id) for one in overdue]


def has_overdue(session: Session, now: datetime) -> list[Delegation]:
    """Delegations whose last day is over and which nobody has ended: to be asked often, for it only reads."""
    query = select(Delegation).where(col(Delegation.ended_at).is_(None), Delegation.until_on < _today(session, now))
    return list(session.exec(query.order_by(col(Delegation.id))))


def deputies(session: Session, now: datetime, of: User | None = None) -> list[Deputy]:
    """The delegations that hold, the last made first; with `of` those in which this user has a part.

    One holds no longer when its day is over, also while nobody has written that down, or when one of the two is locked
    out.
    """
    query = select(Delegation).where(col(Delegation.ended_at).is_(None), Delegation.until_on >= _today(session, now))
    if of is not None:
        query = query.where(or_(Delegation.principal_id == of.id, Delegation.deputy_id == of.id))
    found = []
    for one in session.exec(query.order_by(col(Delegation.created_at).desc(), col(Delegation.id))).all():
        principal, deputy = session.get_one(User, one.principal_id), session.get_one(User, one.deputy_id)
        if principal.is_active and deputy.is_active:
            found.append(Deputy(one, principal, deputy))
    return found


def _held_by(session: Session, user: User) -> list[Delegation]:
    query = select(Delegation).where(Delegation.principal_id == user.id, col(Delegation.ended_at).is_(None))
    return list(session.exec(query))


def _end(session: Session, delegation: Delegation, now: datetime, by: User | None) -> None:
    delegation.ended_at, delegation.ended_by_id = now, by.id if by else None
    session.add(delegation)
    session.flush()
    principal, deputy = session.get_one(User, delegation.principal_id), session.get_one(User, delegation.deputy_id)
    said = {"deputy": deputy.username, "until_on": delegation.until_on.isoformat(), "by_itself": by is None}
    record(session, now, by.username if by else "loalang", "end-delegation", principal.username, said)


def _is_head(user: User) -> bool:
    return user.role is Role.VILLAGE_HEAD


def _today(session: Session, now: datetime) -> date:
    return now.astimezone(local_zone(get_commune(session))).date()
