"""What a person or a program is told when what they typed or asked cannot be done: on the page, and as a code."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlmodel import select

from broadcast.models import Broadcast, Bulletin, BulletinState
from players.messages import Heartbeat, NodeActivity
from tests.web.conftest import NOW, Browser, Clock, Commune, Programs, SignIn
from tests.web.test_bulletin_pages import write

SCRIPT = "Mời bà con họp lúc 14h30."
BULLETIN = {"title": "Tin", "script": SCRIPT, "zones": ["thon-dong"], "airs_now": True}


def bulletins(commune: Commune) -> list[Bulletin]:
    with commune.work() as session:
        return list(session.exec(select(Bulletin)))


def broadcasts(commune: Commune) -> list[Broadcast]:
    with commune.work() as session:
        return list(session.exec(select(Broadcast)))


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"script": " \n "}, "script", "Chưa nhập nội dung."),
        ({"script": "Họp\x07 lúc 8h."}, "script", "ký tự"),
        ({"zones": ["thon-nam"]}, "zones", "Không có khu vực «thon-nam»."),
        ({"when": "at", "on": "2027-02-29", "minute": "08:00"}, "airs_at", "giờ"),
        ({"when": "at", "on": "2028-02-29", "minute": "08:00"}, "airs_at", "Giờ phát xa quá một năm."),
    ],
    ids=["empty", "control", "unknown-village", "no-such-day", "a-leap-day-too-far"],
)
async def test_the_page_names_the_field_and_nothing_is_kept(
    browse: SignIn, commune: Commune, typed: dict[str, Any], field: str, said: str
) -> None:
    officer = await browse("officer")
    await write(officer, **typed)
    assert officer.answer.status_code == 422
    assert said in officer.text(f"#error-{field}")
    assert bulletins(commune) == []


async def test_accents_typed_apart_are_kept_together(api: Programs) -> None:
    answer = await api("officer").post("/api/bulletins", json={**BULLETIN, "script": "Ho\u0323p lu\u0301c 8h."})
    assert answer.json()["script"] == "Họp lúc 8h."


async def submitted(api: Programs, by: str = "officer") -> str:
    bulletin = (await api(by).post("/api/bulletins", json=BULLETIN)).json()["id"]
    assert (await api(by).post(f"/api/bulletins/{bulletin}/submit")).status_code == 200
    return str(bulletin)


async def test_a_second_approval_is_told_so_and_airs_nothing_twice(
    api: Programs, browse: SignIn, commune: Commune
) -> None:
    bulletin, leader = await submitted(api), await browse("leader")
    await leader.get(f"/ban-tin/{bulletin}")
    first = await api("leader").post(f"/api/bulletins/{bulletin}/approve", json={"revision": 1})
    again = await api("leader").post(f"/api/bulletins/{bulletin}/approve", json={"revision": 1})
    assert (first.status_code, again.status_code) == (200, 409)
    assert again.json()["error"]["code"] == "already-approved"
    await leader.send('form:has(button[value="approve"])', "act=approve", heard="yes")
    assert leader.answer.status_code == 409
    assert leader.text('main [role="alert"]') == again.json()["error"]["message"]
    assert len(broadcasts(commune)) == 1


async def test_ones_own_bulletin_is_not_approved_by_a_program_either(api: Programs, commune: Commune) -> None:
    bulletin = await submitted(api, "leader")
    answer = await api("leader").post(f"/api/bulletins/{bulletin}/approve", json={"revision": 1})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "own-bulletin")
    assert [one.state for one in bulletins(commune)] == [BulletinState.SUBMITTED]


async def test_what_was_edited_since_is_not_approved_by_a_program_either(api: Programs, commune: Commune) -> None:
    bulletin = await submitted(api)
    answer = await api("leader").post(f"/api/bulletins/{bulletin}/approve", json={"revision": 7})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "edited-since")
    assert broadcasts(commune) == []


async def test_a_village_without_a_pole_is_said_on_its_page(api: Programs, browse: SignIn, commune: Commune) -> None:
    bulletin = await submitted(api)
    await api("leader").post(f"/api/bulletins/{bulletin}/approve", json={"revision": 1})
    (broadcast,) = broadcasts(commune)
    officer = await browse("officer")
    await officer.get(f"/luot-phat/{broadcast.id}")
    assert "không có cụm loa nào" in officer.text("main")


async def test_a_pole_whose_sound_device_is_gone_says_so_on_the_page(
    app: FastAPI, api: Programs, browse: SignIn, clock: Clock
) -> None:
    await api("admin").post("/api/nodes", json={"slug": "dong-1", "name": "Đông 1", "zones": ["thon-dong"]})
    beat = Heartbeat(
        node="dong-1",
        at=NOW,
        activity=NodeActivity.IDLE,
        output="portaudio",
        output_error="the sound device is gone",
        clock_offset_ms=0.0,
        clock_error_ms=1.0,
        outbox=0,
        disk_free_bytes=10**9,
        version="1",
    )
    app.state.station.presence.heard(beat, clock())
    officer: Browser = await browse("officer")
    await officer.get("/cum-loa")
    assert "Âm thanh lỗi: the sound device is gone" in officer.text("main")
    clock.pass_time(timedelta(minutes=1))
    await officer.get("/cum-loa")
    assert "Âm thanh lỗi" not in officer.text("main"), "nobody knows how a silent pole is"
