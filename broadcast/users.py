"""The people, their passwords, sessions and tokens. Secrets are kept only as hashes."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from sqlmodel import Session, col, delete, select

from broadcast.audit import record
from broadcast.errors import Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.models import ApiToken, Commune, Role, User, UserSession, row_id
from broadcast.typed_text import clean_line, clean_slug
from broadcast.zones import zones_by_slug

SESSION_LASTS = timedelta(hours=12)
TOKEN_LASTS_AT_MOST = timedelta(days=366)
MIN_PASSWORD, MAX_PASSWORD = 10, 200
_LETTERS_AND_DIGITS = "abcdefghijkmnpqrstuvwxyz23456789"  # without l, o, 0 and 1: it is copied from a terminal


def add_user(
    session: Session,
    commune: Commune,
    *,
    username: str,
    name: str,
    role: Role,
    now: datetime,
    zone: str | None = None,
    actor: str = "loalang",
) -> tuple[User, str]:
    """Add a person; the second value is their generated password.

    Raises:
        Conflict: the username is taken.
        InvalidInput: a name cannot be used, or a village head has no village (or another role has one).
    """
    username = clean_slug(username, "username")
    if session.exec(select(User.id).where(User.username == username)).first() is not None:
        raise Conflict("user-exists", f"Đã có tài khoản «{username}».")
    zone_id = _zone_id_for(session, role, zone)
    password = _generate_password()
    user = User(
        commune_id=row_id(commune.id),
        username=username,
        name=clean_line(name, "name"),
        role=role,
        zone_id=zone_id,
        password_hash=_hasher().hash(password),
        created_at=now,
    )
    session.add(user)
    record(session, now, actor, "add-user", username, {"role": role.value, "zone": zone})
    return user, password


def change_user(
    session: Session, username: str, *, name: str, role: Role, zone: str | None, now: datetime, actor: str
) -> User:
    """Call somebody otherwise, or give them another role or village: then they are signed out and their tokens end.

    Raises:
        NotFound: there is no such user.
        NotAllowed: somebody would take the administration from themselves.
        InvalidInput: as `add_user`.
    """
    user = get_user(session, username)
    zone_id = _zone_id_for(session, role, zone)
    if username == actor and role is not user.role:
        raise NotAllowed("own-role", "Bạn không thể tự đổi vai trò của mình.")
    user.name = clean_line(name, "name")
    if (user.role, user.zone_id) != (role, zone_id):
        user.role, user.zone_id = role, zone_id
        _end_all(session, user, now)
    session.add(user)
    record(session, now, actor, "change-user", username, {"name": user.name, "role": role.value, "zone": zone})
    return user


def reset_password(session: Session, username: str, now: datetime, actor: str = "loalang") -> str:
    """Give a new generated password; the user's sessions and tokens end.

    Raises:
        NotFound: there is no such user.
    """
    password = _generate_password()
    _set_password(session, get_user(session, username), password, now, actor)
    return password


def change_password(session: Session, user: User, old: str, new: str, now: datetime) -> None:
    """Let a user choose a password; all sessions and tokens of theirs end.

    Raises:
        InvalidInput: the old password is wrong, or the new one too short or too long.
    """
    if verify_password(session, user.username, old) is None:
        raise InvalidInput("wrong-password", "Mật khẩu hiện tại không đúng.", "old")
    if not MIN_PASSWORD <= len(new) <= MAX_PASSWORD:
        raise InvalidInput("password-length", f"Mật khẩu cần từ {MIN_PASSWORD} đến {MAX_PASSWORD} ký tự.", "new")
    _set_password(session, user, new, now, user.username)


def verify_password(session: Session, username: str, password: str) -> User | None:
    """The active user with that password, or none. An unknown name costs the same work as a wrong password."""
    user = session.exec(select(User).where(User.username == username.strip().lower())).first()
    usable = user is not None and user.is_active and len(password) <= MAX_PASSWORD
    known_hash = user.password_hash if user is not None else _nobodys_hash()
    try:
        _hasher().verify(known_hash, password[:MAX_PASSWORD])
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return None
    return user if usable else None


def get_user(session: Session, username: str) -> User:
    """A user by name.

    Raises:
        NotFound: there is no such user.
    """
    user = session.exec(select(User).where(User.username == username)).first()
    if user is None:
        raise NotFound("no-user", "Không có tài khoản này.")
    return user


def list_users(session: Session) -> Sequence[User]:
    """Everybody, by username."""
    return session.exec(select(User).order_by(col(User.username))).all()


def names_of_users(session: Session) -> dict[int, str]:
    """Everybody's name as pages show it, also of those who may no longer sign in."""
    return {row_id(user_id): name for user_id, name in session.exec(select(User.id, User.name))}


