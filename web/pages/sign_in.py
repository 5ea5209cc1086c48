"""Signing in and out."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from broadcast.communes import get_commune
from broadcast.db import reading
from broadcast.errors import NotFound
from broadcast.models import User
from web.auth import Wait, clear_session_cookie, cookie_name, is_same_secret, new_secret, set_session_cookie
from web.deps import Fields, PostedForm, SignedIn, StationDep
from web.errors import Refusal
from web.navigation import say_notice
from web.station import Station
from web.templating import Page, render

router = APIRouter(include_in_schema=False)
FORM_COOKIE = "loalang-form"
_STALE = Refusal(403, "stale-form", "Trang đăng nhập đã cũ. Xin thử lại.")
WRONG_CODE = Refusal(401, "wrong-code", "Mã không đúng hoặc đã dùng rồi. Hãy thử mã mới.", "code")
WRONG = Refusal(401, "wrong-password", "Tên đăng nhập hoặc mật khẩu không đúng.")


@dataclass(frozen=True, kw_only=True)
class SignInPage(Page):
    """The door."""

    template: ClassVar[str] = "sign_in.html"
    commune: str
    csrf: str
    next_path: str
    username: str = ""
    notice: str = ""
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class CodePage(Page):
    """The second factor is asked for."""

    template: ClassVar[str] = "sign_in_code.html"
    commune: str
    csrf: str
    half: str
    next_path: str
    problem: Refusal | None = None


@router.get("/dang-nhap")
def show_sign_in(request: Request, station: StationDep, tiep: str = "", da: str = "") -> Response:
    """The sign-in form."""
    return _door(request, station, next_path=safe_path(tiep), notice=say_notice(da))


@router.post("/dang-nhap")
def sign_in(request: Request, station: StationDep, form: PostedForm) -> Response:
    """Check the password and give the browser its session."""
    if not is_same_secret(form.text("csrf"), request.cookies.get(FORM_COOKIE, "")):
        return _door(request, station, next_path=safe_path(form.text("tiep")), problem=_STALE)
    now, username = station.clock(), form.text("username")
    address = request.client.host if request.client else None
    try:
        user = station.sign_in.check(username, form.text("password"), address, now)
    except Wait as error:
        return _door(
            request, station, next_path=safe_path(form.text("tiep")), username=username, problem=too_many(error)
        )
    if user is None:
        return _door(request, station, next_path=safe_path(form.text("tiep")), username=username, problem=WRONG)
    if user.totp_since is not None:
        return _ask_code(request, station, station.sign_in.expect_code(user, now), safe_path(form.text("tiep")))
    return _let_in(station, user, form, now)


@router.post("/dang-nhap/ma")
def sign_in_code(request: Request, station: StationDep, form: PostedForm) -> Response:
    """The second factor, after the password."""
    next_path, secret, now = safe_path(form.text("tiep")), form.text("nua"), station.clock()
    if not is_same_secret(form.text("csrf"), request.cookies.get(FORM_COOKIE, "")):
        return _door(request, station, next_path=next_path, problem=_STALE)
    try:
        user = station.sign_in.finish(secret, form.text("code"), now)
    except LookupError:
        return _door(request, station, next_path=next_path, problem=_STALE)
    except Wait as error:
        return _ask_code(request, station, secret, next_path, too_many(error))
    if user is None:
        return _ask_code(request, station, secret, next_path, WRONG_CODE)
    return _let_in(station, user, form, now)


def _let_in(station: Station, user: User, form: Fields, now: datetime) -> Response:
    token, row = station.sign_in.open(user, now)
    response = RedirectResponse(safe_path(form.text("tiep")), 303)
    set_session_cookie(response, token, row, now, is_secure=station.settings.http.is_secure)
    response.delete_cookie(FORM_COOKIE, path="/dang-nhap")
    return response


@router.post("/dang-xuat")
def sign_out(door: SignedIn, form: PostedForm) -> Response:
    """End the session."""
    if not is_same_secret(form.text("csrf"), door.visitor.csrf):
        raise Refusal(403, "stale-form", "Trang đã cũ. Hãy tải lại trang.")
    is_secure = door.station.settings.http.is_secure
    door.station.sign_in.close(door.request.cookies.get(cookie_name(is_secure=is_secure), ""))
    response = door.go("/dang-nhap", "da-ra")
    clear_session_cookie(response, is_secure=is_secure)
    return response


def too_many(error: Wait) -> Refusal:
    """Too many tries failed, as HTTP says it."""
    seconds = max(1, math.ceil(error.wait.total_seconds()))
    said = f"Đã thử sai quá nhiều lần. Xin chờ {seconds} giây rồi thử lại."
    return Refusal(429, "too-many-tries", said, headers={"retry-after": str(seconds)})


def safe_path(path: str) -> str:
    """A path of this site to go on to; anything that could lead elsewhere becomes the first page."""
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if is_ours else "/"


def _door(
    request: Request,
    station: Station,
    *,
    next_path: str,
    username: str = "",
    notice: str = "",
    problem: Refusal | None = None,
) -> Response:
    secret = request.cookies.get(FORM_COOKIE) or new_secret()
    page = SignInPage(
        commune=_commune_name(station),
        csrf=secret,
        next_path=next_path,
        username=username,
        notice=notice,
        problem=problem,
    )
    response = render(page, None, problem.status if problem else 200, problem.headers if problem else None)
    response.set_cookie(
        FORM_COOKIE,
        secret,
        max_age=3600,
        path="/dang-nhap",
        httponly=True,
        samesite="strict",
        secure=station.settings.http.is_secure,
    )
    return response


def _ask_code(
    request: Request, station: Station, half: str, next_path: str, problem: Refusal | None = None
) -> Response:
    page = CodePage(
        commune=_commune_name(station),
        csrf=request.cookies.get(FORM_COOKIE, ""),
        half=half,
        next_path=next_path,
        problem=problem,
    )
    return render(page, None, problem.status if problem else 200, problem.headers if problem else None)


def _commune_name(station: Station) -> str:
    with reading(station.engine) as session:
        try:
            return get_commune(session).name
        except NotFound:
            return "Máy chủ chưa được đặt cho xã nào"
