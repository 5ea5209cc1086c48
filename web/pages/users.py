"""The people of the commune (administrator), and everybody's own password."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Response

from broadcast.communes import get_commune
from broadcast.errors import BroadcastError, InvalidInput, NotFound
from broadcast.models import Role, User, Zone
from broadcast.permissions import Action
from broadcast.second_factor import end as end_second_factor
from broadcast.users import (
    add_user,
    change_password,
    change_user,
    end_sessions,
    get_user,
    list_users,
    reset_password,
    set_active,
)
from broadcast.zones import list_zones
from web.auth import Wait, clear_session_cookie
from web.deps import Door, Fields, PostedForm, SignedIn, allowed
from web.errors import Refusal, refusal_of
from web.pages.sign_in import too_many
from web.templating import Page

router = APIRouter(include_in_schema=False)
Administrator = Annotated[Door, Depends(allowed(Action.MANAGE_USERS))]


@dataclass(frozen=True, kw_only=True)
class UsersPage(Page):
    """The people; a password that was just made (shown once); the form of a new one."""

    template: ClassVar[str] = "users.html"
    users: Sequence[User]
    zones: Sequence[Zone]
    names_of_zones: Mapping[int | None, str]
    roles: Sequence[Role]
    own: str
    password: str = ""
    password_for: str = ""
    username: str = ""
    name: str = ""
    role: str = ""
    zone: str = ""
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class UserPage(Page):
    """One person: what they are called, and what they may do."""

    template: ClassVar[str] = "user.html"
    user: User
    zones: Sequence[Zone]
    roles: Sequence[Role]
    own: str
    name: str
    role: str
    zone: str
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class PasswordPage(Page):
    """One's own password."""

    template: ClassVar[str] = "password.html"
    problem: Refusal | None = None


@router.get("/nguoi-dung")
def show_users(door: Administrator) -> Response:
    """The list."""
    return _show(door)


@router.post("/nguoi-dung")
def add(form: PostedForm, door: Administrator) -> Response:
    """Add a person and show the generated password."""
    try:
        with door.work() as session:
            user, password = add_user(
                session,
                get_commune(session),
                username=form.text("username"),
                name=form.text("name"),
                role=_role_in(form),
                zone=form.text("zone") or None,
                now=door.now,
                actor=door.user.username,
            )
    except BroadcastError as error:
        return _show(door, form, problem=refusal_of(error))
    return _show(door, password=password, password_for=user.name)


@router.get("/nguoi-dung/{username}")
def show_user(username: str, door: Administrator) -> Response:
    """One of them."""
    return _show_one(door, username)


@router.post("/nguoi-dung/{username}")
def change(username: str, form: PostedForm, door: Administrator) -> Response:
    """Keep their name, role and village."""
    try:
        with door.work() as session:
            change_user(
                session,
                username,
                name=form.text("name"),
                role=_role_in(form),
                zone=form.text("zone") or None,
                now=door.now,
                actor=door.user.username,
            )
    except NotFound:
        raise
    except BroadcastError as error:
        return _show_one(door, username, form, refusal_of(error))
    door.station.doubt_visitors()
    return door.go("/nguoi-dung", "da-luu-tai-khoan")


@router.post("/nguoi-dung/{username}/mat-khau")
def reset(username: str, door: Administrator) -> Response:
    """A new generated password for somebody who forgot theirs."""
    try:
        with door.work() as session:
            password = reset_password(session, username, door.now, actor=door.user.username)
        door.station.doubt_visitors()
    except BroadcastError as error:
        return _show(door, problem=refusal_of(error))
    return _show(door, password=password, password_for=username)


@router.post("/nguoi-dung/{username}/khoa")
def lock(username: str, door: Administrator) -> Response:
    """Lock somebody out."""
    if username == door.user.username:
        raise Refusal(409, "not-oneself", "Bạn không thể tự khóa tài khoản của mình.")
    with door.work() as session:
        set_active(session, username, door.now, door.user.username, is_active=False)
    door.station.doubt_visitors()
    return door.go("/nguoi-dung", "da-khoa")


