"""The second factor, the audit log's page, backups from the page, and the server's health."""

import re
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from fastapi import FastAPI

from broadcast.audit import record
from broadcast.models import AuditEntry, Role
from broadcast.second_factor import begin, confirm, opens
from broadcast.users import get_user
from tests.web.conftest import NOW, Browser, Clock, Commune, SignIn
from web.backup import restore_backup
from web.backup_shelf import KEPT
from web.settings import SignInSettings, load_settings


def set_up(commune: Commune, username: str = "officer") -> tuple[pyotp.TOTP, list[str]]:
    with commune.work() as session:
        user = get_user(session, username)
        totp = pyotp.TOTP(begin(session, user))
        return totp, confirm(session, user, totp.at(NOW), NOW)


async def test_it_is_set_up_by_a_phone_and_asked_for_from_then_on(
    browse: SignIn, nobody: Browser, commune: Commune, clock: Clock
) -> None:
    officer = await browse("officer")
    await officer.get("/hai-lop")
    await officer.send("main form")
    totp = pyotp.TOTP(officer.text("[data-secret]"))
    assert officer.attributes("main img")["src"].startswith("data:image/svg+xml")
    await officer.send("main form", code="000000" if totp.at(NOW) != "000000" else "111111")
    assert officer.answer.status_code == 422
    await officer.send("main form", code=totp.at(NOW))
    codes = [" ".join(one.text().split()) for one in officer.page.css("[data-codes] code")]
    assert len(set(codes)) == 10

    await nobody.sign_in("officer", commune.passwords["officer"])
    assert "Mã trên điện thoại" in nobody.text("h1")
    await nobody.send("form", code=totp.at(NOW))  # it opened once already
    assert nobody.answer.status_code == 401
    clock.pass_time(timedelta(seconds=30))
    await nobody.send("form", code=totp.at(clock()))
    assert nobody.path == "/"
    assert "loalang" in nobody.http.cookies


async def test_a_recovery_code_opens_once(nobody: Browser, commune: Commune) -> None:
    _, codes = set_up(commune)
    await nobody.sign_in("officer", commune.passwords["officer"])
    await nobody.send("form", code=f" {codes[0].upper()} ")
    assert nobody.path == "/"
    with commune.work() as session:
        assert not opens(session, get_user(session, "officer"), codes[0], NOW)
        assert not opens(session, get_user(session, "leader"), codes[1], NOW)


async def test_codes_are_throttled_also_the_right_one(nobody: Browser, commune: Commune, clock: Clock) -> None:
    totp, _ = set_up(commune)
    await nobody.sign_in("officer", commune.passwords["officer"])
    clock.pass_time(timedelta(seconds=60))
    for _ in range(6):
        await nobody.send("form", code="no")
    await nobody.send("form", code=totp.at(clock()))
    assert nobody.answer.status_code == 429
    clock.pass_time(timedelta(seconds=31))
    await nobody.send("form", code=totp.at(clock()))
    assert nobody.path == "/"


async def test_half_a_sign_in_opens_nothing_and_ends(nobody: Browser, commune: Commune, clock: Clock) -> None:
    totp, _ = set_up(commune)
    await nobody.sign_in("officer", commune.passwords["officer"])
    assert "loalang" not in nobody.http.cookies
    clock.pass_time(timedelta(minutes=6))
    await nobody.send("form", code=totp.at(clock()))
    assert (nobody.answer.status_code, nobody.text("h1")) == (403, "Đăng nhập")


async def test_a_program_needs_the_code_too(nobody: Browser, commune: Commune, clock: Clock) -> None:
    totp, _ = set_up(commune)
    asked = {"username": "officer", "password": commune.passwords["officer"]}
    assert (await nobody.http.post("/api/sessions", json=asked)).status_code == 401
    clock.pass_time(timedelta(seconds=30))
    answer = await nobody.http.post("/api/sessions", json={**asked, "code": totp.at(clock())})
    assert answer.status_code == 201


