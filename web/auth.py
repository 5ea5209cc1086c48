"""Who is at the door: the session cookie, the bearer token, signing in and how often it may be tried."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request
from sqlalchemy import Engine
from sqlmodel import Session
from starlette.responses import Response

from broadcast.db import reading, session_of
from broadcast.models import User, UserSession, row_id
from broadcast.second_factor import opens
from broadcast.users import close_session, open_session, session_user, token_user, verify_password
from web.settings import SignInSettings
from web.throttle import Throttle, address_key

ACCOUNT_BURST, ACCOUNT_REFILL = 30, timedelta(seconds=10)
"""For one account from all addresses together."""
CODE_BURST = 6
"""Wrong second factors in a row for one account: six digits are guessed at one in 55,000 with each."""
CODE_WITHIN = timedelta(minutes=5)
_HALF_OPEN_AT_MOST = 1000
MAX_USERNAME = 100


@dataclass(frozen=True)
class Visitor:
    """A user, and by what they came: a browser's session (`scopes` is none) or a program's token."""

    user: User
    csrf: str
    scopes: frozenset[str] | None = None


class Wait(Exception):
    """Too many tries; `wait` says how long until the next."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(wait)
        self.wait = wait


class SignInDoor:
    """Checks passwords, and how often that is tried: by account at an address, by account, and by address."""

    def __init__(self, engine: Engine, settings: SignInSettings) -> None:
        self._engine = engine
        self._here = Throttle(settings.tries_per_account, timedelta(seconds=settings.account_refill_s))
        self._account = Throttle(ACCOUNT_BURST, ACCOUNT_REFILL)
        self._codes = Throttle(CODE_BURST, timedelta(seconds=30))
        self._half_open: dict[str, tuple[int, datetime]] = {}
        """Who has shown the password and not yet the second factor, and until when they may."""
        self._address = Throttle(settings.tries_per_address, timedelta(seconds=settings.address_refill_s))

    def check(self, username: str, password: str, address: str | None, now: datetime) -> User | None:
        """The user with that password, or none. A success is not counted as a try.

        Raises:
            Wait: too many tries failed; this one was not looked at.
        """
        username, client = username.strip().lower()[:MAX_USERNAME], address_key(address)
        buckets = ((self._here, f"{username} {client}"), (self._account, username), (self._address, client))
        wait = max(throttle.wait_for(key, now) for throttle, key in buckets)
        if wait:
            raise Wait(wait)
        for throttle, key in buckets:
            throttle.take(key, now)
        with reading(self._engine) as session:
            user = verify_password(session, username, password)
        if user is not None:
            for throttle, key in buckets:
                throttle.give_back(key, now)
        return user

    def expect_code(self, user: User, now: datetime) -> str:
        """Remember that a user has shown the password; gives what the form of the second factor carries."""
        self._half_open = {key: kept for key, kept in self._half_open.items() if now < kept[1]}
        while len(self._half_open) >= _HALF_OPEN_AT_MOST:
            del self._half_open[next(iter(self._half_open))]
        secret = new_secret()
        self._half_open[secret] = (row_id(user.id), now + CODE_WITHIN)
        return secret

    def finish(self, secret: str, code: str, now: datetime) -> User | None:
        """The user whose second factor that is; none when the code is wrong.

        Raises:
            Wait: too many codes were tried.
            LookupError: nobody has shown a password lately with that secret.
        """
        user_id, until = self._half_open[secret]
        with reading(self._engine) as session:
            user = session.get(User, user_id)
        if now >= until or user is None or not user.is_active:
            raise LookupError(secret)
        if not self.check_code(user, code, now):
            return None
        del self._half_open[secret]
        return user

    def take_code(self, user: User, now: datetime) -> None:
        """Count a try of a second factor.

        Raises:
            Wait: too many were tried.
        """
        wait = self._codes.take(str(user.id), now)
        if wait:
            raise Wait(wait)

    def check_code(self, user: User, code: str, now: datetime) -> bool:
        """Whether a code is this user's, now and once. Raises as `take_code`."""
        self.take_code(user, now)
        with session_of(self._engine) as session:
            is_right = opens(session, session.get_one(User, user.id), code, now)
        if is_right:
            self._codes.give_back(str(user.id), now)
        return is_right

    def open(self, user: User, now: datetime) -> tuple[str, UserSession]:
        """A new session for a user whose password was checked."""
        with session_of(self._engine) as session:
            return open_session(session, user, now)

    def close(self, token: str) -> None:
        """End a session."""
        with session_of(self._engine) as session:
            close_session(session, token)


def needs_second_factor(user: User, settings: SignInSettings) -> bool:
    """Whether this user must set one up before anything else."""
    return user.totp_since is None and user.role in settings.second_factor_for


def cookie_name(*, is_secure: bool) -> str:
    """Behind TLS the name itself forbids the cookie to be set from elsewhere (RFC 6265bis, `__Host-`)."""
    return "__Host-loalang" if is_secure else "loalang"


def visitor_of(session: Session, request: Request, now: datetime, *, is_secure: bool) -> Visitor | None:
    """Who sent this request; none when nobody signed in did. A bearer token goes before a cookie."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        of_token = token_user(session, token.strip(), now)
        return Visitor(of_token[0], "", frozenset(of_token[1].scopes)) if of_token else None
    cookie = request.cookies.get(cookie_name(is_secure=is_secure), "")
    found = session_user(session, cookie, now) if cookie else None
    return Visitor(found[0], found[1].csrf) if found else None


def set_session_cookie(response: Response, token: str, row: UserSession, now: datetime, *, is_secure: bool) -> None:
    """Give the browser its session."""
    response.set_cookie(
        cookie_name(is_secure=is_secure),
        token,
        max_age=int((row.expires_at - now).total_seconds()),
        secure=is_secure,
        httponly=True,
        samesite="lax",
    )


def clear_session_cookie(response: Response, *, is_secure: bool) -> None:
    """Take it back."""
    name = cookie_name(is_secure=is_secure)
    response.delete_cookie(name, secure=is_secure, httponly=True, samesite="lax")


def new_secret() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(32)


def is_same_secret(given: str, kept: str) -> bool:
    """Compare in constant time; nothing equals an empty secret."""
    return bool(kept) and hmac.compare_digest(given.encode(), kept.encode())