@router.post("/nguoi-dung/{username}/mo")
def unlock(username: str, door: Administrator) -> Response:
    """Let them in again."""
    with door.work() as session:
        set_active(session, username, door.now, door.user.username, is_active=True)
    return door.go("/nguoi-dung", "da-mo")


@router.post("/nguoi-dung/{username}/hai-lop")
def forget_second_factor(username: str, door: Administrator) -> Response:
    """For somebody else who has lost their phone and their recovery codes; all their sessions end."""
    if username == door.user.username:
        raise Refusal(403, "own-second-factor", "Hãy tắt ở trang Xác thực hai lớp, bằng mã của chính bạn.")
    with door.work() as session:
        user = get_user(session, username)
        end_second_factor(session, user, door.now, door.user.username)
        end_sessions(session, user)
    door.station.doubt_visitors()
    return door.go("/nguoi-dung", "da-bo-hai-lop")


@router.get("/mat-khau")
def show_password(door: SignedIn) -> Response:
    """The form for a new password of one's own."""
    return door.show(PasswordPage())


@router.post("/mat-khau")
def set_password(form: PostedForm, door: SignedIn) -> Response:
    """Change it; every session of this user ends, this one too. Tries are counted like those of signing in."""
    try:
        if form.text("new") != form.text("again"):
            raise InvalidInput("passwords-differ", "Hai lần gõ mật khẩu mới không giống nhau.", "again")
        address = door.request.client.host if door.request.client else None
        if door.station.sign_in.check(door.user.username, form.text("old"), address, door.now) is None:
            raise InvalidInput("wrong-password", "Mật khẩu hiện tại không đúng.", "old")
        with door.work() as session:
            change_password(session, session.merge(door.user), form.text("old"), form.text("new"), door.now)
        door.station.doubt_visitors()
    except Wait as error:
        return _show_password(door, too_many(error))
    except BroadcastError as error:
        return _show_password(door, refusal_of(error))
    response = door.go("/dang-nhap", "da-doi-mat-khau")
    clear_session_cookie(response, is_secure=door.station.settings.http.is_secure)
    return response


def _show_password(door: Door, problem: Refusal) -> Response:
    return door.show(PasswordPage(problem=problem), problem.status, problem.headers)


def _role_in(form: Fields) -> Role:
    try:
        return Role(form.text("role"))
    except ValueError as error:
        raise InvalidInput("unknown-role", "Chưa chọn vai trò.", "role") from error


def _show(
    door: Door,
    form: Fields | None = None,
    *,
    password: str = "",
    password_for: str = "",
    problem: Refusal | None = None,
) -> Response:
    with door.read() as session:
        users, zones = list_users(session), list_zones(session)
    page = UsersPage(
        users=users,
        zones=zones,
        names_of_zones={zone.id: zone.name for zone in zones},
        roles=tuple(Role),
        own=door.user.username,
        password=password,
        password_for=password_for,
        username=form.text("username") if form else "",
        name=form.text("name") if form else "",
        role=form.text("role") if form else "",
        zone=form.text("zone") if form else "",
        problem=problem,
    )
    return door.show(page, problem.status if problem else 200)


def _show_one(door: Door, username: str, form: Fields | None = None, problem: Refusal | None = None) -> Response:
    with door.read() as session:
        user, zones = get_user(session, username), list_zones(session)
    own_zone = next((zone.slug for zone in zones if zone.id == user.zone_id), "")
    page = UserPage(
        user=user,
        zones=zones,
        roles=tuple(Role),
        own=door.user.username,
        name=form.text("name") if form else user.name,
        role=form.text("role") if form else user.role.value,
        zone=form.text("zone") if form else own_zone,
        problem=problem,
    )
    return door.show(page, problem.status if problem else 200)
