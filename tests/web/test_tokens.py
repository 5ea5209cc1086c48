"""Tokens of programs: made, seen and ended by whom they concern; a clip: heard by who may see what speaks it."""

import asyncio
import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI

from broadcast.bulletins import submit_bulletin, write_bulletin
from broadcast.models import Clip, Rendering, RenderingState
from broadcast.tokens import end_token, tokens_of
from broadcast.users import get_user, make_token
from tests.web.conftest import NOW, Commune, Programs, SignIn
from web.cli import main
from web.live import LiveFeed, Part

SOUND = b"Ogg"
SHA = hashlib.sha256(SOUND).hexdigest()


async def test_a_token_is_made_shown_once_used_and_ended(app: FastAPI, browse: SignIn, api: Programs) -> None:
    officer = await browse("officer")
    await officer.get("/ma-truy-cap")
    await officer.send('form[action="/ma-truy-cap"]', name="Màn hình xã", scopes=["read"], days="30")
    token = officer.text(".code")
    program = api("leader")
    program.headers["authorization"] = f"Bearer {token}"
    assert (await program.get("/api/me")).json()["username"] == "officer"
    await officer.get("/ma-truy-cap")
    assert officer.page.css_first(".code") is None
    assert "Màn hình xã" in officer.text("[data-token]")
    assert "Quyền: xem" in officer.text("[data-token]")
    await officer.press('button[formaction$="/thu-hoi"]')
    assert "Đã thu hồi mã truy cập." in officer.text("[role=status]")
    assert (await program.get("/api/me")).status_code == 401
    assert token not in officer.answer.text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"name": "", "scopes": ["read"], "days": "30"}, "Chưa nhập nội dung"),
        ({"name": "x", "scopes": [], "days": "30"}, "Hãy chọn ít nhất một quyền"),
        ({"name": "x", "scopes": ["root"], "days": "30"}, "Hãy chọn ít nhất một quyền"),
        ({"name": "x", "scopes": ["read"], "days": "367"}, "366"),
        ({"name": "x", "scopes": ["read"], "days": "mai"}, "366"),
        ({"name": "x", "scopes": ["read"], "days": "9" * 30}, "366"),
    ],
)
async def test_what_cannot_be_made_is_said(browse: SignIn, typed: dict[str, str | list[str]], said: str) -> None:
    officer = await browse("officer")
    await officer.get("/ma-truy-cap")
    await officer.send('form[action="/ma-truy-cap"]', "", **typed)
    assert officer.answer.status_code == 422
    assert said in officer.page.text()
    assert officer.page.css_first("[data-token]") is None


async def test_only_its_owner_and_the_administrator_see_and_end_a_token(api: Programs, commune: Commune) -> None:
    officer, other, admin = api("officer"), api("officer2"), api("admin")
    (own,) = (await officer.get("/api/tokens")).json()["tokens"]
    assert (own["username"], own["scopes"]) == ("officer", ["admin", "read", "write"])
    assert {row["username"] for row in (await admin.get("/api/tokens")).json()["tokens"]} == {
        "officer",
        "officer2",
        "admin",
    }
    path = f"/api/tokens/{own['id']}"
    assert (await other.delete(path)).status_code == 404
    assert (await api("officer", ("read",)).delete(path)).status_code == 403
    assert (await admin.delete(path)).status_code == 204
    assert (await admin.delete(path)).status_code == 204
    assert (await officer.get("/api/me")).status_code == 401


async def test_ending_a_token_ends_what_it_has_open_before_it_shows_more(commune: Commune) -> None:
    with commune.work() as session:
        user = get_user(session, "officer")
        make_token(session, user, "màn hình", ["read"], timedelta(days=1), NOW)
        (row,) = tokens_of(session, user, NOW)
    part, allowed = Part("nodes", "all"), [True]
    feed = LiveFeed(lambda parts: dict.fromkeys(parts, f"text {allowed[0]}"), max_clients=2)
    running = asyncio.create_task(feed.run())
    events = feed.events([part], lambda: allowed[0], heartbeat=timedelta(hours=1))
    try:
        async with asyncio.timeout(10):
            assert (await anext(events)).event == "nodes"
            with commune.work() as session:
                end_token(session, row.id or 0, NOW, get_user(session, "officer"))
            allowed[0] = False
            feed.changed()
            feed.doubt()
            assert (await anext(events)).event == "ended"
            with pytest.raises(StopAsyncIteration):
                await anext(events)
    finally:
        running.cancel()


def test_the_command_makes_lists_and_ends_tokens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOALANG_SETTINGS", raising=False)
    at = ["--data", str(tmp_path / "commune")]
    assert main(["init", "--name", "Xã Hòa Bình An", "--zone", "Thôn Đông", *at]) == 0
    capsys.readouterr()
    assert main(["user", "token", "add", "quantri", "màn hình", "--scope", "read", "--days", "7", *at]) == 0
    token = capsys.readouterr().out.strip()
    assert token.startswith("ll_")
    assert main(["user", "token", "list", *at]) == 0
    listed = capsys.readouterr().out
    assert "quantri" in listed
    assert "màn hình" in listed
    assert token not in listed
    assert main(["user", "token", "revoke", listed.split()[0], *at]) == 0
    assert main(["user", "token", "list", *at]) == 0
    assert capsys.readouterr().out == ""
    assert main(["user", "token", "revoke", "999", *at]) == 2
    assert main(["user", "token", "add", "quantri", "x", "--days", "9999", *at]) == 2


def spoken(commune: Commune, zone: str, *, submits: bool) -> None:
    """A bulletin of the officer whose clip is `SHA`."""
    with commune.work() as session:
        officer = get_user(session, "officer")
        made = write_bulletin(session, officer, title="Tin", script="Họp lúc 8h.", zones=[zone], airs_now=True, now=NOW)
        session.add(Clip(sha256=SHA, size_bytes=3, duration_ms=1, engine="tone", voice="tone", created_at=NOW))
        session.flush()
        session.add(
            Rendering(
                key="k" * 64, spoken="Họp", sentences=[], voice="tone", state=RenderingState.RENDERED,
                clip_sha256=SHA, wanted_at=NOW,
            )
        )  # fmt: skip
        session.flush()
        made.rendering_key = "k" * 64
        session.add(made)
        if submits:
            submit_bulletin(session, made.id, officer, NOW)


@pytest.mark.parametrize(
    ("submits", "listeners"), [(False, {"officer"}), (True, {"officer", "officer2", "leader", "admin"})]
)
async def test_a_clip_is_heard_by_who_may_see_what_speaks_it(
    app: FastAPI, commune: Commune, api: Programs, submits: bool, listeners: set[str]
) -> None:
    spoken(commune, "thon-dong", submits=submits)
    path = app.state.station.clips.path_of(SHA)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(SOUND)
    heard = {
        name
        for name in ("officer", "officer2", "leader", "admin", "head")
        if (await api(name).get(f"/clips/{SHA}")).status_code == 200
    }
    assert heard - {"head"} == listeners
    assert ("head" in heard) == ("head" in listeners)
