"""A program signs in for a user and gets a bearer token."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from broadcast.db import session_of
from broadcast.models import User
from broadcast.users import make_token
from broadcast.zones import zones_open_to
from web.api.schemas import SessionReply, SessionRequest, UserReply
from web.auth import Wait, needs_second_factor
from web.deps import Door, StationDep, scoped
from web.errors import Refusal, answers
from web.pages.sign_in import WRONG, WRONG_CODE, too_many
from web.station import Station

router = APIRouter(prefix="/api", tags=["sessions"])


@router.post("/sessions", status_code=201, responses=answers(401, 403, 413, 422, 429))
def open_api_session(asked: SessionRequest, request: Request, station: StationDep) -> SessionReply:
    """Get a bearer token by username and password. Tries are throttled."""
    now = station.clock()
    try:
        user = station.sign_in.check(
            asked.username, asked.password, request.client.host if request.client else None, now
        )
    except Wait as error:
        raise too_many(error) from error
    if user is None:
        raise WRONG
    _check_second_factor(station, user, asked.code, now)
    lifetime = timedelta(seconds=asked.lifetime_s)
    with session_of(station.engine) as session:
        token = make_token(session, user, asked.name, asked.scopes, lifetime, now)
    return SessionReply(token=token, expires_at=now + lifetime)


def _check_second_factor(station: Station, user: User, code: str | None, now: datetime) -> None:
    if needs_second_factor(user, station.settings.sign_in):
        raise Refusal(403, "second-factor-required", "Hãy bật xác thực hai lớp trên trang web trước.")
    if user.totp_since is None:
        return
    try:
        if code is None or not station.sign_in.check_code(user, code, now):
            raise WRONG_CODE
    except Wait as error:
        raise too_many(error) from error


@router.get("/me", responses=answers(401, 403))
def who_am_i(door: Annotated[Door, Depends(scoped("read"))]) -> UserReply:
    """The user behind the token or the session."""
    user = door.user
    with door.read() as session:
        zone = next((zone.slug for zone in zones_open_to(session, user) if zone.id == user.zone_id), None)
    return UserReply(username=user.username, name=user.name, role=user.role, zone=zone)
