"""The microphone at the office, heard by the server: from a sound server's monitor to the stream that poles hear."""

import asyncio
import io
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
import soundfile
from fastapi import FastAPI
from sqlmodel import select

from broadcast.models import AuditEntry, LiveAnnouncement
from broadcast.stopping import cancel_broadcast
from broadcast.users import get_user
from tests.fakes.sounds import RATE, find, noise
from tests.players.node.pulse import SINK, PulseServer, pulse_server
from tests.web.conftest import NOW, Commune, Programs, SignIn
from web.station import Station

pytestmark = pytest.mark.timeout(180)
ASKED = {"zones": ["thon-dong"], "key": "k" * 20, "microphone": "office"}


@pytest.fixture(scope="module")
def pulse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulseServer]:
    with pulse_server(tmp_path_factory.mktemp("pulse")) as server:
        yield server


@pytest.fixture
def microphone(pulse: PulseServer, monkeypatch: pytest.MonkeyPatch) -> PulseServer:
    """What is sounded at that server is what the office's microphone hears."""
    for name in ("HOME", "XDG_RUNTIME_DIR", "PULSE_SERVER", "PULSE_COOKIE", "ALSA_CONFIG_PATH"):
        monkeypatch.setenv(name, pulse.environment[name])
    monkeypatch.setattr("broadcast.live_microphone.OPENS_WITHIN_S", 60.0)  # others use this machine too
    return pulse


@asynccontextmanager
async def saying(pulse: PulseServer) -> AsyncIterator[None]:
    """Four seconds into the microphone, from now on."""
    player = await asyncio.create_subprocess_exec(
        *("pacat", "--playback", "-d", SINK, "--format=s16le", f"--rate={RATE}", "--channels=1", "--latency-msec=20"),
        env=pulse.environment,
        stdin=asyncio.subprocess.PIPE,
    )
    said = (noise(4.0, 8, 0.5) * 32767).astype("<i2").tobytes()
    speaking = asyncio.create_task(player.communicate(said))
    try:
        yield
    finally:
        await asyncio.wait_for(speaking, 30)


async def test_what_is_said_at_the_office_is_heard_and_kept(
    app: FastAPI, api: Programs, commune: Commune, microphone: PulseServer
) -> None:
    station: Station = app.state.station
    officer = api("officer")
    opened = await officer.post("/api/live", json={**ASKED, "minutes": 2})
    assert opened.status_code == 201, opened.text
    live = opened.json()["broadcast"]
    again = await officer.post("/api/live", json={**ASKED, "minutes": 2})
    assert (again.status_code, again.json()["broadcast"]) == (201, live)
    listening = station.talks.listen(live)
    assert listening is not None
    blocks: list[tuple[float, bytes]] = []
    async with asyncio.timeout(90):
        begun = time.monotonic()
        async with saying(microphone):
            async for block in listening:
                blocks.append((time.monotonic(), block))
                if blocks[-1][0] - begun > 8:
                    break
        assert (await officer.post(f"/api/live/{live}/stop")).json()["is_over"] is True
    heard, rate = soundfile.read(io.BytesIO(b"".join(block for _, block in blocks)))
    assert rate == RATE
    # A busy machine loses pieces of sound here and there: one that came whole is enough.
    said, padded = noise(4.0, 8), np.concatenate([np.zeros(RATE), heard])
    pieces = [(at, *find(said[at : at + RATE // 4], padded)) for at in range(RATE // 2, 3 * RATE, RATE // 4)]
    offset, place, likeness = max(pieces, key=lambda piece: piece[2])
    assert likeness > 0.5
    at_byte = (place - RATE) / len(heard) * sum(len(block) for _, block in blocks)
    came_at = next(at for (at, _), end in zip(blocks, _ends(blocks), strict=True) if end >= at_byte)
    sys.stdout.write(f"from the office's microphone to the stream in {came_at - begun - offset / RATE:.2f} s\n")
    with commune.work() as session:
        assert session.get_one(LiveAnnouncement, live).clip_sha256 is not None
        actions = [entry.action for entry in session.exec(select(AuditEntry))]
    assert actions.count("open-live") == actions.count("end-live") == 1


def _ends(blocks: list[tuple[float, bytes]]) -> Iterator[int]:
    total = 0
    for _, block in blocks:
        total += len(block)
        yield total


async def test_who_stops_the_broadcast_closes_the_microphone(
    app: FastAPI, api: Programs, commune: Commune, microphone: PulseServer
) -> None:
    station: Station = app.state.station
    opened = await api("officer").post("/api/live", json=ASKED)
    live = opened.json()["broadcast"]
    with commune.work() as session:
        cancel_broadcast(session, live, get_user(session, "leader"), NOW)
    for _ in range(600):
        if not station.talks.is_open(live):
            break
        await asyncio.sleep(0.1)
    assert not station.talks.is_open(live)


async def test_without_a_microphone_no_chime_is_heard(api: Programs, commune: Commune) -> None:
    refused = await api("officer").post("/api/live", json={**ASKED, "device": "no such microphone"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "no-microphone")
    with commune.work() as session:
        assert session.exec(select(LiveAnnouncement)).all() == []
        entry = session.exec(select(AuditEntry).where(AuditEntry.action == "refuse-live")).one()
        assert (entry.actor, entry.subject) == ("officer", "no-microphone")


async def test_the_page_speaks_into_the_microphone_at_the_office(
    app: FastAPI, browse: SignIn, commune: Commune, microphone: PulseServer
) -> None:
    browser = await browse("officer")
    await browser.get("/phat-truc-tiep")
    assert "Micrô ở trụ sở" in browser.text("form[data-choose]")
    await browser.send(zones="thon-dong")
    with commune.work() as session:
        live = session.exec(select(LiveAnnouncement)).one().broadcast_id
    assert browser.path == f"/luot-phat/{live}"
    station: Station = app.state.station
    await station.talks.end(live)


async def test_the_page_says_where_one_must_choose(browse: SignIn) -> None:
    browser = await browse("officer")
    await browser.get("/phat-truc-tiep")
    await browser.send()
    assert browser.answer.status_code == 409
    assert "khu vực" in browser.text("[role=alert]").lower()


def test_the_listener_ends_without_a_microphone() -> None:
    command = [sys.executable, "-m", "tts.microphone", "--device", "no such microphone"]
    ended = subprocess.run(command, capture_output=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (3, b"")
    assert b"no microphone" in ended.stderr