def set_active(session: Session, username: str, now: datetime, actor: str, *, is_active: bool) -> User:
    """Lock a user out, or let them in again.

    Raises:
        NotFound: there is no such user.
    """
    user = get_user(session, username)
    user.is_active = is_active
    session.add(user)
    if not is_active:
        _end_all(session, user, now)
    record(session, now, actor, "activate-user" if is_active else "lock-user", username)
    return user


def open_session(session: Session, user: User, now: datetime) -> tuple[str, UserSession]:
    """Sign in; the first value is the cookie's. Sessions that are over are cleared away."""
    session.exec(delete(UserSession).where(col(UserSession.expires_at) <= now))
    token = secrets.token_urlsafe(32)
    row = UserSession(
        token_sha256=_digest(token),
        user_id=row_id(user.id),
        csrf=secrets.token_urlsafe(32),
        created_at=now,
        expires_at=now + SESSION_LASTS,
    )
    session.add(row)
    session.flush()
    return token, row


def session_user(session: Session, token: str, now: datetime) -> tuple[User, UserSession] | None:
    """Who is signed in by that cookie, with the session; none when it is over or unknown."""
    row = session.get(UserSession, _digest(token))
    if row is None or now >= row.expires_at:
        return None
    user = session.get(User, row.user_id)
    return (user, row) if user is not None and user.is_active else None


def close_session(session: Session, token: str) -> None:
    """Sign out; twice changes nothing."""
    session.exec(delete(UserSession).where(col(UserSession.token_sha256) == _digest(token)))


def make_token(
    session: Session, user: User, name: str, scopes: Sequence[str], lifetime: timedelta, now: datetime
) -> str:
    """A bearer token for a program of this user; it is shown once.

    Raises:
        InvalidInput: the lifetime is not positive or longer than a year, or the name is empty.
    """
    if not timedelta() < lifetime <= TOKEN_LASTS_AT_MOST:
        raise InvalidInput("token-lifetime", "Thời hạn của mã truy cập phải từ 1 giây đến 366 ngày.", "lifetime")
    token = "ll_" + secrets.token_urlsafe(32)
    row = ApiToken(
        user_id=row_id(user.id),
        name=clean_line(name, "name"),
        token_sha256=_digest(token),
        scopes=sorted(set(scopes)),
        created_at=now,
        expires_at=now + lifetime,
    )
    session.add(row)
    record(session, now, user.username, "make-token", row.name, {"scopes": row.scopes})
    return token


def token_user(session: Session, token: str, now: datetime) -> tuple[User, ApiToken] | None:
    """Who may what by that bearer token; none when it is unknown, over or revoked."""
    row = session.exec(select(ApiToken).where(ApiToken.token_sha256 == _digest(token))).first()
    if row is None or row.revoked_at is not None or now >= row.expires_at:
        return None
    user = session.get(User, row.user_id)
    return (user, row) if user is not None and user.is_active else None


def _zone_id_for(session: Session, role: Role, zone: str | None) -> int | None:
    if (role is Role.VILLAGE_HEAD) != (zone is not None):
        raise InvalidInput("zone-of-head", "Trưởng thôn, và chỉ trưởng thôn, gắn với một thôn.", "zone")
    return None if zone is None else row_id(zones_by_slug(session, [zone], field="zone")[0].id)


def _set_password(session: Session, user: User, password: str, now: datetime, actor: str) -> None:
    user.password_hash = _hasher().hash(password)
    session.add(user)
    _end_all(session, user, now)
    record(session, now, actor, "set-password", user.username)


def end_sessions(session: Session, user: User) -> None:
    """Sign a user out everywhere."""
    session.exec(delete(UserSession).where(col(UserSession.user_id) == user.id))


def _end_all(session: Session, user: User, now: datetime) -> None:
    end_sessions(session, user)
    for token in session.exec(select(ApiToken).where(ApiToken.user_id == user.id, col(ApiToken.revoked_at).is_(None))):
        token.revoked_at = now
        session.add(token)


def _generate_password() -> str:
    return "-".join("".join(secrets.choice(_LETTERS_AND_DIGITS) for _ in range(5)) for _ in range(3))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobodys_hash() -> str:
    return _hasher().hash(secrets.token_urlsafe(16))