async def test_where_a_role_must_have_it_nothing_else_opens_before(
    app: FastAPI, browse: SignIn, commune: Commune
) -> None:
    admin = await browse("admin")
    required = SignInSettings.model_validate({"second_factor_for": "administrator"})
    assert required.second_factor_for == (Role.ADMINISTRATOR,)
    station = app.state.station
    station.settings = station.settings.model_copy(update={"sign_in": required})
    for path in ("/", "/nguoi-dung", "/them"):
        await admin.get(path)
        assert admin.path == "/hai-lop", path
    assert (await admin.http.get("/api/nodes")).status_code == 403
    await admin.send("main form")
    await admin.send("main form", code=pyotp.TOTP(admin.text("[data-secret]")).at(NOW))
    await admin.get("/nguoi-dung")
    assert admin.path == "/nguoi-dung"
    officer = await browse("officer")
    assert officer.path == "/"


def test_an_unknown_role_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="second_factor_for"):
        load_settings(None, {}, data_dir=tmp_path, sign_in={"second_factor_for": "king"})


async def test_the_administrator_takes_away_what_somebody_lost(browse: SignIn, commune: Commune) -> None:
    set_up(commune)
    admin = await browse("admin")
    await admin.get("/nguoi-dung")
    await admin.press('button[formaction="/nguoi-dung/officer/hai-lop"]')
    with commune.work() as session:
        assert get_user(session, "officer").totp_secret is None


async def test_the_audit_log_is_filtered_paged_and_checked(browse: SignIn, commune: Commune) -> None:
    with commune.work() as session:
        for number in range(120):
            record(session, NOW, "canbo", "try-pole", f"cot-{number}", {"n": number})
    leader = await browse("leader")
    await leader.get("/nhat-ky-he-thong?viec=try-pole")
    assert len(leader.page.css("[data-entry]")) == 100
    await leader.get(leader.attributes('a[href*="truoc="]')["href"])
    assert len(leader.page.css("[data-entry]")) == 20
    await leader.get("/nhat-ky-he-thong?ve=cot-7&nguoi=canbo&tu=2026-09-22&den=22/09/2026")
    assert "n: 7" in leader.text("[data-entry]")
    await leader.get("/nhat-ky-he-thong?tu=mai")
    assert leader.answer.status_code == 422
    await leader.get("/nhat-ky-he-thong?kiem=1")
    with commune.work() as session:
        last = session.get_one(AuditEntry, int(leader.attributes("[data-entry]")["data-entry"]))
    assert last.digest in leader.text("[data-verified]")


async def test_a_backup_is_made_taken_home_and_restores(browse: SignIn, commune: Commune, clock: Clock) -> None:
    admin = await browse("admin")
    await admin.get("/sao-luu")
    await admin.send("main form", understood=[])
    assert admin.answer.status_code == 422
    for _ in range(KEPT + 1):
        clock.pass_time(timedelta(seconds=1))
        await admin.send("main form", understood="1")
    assert len(admin.page.css("[data-backup]")) == KEPT
    answer = await admin.http.get(admin.attributes("[data-backup] a")["href"])
    home = commune.settings.data_dir.parent / "home.tar.gz"
    home.write_bytes(answer.content)
    restored = restore_backup(home, commune.settings.data_dir.parent / "restored")
    assert "loalang.sqlite3" in restored.files
    for name in ("..%2Floalang.sqlite3", "loalang-1.tar.gz"):
        assert (await admin.http.get(f"/sao-luu/{name}")).status_code == 404


async def test_the_server_says_how_it_is(browse: SignIn) -> None:
    admin = await browse("admin")
    await admin.get("/suc-khoe")
    said = admin.text("main")
    assert "Đường tới các cụm loa" in said
    assert re.search(r"Cụm loa đang kết nối 0 trên 0", said)
