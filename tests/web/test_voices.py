"""The administrator's voices: chosen, fetched, sent as a file, checked, tried, removed; allowed and audited."""

import asyncio
import hashlib
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import select

from broadcast.communes import get_commune
from broadcast.models import AuditEntry, Clip, Rendering, RenderingState
from broadcast.renderings import want_rendering
from broadcast.voices import want_in_voice
from players.messages import Urgency
from tests.fakes.file_server import FileServer, file_server
from tests.fakes.piper_voice import VOICE_NAME, vietnamese_voice_dir
from tests.web.conftest import NOW, Clock, Commune, Programs, SignIn
from tts.voice_install import install_from
from tts.voices import DEFAULT_VOICE, VoiceCard, VoiceFile, load_cards
from web import voice_acts
from web.voice_desk import Phase, VoiceDesk


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vietnamese_voice_dir(tmp_path_factory.mktemp("usb"))


@pytest.fixture
def hub(source: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A hub that has one voice, which the cards know."""
    with file_server() as server:
        server.files = {f"/{path.name}": path.read_bytes() for path in source.iterdir()}

        def known(name: str) -> VoiceFile:
            body = server.files[name]
            return VoiceFile(server.url + name, len(body), f"sha256:{hashlib.sha256(body).hexdigest()}")

        model, config = known(f"/{VOICE_NAME}.onnx"), known(f"/{VOICE_NAME}.onnx.json")
        card = replace(load_cards()[DEFAULT_VOICE], name=VOICE_NAME, model=model, config=config)
        cards: dict[str, VoiceCard] = {VOICE_NAME: card}
        monkeypatch.setattr(voice_acts, "load_cards", lambda: cards)
        yield server


def installed_here(commune: Commune, source: Path) -> None:
    install_from(source, commune.settings.voices_dir, now=NOW)


def audited(commune: Commune) -> list[tuple[str, str, str]]:
    with commune.work() as session:
        entries = session.exec(select(AuditEntry).order_by(AuditEntry.id)).all()  # type: ignore[arg-type]
        return [
            (one.actor, one.action, one.subject) for one in entries if "voice" in one.action or "rate" in one.action
        ]


async def job_when(admin: httpx.AsyncClient, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    async with asyncio.timeout(150):
        while True:
            job: dict[str, Any] = (await admin.get("/api/voices")).json()["job"]
            if fits(job):
                return job
            await asyncio.sleep(0.1)


async def job_over(admin: httpx.AsyncClient) -> dict[str, Any]:
    return await job_when(admin, lambda job: job["phase"] in {Phase.DONE, Phase.FAILED, Phase.CANCELLED})


def zipped(source: Path, to: Path) -> bytes:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_STORED) as archive:
        for path in source.iterdir():
            archive.writestr(f"../../{path.name}", path.read_bytes())
    return to.read_bytes()


def kept(commune: Commune) -> list[str]:
    """Every file under the folder of voices but locks."""
    root = commune.settings.voices_dir
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.name != ".lock")


async def test_the_page_tells_what_one_chooses_by(browse: SignIn) -> None:
    admin = await browse("admin")
    await admin.get("/giong-doc")
    told = admin.text(f'[data-voice="{DEFAULT_VOICE}"]')
    for said in ("VAIS-1000", "Chưa cài", "miền Bắc", "nữ", "medium", "22.050 Hz", "63 MB", "CC BY 4.0", "Tải về"):
        assert said in told
    assert "phi thương mại" in admin.text('[data-voice="vi_VN-vivos-x_low"]')
    assert "espeak-ng đọc thay" in admin.text("main")


async def test_a_voice_is_chosen_with_its_speed(browse: SignIn, commune: Commune, source: Path) -> None:
    installed_here(commune, source)
    admin = await browse("admin")
    await admin.get("/giong-doc")
    await admin.send('form[action="/giong-doc/chon"]', voice=VOICE_NAME, rate="0.9")
    assert "Đã chọn giọng đọc" in admin.text('[role="status"]')
    assert admin.text('option[selected][value="0.9"]') == "hơi chậm (0,9 lần)"
    assert "Đang dùng" in admin.text(f'[data-voice="{VOICE_NAME}"]')
    with commune.work() as session:
        chosen = get_commune(session)
        assert (chosen.voice, chosen.rate) == (VOICE_NAME, 0.9)
        wanted = want_rendering(session, "Chào bà con.", chosen.voice, None, Urgency.NORMAL, NOW)
        assert wanted.rate == 0.9
    assert audited(commune) == [("admin", "set-rate", "hoa-binh-an"), ("admin", "set-voice", "hoa-binh-an")]


async def test_emergencies_are_given_a_voice_of_their_own(browse: SignIn, commune: Commune, source: Path) -> None:
    installed_here(commune, source)
    admin = await browse("admin")
    await admin.get("/giong-doc")
    await admin.send('form[action="/giong-doc/chon"]', voice="espeak-vi", rate="1.0", emergency_voice=VOICE_NAME)
    assert "Đọc tin khẩn cấp" in admin.text(f'[data-voice="{VOICE_NAME}"]')
    assert "Gỡ" not in admin.text(f'[data-voice="{VOICE_NAME}"]')
    with commune.work() as session:
        chosen = get_commune(session)
        assert (chosen.voice, chosen.emergency_voice) == ("espeak-vi", VOICE_NAME)
    await admin.send('form[action="/giong-doc/chon"]', voice="espeak-vi", rate="1.0", emergency_voice="")
    assert "Gỡ" in admin.text(f'[data-voice="{VOICE_NAME}"]')
    assert [one for one in audited(commune) if one[1] == "set-emergency-voice"] == [
        ("admin", "set-emergency-voice", "hoa-binh-an")
    ] * 2


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"voice": "tone", "rate": "1.0", "emergency_voice": "../x"}, "chưa cài"),
        ({"voice": DEFAULT_VOICE, "rate": "1.0"}, "chưa cài"),
        ({"voice": "../x", "rate": "1.0"}, "chưa cài"),
        ({"voice": "tone", "rate": "3"}, "từ 0,7 đến 1,3"),
        ({"voice": "tone", "rate": "nan"}, "từ 0,7 đến 1,3"),
        ({"voice": "tone", "rate": ""}, "Chưa chọn tốc độ"),
    ],
)
async def test_what_cannot_be_chosen_is_said(browse: SignIn, commune: Commune, form: dict[str, str], said: str) -> None:
    admin = await browse("admin")
    await admin.get("/giong-doc")
    await admin.send('form[action="/giong-doc/chon"]', **form)
    assert admin.answer.status_code == 422
    assert said in admin.text('[role="alert"]')
    assert audited(commune) == []


async def test_a_voice_is_fetched_while_nobody_waits(
    browse: SignIn, api: Programs, commune: Commune, hub: FileServer
) -> None:
    installer, watcher = await browse("admin"), api("admin")
    await installer.get("/giong-doc")
    answer = await watcher.post(f"/api/voices/{VOICE_NAME}/install")
    assert (answer.status_code, answer.json()["voice"]) == (202, VOICE_NAME)
    await installer.get("/giong-doc")
    job = await job_over(watcher)
    assert job == {"voice": VOICE_NAME, "phase": "done", "percent": 100, "problem": ""}
    await installer.get("/giong-doc")
    assert f"Đã cài xong giọng {VOICE_NAME}" in installer.text("main")
    await installer.press(f'button[formaction="/giong-doc/{VOICE_NAME}/kiem-tra"]')
    assert "còn nguyên vẹn" in installer.text('[role="status"]')
    await installer.press(f'button[formaction="/giong-doc/{VOICE_NAME}/go"]')
    assert kept(commune) == []
    actions = ["fetch-voice", "install-voice", "verify-voice", "remove-voice"]
    assert audited(commune) == [("admin", action, VOICE_NAME) for action in actions]


async def test_a_download_shows_how_far_it_is_and_is_cancelled(
    browse: SignIn, api: Programs, commune: Commune, hub: FileServer
) -> None:
    hub.stall_after = {f"/{VOICE_NAME}.onnx": [40_000_000]}
    admin, program = await browse("admin"), api("admin")
    assert (await program.post(f"/api/voices/{VOICE_NAME}/install")).status_code == 202
    await job_when(program, lambda job: job["percent"] >= 60)
    await admin.get("/giong-doc/viec")
    assert "hx-trigger" in admin.attributes("#voice-job")
    assert int(admin.attributes("progress")["value"]) == 63
    second = await program.post(f"/api/voices/{VOICE_NAME}/install")
    assert (second.status_code, second.json()["error"]["code"]) == (409, "voice-desk-busy")
    await admin.get("/giong-doc")
    await admin.send('form[action="/giong-doc/huy"]')
    hub.release.set()
    hub.stall_after = {}
    assert (await job_over(program))["phase"] == "cancelled"
    assert kept(commune) == []
    await admin.get("/giong-doc/viec")
    assert admin.answer.headers["hx-refresh"] == "true"
    assert audited(commune)[-1] == ("admin", "cancel-voice", VOICE_NAME)


async def test_a_hub_that_fails_is_told_in_vietnamese(api: Programs, commune: Commune, hub: FileServer) -> None:
    hub.statuses = [404]
    admin = api("admin")
    await admin.post(f"/api/voices/{VOICE_NAME}/install")
    job = await job_over(admin)
    assert (job["phase"], job["problem"]) == ("failed", f"máy chủ trả lời 404 cho {VOICE_NAME}.onnx.json")
    assert audited(commune)[-1] == ("admin", "fail-voice", VOICE_NAME)


async def test_a_voice_on_a_stick_is_sent_as_a_zip(
    browse: SignIn, api: Programs, commune: Commune, source: Path, tmp_path: Path
) -> None:
    admin, program = await browse("admin"), api("admin")
    body = zipped(source, tmp_path / "giong.zip")
    await admin.get("/giong-doc")
    secret = admin.attributes('form[action="/giong-doc/tep"] input[name="csrf"]')["value"]
    stranger = await admin.http.post("/giong-doc/tep", data={"csrf": "x"}, files={"file": ("giong.zip", body)})
    assert stranger.status_code == 403
    sent = await admin.http.post("/giong-doc/tep", data={"csrf": secret}, files={"file": ("../giong.zip", body)})
    assert (sent.status_code, sent.headers["location"]) == (303, "/giong-doc")
    assert (await job_over(program))["voice"] == VOICE_NAME
    names = ("installed.json", f"{VOICE_NAME}.onnx", f"{VOICE_NAME}.onnx.json")
    assert kept(commune) == [f"{VOICE_NAME}/{name}" for name in names]
    assert audited(commune) == [("admin", "upload-voice", "giong.zip"), ("admin", "install-voice", VOICE_NAME)]


@pytest.mark.parametrize("bomb", [b"PK junk", b"", "config-bomb"])
async def test_a_file_that_is_no_voice_leaves_nothing(
    api: Programs, commune: Commune, tmp_path: Path, bomb: bytes | str
) -> None:
    body = bomb if isinstance(bomb, bytes) else b""
    if bomb == "config-bomb":
        with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.onnx", b"\0" * 1_000_000)
            archive.writestr("a.onnx.json", b" " * 200_000_000)
        body = (tmp_path / "bomb.zip").read_bytes()
    admin = api("admin")
    answer = await admin.post("/api/voices", files={"file": ("a.zip", body)})
    if not body:
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "empty-file")
    else:
        assert answer.status_code == 202
        job = await job_over(admin)
        assert job["phase"] == "failed"
        assert "ZIP" in str(job["problem"]) or "lớn hơn 1 MB" in str(job["problem"])
    assert kept(commune) == []


async def test_the_voice_in_use_is_not_removed(api: Programs, commune: Commune, source: Path) -> None:
    installed_here(commune, source)
    admin = api("admin")
    assert (await admin.put("/api/voice", json={"voice": VOICE_NAME, "rate": 1.0})).status_code == 204
    answer = await admin.delete(f"/api/voices/{VOICE_NAME}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "voice-in-use")
    model = commune.settings.voices_dir / VOICE_NAME / f"{VOICE_NAME}.onnx"
    model.write_bytes(b"x")
    answer = await admin.post(f"/api/voices/{VOICE_NAME}/verify")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "changed")
    own = {"voice": "espeak-vi", "emergency_voice": VOICE_NAME}
    assert (await admin.put("/api/voice", json=own)).status_code == 204
    assert (await admin.get("/api/voices")).json()["emergency_voice"] == VOICE_NAME
    assert (await admin.delete(f"/api/voices/{VOICE_NAME}")).status_code == 409
    assert (await admin.put("/api/voice", json={"voice": "espeak-vi"})).status_code == 204
    assert (await admin.delete(f"/api/voices/{VOICE_NAME}")).status_code == 204
    assert (await admin.delete(f"/api/voices/{VOICE_NAME}")).status_code == 404


def test_what_another_voice_had_to_say_is_wanted_again(commune: Commune) -> None:
    with commune.work() as session:
        keys = {}
        for voice, reason in (("giong-a", "chưa cài"), ("giong-a", None), ("giong-b", "chưa cài")):
            rendering = want_rendering(session, f"Chào {voice} {reason}.", voice, None, Urgency.NORMAL, NOW)
            clip = Clip(
                sha256=hashlib.sha256(rendering.key.encode()).hexdigest(),
                size_bytes=1,
                duration_ms=1,
                engine="espeak",
                voice="espeak-vi",
                fallback_reason=reason,
                created_at=NOW,
            )
            session.add(clip)
            session.flush()
            rendering.state, rendering.clip_sha256 = RenderingState.RENDERED, clip.sha256
            keys[voice, reason] = rendering.key
        session.flush()
        assert want_in_voice(session, "giong-a", NOW + timedelta(days=1)) == 1
        wanted = session.exec(select(Rendering.key).where(Rendering.state == RenderingState.WANTED)).all()
        assert wanted == [keys["giong-a", "chưa cài"]]


async def test_a_sentence_is_tried_and_heard(speaking_app: FastAPI, commune: Commune) -> None:
    programs = Programs(speaking_app, commune)
    admin = programs("admin")
    answer = await admin.post("/api/voices/tone/try", json={"text": "Xin chào bà con."}, timeout=120)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["voice"], said["fallback_reason"]) == ("tone", None)
    clip = await admin.get(f"/clips/{said['clip']}")
    assert (clip.status_code, clip.content[:4]) == (200, b"OggS")
    refused = await admin.post(f"/api/voices/{DEFAULT_VOICE}/try", json={"text": "Xin chào."})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "voice-not-installed")
    await admin.aclose()


async def test_a_voice_that_is_installed_beside_the_server_is_noticed(
    commune: Commune, clock: Clock, source: Path
) -> None:
    """As by `loalang voices install`; also when it takes the place of one of its name."""
    noticed, loop = asyncio.Event(), asyncio.get_running_loop()
    voices_dir = commune.settings.voices_dir

    def notice() -> None:
        loop.call_soon_threadsafe(noticed.set)

    desk = VoiceDesk(voices_dir, commune.engine, clock, notice)
    await asyncio.to_thread(installed_here, commune, source)
    desk.tidy()
    following = asyncio.create_task(desk.follow())
    try:
        await asyncio.to_thread(installed_here, commune, source)
        async with asyncio.timeout(60):
            await noticed.wait()
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
