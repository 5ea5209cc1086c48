"""Recordings at the door: sent, refused, cut, removed, put into a bulletin; nothing left behind of what is refused."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from sqlmodel import select

from broadcast.models import AuditEntry, Recording
from tests.fakes.sent_files import clipped, encoded, film, hours_long, hush, tone, wav
from tests.fakes.sounds import noise
from tests.web.conftest import Browser, Clock, Commune, Programs, SignIn, serving
from web import recording_desk
from web.parts import START_ORDER, renderers
from web.settings import RecordingSettings
from web.upload_room import UploadRoom

NAMED = {"name": "Lời mời tiêm chủng", "language": "ium"}


def named(path: Path, file_name: str = "") -> dict[str, tuple[str, bytes]]:
    return {"file": (file_name or path.name, path.read_bytes())}


async def post_file(browser: Browser, path: Path, file_name: str = "", **fields: str) -> None:
    """Send the form of the page with a file in it."""
    await browser.get("/ban-ghi")
    secret = browser.attributes('#send input[name="csrf"]')["value"]
    data = {"csrf": secret, **NAMED, **fields}
    browser.answer = await browser.http.post("/ban-ghi", data=data, files=named(path, file_name), timeout=100)
    await browser._arrive()


async def send(program: httpx.AsyncClient, path: Path, **fields: str) -> httpx.Response:
    """The same, by a program."""
    return await program.post("/api/recordings", data={**NAMED, **fields}, files=named(path), timeout=100)


def left_in(commune: Commune) -> list[Path]:
    """All files of recordings, and all clips."""
    folders = (commune.settings.recordings_dir, commune.settings.clips_dir)
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


async def test_a_file_becomes_a_recording_that_can_be_heard(browse: SignIn, commune: Commune, tmp_path: Path) -> None:
    officer = await browse("officer")
    await post_file(officer, encoded(tmp_path, ".mp3"), is_shared="1")
    assert re.fullmatch(r"/ban-ghi/[0-9a-f]{32}", officer.path)
    assert officer.text("h1") == "Lời mời tiêm chủng"
    assert "Dao" in officer.text(".head .acts")
    whole = await officer.http.get(officer.attributes("[data-whole]")["src"])
    assert (whole.headers["content-type"], whole.content[:4]) == ("audio/flac", b"fLaC")
    part = await officer.http.get(officer.attributes("[data-whole]")["src"], headers={"range": "bytes=0-9"})
    assert (part.status_code, len(part.content)) == (206, 10)
    aired = await officer.http.get(officer.attributes("[data-aired]")["src"])
    assert (aired.headers["content-type"], aired.content[:4]) == ("audio/ogg", b"OggS")
    assert max(json.loads(officer.attributes("[data-waveform]")["data-peaks"])) > 20
    with commune.work() as session:
        entry = session.exec(select(AuditEntry).where(AuditEntry.action == "add-recording")).one()
        assert entry.actor == "officer"
    await officer.get("/ban-ghi")
    assert "Lời mời tiêm chủng" in officer.text("main .rows")


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "text": (lambda at: written(at, "Đây là chữ."), "không phải là âm thanh"),
    "film": (film, "tệp phim"),
    "empty": (lambda at: written(at, ""), "rỗng"),
    "three hours": (hours_long, "tối đa 30 phút"),
    "silence": (lambda at: wav(at / "a.wav", hush(3)), "Không nghe thấy gì"),
}


def written(folder: Path, text: str) -> Path:
    path = folder / "a.mp3"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_no_recording_is_refused_in_words_and_leaves_nothing(
    browse: SignIn, commune: Commune, tmp_path: Path, name: str
) -> None:
    make, said = REFUSED[name]
    head = await browse("head")
    await post_file(head, make(tmp_path), name="Bản của tôi")
    assert head.answer.status_code == 422
    assert said in head.text("#error-file")
    assert head.attributes("#name")["value"] == "Bản của tôi", "what was typed is still there"
    assert left_in(commune) == []
    with commune.work() as session:
        assert session.exec(select(Recording)).all() == []


async def test_a_clipped_recording_is_warned_of(browse: SignIn, tmp_path: Path) -> None:
    head = await browse("head")
    await post_file(head, wav(tmp_path / "a.wav", clipped(3)))
    assert "Tiếng bị vỡ" in head.text(".note.tone-warn")


@pytest.mark.parametrize("file_name", ["../../../etc/cron.d/x.mp3", "-i concat:x.mp3"])
async def test_a_files_name_is_no_path(browse: SignIn, commune: Commune, tmp_path: Path, file_name: str) -> None:
    head = await browse("head")
    await post_file(head, encoded(tmp_path, ".mp3", seconds=1), file_name)
    assert head.path.startswith("/ban-ghi/"), head.answer.text[:300]
    ours = commune.settings.data_dir.resolve()
    assert len(left_in(commune)) == 2
    for path in left_in(commune):
        assert re.fullmatch(r"[0-9a-f]{32,64}", path.stem)
        assert ours in path.resolve().parents


async def test_a_form_without_its_sessions_secret_is_refused_before_the_file(
    browse: SignIn, commune: Commune, tmp_path: Path
) -> None:
    head = await browse("head")
    sound = encoded(tmp_path, ".mp3", seconds=1).read_bytes()
    for data in ({**NAMED}, {**NAMED, "csrf": "x" * 40}):
        answer = await head.http.post("/ban-ghi", data=data, files={"file": ("a.mp3", sound)})
        assert answer.status_code == 403
    assert left_in(commune) == []


async def test_a_file_that_is_too_long_is_refused_as_it_comes(commune: Commune, clock: Clock) -> None:
    small = commune.settings.model_copy(update={"recordings": RecordingSettings(max_bytes=1_000_000)})
    begin = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nA\r\n'
    begin += b'--b\r\nContent-Disposition: form-data; name="language"\r\n\r\nium\r\n'
    begin += b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\n'

    async def endless() -> AsyncIterator[bytes]:
        yield begin
        for _ in range(40):
            yield b"x" * 2**16

    without = tuple(start for start in START_ORDER if start is not renderers)
    async with serving(small, clock, without) as app:
        program = Programs(app, commune)("head")
        headers = {"content-type": "multipart/form-data; boundary=b"}
        told = await program.post("/api/recordings", content=b"x" * 3_000_000, headers=headers)
        assert (told.status_code, told.json()["error"]["code"]) == (413, "file-too-large")
        answer = await program.post("/api/recordings", content=endless(), headers=headers)
        assert answer.status_code == 413
        await program.aclose()
    assert left_in(commune) == []


async def test_those_who_send_slowly_stop_nobody(api: Programs, tmp_path: Path) -> None:
    begin = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % field
        for field in ((b"name", b"A"), (b"language", b"ium"))
    )
    has_begun = [asyncio.Event() for _ in range(recording_desk.MAX_WAITING)]

    async def slow(event: asyncio.Event) -> AsyncIterator[bytes]:
        yield begin
        event.set()
        await asyncio.Event().wait()

    program = api("head")
    headers = {"content-type": "multipart/form-data; boundary=b", "content-length": "100000"}
    coming = [
        asyncio.create_task(program.post("/api/recordings", content=slow(event), headers=headers))
        for event in has_begun
    ]
    await asyncio.gather(*(event.wait() for event in has_begun))
    answer = await send(program, encoded(tmp_path, ".mp3", seconds=1))
    assert answer.status_code == 201, answer.text
    for sender in coming:
        sender.cancel()
    await asyncio.gather(*coming, return_exceptions=True)


async def test_recordings_leave_room_on_the_disk(
    app: FastAPI, api: Programs, commune: Commune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.state.station.upload_room, "_reserve_bytes", 10**18)
    answer = await send(api("head"), encoded(tmp_path, ".mp3", seconds=1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "disk-full")
    assert left_in(commune) == []


async def test_an_unfinished_recording_is_swept_at_the_next_start(commune: Commune, app: FastAPI) -> None:
    folder = commune.settings.recordings_dir
    (folder / "0123").write_bytes(b"half an upload")
    (folder / "4567.flac").write_bytes(b"half a master")
    recording_desk.RecordingDesk(commune.settings, commune.engine, app.state.station.clips, UploadRoom())
    assert left_in(commune) == []


async def test_a_stretch_is_cut_by_seconds_without_javascript(browse: SignIn, commune: Commune, tmp_path: Path) -> None:
    officer = await browse("officer")
    await post_file(officer, wav(tmp_path / "a.wav", np.concatenate([tone(1, 300), noise(2, 1), tone(1, 300)])))
    there = officer.path
    await officer.send("[data-trim]", start="1,0", end="3.0")
    assert officer.path == there
    assert officer.text("[role=status]") == "Đã chọn đoạn sẽ phát."
    assert officer.attributes("#start")["value"] == "1.00"
    with commune.work() as session:
        recording = session.exec(select(Recording)).one()
        assert (recording.start_ms, recording.end_ms, recording.revision) == (1000, 3000, 2)
    assert len(left_in(commune)) == 2, "the clip of the stretch before is gone"


async def test_a_stretch_that_cannot_be_is_said(browse: SignIn, tmp_path: Path) -> None:
    officer = await browse("officer")
    await post_file(officer, encoded(tmp_path, ".mp3", seconds=2))
    for start, end, said in (
        ("2", "1", "không nằm trong bản ghi"),
        ("0", "999", "không nằm trong bản ghi"),
        ("x", "1", "số giây"),
        ("0", "nan", "số giây"),
        ("0", "0.1", "quá ngắn"),
    ):
        await officer.send("[data-trim]", start=start, end=end)
        assert officer.answer.status_code == 422
        assert said in officer.text(".note.tone-bad")
        assert officer.attributes("#start")["value"] == start


async def test_a_recording_is_named_shared_and_removed(browse: SignIn, commune: Commune, tmp_path: Path) -> None:
    head, officer = await browse("head"), await browse("officer")
    await post_file(head, encoded(tmp_path, ".mp3", seconds=1))
    there = head.path
    await officer.get(there)
    assert officer.answer.status_code == 404
    for path in (f"{there}/am-thanh", f"{there}/doan-phat"):
        assert (await officer.http.get(path)).status_code == 404
    await head.send('form:has(button[value="keep"])', "act=keep", name="Tiếng Mông", language="hmn", is_shared="1")
    await officer.get(there)
    assert officer.text("h1") == "Tiếng Mông"
    await head.get(there)
    await head.send('form:has(button[value="remove"])', "act=remove")
    assert head.path == "/ban-ghi"
    assert left_in(commune) == []
    await head.get(there)
    assert head.answer.status_code == 404


async def test_parts_are_put_in_order_without_javascript_and_nothing_typed_is_lost(
    browse: SignIn, tmp_path: Path
) -> None:
    officer = await browse("officer")
    await post_file(officer, encoded(tmp_path, ".mp3", seconds=1))
    recording = officer.path.rpartition("/")[2]
    await officer.get("/soan")
    typed = {"title": "Tiêm chủng", "script": "Mời bà con.", "zones": "thon-dong", "when": "now"}
    await officer.send("#compose", "act=part-add-recorded", **typed)
    assert officer.text("#script") == "Mời bà con."
    await officer.send("#compose", "act=part-add-text", part_recording=["", recording])
    await officer.send("#compose", "act=part-up-1", part_text=["", "", "Xin cảm ơn."])
    assert [row.attributes["data-part"] for row in officer.page.css(".parts li")] == ["recorded", "script", "text"]
    await officer.send("#compose", "act=part-remove-2")
    await officer.send("#compose", "act=part-add-text")
    await officer.send("#compose", "act=save", part_text=["", "", "Lúc 8h."])
    assert officer.path.startswith("/soan/"), officer.text(".note")
    assert [row.attributes["data-part"] for row in officer.page.css(".parts li")] == ["recorded", "script", "text"]
    assert "tám giờ" in officer.text("#reading")
    await officer.send("#compose", "act=submit")
    shown = officer.page.css(".parts li")
    assert [row.attributes["data-part"] for row in shown] == ["recorded", "text", "text"]
    assert "Ghi âm: Lời mời tiêm chủng" in shown[0].text()
    sound = shown[0].css_first("audio")
    assert sound is not None
    leader = await browse("leader")
    await leader.get(officer.path)
    assert (await leader.http.get(sound.attributes["src"] or "")).content[:4] == b"OggS"


async def test_a_part_without_a_recording_is_named(browse: SignIn) -> None:
    officer = await browse("officer")
    await officer.get("/soan")
    await officer.send("#compose", "act=part-add-recorded", title="Tin", script="Họp.", zones="thon-dong", when="now")
    await officer.send("#compose", "act=save")
    assert officer.answer.status_code == 422
    assert officer.text("#error-parts") == "Không có bản ghi này."


async def test_a_program_does_all_of_it(api: Programs, tmp_path: Path) -> None:
    officer = api("officer")
    sent = await send(officer, encoded(tmp_path, ".ogg", seconds=2), is_shared="true")
    assert sent.status_code == 201
    recording = sent.json()
    there = sent.headers["location"]
    assert recording["is_shared"]
    assert (await officer.get(f"/clips/{recording['clip_sha256']}")).content[:4] == b"OggS"
    assert (await officer.get(f"{there}/sound")).content[:4] == b"fLaC"
    assert (await officer.get("/api/recordings")).json()["recordings"] == [recording]
    body = {
        "title": "Tin", "zones": ["thon-dong"], "airs_now": True,
        "parts": [{"script": "Mời bà con nghe."}, {"recording": recording["id"]}],
    }  # fmt: skip
    bulletin = (await officer.post("/api/bulletins", json=body)).json()
    assert [part["kind"] for part in bulletin["parts"]] == ["text", "recorded"]
    assert bulletin["parts"][1]["clip_sha256"] == recording["clip_sha256"]
    await officer.post(f"/api/bulletins/{bulletin['id']}/submit")
    trimmed = await officer.post(f"{there}/trim", json={"start_ms": 500, "end_ms": 1500, "revision": 1}, timeout=60)
    assert trimmed.json()["bulletins"] == [bulletin["id"]]
    assert (await officer.get(f"/api/bulletins/{bulletin['id']}")).json()["revision"] == 2
    stale = await officer.put(there, json={**NAMED, "is_shared": True, "revision": 1})
    assert (stale.status_code, stale.json()["error"]["code"]) == (409, "edited-since")
    refused = await officer.delete(there)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "recording-in-use")
    await officer.post(f"/api/bulletins/{bulletin['id']}/withdraw")
    assert (await officer.delete(there)).status_code == 204
    assert (await officer.get(there)).status_code == 404


@pytest.mark.parametrize("part", [{}, {"script": "a", "recording": "b"}, {"kind": "text", "script": "a"}])
async def test_a_part_is_a_text_or_a_recording(api: Programs, part: dict[str, str]) -> None:
    body = {"title": "Tin", "zones": ["thon-dong"], "airs_now": True, "parts": [part]}
    answer = await api("officer").post("/api/bulletins", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid-input")


async def test_only_the_page_that_records_may_use_the_microphone(browse: SignIn) -> None:
    head = await browse("head")
    await head.get("/ban-ghi")
    assert "microphone=(self)" in head.answer.headers["permissions-policy"]
    assert "unsafe" not in head.answer.headers["content-security-policy"]
    await head.get("/")
    assert "microphone=()" in head.answer.headers["permissions-policy"]
