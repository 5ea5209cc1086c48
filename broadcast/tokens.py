"""Tokens of programs, as people see and end them. `broadcast.users` makes them and knows them again."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from broadcast.audit import record
from broadcast.errors import NotFound
from broadcast.models import ApiToken, User
from broadcast.permissions import Action, may
from broadcast.users import list_users

SCOPES = ("read", "write", "admin")
"""What a token may be allowed, within what its user may."""


def tokens_of(session: Session, user: User, now: datetime) -> Sequence[ApiToken]:
    """A user's tokens that still open something."""
    query = select(ApiToken).where(
        ApiToken.user_id == user.id, col(ApiToken.revoked_at).is_(None), col(ApiToken.expires_at) > now
    )
    return session.exec(query.order_by(col(ApiToken.id))).all()


def tokens_seen_by(session: Session, viewer: User, now: datetime) -> Sequence[tuple[ApiToken, User]]:
    """The tokens that hold, with whose they are: one's own, for the administrator everybody's."""
    owners = list_users(session) if may(viewer, Action.MANAGE_USERS) else (viewer,)
    return [(token, owner) for owner in owners for token in tokens_of(session, owner, now)]


def end_token(session: Session, token_id: int, now: datetime, actor: User | None = None) -> None:
    """End a token of one's own, as administrator (or at the server itself, without an actor) anybody's.

    Twice changes nothing.

    Raises:
        NotFound: there is no such token, or it is another's.
    """
    row = session.get(ApiToken, token_id)
    if row is None or not (actor is None or row.user_id == actor.id or may(actor, Action.MANAGE_USERS)):
        raise NotFound("no-token", "Không có mã truy cập này.")
    if row.revoked_at is None:
        row.revoked_at = now
        session.add(row)
        record(session, now, actor.username if actor else "loalang", "revoke-token", row.name)
