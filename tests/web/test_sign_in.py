"""The door: passwords, cookies, throttling, leaving."""

from datetime import timedelta

import pytest
from fastapi import FastAPI

from tests.web.conftest import Browser, Clock, Commune, SignIn
from web.pages.sign_in import safe_path


async def test_the_right_password_opens_a_session(nobody: Browser, commune: Commune) -> None:
    await nobody.get("/soan")
    assert nobody.path == "/dang-nhap"
    await nobody.send(username="officer", password=commune.passwords["officer"])
    assert nobody.path == "/soan"
    assert nobody.text(".side .me b") == "Bà officer"


async def test_the_cookie_is_not_for_scripts_nor_for_other_sites(nobody: Browser, commune: Commune) -> None:
    await nobody.get("/dang-nhap")
    secret = nobody.attributes('input[name="csrf"]')["value"]
    data = {"csrf": secret, "username": "officer", "password": commune.passwords["officer"]}
    answer = await nobody.http.post("/dang-nhap", data=data)
    (cookie,) = [text for text in answer.headers.get_list("set-cookie") if text.startswith("loalang=")]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie


@pytest.mark.parametrize(
    ("username", "password"), [("officer", "wrong"), ("nobody", "wrong"), ("officer", "x" * 10_000)]
)
async def test_a_wrong_password_says_the_same_as_a_wrong_name(nobody: Browser, username: str, password: str) -> None:
    await nobody.sign_in(username, password)
    assert nobody.answer.status_code == 401
    assert nobody.text(".tone-bad") == "Tên đăng nhập hoặc mật khẩu không đúng."
    assert "loalang" not in nobody.http.cookies


async def test_a_form_from_elsewhere_is_refused(nobody: Browser, commune: Commune) -> None:
    data = {"username": "officer", "password": commune.passwords["officer"], "csrf": ""}
    answer = await nobody.http.post("/dang-nhap", data=data)
    assert answer.status_code == 403
    assert "loalang" not in nobody.http.cookies


async def test_too_many_tries_wait_but_only_for_that_account(
    app: FastAPI, nobody: Browser, commune: Commune, clock: Clock
) -> None:
    for _ in range(5):
        await nobody.sign_in("officer", "wrong")
        assert nobody.answer.status_code == 401
    await nobody.sign_in("officer", commune.passwords["officer"])
    assert nobody.answer.status_code == 429
    assert nobody.answer.headers["retry-after"] == "30"
    assert "chờ 30 giây" in nobody.text(".tone-bad")
    await nobody.sign_in("leader", commune.passwords["leader"])
    assert nobody.path == "/"
    elsewhere = Browser(app, "10.0.0.10")
    await elsewhere.sign_in("officer", commune.passwords["officer"])
    assert elsewhere.path == "/"
    await elsewhere.http.aclose()
    clock.pass_time(timedelta(seconds=31))
    await nobody.sign_in("officer", commune.passwords["officer"])
    assert nobody.path == "/"


async def test_leaving_ends_the_session_at_the_server(browse: SignIn) -> None:
    officer = await browse("officer")
    cookie = officer.http.cookies["loalang"]
    await officer.get("/soan")
    await officer.send(".me form")
    assert officer.path == "/dang-nhap"
    officer.http.cookies.set("loalang", cookie)
    await officer.get("/soan")
    assert officer.path == "/dang-nhap"


async def test_a_session_ends_by_itself(browse: SignIn, clock: Clock) -> None:
    officer = await browse("officer")
    clock.pass_time(timedelta(hours=12, seconds=1))
    await officer.get("/soan")
    assert officer.path == "/dang-nhap"


@pytest.mark.parametrize(
    ("asked", "went"),
    [
        ("/soan", "/soan"),
        ("/nhat-ky?ngay=2026-09-22", "/nhat-ky?ngay=2026-09-22"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\nb", "/"),
        ("", "/"),
    ],
)
def test_only_our_own_pages_follow_signing_in(asked: str, went: str) -> None:
    assert safe_path(asked) == went
