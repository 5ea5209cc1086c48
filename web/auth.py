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
from broadcast.models import User, UserSession
from broadcast.users import close_session, open_session, session_user, token_user, verify_password
from web.settings import SignInSettings
from web.throttle import Throttle, address_key

ACCOUNT_BURST, ACCOUNT_REFILL = 30, timedelta(seconds=10)
"""For one account from all addresses together."""
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

    def open(self, user: User, now: datetime) -> tuple[str, UserSession]:
        """A new session for a user whose password was checked."""
        with session_of(self._engine) as session:
            return open_session(session, user, now)

    def close(self, token: str) -> None:
        """End a session."""
        with session_of(self._engine) as session:
            close_session(session, token)


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
