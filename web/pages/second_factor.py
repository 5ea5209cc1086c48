"""The second factor of one's own account: begun with a QR code, confirmed by a code, ended by a code."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import segno
from fastapi import APIRouter, Response

from broadcast.errors import BroadcastError, InvalidInput
from broadcast.models import User
from broadcast.second_factor import address_of, begin, codes_left, confirm, end
from web.auth import Wait, needs_second_factor
from web.deps import Door, PostedForm, SignedIn
from web.errors import Refusal, refusal_of
from web.pages.sign_in import too_many
from web.templating import Page

router = APIRouter(prefix="/hai-lop", include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class SecondFactorPage(Page):
    """How it stands; while it is begun, what the phone is to read; recovery codes that were just made."""

    template: ClassVar[str] = "second_factor.html"
    user: User
    left: int
    is_required: bool
    picture: str
    """The QR code as a data address; empty when nothing is begun."""
    codes: Sequence[str] = ()
    problem: Refusal | None = None


@router.get("")
def show(door: SignedIn) -> Response:
    """The page."""
    return _show(door)


@router.post("")
def start(door: SignedIn) -> Response:
    """Make a secret for a phone."""
    with door.work() as session:
        begin(session, session.merge(door.user))
    return door.go("/hai-lop")


@router.post("/xac-nhan")
def finish(form: PostedForm, door: SignedIn) -> Response:
    """Ask for it from now on."""
    try:
        door.station.sign_in.take_code(door.user, door.now)
        with door.work() as session:
            codes = confirm(session, session.merge(door.user), form.text("code"), door.now)
    except Wait as error:
        return _show(door, problem=too_many(error))
    except InvalidInput as error:
        return _show(door, problem=refusal_of(error))
    return _show(door, codes=codes)


@router.post("/tat")
def stop(form: PostedForm, door: SignedIn) -> Response:
    """Ask for it no longer: for who can show a code, where the commune does not ask for it."""
    try:
        if door.user.role in door.station.settings.sign_in.second_factor_for:
            raise InvalidInput("required", "Xã bắt buộc xác thực hai lớp với vai trò của bạn.", "code")
        if not door.station.sign_in.check_code(door.user, form.text("code"), door.now):
            raise InvalidInput("wrong-code", "Mã không đúng.", "code")
        with door.work() as session:
            end(session, session.merge(door.user), door.now, door.user.username)
    except Wait as error:
        return _show(door, problem=too_many(error))
    except BroadcastError as error:
        return _show(door, problem=refusal_of(error))
    return door.go("/hai-lop", "da-tat-hai-lop")


def _show(door: Door, *, codes: Sequence[str] = (), problem: Refusal | None = None) -> Response:
    with door.read() as session:
        user = session.get_one(User, door.user.id)
        is_begun = user.totp_secret is not None and user.totp_since is None
        page = SecondFactorPage(
            user=user,
            left=codes_left(session, user),
            is_required=needs_second_factor(user, door.station.settings.sign_in),
            picture=segno.make(address_of(user, door.commune)).svg_data_uri(scale=5, border=3) if is_begun else "",
            codes=codes,
            problem=problem,
        )
    return door.show(page, problem.status if problem else 200, problem.headers if problem else None)
